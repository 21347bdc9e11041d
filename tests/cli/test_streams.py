"""stdin, stdout and stderr that are closed, full, or whose reader has gone: no traceback from any command."""

from __future__ import annotations

import subprocess
from typing import TYPE_CHECKING

import pytest

from aimon.simulator.model.profile import Profile
from aimon.simulator.process import SimulatorProcess
from command import AIMON, target_flags

if TYPE_CHECKING:
    from command import Command

NOBODY = target_flags("http://127.0.0.1:9/v1")
# Each with the exit code that it has anyway.
COMMANDS: dict[str, tuple[list[str], int]] = {
    "help": (["--help"], 0),
    "version": (["version"], 0),
    "a mistake": (["frobnicate"], 2),
    "alerts": (["alerts", "test", "--alertmanager", "http://127.0.0.1:9"], 3),
    "config check": (["config", "check"], 2),
    "config schema": (["config", "schema"], 0),
    "dashboards": (["dashboards", "export", "boards"], 0),
    "init": (["init", "--output", "new.yaml"], 0),
    "loadtest": (["loadtest", *NOBODY, "--rate", "1/s", "--requests", "1", "--dry-run"], 0),
    "probe": (["probe", *NOBODY], 1),
    "probe --json": (["probe", *NOBODY, "--json"], 1),
    "report": (["report", "absent"], 2),
    "rules": (["rules", "--default"], 0),
    "status": (["status"], 2),
}


def shell(run_aimon: Command, arguments: list[str], redirection: str) -> subprocess.CompletedProcess[str]:
    """Runs `aimon` with a redirection of a shell; what its stderr said, if that is open."""
    return subprocess.run(
        ["sh", "-c", f'exec "$0" "$@" {redirection}', AIMON, *arguments],
        env=run_aimon.env, cwd=run_aimon.cwd, capture_output=True, text=True, timeout=60, check=False,
    )  # fmt: skip


@pytest.mark.parametrize(("arguments", "code"), COMMANDS.values(), ids=COMMANDS)
def test_closed_streams_are_no_error(run_aimon: Command, arguments: list[str], code: int) -> None:
    """With stdout or all streams closed the exit code is the same, and no bug is reported."""
    for redirection in (">&-", "2>&-", "<&- >&- 2>&-"):
        (run_aimon.cwd / "new.yaml").unlink(missing_ok=True)
        done = shell(run_aimon, arguments, redirection)
        assert "Traceback" not in done.stderr, redirection
        assert "bug" not in done.stderr, redirection
        assert done.returncode == code, (redirection, done.stderr)


@pytest.mark.parametrize("redirection", ["<&-", ">&-", "2>&-", ">&- 2>&-"])
def test_a_load_test_goes_on_with_closed_streams(run_aimon: Command, redirection: str) -> None:
    """A load test with closed streams runs to its end and writes its report."""
    with SimulatorProcess(Profile(ttft=0.0)) as sim:
        where = target_flags(sim.base_url())
        load = ["--concurrency", "1", "--requests", "3", "--out", "out"]
        done = shell(run_aimon, ["loadtest", *where, *load], redirection)
    assert (done.returncode, "Traceback" in done.stderr) == (0, False), done.stderr
    assert (run_aimon.cwd / "out" / "report.json").exists()


def test_what_is_opened_gets_no_number_of_a_closed_stream(run_aimon: Command) -> None:
    """The history would otherwise be file 1 or 2, with every word of the program written into it."""
    for _ in range(2):
        shell(run_aimon, ["probe", *NOBODY, "--history", "h.db"], "<&- >&- 2>&-")
    done = run_aimon("status", "--history", "h.db")
    assert "damaged" not in done.stderr
    assert done.returncode == 1


@pytest.mark.parametrize(("arguments", "code"), COMMANDS.values(), ids=COMMANDS)
def test_a_reader_that_has_gone_is_no_error(run_aimon: Command, arguments: list[str], code: int) -> None:
    """`aimon … | head` writes no error, also not when the interpreter ends."""
    process = subprocess.Popen(
        [AIMON, *arguments], env=run_aimon.env, cwd=run_aimon.cwd, stdout=subprocess.PIPE, stderr=subprocess.PIPE
    )
    assert process.stdout is not None
    assert process.stderr is not None
    process.stdout.close()
    with process:
        said = process.stderr.read().decode()
    assert "Broken" not in said
    assert "Traceback" not in said
    assert "Exception ignored" not in said
    # What is longer than a pipe's buffer is broken off before its end is known.
    assert process.returncode in {code, 141}, said


@pytest.mark.parametrize("name", ["version", "config schema", "rules", "help", "probe --json"])
def test_a_full_disk_is_an_error(run_aimon: Command, name: str) -> None:
    """A full disk is reported once, with the reason."""
    arguments, code = COMMANDS[name]
    done = shell(run_aimon, arguments, "> /dev/full")
    assert "Exception ignored" not in done.stderr
    assert "Traceback" not in done.stderr
    assert "No space left on device" in done.stderr or "no space left" in done.stderr.lower()
    assert done.returncode in {3, code} - {0}
