"""The connection of `service_client`: limits time and bytes, supports proxies, sends each request in one write."""

from __future__ import annotations

import errno
import http.client
import io
import socket
import ssl
import time
from dataclasses import dataclass
from threading import Thread
from typing import TYPE_CHECKING, Any, Final

from aimon.network import proxy as proxies
from aimon.network import socks
from aimon.network.tls_context import ssl_context

if TYPE_CHECKING:
    from aimon.network.address import HttpAddress
    from aimon.network.proxy import Proxy

_HEAD_BYTES: Final = 1 << 16
_PIECE: Final = 1 << 16


class Wire(http.client.HTTPConnection):
    """One connection; `begin` gives each request its limits.

    Args:
        address: of the server.
        proxy: the proxy to use; None for a direct connection.
    """

    def __init__(self, address: HttpAddress, proxy: Proxy | None) -> None:
        super().__init__(address.host, address.port)
        self.default_port = 443 if address.scheme == "https" else 80
        self.proxy = proxy
        self._scheme = address.scheme
        self._deadline = 0.0
        self._budget = self._max_bytes = 0
        self._held: list[bytes] | None = None

    def begin(self, timeout: float, max_bytes: int) -> None:
        """Sets the limits of the next request: `timeout` seconds, and `max_bytes` of answer in addition to the head."""
        self._deadline = time.monotonic() + timeout
        self._max_bytes = max_bytes
        self._budget = max_bytes + _HEAD_BYTES

    def remaining(self) -> float:
        """Seconds left.

        Raises:
            TimeoutError: no time is left.
        """
        left = self._deadline - time.monotonic()
        if left <= 0:
            raise TimeoutError
        return left

    def spend(self, count: int) -> None:
        """Counts bytes of an answer.

        Raises:
            OSError: the limit is exceeded.
        """
        self._budget -= count
        if self._budget < 0:
            raise self.too_large()

    def too_large(self) -> OSError:
        """The error of an answer that exceeds the size limit."""
        return OSError(errno.EMSGSIZE, f"its answer has more than {self._max_bytes:,} bytes")

    def connect(self) -> None:
        """Resolves the name, connects, opens the proxy's tunnel, starts TLS."""
        proxy = self.proxy
        host, port = (self.host, self.port) if proxy is None else (proxy.host, proxy.port)
        self.sock = _dial(host, port, self)
        self.sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        if proxy is not None:
            if proxy.scheme == "https":
                self._secure(proxy.host)
            if not proxy.relays(self._scheme):
                self._tunnel_through(proxy)
        if self._scheme == "https":
            if isinstance(self.sock, ssl.SSLSocket):
                raise proxies.ProxyError("TLS inside of TLS is for probes and load tests alone: give an http:// proxy")
            self._secure(self.host)

    def request(self, *arguments: Any, **options: Any) -> None:
        """Like HTTPConnection.request for a body of bytes, but sent in one write."""
        held = self._held = []
        try:
            super().request(*arguments, **options)
        finally:
            self._held = None
        self.send(b"".join(held))

    def send(self, data: Any) -> None:
        """Like HTTPConnection.send, but buffers within `request`."""
        if self._held is not None:
            self._held.append(bytes(data))
            return
        if self.sock is None:
            self.connect()
        self._write(data)

    def response_class(self, sock: socket.socket, **options: Any) -> http.client.HTTPResponse:  # type: ignore[override]
        """Makes an answer that keeps the limits; called by HTTPConnection."""
        return http.client.HTTPResponse(_Source(sock, self), **options)  # type: ignore[arg-type]

    def _write(self, data: bytes) -> None:
        sock = self.sock
        if not isinstance(sock, ssl.SSLSocket):
            # One time limit for the whole request; sendall of a TLS socket would apply it to each record.
            sock.settimeout(self.remaining())
            sock.sendall(data)
            return
        rest = memoryview(data)
        while rest:
            sock.settimeout(self.remaining())
            rest = rest[sock.send(rest[:_PIECE]) :]

    def _secure(self, host: str) -> None:
        self.sock.settimeout(self.remaining())
        # Not the probes' context, whose ALPN httpcore2 sets: the server must not choose HTTP/2.
        self.sock = ssl_context(None, "http/1.1").wrap_socket(self.sock, server_hostname=host)

    def _tunnel_through(self, proxy: Proxy) -> None:
        if proxy.scheme == "socks5":
            conversation = socks.handshake(proxy, self.host, self.port)
            step = next(conversation)
            while True:
                self._write(step.send)
                try:
                    step = conversation.send(self._exactly(step.expect))
                except StopIteration:
                    return
        authority = f"[{self.host}]:{self.port}" if ":" in self.host else f"{self.host}:{self.port}"
        self._write(proxies.connect_request(proxy, authority))
        answer = b""
        # Byte by byte, since bytes after the head belong to the tunnel.
        while not proxies.check_tunnel(answer, authority, proxy):
            answer += self._exactly(1)

    def _exactly(self, count: int) -> bytes:
        received = b""
        while len(received) < count:
            self.sock.settimeout(self.remaining())
            part = self.sock.recv(count - len(received))
            if not part:
                raise proxies.ProxyError("it closed the connection")
            received += part
        return received


@dataclass(frozen=True, slots=True)
class _Source:
    """Replaces the socket that HTTPResponse reads from."""

    sock: socket.socket
    wire: Wire

    def makefile(self, *_: Any, **__: Any) -> io.BufferedReader:
        return io.BufferedReader(_Bounded(self.sock, self.wire), _PIECE)


class _Bounded(io.RawIOBase):
    """The bytes of a socket, until the time or size limit is reached."""

    def __init__(self, sock: socket.socket, wire: Wire) -> None:
        super().__init__()
        # It keeps the socket open for an answer that is read after the connection was closed.
        self._raw = sock.makefile("rb", buffering=0)
        self._sock = sock
        self._wire = wire

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int | None:
        self._sock.settimeout(self._wire.remaining())
        count = self._raw.readinto(buffer)
        self._wire.spend(count or 0)
        return count

    def close(self) -> None:
        self._raw.close()
        super().close()


def _dial(host: str, port: int, wire: Wire) -> socket.socket:
    """Connects to the first address that accepts."""
    addresses = _resolved(host, port, wire.remaining())
    for i, (family, kind, protocol, _, address) in enumerate(addresses):
        last = i == len(addresses) - 1
        sock = socket.socket(family, kind, protocol)
        try:
            # An address that does not answer must not use up the time of the next one.
            sock.settimeout(wire.remaining() if last else wire.remaining() / 2)
            sock.connect(address)
        except OSError:
            sock.close()
            if last:
                raise
        else:
            return sock
    raise OSError("no address is known by that name")


_Found = list[tuple[Any, ...]]


def _resolved(host: str, port: int, timeout: float) -> _Found:
    """The addresses of a host. The system's resolver can't be interrupted: on timeout its thread is abandoned."""
    found: list[_Found | Exception] = []

    def ask() -> None:
        try:
            found.append(list(socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)))
        except (OSError, UnicodeError) as error:
            found.append(error)

    thread = Thread(target=ask, name=f"resolve {host}", daemon=True)
    thread.start()
    thread.join(timeout)
    if not found:
        raise TimeoutError
    if isinstance(found[0], Exception):
        raise found[0]
    return found[0]
