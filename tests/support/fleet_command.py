"""`aimon loadtest` as masters, workers and runs that go on while a test looks at them."""

from __future__ import annotations

import json
import re
import subprocess
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Callable

    from aimon.simulator.process import SimulatorProcess
    from command import Command

SOON = 60.0


def where(sim: SimulatorProcess) -> list[str]:
    """The options that name the simulator."""
    return ["--dialect", "openai-chat", "--base-url", sim.base_url(), "--model", "m"]


def start(run_aimon: Command, *arguments: str) -> subprocess.Popen[str]:
    """`aimon loadtest`, going on."""
    command: list[str | Path] = [Path(sys.executable).with_name("aimon"), "loadtest", *arguments]
    return subprocess.Popen(
        command, env=run_aimon.env, cwd=run_aimon.cwd, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    )


def until(true: Callable[[], bool]) -> None:
    """Waits for something that must happen soon."""
    ends = time.monotonic() + SOON
    while not true():
        assert time.monotonic() < ends, "it did not happen"
        time.sleep(0.02)


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
