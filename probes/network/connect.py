"""Connects to the first of several addresses that accepts (RFC 8305, "Happy Eyeballs").

A dead address must neither fail the call nor use up its time: the next attempt starts when the last one failed,
or after 0.25 s, and the first connection is used.
"""

import asyncio
import errno
import socket
import time
from collections.abc import Callable, Sequence
from typing import NamedTuple

from aimon.network import failures
from aimon.probes.network.errors import TCPError, TimedOutError
from aimon.probes.network.resolve import Address

# RFC 8305, section 5, "Connection Attempt Delay".
ATTEMPT_DELAY = 0.25

_IN_PROGRESS = {errno.EINPROGRESS, errno.EWOULDBLOCK}

SocketOpener = Callable[[int], socket.socket]


class Connected(NamedTuple):
    """A new connection: socket, peer address, and when it was established (seconds of `time.monotonic()`)."""

    sock: socket.socket
    address: Address
    at: float


async def connect_first(
    addresses: Sequence[Address], open_socket: SocketOpener, timeout: float | None, limit: float | None = None
) -> Connected:
    """Connects to the first address that accepts.

    Args:
        addresses: Where to try, in this order; at least one.
        open_socket: Makes a non-blocking socket of a family.
        timeout: Seconds for all attempts together; `None` for the system's timeout.
        limit: The timeout in messages, if name resolution has used a part of it.

    Returns:
        The connection; the caller closes its socket.

    Raises:
        TCPError: Every address failed; the message says how.
        httpcore2.ConnectTimeout: No address answered in time.
    """
    race = _Race(addresses, open_socket, timeout, limit)
    try:
        winner = await race.winner
    except BaseException:
        # If the task is cancelled after the race ended and before it resumes, the connection is closed.
        race.end(None)
        raise
    race.end(winner.sock)
    return winner


class _Race:
    """Connection attempts on non-blocking sockets by callbacks of the event loop; a task for each would cost more."""

    def __init__(
        self, addresses: Sequence[Address], open_socket: SocketOpener, timeout: float | None, limit: float | None
    ) -> None:
        self._loop = asyncio.get_running_loop()
        self.winner: asyncio.Future[Connected] = self._loop.create_future()
        self._untried = iter(addresses)
        self._open_socket = open_socket
        self._sockets: dict[socket.socket, Address] = {}
        self._failures: list[tuple[Address, int]] = []
        self._next: asyncio.TimerHandle | None = None
        self._limit: asyncio.TimerHandle | None = None
        if timeout is not None:
            self._limit = self._loop.call_later(max(0.0, timeout), self._expire, timeout if limit is None else limit)
        self._try_next()

    def end(self, winner: socket.socket | None) -> None:
        """Stops all attempts and closes their sockets, except the connected one."""
        for timer in (self._next, self._limit):
            if timer is not None:
                timer.cancel()
        for sock in self._sockets:
            self._loop.remove_writer(sock.fileno())
            if sock is not winner:
                sock.close()

    def _try_next(self) -> None:
        """Starts the next attempt; if no address is left and none is pending, the failures are the result."""
        if self.winner.done():
            return
        if self._next is not None:
            self._next.cancel()
        for address in self._untried:
            try:
                sock = self._open_socket(address.family)
            except OSError as error:
                self._failures.append((address, error.errno or 0))
                continue
            self._sockets[sock] = address
            code = sock.connect_ex(address.sockaddr)
            if code in _IN_PROGRESS:
                self._loop.add_writer(sock.fileno(), self._settle, sock)  # the number is cheaper: see SocketStream
                self._next = self._loop.call_later(ATTEMPT_DELAY, self._try_next)
                return
            if code == 0:
                self._win(sock)
                return
            self._lose(sock, code)
        if not self._sockets:
            self.winner.set_exception(TCPError(failures.not_connected(self._failures)))

    def _settle(self, sock: socket.socket) -> None:
        """Handles the end of an attempt."""
        if self.winner.done():
            return
        code = sock.getsockopt(socket.SOL_SOCKET, socket.SO_ERROR)
        if code == 0:
            self._win(sock)
            return
        self._loop.remove_writer(sock.fileno())
        self._lose(sock, code)
        self._try_next()

    def _win(self, sock: socket.socket) -> None:
        self.winner.set_result(Connected(sock, self._sockets[sock], time.monotonic()))

    def _lose(self, sock: socket.socket, code: int) -> None:
        self._failures.append((self._sockets.pop(sock), code))
        sock.close()

    def _expire(self, limit: float) -> None:
        if self.winner.done():
            return
        waiting = ", ".join(map(str, self._sockets.values()))
        self.winner.set_exception(TimedOutError(failures.not_connected_in_time(waiting, limit, self._failures)))
