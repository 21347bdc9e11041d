"""Open and closed loops, and the timers that start calls, on gevent's loop."""

from __future__ import annotations

import time

import gevent
import pytest
from gevent.event import Event

from aimon.load_terms import CONSTANT
from aimon.loadtests.engine.pacing import ClosedLoop, OpenLoop
from aimon.loadtests.engine.precise_timer import LoopTimer, TimerfdTimer
from aimon.loadtests.engine.schedule import Phase, Schedule, worker_share
from gevent_thread import on_gevent


def test_an_open_loop_that_is_held_up_starts_every_arrival() -> None:
    """The loop is blocked for 0.1 s: all 40 arrivals are started in order, none early, each with its due time."""
    starts: list[tuple[float, float]] = []

    def call(due: float) -> None:
        starts.append((due, time.monotonic()))
        if len(starts) == 10:
            time.sleep(0.1)  # blocks the loop
        gevent.sleep(0.01)

    def scenario() -> OpenLoop:
        loop = OpenLoop(Schedule((Phase(0.2, 200),), CONSTANT).offsets(), call)
        loop.start()
        loop.wait()
        return loop

    loop = on_gevent(scenario)
    assert [due - loop.epoch for due, _ in starts] == pytest.approx([k / 200 for k in range(40)])
    assert all(started >= due for due, started in starts)
    assert (loop.started, loop.not_started, loop.in_flight) == (40, 0, 0)


def test_arrivals_beyond_max_in_flight_are_counted_and_not_started() -> None:
    """10 arrivals, room for 3 calls, and no call ends before the last arrival."""

    def scenario() -> OpenLoop:
        all_arrived = Event()
        loop = OpenLoop([k * 0.001 for k in range(10)], lambda _: all_arrived.wait(), max_in_flight=3)
        loop.start()
        while loop.started + loop.not_started < 10:
            gevent.sleep(0.001)
        all_arrived.set()
        loop.wait()
        return loop

    loop = on_gevent(scenario)
    assert (loop.started, loop.not_started) == (3, 7)


def test_a_call_that_raises_is_counted_and_printed(capsys: pytest.CaptureFixture[str]) -> None:
    """The second of three calls raises; the third is started all the same."""

    def scenario() -> OpenLoop:
        def call(due: float) -> None:
            if due - loop.epoch == pytest.approx(0.01):
                raise ValueError("no such luck")

        loop = OpenLoop([0, 0.01, 0.02], call)
        loop.start()
        loop.wait()
        return loop

    loop = on_gevent(scenario)
    assert (loop.started, loop.failed, loop.in_flight) == (3, 1, 0)
    assert "ValueError: no such luck" in capsys.readouterr().err


def test_rebalancing_takes_over_the_arrivals_of_a_lost_worker() -> None:
    """The second of two workers has every other arrival until 0.1 s, and every arrival from then on."""
    schedule = Schedule((Phase(0.2, 100),), CONSTANT)
    offsets: list[float] = []

    def scenario() -> None:
        def call(due: float) -> None:
            offsets.append(due - loop.epoch)
            if len(offsets) == 3:
                loop.rebalance(worker_share(schedule.offsets(), 0, 1), since=0.1)

        loop = OpenLoop(worker_share(schedule.offsets(), 1, 2), call)
        loop.start()
        loop.wait()

    on_gevent(scenario)
    assert offsets == pytest.approx([0.01, 0.03, 0.05, 0.07, 0.09, *(k / 100 for k in range(10, 20))])


def test_a_stopped_open_loop_starts_nothing_more() -> None:
    """10 arrivals are due at once; the third call stops the loop."""

    def scenario() -> OpenLoop:
        def call(_: float) -> None:
            if loop.started == 3:
                loop.stop()

        loop = OpenLoop([0.0] * 10, call)
        loop.start()
        loop.wait()
        return loop

    assert on_gevent(scenario).started == 3


def test_a_closed_loop_keeps_all_its_users_busy() -> None:
    """5 users make calls at the same time, each until one of them has made the 100th."""
    made = busy = most = 0

    def turn() -> bool:
        nonlocal made, busy, most
        made += 1
        busy += 1
        most = max(most, busy)
        gevent.sleep(0.001)
        busy -= 1
        return made < 100

    def scenario() -> None:
        users = ClosedLoop(turn, 5, ramp=0.01)
        users.start()
        users.wait()

    on_gevent(scenario)
    assert 100 <= made <= 104
    assert (most, busy) == (5, 0)


@pytest.mark.parametrize("kind", [LoopTimer, TimerfdTimer])
@pytest.mark.parametrize("delay", [0.02, 0.0, -1.0])
def test_a_timer_fires_once_for_the_time_it_was_last_set_to(kind: type[LoopTimer | TimerfdTimer], delay: float) -> None:
    """Never early; at once for a time that has passed; not at all after it was closed."""
    fired: list[float] = []

    def scenario() -> float:
        called, later = Event(), Event()

        def on_time() -> None:
            fired.append(time.monotonic())
            called.set()

        timer = kind(on_time)
        due = time.monotonic() + delay
        timer.set(due + 5)
        timer.set(due)
        assert called.wait(10)
        timer.set(time.monotonic() + 0.02)
        timer.close()
        # Set later and for a later time: when this one fires, the closed one would have.
        control = kind(later.set)
        control.set(time.monotonic() + 0.03)
        assert later.wait(10)
        control.close()
        return due

    due = on_gevent(scenario)
    assert len(fired) == 1
    assert fired[0] >= due
