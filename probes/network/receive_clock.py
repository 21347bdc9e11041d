"""When bytes reached the socket: the kernel's receive timestamps, on the monotonic clock."""

import math
import socket
import sys
import time

from aimon.network.kernel_timestamps import ANCILLARY_BYTES, SO_TIMESTAMPNS, TIMESPEC

# Both clocks are slewed alike, so their difference changes only when the wall clock is set.
_STEP_NS = 1_000_000
# Two readings of clocks further apart than this were interrupted, and can't be compared.
_CLOSE_NS = 20_000
_ATTEMPTS = 4


def receive(sock: socket.socket, max_bytes: int) -> tuple[bytes, int | None]:
    """Reads once from a socket, with the receive timestamp if the socket has them.

    Args:
        sock: A non-blocking socket.
        max_bytes: The maximum number of bytes to read.

    Returns:
        The bytes, and the kernel's timestamp of the last one (CLOCK_REALTIME, nanoseconds) if there is one.

    Raises:
        OSError: As `socket.recvmsg` does; `BlockingIOError` if nothing has arrived.
    """
    data, ancillary, _, _ = sock.recvmsg(max_bytes, ANCILLARY_BYTES)
    for level, kind, payload in ancillary:
        # A 32-bit kernel may return a shorter struct, which is ignored.
        if (level, kind) == (socket.SOL_SOCKET, SO_TIMESTAMPNS) and len(payload) == TIMESPEC.size:
            seconds, nanoseconds = TIMESPEC.unpack(payload)
            return data, seconds * 1_000_000_000 + nanoseconds
    return data, None


class StampClock:
    """Converts the kernel's wall-clock timestamps to `time.monotonic()`.

    The difference of the two clocks is measured at each conversion, which takes less than a microsecond. If it jumped
    since the last one, the wall clock was set, before or after the arrival: such a timestamp is rejected, as is one
    from the future or from before the connection.

    Args:
        since: when connecting began (seconds of `time.monotonic()`).
    """

    __slots__ = ("_offset", "_since")

    def __init__(self, since: float = -math.inf) -> None:
        _, self._offset = _read_clocks()
        self._since = since - _STEP_NS / 1e9

    def convert(self, stamp: int) -> tuple[float, float | None]:
        """Returns now and the stamp, both in seconds of `time.monotonic()`; `None` for a rejected timestamp."""
        now, offset = _read_clocks()
        stepped = abs(offset - self._offset) > _STEP_NS
        self._offset = offset
        arrival = stamp - offset
        if stepped or arrival > now + _CLOSE_NS or arrival / 1e9 < self._since:
            return now / 1e9, None
        return now / 1e9, min(arrival, now) / 1e9


def _read_clocks() -> tuple[int, int]:
    """Returns the monotonic clock, and how far the wall clock is ahead of it, in nanoseconds."""
    best_gap, now, offset = sys.maxsize, 0, 0
    for _ in range(_ATTEMPTS):
        before = time.monotonic_ns()
        wall = time.time_ns()
        after = time.monotonic_ns()
        if after - before < best_gap:
            best_gap, now, offset = after - before, after, wall - (before + after) // 2
        if best_gap <= _CLOSE_NS:
            break
    return now, offset
