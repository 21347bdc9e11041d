"""From a route to a connection: name, TCP, the proxy's tunnel, TLS. The caller's greenlet waits, nobody else.

All of it together has the call's connect limit. Each step that ends leaves its mark on the Exchange.
"""

from __future__ import annotations

import errno
import socket
import ssl
from contextlib import suppress
from functools import partial
from time import monotonic
from typing import TYPE_CHECKING

import gevent
from gevent import monkey
from gevent.socket import wait_read, wait_write

from aimon.call.failure import Failure
from aimon.call.outcome import Outcome
from aimon.loadtests.engine.connection import Connection, Peer
from aimon.loadtests.engine.network import tls
from aimon.loadtests.engine.network.receive_clock import ReceiveClock
from aimon.loadtests.engine.network.resolve import Resolver
from aimon.network import failures, socks
from aimon.network import proxy as proxies
from aimon.network.kernel_timestamps import enable_stamps, keep_stamping
from aimon.network.tls_context import ssl_context

if TYPE_CHECKING:
    from collections.abc import Callable

    from aimon.config.endpoint import Transport
    from aimon.exchange.exchange import Exchange
    from aimon.loadtests.engine.network.http_request import Route
    from aimon.loadtests.engine.network.resolve import Address
    from aimon.network.proxy import Proxy

_READ_BYTES = 1 << 16
# An address that does not answer must not eat the time of the next one.
_NEXT_ADDRESS = 1.0

# The blocking-free socket of the standard library, whether or not gevent's patches are in.
_Socket: type[socket.socket] = monkey.get_original("socket", "socket")


class DialError(Exception):
    """There is no connection; `failure` says why."""

    def __init__(self, failure: Failure) -> None:
        super().__init__(failure.message)
        self.failure = failure


class Dialer:
    """Makes the connections of one client.

    Args:
        transport: proxy, trusted certificates and address family. HTTP/2 is not spoken.
        stamps: whether to time arrivals by the kernel, where it can.

    Raises:
        OSError: the transport's `ca_file` can't be read; `ssl.SSLError`: it holds no certificate.
    """

    def __init__(self, transport: Transport, *, stamps: bool = True) -> None:
        self._transport = transport
        self._stamps = stamps
        self._clock = ReceiveClock()
        if stamps:
            keep_stamping()
        self._resolver = Resolver(transport.ip)
        if transport.ca_file is not None:
            self._tls_context()

    def dial(self, route: Route, exchange: Exchange) -> Connection:
        """A new connection for this exchange.

        Raises:
            DialError: there is none, or not within the limit.
        """
        due, _ = exchange.deadline()
        limit = gevent.Timeout(max(0.0, due - monotonic()))
        steps: list[Callable[[float], Failure]] = [_no_tunnel]
        limit.start()
        try:
            return self._dial(route, exchange, steps)
        except DialError as error:
            if route.proxy is None:
                raise
            raise DialError(failures.through(route.proxy, error.failure)) from error
        except gevent.Timeout as timeout:
            if timeout is not limit:
                raise
            raise DialError(failures.through(route.proxy, steps[-1](due - exchange.started))) from None
        finally:
            limit.close()

    def _dial(self, route: Route, exchange: Exchange, steps: list[Callable[[float], Failure]]) -> Connection:
        host, port = (route.proxy.host, route.proxy.port) if route.proxy else (route.host, route.port)
        addresses = self._resolver.known(host, port)
        if addresses is None:
            steps.append(partial(failures.not_resolved_in_time, host))
            addresses = _resolved(self._resolver, host, port)
            exchange.dns = monotonic()
        sock, address = _connected(addresses, steps)
        exchange.connect = monotonic()
        try:
            stream = _BlockingStream(sock)
            if route.proxy:
                steps.append(_no_tunnel)
                self._open_tunnel(route.proxy, route, stream)
            if route.scheme == "https":
                steps.append(partial(failures.not_secured_in_time, route.host))
                stream.secure(self._tls_context(), route.host)
                exchange.tls = monotonic()
            session = stream.session
            clock = self._clock if self._stamps and enable_stamps(sock) else None
            peer = Peer(address) if session is None else Peer(address, session.version, session.certificate_expiry)
            return Connection(sock, session, clock, peer, sent=stream.sent)
        except BaseException as error:
            sock.close()
            if isinstance(error, OSError):
                raise DialError(failures.ended(headed=False, error=error)) from error
            raise

    def _open_tunnel(self, proxy: Proxy, route: Route, stream: _BlockingStream) -> None:
        """Through the proxy: TLS with itself if it wants that, and a tunnel unless it relays requests."""
        if proxy.scheme == "https":
            stream.secure(self._tls_context(), proxy.host)
        if route.relayed:
            return
        try:
            if proxy.scheme == "socks5":
                _socks(proxy, route, stream)
            else:
                _connect_through(proxy, route, stream)
        except proxies.ProxyError as error:
            raise DialError(Failure(Outcome.CONNECT, str(error), error.reason)) from error

    def _tls_context(self) -> ssl.SSLContext:
        return ssl_context(self._transport.ca_file, "http/1.1")


def _no_tunnel(_: float) -> Failure:
    return failures.no_tunnel_in_time()


def _resolved(resolver: Resolver, host: str, port: int) -> list[Address]:
    try:
        return resolver.ask(host, port)
    except (OSError, UnicodeError) as error:
        raise DialError(failures.not_resolved(host, error, resolver.family)) from error


def _connected(addresses: list[Address], steps: list[Callable[[float], Failure]]) -> tuple[socket.socket, str]:
    """The first address that accepts, one after the other, none of them with all of the time."""
    failed: list[tuple[object, int]] = []
    for address in addresses:
        shown = failures.shown_address(*address)
        steps.append(partial(failures.not_connected_in_time, shown))
        try:
            sock = _Socket(address.family, socket.SOCK_STREAM)
        except OSError as error:
            failed.append((shown, error.errno or 0))
            continue
        try:
            sock.setblocking(False)
            # Nagle's algorithm would hold back the last part of a large prompt for a round trip.
            sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            code = _connect(sock, address, last=address is addresses[-1])
        except BaseException:
            sock.close()
            raise
        if code == 0:
            return sock, str(address.sockaddr[0])
        sock.close()
        failed.append((shown, code))
    raise DialError(failures.not_connected(failed))


def _connect(sock: socket.socket, address: Address, *, last: bool) -> int:
    code = sock.connect_ex(address.sockaddr)
    if code != errno.EINPROGRESS:
        return code
    try:
        wait_write(sock.fileno(), timeout=None if last else _NEXT_ADDRESS, timeout_exc=TimeoutError())
    except TimeoutError:
        return errno.ETIMEDOUT
    return sock.getsockopt(socket.SOL_SOCKET, socket.SO_ERROR)


def _connect_through(proxy: Proxy, route: Route, stream: _BlockingStream) -> None:
    """Asks an HTTP proxy to pass bytes on, both ways."""
    stream.send(proxies.connect_request(proxy, route.authority))
    answer = b""
    while not proxies.check_tunnel(answer, route.authority, proxy):
        received = stream.receive()
        if not received:
            raise proxies.ProxyError("it closed the connection")
        answer += received


def _socks(proxy: Proxy, route: Route, stream: _BlockingStream) -> None:
    """Asks a SOCKS proxy for the same."""
    handshake = socks.handshake(proxy, route.host, route.port)
    step = next(handshake)
    received = b""
    while True:
        if step.send:
            stream.send(step.send)
        while len(received) < step.expect:
            more = stream.receive()
            if not more:
                raise proxies.ProxyError("it closed the connection")
            received += more
        answer, received = received[: step.expect], received[step.expect :]
        try:
            step = handshake.send(answer)
        except StopIteration:
            return


class _BlockingStream:
    """A connected socket, blocking for the greenlet that uses it.

    Attributes:
        sent: bytes written so far.
        session: the innermost TLS session.
    """

    def __init__(self, sock: socket.socket) -> None:
        self._sock = sock
        self.session: tls.Tls | None = None
        self.sent = 0

    def secure(self, trust: ssl.SSLContext, host: str) -> None:
        """Starts TLS, inside the session that there is.

        Raises:
            DialError: the handshake failed.
        """
        session = tls.Tls(trust, host, self.session)
        try:
            done = session.handshake(b"")
            while not done:
                self._write(session.to_send())
                if not (received := self._read()):
                    raise DialError(failures.handshake_broken(host))
                done = session.handshake(received)
            self._write(session.to_send())
        except ssl.SSLError as error:
            # The alert tells the server why we leave; that it can't be sent changes nothing for us.
            with suppress(OSError):
                self._write(session.to_send())
            raise DialError(failures.not_secured(host, error)) from error
        except OSError as error:
            raise DialError(failures.handshake_broken(host, failures.words(error))) from error
        self.session = session

    def send(self, data: bytes) -> None:
        """Writes all of it."""
        self._write(self.session.send(data) if self.session else data)

    def receive(self) -> bytes:
        """The next bytes; empty at the end."""
        while received := self._read():
            if plain := self.session.receive(received) if self.session else received:
                return plain
        return b""

    def _write(self, data: bytes) -> None:
        rest = memoryview(data)
        while rest:
            try:
                count = self._sock.send(rest)
            except BlockingIOError:
                wait_write(self._sock.fileno())
                continue
            self.sent += count
            rest = rest[count:]

    def _read(self) -> bytes:
        while True:
            try:
                return self._sock.recv(_READ_BYTES)
            except BlockingIOError:
                wait_read(self._sock.fileno())
