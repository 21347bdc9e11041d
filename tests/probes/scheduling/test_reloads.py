"""What the scheduler does for a service: reloads, maintenance, faster probing of failures, limits, jumps of clocks."""

from __future__ import annotations

import asyncio
import math
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING, Any

from msgspec.structs import replace

from aimon.call.outcome import Outcome
from aimon.probes.scheduling.scheduler import Scheduler
from aimon.probes.scheduling.times import offset
from results import a_result
from scheduling import Prober, SetClock, endpoint, until

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from aimon.config.endpoint import Endpoint


@asynccontextmanager
async def running(prober: Prober, *endpoints: Endpoint, **options: Any) -> AsyncIterator[Scheduler]:
    """A scheduler that runs as long as the block."""

    async def take(_: Endpoint, __: object) -> None:
        return

    scheduler = Scheduler(endpoints, prober, take, **options)  # type: ignore[arg-type]
    task = asyncio.create_task(scheduler.run())
    try:
        yield scheduler
    finally:
        scheduler.stop()
        prober.gate.set()
        await task


def test_a_reload_adds_removes_and_keeps() -> None:
    """The new one is probed at once, the removed one no more, and the one that stays keeps its times."""

    async def main() -> None:
        prober, after = Prober(), Prober()
        stays, goes = endpoint("stays", 3600.0), endpoint("goes", 0.05)
        async with running(prober, stays, goes) as scheduler:
            await until(lambda: {"stays c0", "goes c0"} <= set(prober.calls))
            due = scheduler.due_at("stays")
            await scheduler.configure([replace(stays, labels={"team": "a"}), endpoint("new", 3600.0)], after)  # type: ignore[arg-type]
            await until(lambda: after.calls == ["new c0"])
            assert due is not None
            assert abs((scheduler.due_at("stays") or 0.0) - due) < 0.5
            assert scheduler.due_at("goes") is None
            count = len(prober.calls)
            await asyncio.sleep(0.15)
            assert (len(prober.calls), after.calls) == (count, ["new c0"])
            await scheduler.configure([replace(stays, interval=0.05)], after)  # type: ignore[arg-type]
            await until(lambda: after.calls.count("stays c0") >= 2)

    asyncio.run(main())


def test_a_failing_endpoint_is_probed_more_often_until_it_succeeds() -> None:
    """`interval_failing` holds from the first failure to the first success; one that was not made changes nothing."""

    async def main() -> None:
        prober = Prober()
        prober.outcome = Outcome.SERVER_ERROR
        async with running(prober, replace(endpoint("a", 3600.0), interval_failing=0.05)) as scheduler:
            await until(lambda: len(prober.calls) >= 3)
            prober.outcome = Outcome.BUDGET_SKIPPED
            count = len(prober.calls)
            await until(lambda: len(prober.calls) >= count + 2)
            prober.outcome = Outcome.OK
            await until(lambda: (scheduler.due_at("a") or 0) > scheduler._clock.wall() + 1)
            count = len(prober.calls)
            await asyncio.sleep(0.15)
            assert len(prober.calls) == count

    asyncio.run(main())


def test_maintenance_passes_times_over_and_counts_none_as_missed() -> None:
    """No probe while it goes on, and probes again afterwards."""

    async def main() -> None:
        prober, going_on = Prober(), [True]
        async with running(prober, endpoint("a", 0.05), paused=lambda _, __: going_on[0]) as scheduler:
            await asyncio.sleep(0.3)
            assert prober.calls == []
            going_on[0] = False
            await until(lambda: len(prober.calls) >= 2)
            assert scheduler.missed["overlap"] + scheduler.missed["concurrency"] == 0

    asyncio.run(main())


def test_what_could_not_start_is_missed_by_reason() -> None:
    """One place for two endpoints: what overlaps and what waits is counted."""

    async def main() -> None:
        prober = Prober()
        prober.gate.clear()
        async with running(prober, endpoint("a", 0.05), endpoint("b", 0.05), concurrency=1) as scheduler:
            await until(lambda: scheduler.missed["overlap"] >= 2 and scheduler.missed["concurrency"] >= 2)
            assert prober.calls == ["a c0"]
            prober.gate.set()
            await until(lambda: "b c0" in prober.calls)
            assert prober.most == 1

    asyncio.run(main())


def test_probes_on_demand_share_the_one_under_way() -> None:
    """Who asks while a probe is under way gets its result, not another probe; alone, one starts at once."""

    async def main() -> None:
        prober = Prober()
        prober.gate.clear()
        async with running(prober, endpoint("a", 3600.0), recent={"a"}) as scheduler:
            asked = [asyncio.create_task(scheduler.probe_now("a")) for _ in range(3)]
            await until(lambda: prober.under_way == 1)
            prober.gate.set()
            results = await asyncio.gather(*asked)
            assert prober.calls == ["a c0"]
            assert results == [[a_result()]] * 3

    asyncio.run(main())


def test_after_a_clock_jump_times_are_those_of_the_new_clock() -> None:
    """The wall clock is set back, then the machine sleeps for ten hours: times follow, sleep is missed."""

    async def main() -> None:
        prober, clock = Prober(), SetClock()
        async with running(prober, endpoint("a", 3600.0), recent={"a"}, clock=clock) as scheduler:
            await until(lambda: scheduler.due_at("a") is not None)
            clock.ahead -= 5000
            await until(lambda: scheduler.jumps == 1)
            after = scheduler.due_at("a") or 0.0
            assert math.isclose((after - offset("a", 3600.0) + 30.0) % 3600.0, 30.0, abs_tol=0.01)
            assert 0 < after - clock.wall() <= 3600.0
            assert scheduler.missed["stalled"] == 0
            clock.ahead, clock.slept = clock.ahead + 36_000, 36_000.0
            await until(lambda: scheduler.jumps == 2)
            assert 9 <= scheduler.missed["stalled"] <= 11
            assert prober.calls == []

    asyncio.run(main())


def test_a_probe_that_is_due_when_the_clock_is_set_back_is_not_the_last() -> None:
    """Its time was planned by the clock of before, an hour ahead of the new one; the next is an interval later."""

    async def main() -> None:
        prober, clock = Prober(), SetClock()
        async with running(prober, endpoint("a", 0.5), clock=clock) as scheduler:
            await until(lambda: len(prober.calls) == 2)
            clock.ahead = -3600.0
            scheduler._jumped(0.0)
            await until(lambda: len(prober.calls) >= 4)

    asyncio.run(main())
