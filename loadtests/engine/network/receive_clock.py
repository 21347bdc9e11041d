"""When bytes reached the socket: the kernel's stamps, as readings of `time.monotonic()`.

The stamps are of the wall clock, and the distance of the two clocks is kept and measured anew every second; both are
slewed alike, so it changes only when somebody sets the wall clock.
"""

from __future__ import annotations

import math
import time

from aimon.network.kernel_timestamps import TIMESPEC

_REFRESH = 1.0
# A stamp older than this is either of a loop that is far behind or of a clock that was set: worth a look.
_UNUSUAL = 0.1
# A measured distance is off by less than this, and a change beyond it means that the wall clock was set.
_STEP = 1e-3
_CLOSE = 20e-6
_ATTEMPTS = 4

_unpack = TIMESPEC.unpack


class ReceiveClock:
    """Converts the stamps of one process; shared by all its connections."""

    __slots__ = ("_fresh_until", "_second", "_second_at")

    def __init__(self) -> None:
        self._second = 0
        self._second_at = 0.0
        self._fresh_until = 0.0
        self._measure()

    def receive_time(
        self, ancillary: list[tuple[int, int, bytes]], now: float, earliest: float = -math.inf
    ) -> float | None:
        """When the bytes of a read arrived.

        Args:
            ancillary: what `recvmsg` returned beside the bytes; not empty.
            now: `time.monotonic()` after the read.
            earliest: when the request or its connection began: a stamp from before that is a clock's error.

        Returns:
            Seconds of `time.monotonic()`, at most `now`; None where there is no stamp or it is in doubt.
        """
        payload = ancillary[0][2]
        if len(payload) != 16:
            return None
        seconds, nanoseconds = _unpack(payload)
        # Differences first: wall-clock seconds as a float have no room for nanoseconds.
        t: float = (seconds - self._second) + nanoseconds * 1e-9 + self._second_at
        if now - _UNUSUAL < t <= now < self._fresh_until and t >= earliest:
            return t
        return self._doubted(seconds, nanoseconds, now, earliest)

    def _doubted(self, seconds: int, nanoseconds: int, now: float, earliest: float) -> float | None:
        second, second_at = self._second, self._second_at
        self._measure()
        moved = (second - self._second) + self._second_at - second_at
        t = (seconds - self._second) + nanoseconds * 1e-9 + self._second_at
        # After a step nobody knows whether the stamp is from before it.
        if abs(moved) > _STEP or t > now + _CLOSE or t < earliest - _STEP:
            return None
        return min(t, now)

    def _measure(self) -> None:
        """Reads both clocks as nearly at once as the scheduler allows."""
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
