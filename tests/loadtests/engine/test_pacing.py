"""Pacing on gevent's loop, in processes of their own (`pacing_program.py`)."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

PROGRAM = Path(__file__).parents[2] / "support" / "pacing_program.py"


def paced(scenario: str) -> tuple[dict[str, Any], str]:
    """What happened in a scenario, and what was printed besides."""
    done = subprocess.run([sys.executable, PROGRAM, scenario], capture_output=True, text=True, timeout=60, check=True)
    return json.loads(done.stdout), done.stderr


def test_running_behind_leaves_nothing_out() -> None:
    """Though the loop was held, every arrival was started: in order, none early, with its own schedule."""
    happened, printed = paced("open_loop")
    assert happened.pop("offsets") == pytest.approx([k / 200 for k in range(40)])
    assert happened == {"early": 0, "started": 40, "not_started": 0, "in_flight": 0}
    assert printed == ""


def test_what_does_not_fit_is_counted() -> None:
    """Arrivals that meet the limit of calls at once are left out, and counted."""
    assert paced("too_many")[0] == {"started": 3, "not_started": 7}


def test_a_call_that_raises() -> None:
    """It is counted and printed, and the others are started."""
    happened, printed = paced("faulty")
    assert happened == {"started": 3, "failed": 1, "in_flight": 0}
    assert "ValueError: no such luck" in printed


def test_taking_over_in_the_middle() -> None:
    """Every second arrival until then, every arrival from then on."""
    assert paced("redivided")[0]["offsets"] == pytest.approx(
        [0.01, 0.03, 0.05, 0.07, 0.09, *(k / 100 for k in range(10, 20))]
    )


def test_stopping() -> None:
    """After a stop nothing is started, and the wait is over."""
    assert paced("stopped")[0] == {"more": 0}


def test_a_closed_loop() -> None:
    """All users work at once, each until its turn says that it is enough."""
    happened = paced("closed_loop")[0]
    assert 100 <= happened["made"] <= 104
    assert (happened["most"], happened["active"]) == (5, 0)


def test_alarms() -> None:
    """Each goes off once for the time it was last set to, never early, and not after it was closed."""
    expected = {"rings": 3, "early": 0}
    assert paced("timers")[0] == {"LoopTimer": expected, "TimerfdTimer": expected}
