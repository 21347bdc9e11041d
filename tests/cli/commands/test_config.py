"""`aimon config check`, `show` and `schema`."""

from __future__ import annotations

import json
import re
from typing import TYPE_CHECKING

import jsonschema
import pytest
import yaml

if TYPE_CHECKING:
    from pathlib import Path

    from command import Command

KEY = "sk-a-key-that-nobody-may-see"
GOOD = """\
endpoints:
  - {name: a, preset: openai, model: gpt-4o-mini, api_key: "${KEY_OF_A}", canaries: [one, two]}
  - {name: b, dialect: openai-chat, base_url: "http://127.0.0.1:1/v1", model: m}
canaries:
  one: {prompt: "Say {nonce}", expect: {contains: "{nonce}"}}
  two: {prompt: "Say yes", expect: {contains: "yes"}}
"""


@pytest.fixture
def config(tmp_path: Path) -> Path:
    """The file that is found without --config."""
    path = tmp_path / "aimon.yaml"
    path.write_text(GOOD)
    return path


def test_check_counts(run_aimon: Command, config: Path) -> None:
    """One line, with what a round comes to, and what that costs; the file may come from the environment too."""
    done = run_aimon("config", "check", env={"KEY_OF_A": KEY})
    assert (done.returncode, done.stdout) == (0, "aimon.yaml: all is well: endpoints: 2, probes a round: 3\n")
    amounts = r"[0-9.]+ CNY a day, [0-9.]+ CNY a month"
    assert re.fullmatch(
        "probing costs at most, if every answer is as long as it may be:\n"
        rf"  a: {amounts}, every 1m\n"
        "  b: not known, every 1m: no price of m in CNY is known, so its budget can't stop it: "
        "write prices: {input: …, output: …}, or budget: none\n"
        rf"  all together: {amounts}, without 1 of unknown cost\n",
        done.stderr,
    ), done.stderr
    moved = config.rename(config.with_name("other.yaml"))
    for arguments, env in ((["--config", str(moved)], {}), ([], {"AIMON_CONFIG": str(moved)})):
        done = run_aimon("config", "check", *arguments, env={"KEY_OF_A": KEY, **env})
        assert done.stdout == f"{moved}: all is well: endpoints: 2, probes a round: 3\n"


def test_check_names_every_problem(run_aimon: Command, config: Path) -> None:
    """All problems are on stderr, with line and column; stdout is empty."""
    config.write_text(GOOD.replace("name: b", "nam: b").replace('contains: "yes"', 'contain: "yes"'))
    done = run_aimon("config", "check")
    assert (done.returncode, done.stdout) == (2, "")
    for said in ("aimon.yaml:3:6: ", "nam", "aimon.yaml:6:37: ", "did you mean 'contains'"):
        assert said in done.stderr


def test_check_misses_a_key(run_aimon: Command, config: Path) -> None:
    """A variable that is not set is a problem of the place that names it."""
    done = run_aimon("config", "check")
    assert done.returncode == 2
    assert done.stderr.startswith("aimon.yaml:2:")
    assert "KEY_OF_A is not set" in done.stderr
    assert config.exists()


def test_no_file_says_how_to_make_one(run_aimon: Command) -> None:
    """A missing file and no file give the same message, which says how to make one."""
    for arguments in ([], ["--config", "none.yaml"]):
        done = run_aimon("config", "check", *arguments)
        assert (done.returncode, done.stdout) == (2, "")
        assert "aimon init" in done.stderr


def test_show_keeps_the_secret(run_aimon: Command, config: Path) -> None:
    """Defaults and presets are filled in, the key is still the name of its variable, and the output is a good file."""
    done = run_aimon("config", "show", env={"KEY_OF_A": KEY})
    assert done.returncode == 0
    assert KEY not in done.stdout + done.stderr
    shown = yaml.safe_load(done.stdout)["endpoints"]
    assert shown[0]["base_url"] == "https://api.openai.com/v1"
    assert shown[0]["api_key"] == "${KEY_OF_A}"
    config.write_text(done.stdout)
    again = run_aimon("config", "check", env={"KEY_OF_A": KEY})
    assert again.stdout == "aimon.yaml: all is well: endpoints: 2, probes a round: 3\n"


def test_schema_takes_the_good_file_and_not_the_bad_one(run_aimon: Command) -> None:
    """It is a JSON Schema, and says what `config check` says."""
    schema = json.loads(run_aimon("config", "schema").stdout)
    validator = jsonschema.Draft202012Validator(schema)
    assert list(validator.iter_errors(yaml.safe_load(GOOD))) == []
    bad = yaml.safe_load(GOOD.replace("name: b", "nam: b"))
    assert any("nam" in error.message for error in validator.iter_errors(bad))
