"""Writes to the socket of a connection on gevent's loop."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import socket
    from collections.abc import Callable

    from gevent.hub import Hub

_WRITABLE = 2


class Writer:
    """Writes what a non-blocking socket accepts at once, and the rest when it is writable.

    Args:
        sock: the socket.
        hub: whose loop watches it.
        on_sent: called when data that had to wait is written.
        sent: bytes written to the socket so far.

    Attributes:
        sent: bytes written to the socket so far.
        waits: whether there is data that the socket has not accepted.
    """

    __slots__ = ("_on_sent", "_send", "_unsent", "_watcher", "sent", "waits")

    def __init__(self, sock: socket.socket, hub: Hub, on_sent: Callable[[], None], *, sent: int) -> None:
        self.sent = sent
        self.waits = False
        self._send = sock.send
        self._on_sent = on_sent
        self._unsent = memoryview(b"")
        self._watcher = hub.loop.io(sock.fileno(), _WRITABLE)

    def write(self, data: bytes) -> None:
        """Writes data, after what waits. Errors are left to whoever reads: an answer (413, 503) may explain them."""
        if self.waits:
            self._unsent = memoryview(bytes(self._unsent) + data)
            return
        try:
            count = self._send(data)
        except BlockingIOError:
            count = 0
        except OSError:
            return
        self.sent += count
        if count < len(data):
            self.waits = True
            self._unsent = memoryview(data)[count:]
            self._watcher.start(self._on_writable)

    def close(self) -> None:
        """Writes no more; the socket is the caller's to close."""
        self._watcher.stop()
        self._watcher.close()
        self._on_sent = _nothing  # whose owner refers to this

    def _on_writable(self) -> None:
        try:
            count = self._send(self._unsent)
        except BlockingIOError:
            return
        except OSError:
            self._watcher.stop()
            return
        self.sent += count
        self._unsent = self._unsent[count:]
        if not self._unsent:
            self.waits = False
            self._watcher.stop()
            self._on_sent()


def _nothing() -> None:
    """Nobody waits any more."""
