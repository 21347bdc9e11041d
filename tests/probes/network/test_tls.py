"""The network layer over TLS: what a handshake agrees on, why it fails, and tunnels through proxies."""

from __future__ import annotations

import asyncio
import datetime as dt
import ssl
from typing import TYPE_CHECKING

import httpcore2
import pytest

from aimon.probes.network import NetworkBackend, NetworkMarks, TLSError
from certificates import Authority, expiry, over_tls
from peers import PATIENCE, Peer, answer, nothing_left_open, read_head, relay, reset, until_closed

if TYPE_CHECKING:
    import socket
    from collections.abc import Callable, Iterator

DAY = dt.timedelta(days=1)


@pytest.fixture(scope="module")
def authority(tmp_path_factory: pytest.TempPathFactory) -> Authority:
    """Who signs the certificates of these tests."""
    return Authority(tmp_path_factory.mktemp("certificates"))


@pytest.fixture(autouse=True)
def _all_closed() -> Iterator[None]:
    """Whatever a test does, it leaves nothing open."""
    with nothing_left_open():
        yield


def fetch(
    url: str,
    context: ssl.SSLContext,
    marks: NetworkMarks | None = None,
    *,
    proxy: httpcore2.Proxy | None = None,
    **timeouts: float,
) -> bytes:
    """One GET over a fresh connection."""

    async def main() -> bytes:
        backend = NetworkBackend(marks or NetworkMarks())
        async with httpcore2.AsyncConnectionPool(context, proxy=proxy, network_backend=backend) as pool:
            response = await pool.request("GET", url, extensions={"timeout": timeouts})
            return response.content

    return asyncio.run(main())


def failure(context: ssl.SSLContext, serve: Callable[[socket.socket], None], host: str = "localhost") -> TLSError:
    """How a call to a server that ought not to be trusted fails."""
    with Peer(serve) as peer, pytest.raises(TLSError) as caught:
        fetch(f"https://{host}:{peer.port}/", context, connect=PATIENCE)
    return caught.value


def test_a_handshake_shows_in_the_marks(authority: Authority) -> None:
    """When it ended, before the request went out; version, protocol, and the certificate's end."""
    marks = NetworkMarks()
    with Peer(over_tls(authority.server(), answer)) as peer:
        assert fetch(f"https://localhost:{peer.port}/", authority.client(), marks) == b"pong"
    assert marks.connect is not None
    assert marks.tls is not None
    assert marks.sent is not None
    assert marks.connect < marks.tls <= marks.sent <= marks.last_arrival
    assert marks.tls_version == "TLSv1.3"
    assert marks.certificate_expiry == expiry()


def test_http_2_is_agreed_where_both_can(authority: Authority) -> None:
    """The stream's TLS object tells httpcore2."""
    server, client = authority.server(), authority.client()
    server.set_alpn_protocols(["h2", "http/1.1"])
    client.set_alpn_protocols(["http/1.1", "h2"])
    marks = NetworkMarks()

    async def main(port: int) -> str | None:
        stream = await NetworkBackend(marks).connect_tcp("127.0.0.1", port)
        secured = await stream.start_tls(client, "localhost")
        await secured.aclose()
        agreed: str | None = secured.get_extra_info("ssl_object").selected_alpn_protocol()
        return agreed

    with Peer(over_tls(server, until_closed)) as peer:
        assert asyncio.run(main(peer.port)) == "h2"
    assert marks.alpn == "h2"


def test_a_certificate_that_is_not_checked_shows_no_expiry(authority: Authority) -> None:
    """Python shows the fields of a certificate only where it verified it."""
    client = authority.client()
    client.check_hostname = False
    client.verify_mode = ssl.CERT_NONE
    marks = NetworkMarks()
    with Peer(over_tls(authority.server("elsewhere.example"), answer)) as peer:
        assert fetch(f"https://localhost:{peer.port}/", client, marks) == b"pong"
    assert marks.certificate_expiry is None


def test_expired(authority: Authority) -> None:
    """An expired certificate has a message and a reason of its own."""
    server = authority.server(begins=-3 * DAY, ends=-DAY)
    error = failure(authority.client(), over_tls(server, answer))
    assert (error.reason, str(error)) == ("certificate_expired", "the certificate of 'localhost' has expired")


def test_not_yet_valid(authority: Authority) -> None:
    """A certificate that is not valid yet has a message and a reason of its own."""
    error = failure(authority.client(), over_tls(authority.server(begins=DAY), answer))
    assert (error.reason, str(error)) == (
        "certificate_not_yet_valid",
        "the certificate of 'localhost' is not valid yet",
    )


def test_another_host_name(authority: Authority) -> None:
    """A valid certificate of another host has a message and a reason of its own."""
    error = failure(authority.client(), over_tls(authority.server("elsewhere.example"), answer))
    assert (error.reason, str(error)) == (
        "certificate_host_mismatch",
        "the certificate of 'localhost' is for another host name",
    )


def test_another_address(authority: Authority) -> None:
    """A certificate for a name does not cover the address."""
    error = failure(authority.client(), over_tls(authority.server(), answer), host="127.0.0.1")
    assert (error.reason, str(error)) == (
        "certificate_host_mismatch",
        "the certificate of '127.0.0.1' is for another IP address",
    )


def test_self_signed(authority: Authority) -> None:
    """A self-signed certificate has a message and a reason of its own."""
    error = failure(authority.client(), over_tls(authority.server(self_signed=True), answer))
    assert (error.reason, str(error)) == ("certificate_self_signed", "the certificate of 'localhost' is self-signed")


def test_an_issuer_nobody_here_trusts(authority: Authority) -> None:
    """A certificate of a private authority that the client does not trust has a reason of its own."""
    error = failure(ssl.create_default_context(), over_tls(authority.server(), answer))
    assert error.reason == "certificate_unknown_issuer"
    assert str(error).startswith("the certificate of 'localhost' comes from an unknown issuer")


def test_no_protocol_version_in_common(authority: Authority) -> None:
    """The message has the server's alert in OpenSSL's words."""
    server, client = authority.server(), authority.client()
    server.maximum_version = ssl.TLSVersion.TLSv1_2
    client.minimum_version = ssl.TLSVersion.TLSv1_3
    error = failure(client, over_tls(server, answer))
    assert error.reason == "tls_handshake"
    assert str(error) == "the TLS handshake with 'localhost' failed: alert protocol version"


def test_a_server_that_does_not_speak_tls(authority: Authority) -> None:
    """An http port under an https URL."""

    def serve(connection: socket.socket) -> None:
        connection.recv(1024)
        connection.sendall(b"HTTP/1.1 400 Bad Request\r\n\r\n")
        until_closed(connection)

    error = failure(authority.client(), serve)
    assert (error.reason, str(error)) == (
        "tls_not_spoken",
        "'localhost' does not speak TLS on this port (is it http://?)",
    )


def test_closed_in_the_handshake(authority: Authority) -> None:
    """A peer that hangs up on the ClientHello."""

    def serve(connection: socket.socket) -> None:
        connection.recv(65536)

    error = failure(authority.client(), serve)
    assert (error.reason, str(error)) == ("tls_closed", "'localhost' closed the connection during the TLS handshake")


def test_reset_in_the_handshake(authority: Authority) -> None:
    """What a firewall that dislikes the host name does."""

    def serve(connection: socket.socket) -> None:
        connection.recv(65536)
        reset(connection)

    error = failure(authority.client(), serve)
    assert error.reason == "tls_closed"
    assert str(error) == "the TLS handshake with 'localhost' broke off: connection reset by peer"


def test_a_handshake_that_never_ends(authority: Authority) -> None:
    """It is limited by what is left of the connect limit."""
    with (
        Peer(until_closed) as peer,
        pytest.raises(httpcore2.ConnectTimeout, match=r"^no TLS handshake with"),
    ):
        fetch(f"https://localhost:{peer.port}/", authority.client(), connect=0.05)


def test_the_end_without_a_farewell_is_an_end(authority: Authority) -> None:
    """Servers seldom say close_notify; HTTP decides whether the answer is complete."""

    def serve(connection: socket.socket) -> None:
        read_head(connection)
        connection.sendall(b"HTTP/1.1 200 OK\r\n\r\npong")

    with Peer(over_tls(authority.server(), serve)) as peer:
        assert fetch(f"https://localhost:{peer.port}/", authority.client()) == b"pong"


def test_broken_records_are_a_read_error(authority: Authority) -> None:
    """Something in between writes what is no TLS."""

    def serve(connection: socket.socket) -> None:
        secured = authority.server().wrap_socket(connection.dup(), server_side=True)
        read_head(secured)
        with secured:
            connection.sendall(b"HTTP/1.1 500 Internal Server Error\r\n\r\n")
            connection.recv(1024)

    with Peer(serve) as peer, pytest.raises(httpcore2.ReadError, match=r"^wrong version number$"):
        fetch(f"https://localhost:{peer.port}/", authority.client())


def test_a_long_answer_arrives_whole(authority: Authority) -> None:
    """An answer of several TLS records, read in several parts, is complete."""
    body = bytes(range(256)) * 4096

    def serve(connection: socket.socket) -> None:
        read_head(connection)
        connection.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n" % len(body) + body)
        connection.recv(1)

    with Peer(over_tls(authority.server(), serve)) as peer:
        assert fetch(f"https://localhost:{peer.port}/", authority.client()) == body


def test_a_tunnel_through_a_proxy(authority: Authority) -> None:
    """The proxy gets a CONNECT, and TLS is spoken with the endpoint through its tunnel."""
    marks = NetworkMarks()
    with Peer(over_tls(authority.server(), answer)) as peer, Peer(relay) as tunnel:
        proxy = httpcore2.Proxy(f"http://127.0.0.1:{tunnel.port}")
        assert fetch(f"https://localhost:{peer.port}/", authority.client(), marks, proxy=proxy) == b"pong"
    assert marks.tls is not None
    assert marks.sent is not None
    assert marks.tls <= marks.sent <= marks.last_arrival


def test_a_tunnel_through_an_https_proxy(authority: Authority) -> None:
    """TLS inside TLS; the marks end up with the endpoint's certificate, not the proxy's."""
    marks = NetworkMarks()
    endpoint, proxy_side = authority.server(ends=7 * DAY), authority.server(ends=3 * DAY)
    with Peer(over_tls(endpoint, answer)) as peer, Peer(over_tls(proxy_side, relay)) as tunnel:
        proxy = httpcore2.Proxy(f"https://localhost:{tunnel.port}", ssl_context=authority.client())
        assert fetch(f"https://localhost:{peer.port}/", authority.client(), marks, proxy=proxy) == b"pong"
    assert marks.certificate_expiry == expiry(7 * DAY)


def test_a_fault_behind_a_proxy_names_the_endpoint(authority: Authority) -> None:
    """The tunnel works, the endpoint's certificate doesn't."""
    server = authority.server(begins=-3 * DAY, ends=-DAY)
    with Peer(over_tls(server, answer)) as peer, Peer(relay) as tunnel:
        proxy = httpcore2.Proxy(f"http://127.0.0.1:{tunnel.port}")
        with pytest.raises(TLSError) as caught:
            fetch(f"https://localhost:{peer.port}/", authority.client(), proxy=proxy)
    assert caught.value.reason == "certificate_expired"


def test_a_proxy_that_refuses(authority: Authority) -> None:
    """Its status is the reason."""

    def serve(connection: socket.socket) -> None:
        read_head(connection)
        connection.sendall(b"HTTP/1.1 403 Forbidden\r\nContent-Length: 0\r\n\r\n")
        until_closed(connection)

    with Peer(serve) as tunnel:
        proxy = httpcore2.Proxy(f"http://127.0.0.1:{tunnel.port}")
        with pytest.raises(httpcore2.ProxyError, match="403 Forbidden"):
            fetch("https://api.example/", authority.client(), proxy=proxy)
