"""Pauses of gevent's loop: with many calls and short turns only, and never while calls start by a schedule."""

from __future__ import annotations

from dataclasses import dataclass

import pytest
from gevent import get_hub

from aimon.loadtests.engine import turn_pause
from aimon.loadtests.engine.pacing import OpenLoop
from aimon.loadtests.engine.turn_pause import TurnPause
from gevent_thread import on_gevent

MANY, FEW = 40, 10
SHORT, LONG = 20e-6, 5e-3


@dataclass(frozen=True)
class Caller:
    """A client with calls under way."""

    in_flight: int


@pytest.mark.parametrize(
    ("callers", "schedules", "turn", "pauses"),
    [
        ((MANY,), 0, SHORT, 1),
        ((MANY - FEW, FEW), 0, SHORT, 1),
        ((), 0, SHORT, 0),
        ((FEW,), 0, SHORT, 0),
        ((MANY,), 0, LONG, 0),
        ((MANY,), 1, SHORT, 0),
    ],
)
def test_when_a_loop_pauses(
    callers: tuple[int, ...], schedules: int, turn: float, pauses: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    """After a turn that took some time, with calls under way and schedules that start more."""
    slept: list[float] = []
    clock = iter([1.0, 1.0 + turn, 1.0 + turn + 1e-4])
    monkeypatch.setattr(turn_pause, "monotonic", lambda: next(clock))
    monkeypatch.setattr(turn_pause, "_sleep", slept.append)

    def scenario() -> None:
        pause = TurnPause(get_hub())
        pause._watcher.stop()
        pause.clients = {Caller(each) for each in callers}
        pause.schedules = set(range(schedules))
        pause._before_the_loop_waits()
        pause._before_the_loop_waits()

    on_gevent(scenario)
    assert len(slept) == pauses
    assert all(0 < seconds < 1e-3 for seconds in slept)


def test_a_schedule_ends_pauses_until_it_has_ended() -> None:
    """Whether it comes to its end or is stopped."""

    def scenario() -> list[int]:
        counts = []
        ends, stopped = OpenLoop([0.0, 0.001], lambda _: None), OpenLoop([60.0], lambda _: None)
        schedules = turn_pause.current().schedules
        for loop, end in ((ends, ends.wait), (stopped, stopped.stop)):
            loop.start()
            counts.append(len(schedules))
            end()
            counts.append(len(schedules))
        return counts

    assert on_gevent(scenario) == [1, 0, 1, 0]
