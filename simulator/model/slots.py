"""Service slots with a first-come-first-served queue, so that the capacity is known: slots / service time."""

from __future__ import annotations

import asyncio
import time
from collections import deque


class Slots:
    """At most `size` requests at once; 0 is no limit. Used from one event loop."""

    def __init__(self, size: int = 0) -> None:
        self.size = size
        self.busy = 0
        self._waiting: deque[asyncio.Future[float]] = deque()

    @property
    def queued(self) -> int:
        """The number of waiting requests."""
        return len(self._waiting)

    @property
    def full(self) -> bool:
        """Whether the next request would have to wait."""
        return bool(self.size) and self.busy >= self.size

    async def acquire(self, arrived: float) -> float:
        """Waits for a slot.

        Args:
            arrived: When the request arrived, on time.monotonic().

        Returns:
            When its service began: the arrival, or when the slot became free by schedule.
        """
        if not self.full:
            self.busy += 1
            return arrived
        turn: asyncio.Future[float] = asyncio.get_running_loop().create_future()
        self._waiting.append(turn)
        try:
            return max(arrived, await turn)
        except asyncio.CancelledError:
            if turn.done() and not turn.cancelled():
                self.release(time.monotonic())
            else:
                self._waiting.remove(turn)
            raise

    def release(self, at: float) -> None:
        """Gives the slot to the next in the queue.

        Args:
            at: When the service ended *by schedule*. Timers fire late by up to a millisecond; with the
                scheduled time this lateness does not accumulate and lower the capacity.
        """
        self.busy -= 1
        self._hand_over(at)

    def resize(self, size: int) -> None:
        """Changes the number of slots; slots in use stay in use until they are released."""
        self.size = size
        self._hand_over(time.monotonic())

    def _hand_over(self, at: float) -> None:
        while self._waiting and not self.full:
            turn = self._waiting.popleft()
            if not turn.done():
                turn.set_result(at)
                self.busy += 1
