"""Converts the kernel's receive timestamps to readings of `time.monotonic()`.

The timestamps are wall-clock times. The offset between both clocks is measured every second; both are slewed alike, so
it changes only when the wall clock is set.
"""

from __future__ import annotations

import math
import time

from aimon.network.kernel_timestamps import TIMESPEC

_REFRESH = 1.0
# An older timestamp means a loop that is far behind or a wall clock that was set: the offset is measured again.
_UNUSUAL = 0.1
# The error of a measured offset is below this; a larger change means that the wall clock was set.
_STEP = 1e-3
_CLOSE = 20e-6
_ATTEMPTS = 4

_unpack = TIMESPEC.unpack


class ReceiveClock:
    """Converts timestamps; shared by all connections of a process."""

    __slots__ = ("_fresh_until", "_second", "_second_at")

    @property
    def calibration(self) -> tuple[int, float, float]:
        """A second of the wall clock, when it was by `time.monotonic()`, and until when that holds."""
        return self._second, self._second_at, self._fresh_until

    def __init__(self) -> None:
        self._second = 0
        self._second_at = 0.0
        self._fresh_until = 0.0
        self._measure()

    def receive_time(
        self, ancillary: list[tuple[int, int, bytes]], now: float, earliest: float = -math.inf
    ) -> float | None:
        """When the bytes of a read reached the socket.

        Args:
            ancillary: the ancillary data of `recvmsg`; not empty.
            now: `time.monotonic()` after the read.
            earliest: when the request or its connection began; an earlier timestamp is a clock error.

        Returns:
            Seconds of `time.monotonic()`, at most `now`; None if there is no timestamp or it is doubtful.
        """
        payload = ancillary[0][2]
        if len(payload) != 16:
            return None
        seconds, nanoseconds = _unpack(payload)
        # Subtract first: a float of wall-clock seconds can't hold nanoseconds.
        t: float = (seconds - self._second) + nanoseconds * 1e-9 + self._second_at
        if now - _UNUSUAL < t <= now < self._fresh_until and t >= earliest:
            return t
        return self._doubted(seconds, nanoseconds, now, earliest)

    def _doubted(self, seconds: int, nanoseconds: int, now: float, earliest: float) -> float | None:
        second, second_at = self._second, self._second_at
        self._measure()
        moved = (second - self._second) + self._second_at - second_at
        t = (seconds - self._second) + nanoseconds * 1e-9 + self._second_at
        # After a clock step the timestamp may be from before it.
        if abs(moved) > _STEP or t > now + _CLOSE or t < earliest - _STEP:
            return None
        return min(t, now)

    def _measure(self) -> None:
        """Reads both clocks as close together as the scheduler allows."""
        best = float("inf")
        for _ in range(_ATTEMPTS):
            before = time.monotonic()
            wall = time.time_ns()
            after = time.monotonic()
            if after - before < best:
                best = after - before
                self._second, nanoseconds = divmod(wall, 1_000_000_000)
                self._second_at = (before + after) / 2 - nanoseconds * 1e-9
            if best < _CLOSE:
                break
        self._fresh_until = after + _REFRESH
