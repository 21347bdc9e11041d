"""`aimon loadtest` as masters, workers and runs that go on while a test looks at them."""

from __future__ import annotations

import json
import re
import signal
from contextlib import ExitStack
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import subprocess

    from command import Command

SOON = 60.0


def interrupted(run_aimon: Command, shown: str, *arguments: str) -> tuple[int, dict[str, Any]]:
    """The exit code and the report of a load test that gets a SIGINT once a line of its stderr contains `shown`."""
    with run_aimon.start("loadtest", *arguments, "--json") as run:
        assert run.stderr is not None
        assert any(shown in line for line in run.stderr)
        run.send_signal(signal.SIGINT)
        report, _ = reported(run)
    return run.returncode, report


def reported(process: subprocess.Popen[str]) -> tuple[dict[str, Any], str]:
    """The report on stdout, and what was said."""
    out, said = process.communicate(timeout=120)
    report: dict[str, Any] = json.loads(out)
    return report, said


def port_of(master: subprocess.Popen[str]) -> str:
    """Where a master listens, once it says so."""
    assert master.stderr is not None
    said = ""
    for line in master.stderr:
        if found := re.search(r"waiting for \d+ workers on \S+:(\d+)$", line.strip()):
            return found[1]
        said += line
    raise AssertionError(f"it never waited for workers: {said}")


def distributed(run_aimon: Command, master: list[str], worker: list[str]) -> dict[str, Any]:
    """The report of a master whose two workers run to their end; both sides begin with `aimon loadtest`."""
    with ExitStack() as stack:
        directing = stack.enter_context(
            run_aimon.start("loadtest", *master, "--master", "--bind-port", "0", "--expect-workers", "2", "--json")
        )
        port = port_of(directing)
        workers = [
            stack.enter_context(run_aimon.start("loadtest", *worker, "--worker", "--master-port", port))
            for _ in range(2)
        ]
        report, said = reported(directing)
        assert directing.returncode == 0, said
        for each in workers:
            out, said = each.communicate(timeout=SOON)
            assert (each.returncode, out) == (0, ""), said
    return report
