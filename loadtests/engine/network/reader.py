"""Reads the socket of a connection on gevent's loop, and tells when what it read arrived.

In a compiled wheel `frame_reader` reads and keeps what is text of a stream's frame; all else comes here, too.
"""

from __future__ import annotations

from time import monotonic, time
from typing import TYPE_CHECKING

from aimon.network.kernel_timestamps import ANCILLARY_BYTES

try:
    from aimon.loadtests.engine.network.frame_reader import FrameReader  # in a compiled wheel
except ImportError:
    FrameReader = None  # type: ignore[assignment,misc]

if TYPE_CHECKING:
    import socket
    from collections.abc import Callable

    from gevent.hub import Hub

    from aimon.exchange.exchange import Exchange
    from aimon.exchange.frame import Frame
    from aimon.loadtests.engine.network.receive_clock import ReceiveClock

READ_BYTES = 1 << 16
_READABLE = 1


class Reader:
    """Reads a non-blocking socket whenever it is readable.

    Args:
        sock: the socket.
        hub: whose loop watches it.
        clock: converts the kernel's timestamps, which must be enabled; None to use the time after the read.
        on_read: called with bytes, when they arrived, and the time after the read. No bytes: the end of the file.
        on_error: called with the error of a read.

    Attributes:
        read: reads once, if there is something to be read.
        lag: the longest time that bytes of the current answer waited for the loop, in seconds; without timestamps, the
            longest time since the loop's turn began.
        stamped: whether all bytes of the current answer have a timestamp.
        looks_ahead: whether `expect` has an effect.
    """

    __slots__ = (
        "_clock", "_earliest", "_frames", "_hub", "_on_error", "_on_read", "_recvmsg", "_watcher", "lag", "looks_ahead",
        "read", "stamped",
    )  # fmt: skip

    def __init__(
        self,
        sock: socket.socket,
        hub: Hub,
        clock: ReceiveClock | None,
        on_read: Callable[[bytes, float, float], None],
        on_error: Callable[[OSError], None],
    ) -> None:
        self._hub = hub
        self._clock = clock
        self._on_read = on_read
        self._on_error = on_error
        self._recvmsg = sock.recvmsg
        self._earliest = monotonic() - 1.0  # the first bytes may have waited for a busy loop
        self.lag = 0.0
        self.stamped = clock is not None
        self._frames: FrameReader | None = None
        self.read: Callable[[], None] = self._read
        if FrameReader is not None and clock is not None:
            self._frames = FrameReader(sock.fileno(), self._received, on_error)
            self.read = self._frames.on_readable
        self.looks_ahead = self._frames is not None
        self._watcher = hub.loop.io(sock.fileno(), _READABLE)
        self._watcher.start(self.read)

    def begin(self, earliest: float | None) -> None:
        """The next answer begins; its bytes can't have arrived before `earliest`."""
        self.lag = 0.0
        self.stamped = self._clock is not None
        if earliest is not None:
            self._earliest = earliest

    def expect(self, frame: Frame, arrived: float, limit: float) -> None:
        """Keeps what comes next, until `hand_over`, while it consists of HTTP chunks of texts in a frame.

        Args:
            frame: of the stream.
            arrived: when the last bytes arrived.
            limit: when the call has timed out.
        """
        if self._frames is not None and self._clock is not None:
            self._frames.expect(frame.before, frame.after, arrived, limit, self._clock.calibration)

    def hand_over(self, exchange: Exchange) -> None:
        """Gives an Exchange the texts that are kept."""
        frames = self._frames
        if frames is not None and frames.size:
            self.lag = max(self.lag, frames.lag)
            size = frames.size
            texts, times = frames.take()
            exchange.feed_texts(texts, times, size)

    def close(self) -> None:
        """Reads no more; the socket is the caller's to close."""
        self._watcher.stop()
        self._watcher.close()
        if self._frames is not None:
            self._frames.close()
        # These refer to an owner that refers to this.
        self._on_read, self._on_error, self.read = _nothing, _nothing, _nothing

    def _read(self) -> None:
        try:
            data, ancillary, _, _ = self._recvmsg(READ_BYTES, ANCILLARY_BYTES)
        except BlockingIOError:
            return
        except OSError as error:
            self._on_error(error)
            return
        self._received(data, ancillary, monotonic())

    def _received(self, data: bytes, ancillary: list[tuple[int, int, bytes]], now: float) -> None:
        if not data:
            self._on_read(data, now, now)
            return
        if self._frames is not None and self._frames.size:
            self._earliest = self._frames.latest
        clock = self._clock
        arrived = clock.receive_time(ancillary, now, self._earliest) if ancillary and clock is not None else None
        if arrived is None:
            self.stamped = False
            arrived = now
            lag = time() - self._hub.loop.now()
        else:
            # Two calibrations of the clock differ by microseconds, and bytes do not arrive before those before them.
            arrived = max(arrived, self._earliest)
            lag = now - arrived
        self._earliest = arrived
        if lag > self.lag:  # noqa: PLR1730 - a call of max() for every chunk costs more than the chunk's parsing
            self.lag = lag
        self._on_read(data, arrived, now)


def _nothing(*_: object) -> None:
    """Nobody waits any more."""
