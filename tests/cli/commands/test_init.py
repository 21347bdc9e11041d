"""`aimon init` as a newcomer meets it."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pathlib import Path

    from command import Command

KEY = "sk-a-key-that-nobody-may-see"


def test_it_writes_a_file_that_is_right(run_aimon: Command, tmp_path: Path) -> None:
    """With the keys in place, `config check` finds nothing to say against it."""
    keys = {"ANTHROPIC_API_KEY": KEY, "DEEPSEEK_API_KEY": KEY}
    done = run_aimon("init", env=keys)
    assert (done.returncode, done.stdout) == (0, "wrote aimon.yaml\n")
    assert done.stderr == (
        "keys found: anthropic ($ANTHROPIC_API_KEY), deepseek ($DEEPSEEK_API_KEY)\n"
        "next: aimon config check && aimon probe\n"
    )
    text = (tmp_path / "aimon.yaml").read_text(encoding="utf-8")
    assert "api_key: ${ANTHROPIC_API_KEY}" in text
    assert KEY not in text
    done = run_aimon("config", "check", env=keys)
    assert (done.returncode, done.stdout) == (0, "aimon.yaml: all is well: endpoints: 2, probes a round: 2\n")


def test_without_keys_it_says_so(run_aimon: Command, tmp_path: Path) -> None:
    """Elsewhere than the default, the next commands name the file; the first of them finds nothing wrong."""
    done = run_aimon("init", "--output", "watch.yaml")
    assert done.returncode == 0
    assert (tmp_path / "watch.yaml").is_file()
    assert not (tmp_path / "aimon.yaml").exists()
    assert done.stderr == (
        "no key of a known provider is in the environment: the file begins with the simulator, and has examples\n"
        "next: start aimon sim in another terminal\n"
        "next: aimon config check --config watch.yaml && aimon probe --config watch.yaml\n"
    )
    done = run_aimon("config", "check", "--config", "watch.yaml")
    assert (done.returncode, done.stderr.splitlines()[0]) == (
        0,
        "probing costs at most, if every answer is as long as it may be:",
    )


def test_it_overwrites_only_when_told_to(run_aimon: Command, tmp_path: Path) -> None:
    """The file that is there stays as it is, unless --force."""
    mine = tmp_path / "aimon.yaml"
    mine.write_text("mine")
    done = run_aimon("init")
    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr == "aimon.yaml is there already: choose another --output, or overwrite it with --force\n"
    assert mine.read_text() == "mine"
    assert run_aimon("init", "--force").returncode == 0
    assert mine.read_text(encoding="utf-8").startswith("# aimon.yaml: ")


def test_a_place_that_can_not_be_written(run_aimon: Command) -> None:
    """The command ends with exit code 3 and says why."""
    done = run_aimon("init", "--output", "no/such/folder/aimon.yaml")
    assert (done.returncode, done.stdout) == (3, "")
    assert done.stderr == "no/such/folder/aimon.yaml: No such file or directory\n"
