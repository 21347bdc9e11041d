"""When an endpoint is probed: intervals, cron expressions, clocks that jump, shares of several services."""

from __future__ import annotations

from datetime import datetime
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from aimon.call.call import Target
from aimon.config.endpoint import Cron, Endpoint
from aimon.probes.scheduling.clocks import ClockWatch, Jump
from aimon.probes.scheduling.shards import Shard
from aimon.probes.scheduling.times import CronTimes, Interval, times_of
from scheduling import SetClock

BERLIN = ZoneInfo("Europe/Berlin")


@given(st.floats(1e9, 2e9), st.floats(1, 86400), st.floats(0, 1, exclude_max=True), st.floats(0, 1e6))
def test_times_between_are_those_that_after_gives(start: float, seconds: float, part: float, length: float) -> None:
    """Counting by division gives as many as one would meet, up to the rounding at either end."""
    interval = Interval(seconds, part * seconds)
    assert interval.between(start, start + length) == pytest.approx(length / seconds, abs=1.001)
    assert interval.between(start, start) == 0


def test_cron_over_the_beginning_and_end_of_summer_time() -> None:
    """A daily time that is skipped comes right after the gap; one that happens twice comes once."""
    times = CronTimes("30 2 * * *", BERLIN)
    at, found = datetime(2027, 3, 27, 12, tzinfo=BERLIN).timestamp(), []
    for _ in range(2):
        at = times.after(at)
        found.append(datetime.fromtimestamp(at, BERLIN).isoformat())
    assert found == ["2027-03-28T03:00:00+02:00", "2027-03-29T02:30:00+02:00"]
    autumn = datetime(2027, 10, 30, 12, tzinfo=BERLIN).timestamp()
    assert times.between(autumn, autumn + 86_400) == 1
    assert CronTimes("*/5 * * * *").between(0, 3600) == 12


def test_times_of_an_endpoint_and_while_it_fails() -> None:
    """Its interval or cron expression; `interval_failing` replaces either while the last probe failed."""
    target = Target("a", "custom", "openai-chat", "http://127.0.0.1:1/v1", "m")
    often = Endpoint(target, (), interval=300.0, interval_failing=15.0, cron=Cron("*/5 * * * *"))
    assert times_of(often) == CronTimes("*/5 * * * *")
    failing = times_of(often, failing=True)
    assert isinstance(failing, Interval)
    assert failing.seconds == 15.0
    assert times_of(Endpoint(target, (), interval=60.0), failing=True) == times_of(Endpoint(target, (), interval=60.0))


def test_a_clock_that_is_set_and_a_machine_that_sleeps_are_told_apart() -> None:
    """Slewing is neither; a step moves the wall clock alone; sleep moves the clock since boot, too."""
    clock = SetClock()
    watch = ClockWatch(clock)
    clock.ahead += 0.0005
    assert watch.check() is None
    clock.ahead -= 3600
    assert watch.check() == Jump(pytest.approx(-3600, abs=0.1), pytest.approx(0.0, abs=0.1))  # type: ignore[arg-type]
    assert watch.check() is None
    clock.ahead, clock.slept = clock.ahead + 600, 600.0
    assert watch.check() == Jump(pytest.approx(600, abs=0.1), pytest.approx(600, abs=0.1))  # type: ignore[arg-type]


def test_every_endpoint_is_in_one_share_and_few_move_when_one_is_added() -> None:
    """Three shares are about even; with a fourth, endpoints only move to the new one."""
    names = [f"endpoint-{i}" for i in range(3000)]
    three = {name: [i for i in range(3) if Shard(i, 3).has(name)] for name in names}
    assert all(len(owners) == 1 for owners in three.values())
    sizes = [sum(owners == [i] for owners in three.values()) for i in range(3)]
    assert min(sizes) > 900
    moved = [name for name in names if Shard(three[name][0], 4).has(name) is False]
    assert all(Shard(3, 4).has(name) for name in moved)
    assert 600 < len(moved) < 900


@pytest.mark.parametrize("text", ["3/3", "1", "a/b", "0/0", "-1/3", "0/1001", "1/3/4"])
def test_shares_that_are_none(text: str) -> None:
    """Each is refused with what to write."""
    with pytest.raises(ValueError, match=r"such as 0/3|from 0 to|from 1 to"):
        Shard.parse(text)
    assert Shard.parse("2/3") == Shard(2, 3)
