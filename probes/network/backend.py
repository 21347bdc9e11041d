"""The httpcore2 backend of one probe: resolves and connects, and records the time of each."""

import asyncio
import socket
import ssl
import time
from collections.abc import Iterable
from typing import Literal

import httpcore2

from aimon.network.kernel_timestamps import enable_stamps, keep_stamping
from aimon.network.proxy import Proxy
from aimon.probes.network.connect import connect_first
from aimon.probes.network.marks import NetworkMarks
from aimon.probes.network.resolve import resolve
from aimon.probes.network.stream import SocketStream
from aimon.probes.network.tunnel import open_tunnel

_FAMILIES = {None: socket.AF_UNSPEC, 4: socket.AF_INET, 6: socket.AF_INET6}


class NetworkBackend(httpcore2.AsyncNetworkBackend):
    """Opens the connection of one call and records its marks.

    Create one for each call, with an `httpcore2.AsyncConnectionPool` of its own, so that every call opens a fresh
    connection and has its own marks:

        marks = NetworkMarks()
        pool = httpcore2.AsyncConnectionPool(ssl_context=context, network_backend=NetworkBackend(marks))
        with watch_lag(marks):
            async with pool, pool.stream("POST", url, …) as response: …

    httpcore2's connect timeout limits the whole set-up of a connection: name resolution, TCP, a proxy's tunnel, TLS.

    Args:
        marks: Filled in while the call runs.
        ip_version: 4 or 6 to use one only; `None` for both.
        stamps: Whether to use the kernel's receive timestamps, if available.
        tunnel: A proxy to open tunnels through; to httpcore2 the connections look direct. Requests that a proxy
            forwards itself (`Proxy.relays`) are handled by httpcore2.
        trust: The TLS context for a proxy that is reached over TLS.
    """

    def __init__(
        self,
        marks: NetworkMarks,
        *,
        ip_version: Literal[4, 6] | None = None,
        stamps: bool = True,
        tunnel: Proxy | None = None,
        trust: ssl.SSLContext | None = None,
    ) -> None:
        self._marks = marks
        self._family = _FAMILIES[ip_version]
        self._stamps = stamps
        self._tunnel = tunnel
        self._trust = trust

    async def connect_tcp(
        self,
        host: str,
        port: int,
        timeout: float | None = None,
        local_address: str | None = None,
        socket_options: Iterable[httpcore2.SOCKET_OPTION] | None = None,
    ) -> httpcore2.AsyncNetworkStream:
        """Connects to a host, through the tunnel if there is one.

        Raises:
            ResolveError: Its name, or the proxy's, does not resolve.
            TCPError: None of its addresses accepts.
            ProxyError: The proxy refuses the tunnel.
            TLSError: The TLS handshake with the proxy failed.
            httpcore2.ConnectTimeout: `timeout` seconds have passed.
        """
        deadline = None if timeout is None else time.monotonic() + timeout
        proxy = self._tunnel
        if proxy is None:
            return await self._open(host, port, timeout, deadline, local_address, socket_options)
        stream: httpcore2.AsyncNetworkStream = await self._open(
            proxy.host, proxy.port, timeout, deadline, local_address, socket_options
        )
        try:
            if proxy.scheme == "https":
                stream = await stream.start_tls(self._trust or ssl.create_default_context(), proxy.host, timeout)
            await open_tunnel(stream, proxy, host, port, deadline)
        except BaseException:  # on cancellation too: only this function has the stream
            await stream.aclose()
            raise
        return stream

    async def _open(
        self,
        host: str,
        port: int,
        timeout: float | None,
        deadline: float | None,
        local_address: str | None,
        socket_options: Iterable[httpcore2.SOCKET_OPTION] | None,
    ) -> SocketStream:
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
        """Waits, as httpcore2 does between retries."""
        await asyncio.sleep(seconds)


def _open(
    family: int, local_address: str | None, options: tuple[httpcore2.SOCKET_OPTION, ...], *, stamps: bool
) -> socket.socket:
    sock = socket.socket(family, socket.SOCK_STREAM)
    try:
        sock.setblocking(False)
        # Head and body are written separately; Nagle's algorithm would delay the second for a round trip.
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
