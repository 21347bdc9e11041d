"""Terminals and files that are not UTF-8: nothing is lost to them, and programs are given UTF-8 all the same."""

from __future__ import annotations

import json
import subprocess
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
import yaml

from aimon.cli import console
from aimon.metrics.totals import Identity
from aimon.probes.history.history import History
from aimon.simulator import Profile, SimulatorProcess
from command import AIMON

if TYPE_CHECKING:
    from collections.abc import Iterator

    from command import Command

# An answer from which each of them lacks something.
WORDS = "café 通义千问 \U0001f600 Ω"
ENCODINGS = ("gbk", "iso-8859-1", "ascii", "koi8-r")
CONFIG = """\
region: test
endpoints:
  - {{name: first, dialect: openai-chat, base_url: '{url}', model: m, labels: {{team: 通义😀}}}}
  - {{name: second, dialect: openai-chat, base_url: '{url}', model: m}}
canaries:
  ask: {{prompt: "{words}", expect: {{equals: "{words}"}}}}
defaults: {{canaries: [ask]}}
"""


@pytest.fixture(scope="module")
def provider() -> Iterator[SimulatorProcess]:
    """A provider whose answers never please."""
    with SimulatorProcess(Profile("sim", ttft=0.01, itl=0.001)) as running:
        yield running


@pytest.fixture(autouse=True)
def _configured(provider: SimulatorProcess, tmp_path: Path) -> None:
    text = CONFIG.format(url=provider.base_url("sim"), words=WORDS)
    tmp_path.joinpath("aimon.yaml").write_text(text, encoding="utf-8")


def run(run_aimon: Command, encoding: str, *arguments: str) -> subprocess.CompletedProcess[bytes]:
    """Runs aimon in a locale of that encoding."""
    return subprocess.run(
        [AIMON, *arguments],
        env={**run_aimon.env, "PYTHONIOENCODING": encoding, "PYTHONUTF8": "0"},
        cwd=run_aimon.cwd, capture_output=True, check=False, timeout=60,
    )  # fmt: skip


@pytest.mark.parametrize("encoding", ENCODINGS)
def test_results_are_shown_and_recorded_in_any_encoding(encoding: str, run_aimon: Command) -> None:
    """What the encoding lacks is escaped; nothing is lost, and the exit code is that of the probes."""
    done = run(run_aimon, encoding, "probe", "--junit", "junit.xml", "--textfile", "t.prom")
    assert (done.returncode, done.stderr) == (1, b"")
    shown = done.stdout.decode(encoding)
    assert [line.split(" ")[:2] for line in shown.splitlines()] == [
        ["first", "answer_mismatch"],
        ["second", "answer_mismatch"],
    ]
    assert "\\U0001f600" in shown
    with History(Path(run_aimon.env["AIMON_STATE_DIR"]) / "history.db") as history:
        assert len(history.recent(Identity("first", "m", "custom", "test"), 9)) == 1
    for name in ("junit.xml", "t.prom"):
        assert "通义" in run_aimon.cwd.joinpath(name).read_text(encoding="utf-8")
    status = run(run_aimon, encoding, "status")
    assert (status.returncode, status.stderr) == (1, b"")
    assert "answer_mismatch" in status.stdout.decode(encoding)


@pytest.mark.parametrize("encoding", ["gbk", "ascii"])
def test_what_programs_read_is_utf_8(encoding: str, run_aimon: Command) -> None:
    """JSON, YAML and the schema are byte for byte what they are in a UTF-8 locale."""
    probed = [json.loads(line) for line in run(run_aimon, encoding, "probe", "--json").stdout.decode().splitlines()]
    assert [WORDS in result["error"] for result in probed] == [True, True]
    for command in (("rules",), ("config", "show"), ("config", "schema")):
        done = run(run_aimon, encoding, *command)
        assert done.returncode == 0, done.stderr
        assert done.stdout == run(run_aimon, "utf-8", *command).stdout
        assert yaml.safe_load(done.stdout.decode())
    assert "通义😀" in run(run_aimon, encoding, "config", "show").stdout.decode()


def test_what_a_console_cannot_say_is_escaped(capsysbinary: pytest.CaptureFixture[bytes]) -> None:
    """Half a surrogate pair, which no encoding has, included."""
    console.write_data("a \ud800 ü")
    assert capsysbinary.readouterr().out == "a \\ud800 ü".encode()
