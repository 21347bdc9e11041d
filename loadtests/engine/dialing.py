"""Opens connections: name resolution, TCP, the proxy's tunnel, TLS. Only the calling greenlet waits.

The call's connect timeout covers all steps together. The end of each step is recorded in the Exchange.
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
    from aimon.loadtests.engine.loop_turn import LoopTurn
    from aimon.loadtests.engine.network.http_request import Route
    from aimon.loadtests.engine.network.resolve import Address
    from aimon.network.proxy import Proxy

_READ_BYTES = 1 << 16
# Seconds for an address when there is another: one that does not answer must leave time for the next.
_NEXT_ADDRESS = 1.0

# The standard library's socket, whether or not gevent's patches are active.
_Socket: type[socket.socket] = monkey.get_original("socket", "socket")


class DialError(Exception):
    """No connection could be opened; `failure` says why."""

    def __init__(self, failure: Failure) -> None:
        super().__init__(failure.message)
        self.failure = failure


class Dialer:
    """Opens the connections of one client.

    Args:
        transport: proxy, trusted certificates and address family. HTTP/2 is not supported.
        turn: of the loop, for the connections.
        stamps: whether to use the kernel's receive timestamps where available.

    Raises:
        OSError: the transport's `ca_file` can't be read; `ssl.SSLError`: it holds no certificate.
    """

    def __init__(self, transport: Transport, turn: LoopTurn, *, stamps: bool = True) -> None:
        self._transport = transport
        self._turn = turn
        self._stamps = stamps
        self._clock = ReceiveClock()
        if stamps:
            keep_stamping()
        self._resolver = Resolver(transport.ip)
        if transport.ca_file is not None:
            self._tls_context()

    def dial(self, route: Route, exchange: Exchange) -> Connection:
        """Opens a connection for this exchange.

        Raises:
            DialError: it failed or took too long.
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
            return Connection(sock, session, clock, peer, self._turn, sent=stream.sent)
        except BaseException as error:
            sock.close()
            if isinstance(error, OSError):
                raise DialError(failures.ended(headed=False, error=error)) from error
            raise

    def _open_tunnel(self, proxy: Proxy, route: Route, stream: _BlockingStream) -> None:
        """Prepares the way through a proxy: TLS to an https proxy, and a tunnel unless it relays requests."""
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
    """Tries the addresses in turn until one accepts; all but the last have a limited time."""
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
            # Nagle's algorithm would delay the last part of a large prompt by a round trip.
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
    """Opens a tunnel through an HTTP proxy."""
    stream.send(proxies.connect_request(proxy, route.authority))
    answer = b""
    while not proxies.check_tunnel(answer, route.authority, proxy):
        received = stream.receive()
        if not received:
            raise proxies.ProxyError("it closed the connection")
        answer += received


def _socks(proxy: Proxy, route: Route, stream: _BlockingStream) -> None:
    """Opens a tunnel through a SOCKS proxy."""
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
    """A connected socket whose calls block the calling greenlet only.

    Attributes:
        sent: bytes sent so far.
        session: the innermost TLS session, or None.
    """

    def __init__(self, sock: socket.socket) -> None:
        self._sock = sock
        self.session: tls.Tls | None = None
        self.sent = 0

    def secure(self, context: ssl.SSLContext, host: str) -> None:
        """Performs a TLS handshake, inside the current session if there is one.

        Raises:
            DialError: the handshake failed.
        """
        session = tls.Tls(context, host, self.session)
        try:
            done = session.handshake(b"")
            while not done:
                self._write(session.to_send())
                if not (received := self._read()):
                    raise DialError(failures.handshake_broken(host))
                done = session.handshake(received)
            self._write(session.to_send())
        except ssl.SSLError as error:
            # Tell the server why in an alert, if it can still be sent.
            with suppress(OSError):
                self._write(session.to_send())
            raise DialError(failures.not_secured(host, error)) from error
        except OSError as error:
            raise DialError(failures.handshake_broken(host, failures.words(error))) from error
        self.session = session

    def send(self, data: bytes) -> None:
        """Sends all of it."""
        self._write(self.session.send(data) if self.session else data)

    def receive(self) -> bytes:
        """The next bytes; empty at end of file."""
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
