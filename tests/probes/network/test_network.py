"""The network layer over plain TCP: phases, failures, limits, and nothing left open."""

from __future__ import annotations

import asyncio
import socket
import ssl
from threading import Event
from typing import TYPE_CHECKING

import httpcore2
import pytest

from aimon.probes.network import NetworkBackend, NetworkMarks, ResolveError, TCPError, connect
from peers import (
    PATIENCE,
    Peer,
    answer,
    black_hole,
    deaf,
    nothing_left_open,
    read_head,
    reset,
    until_closed,
    unused_port,
)

if TYPE_CHECKING:
    from collections.abc import Iterator


@pytest.fixture(autouse=True)
def _all_closed() -> Iterator[None]:
    """Whatever a test does, it leaves nothing open."""
    with nothing_left_open():
        yield


def fetch(url: str, marks: NetworkMarks, **timeouts: float) -> bytes:
    """One GET over a fresh connection."""

    async def main() -> bytes:
        async with httpcore2.AsyncConnectionPool(network_backend=NetworkBackend(marks)) as pool:
            response = await pool.request("GET", url, extensions={"timeout": timeouts})
            return response.content

    return asyncio.run(main())


def route(monkeypatch: pytest.MonkeyPatch, *ports: int) -> None:
    """Makes every name resolve to these ports of 127.0.0.1, in this order."""
    found = [(socket.AF_INET, socket.SOCK_STREAM, socket.IPPROTO_TCP, "", ("127.0.0.1", port)) for port in ports]
    monkeypatch.setattr(socket, "getaddrinfo", lambda *_: found)


def test_marks_tell_each_phase_in_order() -> None:
    """Resolved, connected, sent, answered; no TLS; the peer's address."""
    marks = NetworkMarks()
    with Peer(answer) as peer:
        assert fetch(f"http://localhost:{peer.port}/", marks) == b"pong"
    assert marks.dns is not None
    assert marks.connect is not None
    assert marks.sent is not None
    assert marks.dns <= marks.connect <= marks.sent <= marks.last_arrival
    assert (marks.tls, marks.tls_version, marks.alpn, marks.certificate_expiry) == (None, None, None, None)
    assert marks.address == "127.0.0.1"


@pytest.mark.skipif(not socket.has_ipv6, reason="Python was built without IPv6")
def test_ipv6() -> None:
    """An IPv6 literal is reached over IPv6."""
    marks = NetworkMarks()
    try:
        peer = Peer(answer, "::1").__enter__()
    except OSError:
        pytest.skip("this machine has no IPv6 loopback")
    try:
        assert fetch(f"http://[::1]:{peer.port}/", marks) == b"pong"
    finally:
        peer.__exit__()
    assert marks.address == "::1"


def test_the_next_address_is_tried_when_one_refuses(monkeypatch: pytest.MonkeyPatch) -> None:
    """A host is up if any of its addresses is."""
    marks = NetworkMarks()
    with unused_port() as closed, Peer(answer) as peer:
        route(monkeypatch, closed, peer.port)
        assert fetch("http://two.example/", marks) == b"pong"


def test_a_dead_address_does_not_hold_up_the_next(monkeypatch: pytest.MonkeyPatch) -> None:
    """The second attempt starts while the first still waits, and wins."""
    monkeypatch.setattr(connect, "ATTEMPT_DELAY", 0.01)
    marks = NetworkMarks()
    with black_hole() as dead, Peer(answer) as peer:
        route(monkeypatch, dead, peer.port)
        assert fetch("http://two.example/", marks, connect=PATIENCE) == b"pong"


def test_refused() -> None:
    """The message names the address; the reason is for programs."""
    with unused_port() as port, pytest.raises(TCPError) as caught:
        fetch(f"http://127.0.0.1:{port}/", NetworkMarks())
    assert str(caught.value) == f"cannot connect: 127.0.0.1:{port}: connection refused"
    assert caught.value.reason == "refused"


def test_every_address_refuses(monkeypatch: pytest.MonkeyPatch) -> None:
    """The message says so of each."""
    with unused_port() as one, unused_port() as two:
        route(monkeypatch, one, two)
        with pytest.raises(TCPError) as caught:
            fetch("http://two.example/", NetworkMarks())
    refusals = ", ".join(f"127.0.0.1:{port}: connection refused" for port in (one, two))
    assert str(caught.value) == f"cannot connect: {refusals}"


def test_connect_timeout() -> None:
    """A host that does not answer costs the connect limit and no more."""
    with black_hole() as port, pytest.raises(httpcore2.ConnectTimeout) as caught:
        fetch(f"http://127.0.0.1:{port}/", NetworkMarks(), connect=0.05)
    assert str(caught.value) == f"no connection to 127.0.0.1:{port} within 0.05 s"


def test_no_descriptor_left_to_connect_with(monkeypatch: pytest.MonkeyPatch) -> None:
    """A fault of this machine is told from one of the network."""

    def exhausted(*_: object) -> socket.socket:
        raise OSError(24, "Too many open files")

    async def main() -> None:
        monkeypatch.setattr(socket, "socket", exhausted)
        await NetworkBackend(NetworkMarks()).connect_tcp("127.0.0.1", 9)

    with pytest.raises(TCPError) as caught:
        asyncio.run(main())
    assert caught.value.reason == "local_limit"
    assert str(caught.value) == "cannot connect: 127.0.0.1:9: too many open files: raise the limit (ulimit -n)"


def test_unknown_name() -> None:
    """The reserved domain `invalid` (RFC 2606) resolves nowhere; without a name server nobody can say so."""
    with pytest.raises(ResolveError, match=r"^cannot resolve 'nonexistent\.invalid': ") as caught:
        fetch("http://nonexistent.invalid/", NetworkMarks(), connect=PATIENCE)
    assert caught.value.reason in {"dns_not_found", "dns_unavailable", "dns_timeout"}


@pytest.mark.parametrize(
    ("code", "reason", "text"),
    [
        ("EAI_NONAME", "dns_not_found", "no such host"),
        ("EAI_NODATA", "dns_not_found", "the name has no address"),
        ("EAI_AGAIN", "dns_unavailable", "the name server did not answer"),
        ("EAI_FAIL", "dns_failed", "as the resolver says"),
    ],
)
def test_why_a_name_does_not_resolve(code: str, reason: str, text: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """The resolver's codes, in words."""

    def getaddrinfo(*_: object) -> None:
        raise socket.gaierror(getattr(socket, code), "as the resolver says")

    monkeypatch.setattr(socket, "getaddrinfo", getaddrinfo)
    with pytest.raises(ResolveError) as caught:
        fetch("http://api.example/", NetworkMarks())
    assert (caught.value.reason, str(caught.value)) == (reason, f"cannot resolve 'api.example': {text}")


def test_no_address_of_the_family_asked_for() -> None:
    """IPv6 alone, and the host has none."""

    async def main() -> None:
        await NetworkBackend(NetworkMarks(), ip_version=6).connect_tcp("127.0.0.1", 9)

    with pytest.raises(ResolveError, match="over IPv6"):
        asyncio.run(main())


def test_a_resolver_that_hangs(monkeypatch: pytest.MonkeyPatch) -> None:
    """It costs the connect limit; neither the caller nor the end of the loop waits for it."""
    release = Event()
    real = socket.getaddrinfo

    def getaddrinfo(host: str, port: int, family: int, kind: int, proto: int, flags: int) -> object:
        if not flags:
            release.wait(PATIENCE)
        return real("127.0.0.1" if not flags else host, port, family, kind, proto, flags)

    monkeypatch.setattr(socket, "getaddrinfo", getaddrinfo)
    try:
        with pytest.raises(ResolveError) as caught:
            fetch("http://api.example/", NetworkMarks(), connect=0.05)
    finally:
        release.set()
    assert caught.value.reason == "dns_timeout"
    assert str(caught.value) == "cannot resolve 'api.example': no answer from the name server within 0.05 s"


def test_reset_instead_of_an_answer() -> None:
    """RST is a broken connection."""

    def serve(connection: socket.socket) -> None:
        read_head(connection)
        reset(connection)

    with Peer(serve) as peer, pytest.raises(httpcore2.ReadError, match=r"^connection reset by peer$"):
        fetch(f"http://127.0.0.1:{peer.port}/", NetworkMarks())


def test_closed_instead_of_an_answer() -> None:
    """FIN is the end of the stream, which HTTP finds too early."""

    def serve(connection: socket.socket) -> None:
        read_head(connection)

    with Peer(serve) as peer, pytest.raises(httpcore2.RemoteProtocolError):
        fetch(f"http://127.0.0.1:{peer.port}/", NetworkMarks())


def test_read_timeout() -> None:
    """A server that says nothing."""
    with Peer(until_closed) as peer, pytest.raises(httpcore2.ReadTimeout) as caught:
        fetch(f"http://127.0.0.1:{peer.port}/", NetworkMarks(), read=0.05)
    assert str(caught.value) == "nothing arrived within 0.05 s"


def test_write_timeout() -> None:
    """A server that takes nothing, and more to send than the kernel's buffers hold."""
    release = Event()

    async def main(port: int) -> None:
        stream = await NetworkBackend(NetworkMarks()).connect_tcp("127.0.0.1", port)
        try:
            await stream.write(bytes(64 << 20), timeout=0.05)
        finally:
            await stream.aclose()

    with Peer(deaf(release)) as peer:
        with pytest.raises(httpcore2.WriteTimeout) as caught:
            asyncio.run(main(peer.port))
        release.set()
    assert str(caught.value) == "the request was not taken within 0.05 s"


def test_more_than_the_buffers_hold_both_ways() -> None:
    """Neither a slow writer nor a slow reader loses or reorders a byte, and no read exceeds its limit."""
    sent = bytes(range(256)) * 32768

    def echo(connection: socket.socket) -> None:
        received = bytearray()
        while len(received) < len(sent):
            received += connection.recv(1 << 20)
        connection.sendall(received)

    async def main(port: int) -> bytes:
        stream = await NetworkBackend(NetworkMarks()).connect_tcp("127.0.0.1", port)
        await stream.write(sent, timeout=PATIENCE)
        received = bytearray()
        while data := await stream.read(10_000, timeout=PATIENCE):
            assert len(data) <= 10_000
            received += data
            await asyncio.sleep(0)
        assert await stream.read(1) == b""
        assert stream.get_extra_info("is_readable")
        await stream.aclose()
        return bytes(received)

    with Peer(echo) as peer:
        assert asyncio.run(main(peer.port)) == sent


def test_closing_wakes_a_reader() -> None:
    """A stream closed by one task fails the read of another instead of leaving it waiting."""

    async def main(port: int) -> None:
        stream = await NetworkBackend(NetworkMarks()).connect_tcp("127.0.0.1", port)
        reader = asyncio.create_task(stream.read(1))
        await asyncio.sleep(0)
        await stream.aclose()
        await reader

    with Peer(until_closed) as peer, pytest.raises(httpcore2.ReadError, match="the connection was closed"):
        asyncio.run(main(peer.port))


def test_what_httpcore_may_ask() -> None:
    """`get_extra_info` gives the addresses of a connection and its socket."""

    async def main(port: int) -> None:
        stream = await NetworkBackend(NetworkMarks()).connect_tcp("127.0.0.1", port, local_address="127.0.0.1")
        try:
            assert stream.get_extra_info("server_addr") == ("127.0.0.1", port)
            assert stream.get_extra_info("client_addr") == stream.get_extra_info("socket").getsockname()
            assert stream.get_extra_info("ssl_object") is None
            assert not stream.get_extra_info("is_readable")
        finally:
            await stream.aclose()

    with Peer(until_closed) as peer:
        asyncio.run(main(peer.port))


@pytest.mark.parametrize("phase", ["resolve", "connect", "tls", "write", "read"])
def test_cancelled_in_any_phase_nothing_stays_open(phase: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """The cancellation gets through, and the peer sees the connection close."""
    release = Event()

    def getaddrinfo(*args: object) -> object:
        if args[-1]:
            raise socket.gaierror(socket.EAI_NONAME, "not a literal")
        release.wait(PATIENCE)
        return []

    async def main(url: str, body: bytes) -> None:
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
        backend = NetworkBackend(NetworkMarks())
        async with httpcore2.AsyncConnectionPool(context, network_backend=backend) as pool:
            call = asyncio.create_task(pool.request("POST", url, content=body))
            # Nothing else runs on this loop, so the call is soon waiting in the phase under test, for good.
            await asyncio.wait([call], timeout=0.05)
            call.cancel()
            with pytest.raises(asyncio.CancelledError):
                await call

    with Peer(deaf(release) if phase == "write" else until_closed) as peer, black_hole() as dead:
        url, body = f"http://127.0.0.1:{peer.port}/", b"ping"
        match phase:
            case "resolve":
                monkeypatch.setattr(socket, "getaddrinfo", getaddrinfo)
                url = "http://api.example/"
            case "connect":
                url = f"http://127.0.0.1:{dead}/"
            case "tls":
                url = f"https://127.0.0.1:{peer.port}/"
            case "write":
                body = bytes(64 << 20)
        asyncio.run(main(url, body))
        release.set()
        if phase in {"tls", "write", "read"}:
            assert peer.served.wait(PATIENCE)
