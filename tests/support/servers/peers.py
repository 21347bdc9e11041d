"""Small servers on loopback for tests of the network layer, each connection served by a plain blocking function."""

from __future__ import annotations

import contextlib
import gc
import select
import socket
import struct
from dataclasses import dataclass, field
from pathlib import Path
from threading import Event, Thread
from typing import TYPE_CHECKING, Self

from aimon.network.kernel_timestamps import keep_stamping

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

ANSWER = b"HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\npong"
DESCRIPTORS = Path("/dev/fd")
# A test that waits longer than this for its peer has failed.
PATIENCE = 10.0


@dataclass
class Peer:
    """A listening socket whose connections `serve` handles, one thread each.

    Attributes:
        served: set whenever a connection has been handled and closed.
        faults: what went wrong in handlers, raised at the end.
    """

    serve: Callable[[socket.socket], None]
    host: str = "127.0.0.1"
    served: Event = field(default_factory=Event)
    faults: list[BaseException] = field(default_factory=list)

    def __enter__(self) -> Self:
        family = socket.AF_INET6 if ":" in self.host else socket.AF_INET
        self._listener = socket.create_server((self.host, 0), family=family)
        self.port: int = self._listener.getsockname()[1]
        self._threads = [Thread(target=self._accept)]
        self._threads[0].start()
        return self

    def __exit__(self, *_: object) -> None:
        # On Linux closing a socket does not wake a thread that accepts on it; shutting it down does.
        self._listener.shutdown(socket.SHUT_RDWR)
        for thread in self._threads:
            thread.join(PATIENCE)
        self._listener.close()
        for fault in self.faults:
            raise fault

    def _accept(self) -> None:
        while True:
            try:
                connection, _ = self._listener.accept()
            except OSError:  # the end of the test
                return
            thread = Thread(target=self._handle, args=(connection,))
            self._threads.append(thread)
            thread.start()

    def _handle(self, connection: socket.socket) -> None:
        connection.settimeout(PATIENCE)
        try:
            self.serve(connection)
        except BaseException as error:  # noqa: BLE001 - raised in the test's own thread
            self.faults.append(error)
        finally:
            connection.close()
            self.served.set()


def read_head(connection: socket.socket) -> bytes:
    """Reads up to and including the blank line that ends a head without a body."""
    head = b""
    while not head.endswith(b"\r\n\r\n") and (data := connection.recv(1)):
        head += data
    return head


def answer(connection: socket.socket) -> None:
    """Answers one request that has no body, and waits until the client leaves."""
    read_head(connection)
    connection.sendall(ANSWER)
    connection.recv(1)


def until_closed(connection: socket.socket) -> None:
    """Says nothing, and reads nothing but the end."""
    with contextlib.suppress(ConnectionResetError):
        while connection.recv(65536):
            pass


def deaf(release: Event) -> Callable[[socket.socket], None]:
    """A handler that takes nothing off the connection until it is released."""

    def handler(connection: socket.socket) -> None:
        release.wait(PATIENCE)

    return handler


def reset(connection: socket.socket) -> None:
    """Closes with RST instead of FIN."""
    connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    connection.close()


@contextlib.contextmanager
def nothing_left_open() -> Iterator[None]:
    """Whatever is done inside, as many descriptors are open at the end as at the beginning."""
    keep_stamping()  # stays open by design
    gc.collect()  # what earlier tests left would be closed meanwhile
    before = sum(1 for _ in DESCRIPTORS.iterdir())
    yield
    gc.collect()
    assert sum(1 for _ in DESCRIPTORS.iterdir()) == before


@contextlib.contextmanager
def unused_port() -> Iterator[int]:
    """A port that refuses: bound, so that nobody else gets it, but not listening."""
    with socket.socket() as sock:
        sock.bind(("127.0.0.1", 0))
        yield sock.getsockname()[1]


@contextlib.contextmanager
def black_hole() -> Iterator[int]:
    """A port whose handshakes never end: its queue of connections to accept is full."""
    with contextlib.ExitStack() as stack:
        listener = stack.enter_context(socket.socket())
        listener.bind(("127.0.0.1", 0))
        listener.listen(0)
        for _ in range(3):
            filler = stack.enter_context(socket.socket())
            filler.setblocking(False)
            filler.connect_ex(listener.getsockname())
        yield listener.getsockname()[1]


def relay(connection: socket.socket) -> None:
    """An HTTP proxy's tunnel: `CONNECT`, then bytes both ways until either side closes."""
    host, _, port = read_head(connection).split(b" ")[1].decode().rpartition(":")
    with socket.create_connection((host, int(port)), timeout=PATIENCE) as upstream:
        connection.sendall(b"HTTP/1.1 200 Connection established\r\n\r\n")
        # One thread for both directions, since a TLS socket must not be read and written at the same time.
        while True:
            readable, _, _ = select.select([connection, upstream], [], [], PATIENCE)
            assert readable, "nothing went through the tunnel"
            for source in readable:
                sink = upstream if source is connection else connection
                # A TLS record holds 16 KiB at most, so nothing is left in the TLS layer, where select can't see it.
                data = source.recv(65536)
                if not data:
                    return
                sink.sendall(data)
