"""The beat of the scheduler: stable, without overlap, drained at the end, and honest about being late."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

import pytest
from hypothesis import given
from hypothesis import strategies as st

from aimon.probes.scheduling.scheduler import HEARTBEAT, Scheduler
from aimon.probes.scheduling.times import Interval, offset
from scheduling import Prober, endpoint, until

if TYPE_CHECKING:
    from aimon.call.result import Result
    from aimon.config.endpoint import Endpoint


@given(st.floats(1e9, 2e9), st.floats(1, 86400), st.floats(0, 1, exclude_max=True))
def test_the_next_beat_is_within_an_interval_and_on_the_grid(now: float, interval: float, part: float) -> None:
    """After now, at most an interval later, and at the same phase whenever it is asked."""
    phase = part * interval
    beat = Interval(interval, phase).after(now)
    assert now - 1e-3 <= beat <= now + interval + 1e-3
    assert Interval(interval, phase).after(beat + interval / 2) == pytest.approx(beat + interval, rel=1e-12)


def test_offsets_are_stable_and_spread() -> None:
    """Offsets are the same after a restart, and each tenth of the interval has its share of them."""
    offsets = [offset(f"endpoint-{i}", 60.0) for i in range(1000)]
    assert offsets == [offset(f"endpoint-{i}", 60.0) for i in range(1000)]
    tenths = [sum(int(o // 6) == tenth for o in offsets) for tenth in range(10)]
    assert min(tenths) > 60
    assert max(tenths) < 140


def test_every_endpoint_at_once_then_again_and_the_last_one_ends() -> None:
    """All are probed at the start and again; stop lets the probes under way finish and starts no more."""

    async def main() -> tuple[Prober, list[str]]:
        prober, seen = Prober(), list[str]()

        async def take(asked: Endpoint, _: Result) -> None:
            seen.append(asked.name)

        scheduler = Scheduler([endpoint("a"), endpoint("b", canaries=2)], prober, take)  # type: ignore[arg-type]
        running = asyncio.create_task(scheduler.run())
        await until(lambda: seen.count("a") >= 3 and seen.count("b") >= 4)
        prober.gate.clear()
        await until(lambda: prober.under_way == 2)
        scheduler.stop()
        calls = len(prober.calls)
        prober.gate.set()
        await running
        assert len(prober.calls) - calls <= 1  # the second canary of a round that had begun
        return prober, seen

    prober, seen = asyncio.run(main())
    assert len(seen) == len(prober.calls)
    assert prober.calls[:1] == ["a c0"]
    assert prober.most == 2


def test_no_overlap_and_the_heartbeat_stands_still_when_one_hangs() -> None:
    """A probe that does not end is not joined by another, and the heartbeat stops."""

    async def main() -> None:
        prober = Prober()

        async def take(_: Endpoint, __: Result) -> None:
            return

        scheduler = Scheduler([endpoint("a")], prober, take)  # type: ignore[arg-type]
        prober.gate.clear()
        running = asyncio.create_task(scheduler.run())
        await until(lambda: prober.under_way == 1)
        first = scheduler.heartbeat
        assert first > 0
        await until(lambda: scheduler.silence > 2 * HEARTBEAT)
        assert scheduler.heartbeat - first < 1.5
        assert prober.calls == ["a c0"]
        scheduler.stop()
        prober.gate.set()
        await running

    asyncio.run(main())
