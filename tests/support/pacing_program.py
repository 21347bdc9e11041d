"""Paces calls that do nothing or wait, in a process of its own; what happened goes to stdout as JSON.

The argument names one of the functions below.
"""

from __future__ import annotations

import json
import sys
import time
from typing import Any

import gevent

from aimon.load_terms import CONSTANT
from aimon.loadtests.engine.pacing import ClosedLoop, OpenLoop
from aimon.loadtests.engine.precise_timer import LoopTimer, TimerfdTimer
from aimon.loadtests.engine.schedule import Phase, Schedule, worker_share


def open_loop() -> dict[str, Any]:
    """40 arrivals in 0.2 s, with the loop held for 0.1 s in the middle."""
    starts: list[tuple[float, float]] = []

    def begin(scheduled: float) -> None:
        starts.append((scheduled, time.monotonic()))
        gevent.sleep(0.01)

    pace = OpenLoop(Schedule((Phase(0.2, 200),), CONSTANT).offsets(), begin)
    pace.start()
    gevent.sleep(0.05)
    time.sleep(0.1)
    pace.wait()
    return {
        "offsets": [scheduled - pace.epoch for scheduled, _ in starts],
        "early": sum(started < scheduled for scheduled, started in starts),
        "started": pace.started,
        "not_started": pace.not_started,
        "in_flight": pace.in_flight,
    }


def too_many() -> dict[str, Any]:
    """10 arrivals whose calls never end before the last has come, with room for 3."""
    pace = OpenLoop([k * 0.001 for k in range(10)], lambda _: gevent.sleep(0.3), max_in_flight=3)
    pace.start()
    pace.wait()
    return {"started": pace.started, "not_started": pace.not_started}


def faulty() -> dict[str, Any]:
    """3 arrivals whose second call raises."""

    def begin(scheduled: float) -> None:
        if 0 < scheduled - pace.epoch < 0.015:
            raise ValueError("no such luck")

    pace = OpenLoop([0, 0.01, 0.02], begin)
    pace.start()
    pace.wait()
    return {"started": pace.started, "failed": pace.failed, "in_flight": pace.in_flight}


def redivided() -> dict[str, Any]:
    """One of two workers, who takes over the whole schedule after 0.1 s of 0.2."""
    schedule = Schedule((Phase(0.2, 100),), CONSTANT)
    offsets: list[float] = []
    pace = OpenLoop(worker_share(schedule.offsets(), 1, 2), lambda scheduled: offsets.append(scheduled - pace.epoch))
    pace.start()
    gevent.sleep(0.05)
    pace.rebalance(worker_share(schedule.offsets(), 0, 1), since=0.1)
    pace.wait()
    return {"offsets": offsets}


def stopped() -> dict[str, Any]:
    """A schedule of an hour, stopped after a few arrivals."""
    pace = OpenLoop(Schedule((Phase(3600, 100),), CONSTANT).offsets(), lambda _: None)
    pace.start()
    while pace.started < 3:
        gevent.sleep(0.001)
    pace.stop()
    started = pace.started
    pace.wait()
    gevent.sleep(0.05)
    return {"more": pace.started - started}


def closed_loop() -> dict[str, Any]:
    """5 users until 100 calls were made."""
    made = 0
    most = 0

    def turn() -> bool:
        nonlocal made, most
        made += 1
        most = max(most, users.active)
        gevent.sleep(0.001)
        return made < 100

    users = ClosedLoop(turn, 5, ramp=0.01)
    users.start()
    users.wait()
    return {"made": made, "most": most, "active": users.active}


def timers() -> dict[str, Any]:
    """Both kinds of alarm: set, set anew before it went off, and set to a time that has passed."""
    found = {}
    for kind in (LoopTimer, TimerfdTimer):
        rings: list[float] = []
        alarm = kind(lambda rings=rings: rings.append(time.monotonic()))  # type: ignore[misc]  # a bound default
        wanted = []
        for delay in (0.02, 0.0, -1.0):
            at = time.monotonic() + delay
            alarm.set(at + 5)
            alarm.set(at)
            wanted.append(at)
            gevent.sleep(0.05)
        alarm.set(time.monotonic() + 0.02)
        alarm.close()
        gevent.sleep(0.05)
        found[kind.__name__] = {
            "rings": len(rings),
            "early": sum(ring < at for ring, at in zip(rings, wanted, strict=True)),
        }
    return found


if __name__ == "__main__":
    json.dump(globals()[sys.argv[1]](), sys.stdout)
