"""Service slots: first come first served, and a capacity that lateness does not lower."""

from __future__ import annotations

import asyncio

import pytest

from aimon.simulator.model.slots import Slots


async def _settle() -> None:
    """Lets every task that can go on do so."""
    for _ in range(5):
        await asyncio.sleep(0)


def test_free_slot_starts_at_arrival() -> None:
    """With a slot free, or without a limit, service begins when the request arrived."""

    async def scenario() -> list[float]:
        unlimited, one = Slots(0), Slots(1)
        return [await unlimited.acquire(1.0), await unlimited.acquire(2.0), await one.acquire(3.0)]

    assert asyncio.run(scenario()) == [1.0, 2.0, 3.0]


def test_queue_is_fifo_and_inherits_the_schedule() -> None:
    """Whoever waited longest is next, and begins when the slot was due to be free, not when it was handed over."""

    async def scenario() -> tuple[list[float], int]:
        slots = Slots(1)
        await slots.acquire(0.0)
        waiting = [asyncio.create_task(slots.acquire(arrived)) for arrived in (1.0, 2.0, 30.0)]
        await _settle()
        queued = slots.queued
        starts = []
        for task, ended in zip(waiting, (10.0, 20.0, 25.0), strict=True):
            slots.release(ended)
            starts.append(await task)
        return starts, queued

    assert asyncio.run(scenario()) == ([10.0, 20.0, 30.0], 3)


def test_cancelled_in_the_queue() -> None:
    """One that leaves the queue takes no slot with it, whether it was its turn or not."""

    async def scenario() -> tuple[int, int]:
        slots = Slots(1)
        await slots.acquire(0.0)
        first, second = (asyncio.create_task(slots.acquire(1.0)) for _ in range(2))
        await _settle()
        first.cancel()
        await _settle()
        slots.release(5.0)
        second.cancel()  # after it was handed the slot, before it ran
        with pytest.raises(asyncio.CancelledError):
            await second
        return slots.busy, slots.queued

    assert asyncio.run(scenario()) == (0, 0)


def test_resize() -> None:
    """More slots let those who wait in; fewer are reached as they are released."""

    async def scenario() -> list[int]:
        slots = Slots(1)
        await slots.acquire(0.0)
        waiting = [asyncio.create_task(slots.acquire(0.0)) for _ in range(3)]
        await _settle()
        slots.resize(3)
        await _settle()
        seen = [slots.busy, slots.queued]
        slots.resize(1)
        slots.release(1.0)
        await _settle()
        seen += [slots.busy, slots.queued]
        slots.resize(0)
        await asyncio.gather(*waiting)
        return [*seen, slots.busy]

    assert asyncio.run(scenario()) == [3, 1, 2, 1, 3]
