"""The httpcore backend of one probe: resolve, connect, and note when."""

import asyncio
import socket
import time
from collections.abc import Iterable
from typing import Literal

import httpcore

from aimon.probes.network.connect import connect_first
from aimon.probes.network.marks import NetworkMarks
from aimon.probes.network.resolve import resolve
from aimon.probes.network.stream import SocketStream
from aimon.stamps import enable_stamps, keep_stamping

_FAMILIES = {None: socket.AF_UNSPEC, 4: socket.AF_INET, 6: socket.AF_INET6}


class NetworkBackend(httpcore.AsyncNetworkBackend):
    """Opens the connection of one call and writes its marks.

    Make one for each call, with an `httpcore.AsyncConnectionPool` of its own, so that every call pays for a
    fresh connection and the marks are its alone:

        marks = NetworkMarks()
        pool = httpcore.AsyncConnectionPool(ssl_context=context, network_backend=NetworkBackend(marks))
        with watch_lag(marks):
            async with pool, pool.stream("POST", url, …) as response: …

    httpcore's connect timeout limits the way to a usable connection as a whole: name, TCP, a proxy's tunnel,
    TLS.

    Args:
        marks: Filled in while the call runs.
        ip_version: 4 or 6 to use one only; `None` for whatever the host has.
        stamps: Whether to time arrivals by the kernel, where it can.
    """

    def __init__(self, marks: NetworkMarks, *, ip_version: Literal[4, 6] | None = None, stamps: bool = True) -> None:
        self._marks = marks
        self._family = _FAMILIES[ip_version]
        self._stamps = stamps

    async def connect_tcp(
        self,
        host: str,
        port: int,
        timeout: float | None = None,
        local_address: str | None = None,
        socket_options: Iterable[httpcore.SOCKET_OPTION] | None = None,
    ) -> SocketStream:
        """Connects to a host.

        Raises:
            ResolveError: Its name has no address.
            TCPError: None of its addresses accepts.
            httpcore.ConnectTimeout: `timeout` seconds have passed.
        """
        deadline = None if timeout is None else time.monotonic() + timeout
        options = tuple(socket_options or ())

        def open_socket(family: int) -> socket.socket:
            return _open(family, local_address, options, stamps=self._stamps)

        addresses, self._marks.dns = await resolve(host, port, self._family, timeout)
        remaining = None if deadline is None else deadline - time.monotonic()
        sock, address, self._marks.connect = await connect_first(addresses, open_socket, remaining, timeout)
        self._marks.address = address.sockaddr[0]
        try:
            return SocketStream(sock, self._marks, deadline)
        except BaseException:
            sock.close()
            raise

    async def sleep(self, seconds: float) -> None:
        """Waits, as httpcore does between retries."""
        await asyncio.sleep(seconds)


def _open(
    family: int, local_address: str | None, options: tuple[httpcore.SOCKET_OPTION, ...], *, stamps: bool
) -> socket.socket:
    sock = socket.socket(family, socket.SOCK_STREAM)
    try:
        sock.setblocking(False)
        # Head and body are written apart; Nagle's algorithm would hold the second back for a round trip.
        sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        if stamps:
            keep_stamping()
            enable_stamps(sock)
        for option in options:
            sock.setsockopt(*option)
        if local_address is not None:
            sock.bind((local_address, 0))
    except BaseException:
        sock.close()
        raise
    return sock
