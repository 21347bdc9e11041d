"""The prober's own lag: how late the event loop wakes, which is time that a provider must not be blamed for."""

from __future__ import annotations

import asyncio
import time
from collections import deque
from typing import Self

TICK = 0.010
# Enough for the longest call: lags worth keeping are rarer than ticks.
_REMEMBERED = 4096
_WORTH_KEEPING = 0.001


class LoopLag:
    """Asks the running loop to wake it every TICK seconds and notes by how much it is late.

    Use it as a context manager inside a running loop::

        with LoopLag() as lag:
            …
            lag.worst_since(started)
    """

    def __init__(self) -> None:
        self._late: deque[tuple[float, float]] = deque(maxlen=_REMEMBERED)
        self._due = 0.0

    def __enter__(self) -> Self:
        self._loop = asyncio.get_running_loop()
        self._schedule()
        return self

    def __exit__(self, *_: object) -> None:
        self._timer.cancel()

    def worst_since(self, start: float) -> float:
        """The longest lag, in seconds, seen since `start` (seconds of `time.monotonic()`).

        A wake-up that is overdue now counts too: the caller may run before the late timer does.
        """
        now = time.monotonic()
        worst = max(0.0, now - self._due)
        for at, late in reversed(self._late):
            if at < start:
                break
            worst = max(worst, late)
        return worst

    def _schedule(self) -> None:
        self._due = time.monotonic() + TICK
        self._timer = self._loop.call_at(self._due, self._wake)

    def _wake(self) -> None:
        now = time.monotonic()
        late = now - self._due
        if late > _WORTH_KEEPING:
            self._late.append((now, late))
        self._schedule()
