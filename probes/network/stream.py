"""A TCP connection that reads as early as possible and records when the bytes arrived."""

import asyncio
import math
import socket
import ssl
import time
from collections import deque
from collections.abc import Callable
from typing import Any, NamedTuple

import httpcore2

from aimon.formatting import format_number
from aimon.network import failures
from aimon.probes.network.errors import BrokenError
from aimon.probes.network.marks import NetworkMarks
from aimon.probes.network.receive_clock import StampClock, receive
from aimon.probes.network.tls import TLSStream, start_tls

READ_BYTES = 64 * 1024
# Above this, reading pauses, so that the kernel's buffer fills and the sender waits.
BUFFER_BYTES = 4 * READ_BYTES


class _Chunk(NamedTuple):
    """The bytes of one read of the socket; empty at the end of the stream."""

    data: bytes
    received: float
    stamp: float | None


class SocketStream(httpcore2.AsyncNetworkStream):
    """An httpcore2 stream on a connected non-blocking socket that it owns.

    It reads without waiting for `read` to be called: a read of several segments has only the last one's timestamp, so
    early reads are more exact. The chunks are buffered with their times; the time of a chunk is recorded in the marks
    when `read` returns it.

    Args:
        sock: The socket.
        marks: Records writes and arrivals.
        deadline: When TLS must be established (seconds of `time.monotonic()`).
    """

    def __init__(self, sock: socket.socket, marks: NetworkMarks, deadline: float | None) -> None:
        self._loop = asyncio.get_running_loop()
        self._sock = sock
        # A socket that asyncio does not know yet makes it word an error with both addresses, two system calls.
        self._fd = sock.fileno()
        self._marks = marks
        self._deadline = deadline
        self._clock = StampClock(-math.inf if marks.dns is None else marks.dns)
        self._chunks: deque[_Chunk] = deque()
        self._buffered = 0
        self._reading = False
        self._ended = False
        self._fault: OSError | None = None
        self._reader: asyncio.Future[None] | None = None
        self._writer: asyncio.Future[None] | None = None
        self._resume()

    async def read(self, max_bytes: int, timeout: float | None = None) -> bytes:
        """Returns the bytes of one read of the socket, at most `max_bytes`; empty at the end of the stream.

        Raises:
            httpcore2.ReadTimeout: Nothing arrived in `timeout` seconds.
            httpcore2.ReadError: The connection broke or was closed.
        """
        if not self._chunks and not self._ended:
            await self._until_readable(timeout)
        if not self._chunks:
            if self._fault is not None:
                raise BrokenError(self._fault) from self._fault
            return b""  # the end of the stream, again
        chunk = self._chunks.popleft()
        data = chunk.data
        if len(data) > max_bytes:
            self._chunks.appendleft(chunk._replace(data=data[max_bytes:]))
            data = data[:max_bytes]
        self._buffered -= len(data)
        if not self._reading and not self._ended and self._buffered < BUFFER_BYTES:
            self._resume()
        self._marks.read(chunk.received, chunk.stamp)
        self._marks.ended = self._marks.ended or not data
        return data

    async def write(self, buffer: bytes, timeout: float | None = None) -> None:
        """Writes all of `buffer` to the socket.

        Raises:
            httpcore2.WriteTimeout: The peer did not receive it within `timeout` seconds.
            httpcore2.WriteError: The connection broke or was closed.
        """
        rest = memoryview(buffer)
        deadline = None if timeout is None else time.monotonic() + timeout
        while rest:
            # Read before the call, since the answer may arrive before it returns.
            at = time.monotonic()
            try:
                rest = rest[self._sock.send(rest) :]
            except BlockingIOError:
                await self._until_writable(deadline, timeout)
            except OSError as error:
                raise httpcore2.WriteError(failures.words(error)) from error
            else:
                self._marks.wrote(at)

    async def start_tls(
        self, ssl_context: ssl.SSLContext, server_hostname: str | None = None, timeout: float | None = None
    ) -> TLSStream:
        """Starts TLS; see `aimon.probes.network.tls.start_tls`."""
        return await start_tls(
            self, ssl_context, server_hostname, marks=self._marks, timeout=timeout, deadline=self._deadline
        )

    async def aclose(self) -> None:
        """Closes the connection at once; a pending read or write fails."""
        if self._sock.fileno() < 0:
            return
        self._ended = True
        self._pause()
        self._loop.remove_writer(self._fd)
        self._sock.close()
        for waiter, error in ((self._reader, httpcore2.ReadError), (self._writer, httpcore2.WriteError)):
            if waiter is not None:
                _settle(waiter, error("the connection was closed"))

    def get_extra_info(self, info: str) -> Any:
        """The values that httpcore2 uses: `socket`, `client_addr`, `server_addr`, `is_readable`."""
        match info:
            case "socket":
                return self._sock
            case "client_addr":
                return self._sock.getsockname()
            case "server_addr":
                return self._sock.getpeername()
            case "is_readable":
                return bool(self._chunks) or self._ended
            case _:
                return None

    def _resume(self) -> None:
        self._loop.add_reader(self._fd, self._receive)
        self._reading = True

    def _pause(self) -> None:
        if self._reading:
            self._loop.remove_reader(self._fd)
            self._reading = False

    def _receive(self) -> None:
        """Reads one chunk with its time; called by the loop when the socket is readable."""
        data = b""
        try:
            data, stamp = receive(self._sock, READ_BYTES)
        except (BlockingIOError, InterruptedError):  # a spurious wake-up
            return
        except OSError as error:
            self._fault = error
        else:
            times = (time.monotonic(), None) if stamp is None else self._clock.convert(stamp)
            self._chunks.append(_Chunk(data, *times))
            self._buffered += len(data)
        self._ended = not data
        if self._ended or self._buffered >= BUFFER_BYTES:
            self._pause()
        if self._reader is not None:
            _settle(self._reader)

    async def _until_readable(self, timeout: float | None) -> None:
        self._reader = self._loop.create_future()
        try:
            await _limited(
                self._reader,
                timeout,
                lambda: httpcore2.ReadTimeout(f"nothing arrived within {format_number(timeout or 0.0)} s"),
            )
        finally:
            self._reader = None

    async def _until_writable(self, deadline: float | None, timeout: float | None) -> None:
        self._writer = self._loop.create_future()
        self._loop.add_writer(self._fd, _settle, self._writer)
        try:
            await _limited(
                self._writer,
                None if deadline is None else deadline - time.monotonic(),
                lambda: httpcore2.WriteTimeout(f"the request was not taken within {format_number(timeout or 0.0)} s"),
            )
        finally:
            self._writer = None
            if self._sock.fileno() >= 0:
                self._loop.remove_writer(self._fd)


async def _limited(waiter: asyncio.Future[None], timeout: float | None, expired: Callable[[], Exception]) -> None:
    """Waits for a future with a time limit; a timer of the loop costs less than `asyncio.timeout`."""
    if timeout is None:
        await waiter
        return
    timer = waiter.get_loop().call_later(max(0.0, timeout), lambda: _settle(waiter, expired()))
    try:
        await waiter
    finally:
        timer.cancel()


def _settle(waiter: asyncio.Future[None], error: Exception | None = None) -> None:
    if waiter.done():
        return
    if error is None:
        waiter.set_result(None)
    else:
        waiter.set_exception(error)
