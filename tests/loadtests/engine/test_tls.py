"""The engine over TLS and through proxies: what a handshake agrees on, why it fails, and tunnels."""

from __future__ import annotations

import base64
import contextlib
import datetime as dt
import ssl
from typing import TYPE_CHECKING

import pytest

from aimon.call.outcome import Outcome
from certificates import Authority, expiry, over_tls
from chat_wire import completion, counted, read_request, streamed
from engine_process import perform
from peers import Peer, relay, until_closed, unused_port

if TYPE_CHECKING:
    import socket

DAY = dt.timedelta(days=1)
ANSWER = streamed("po", "ng")


@pytest.fixture(scope="module")
def authority(tmp_path_factory: pytest.TempPathFactory) -> Authority:
    """Who signs the certificates of these tests."""
    return Authority(tmp_path_factory.mktemp("certificates"))


def answers(connection: socket.socket) -> None:
    """Answers one request after the other until the client leaves."""
    while read_request(connection)[0]:
        connection.sendall(ANSWER)


def in_pieces(connection: socket.socket) -> None:
    """Answers with one TLS record for every few bytes."""
    read_request(connection)
    for i in range(0, len(ANSWER), 5):
        connection.sendall(ANSWER[i : i + 5])
    until_closed(connection)


def test_an_answer_over_tls(authority: Authority) -> None:
    """The Result knows version and expiry, arrivals are stamped, and the second call is warm."""
    with Peer(over_tls(authority.server(), answers)) as peer:
        report = perform(f"https://localhost:{peer.port}/v1", calls=2, transport={"ca_file": str(authority.file)})
    assert (report.outcomes, report.dialled) == (["ok", "ok"], 1)
    first, second = report.results
    assert first.connection is not None
    assert first.connection.tls_version == "TLSv1.3"
    assert first.connection.certificate_expiry == expiry()
    assert first.connection.stamped
    assert first.connect is not None
    assert first.tls is not None
    assert first.request_sent is not None
    assert first.connect < first.tls < first.request_sent
    assert second.tls is None


def test_records_that_cut_everything(authority: Authority) -> None:
    """TLS 1.2 and records of a few bytes make no difference."""
    context = authority.server()
    context.maximum_version = ssl.TLSVersion.TLSv1_2
    with Peer(over_tls(context, in_pieces)) as peer:
        url = f"https://localhost:{peer.port}/v1"
        result = perform(url, transport={"ca_file": str(authority.file)}).only
    assert (result.outcome, result.text, result.chunks) == (Outcome.OK, "pong", 2)
    assert result.connection is not None
    assert result.connection.tls_version == "TLSv1.2"


def test_large_requests_over_tls(authority: Authority) -> None:
    """A prompt larger than all buffers arrives whole."""

    def read_all(connection: socket.socket) -> None:
        bodies.append(read_request(connection)[1])
        connection.sendall(ANSWER)
        until_closed(connection)

    bodies: list[bytes] = []
    with Peer(over_tls(authority.server(), read_all)) as peer:
        url = f"https://localhost:{peer.port}/v1"
        result = perform(url, prompt_bytes=4 << 20, transport={"ca_file": str(authority.file)}).only
    assert result.outcome is Outcome.OK
    assert b"x" * (4 << 20) in bodies[0]


UNTRUSTED = {
    "expired": ({"begins": -3 * DAY, "ends": -DAY}, "has expired"),
    "not yet valid": ({"begins": DAY}, "is not valid yet"),
    "self-signed": ({"self_signed": True}, "is self-signed"),
    "for another host": ({"host": "elsewhere.example"}, "is for another host name"),
}


@pytest.mark.parametrize(("wrong", "reason"), UNTRUSTED.values(), ids=UNTRUSTED)
def test_certificates_that_are_not_trusted(authority: Authority, wrong: dict[str, object], reason: str) -> None:
    """Each invalid certificate is a TLS failure that names the reason."""
    with Peer(over_tls(authority.server(**wrong), answers)) as peer:  # type: ignore[arg-type]  # one keyword of several
        url = f"https://localhost:{peer.port}/v1"
        result = perform(url, transport={"ca_file": str(authority.file)}).only
    assert result.outcome is Outcome.TLS
    assert result.error == f"the certificate of 'localhost' {reason}"


def test_peers_that_do_not_speak_tls() -> None:
    """Plain HTTP and a closed connection are TLS faults when TLS was asked for."""

    def plain(connection: socket.socket) -> None:
        connection.recv(1)
        connection.sendall(counted("400 Bad Request", b"{}"))
        until_closed(connection)

    with Peer(plain) as peer:
        result = perform(f"https://127.0.0.1:{peer.port}/v1").only
    assert result.outcome is Outcome.TLS
    assert result.error == "'127.0.0.1' does not speak TLS on this port (is it http://?)"

    def leave(connection: socket.socket) -> None:
        connection.recv(1)

    with Peer(leave) as peer:
        assert perform(f"https://127.0.0.1:{peer.port}/v1").only.outcome is Outcome.TLS


@pytest.mark.parametrize("orderly", [True, False])
def test_a_close_is_an_end(authority: Authority, *, orderly: bool) -> None:
    """A body that ends with the connection is complete if its JSON is: few servers send close_notify."""

    def close(connection: socket.socket) -> None:
        read_request(connection)
        connection.sendall(b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\n\r\n" + completion("pong"))
        if orderly and isinstance(connection, ssl.SSLSocket):
            with contextlib.suppress(ssl.SSLEOFError):  # the client has heard enough, and hangs up
                connection.unwrap()

    with Peer(over_tls(authority.server(), close)) as peer:
        url = f"https://localhost:{peer.port}/v1"
        result = perform(url, stream=False, transport={"ca_file": str(authority.file)}).only
    assert result.outcome is Outcome.OK


def test_a_proxy_that_relays() -> None:
    """Plain requests go to the proxy whole, with its credentials, and the server's name is not looked up here."""

    def proxy(connection: socket.socket) -> None:
        heads.append(read_request(connection)[0])
        connection.sendall(ANSWER)
        until_closed(connection)

    heads: list[bytes] = []
    with Peer(proxy) as peer:
        via = f"http://user:p%40ss@127.0.0.1:{peer.port}"
        assert perform("http://api.example/v1", transport={"proxy": via}).only.outcome is Outcome.OK
    request, *fields = heads[0].split(b"\r\n")
    assert request == b"POST http://api.example/v1/chat/completions HTTP/1.1"
    assert b"Host: api.example" in fields
    assert b"Proxy-Authorization: Basic " + base64.b64encode(b"user:p@ss") in fields


def test_a_proxy_from_the_environment() -> None:
    """HTTP_PROXY and NO_PROXY are respected."""
    with Peer(answers) as peer, unused_port() as port:
        proxied = {"HTTP_PROXY": f"127.0.0.1:{peer.port}"}
        assert perform("http://api.example/v1", environ=proxied).only.outcome is Outcome.OK
        refusing = {"HTTP_PROXY": f"127.0.0.1:{port}", "NO_PROXY": "127.0.0.1"}
        assert perform(f"http://127.0.0.1:{peer.port}/v1", environ=refusing).only.outcome is Outcome.OK


@pytest.mark.parametrize("proxy_tls", [False, True])
def test_a_tunnel(authority: Authority, *, proxy_tls: bool) -> None:
    """TLS reaches the server through the proxy's tunnel, even where the proxy itself wants TLS."""
    tunnel = over_tls(authority.server(), relay) if proxy_tls else relay
    with Peer(over_tls(authority.server(), answers)) as peer, Peer(tunnel) as proxy:
        via = f"{'https' if proxy_tls else 'http'}://localhost:{proxy.port}"
        report = perform(
            f"https://localhost:{peer.port}/v1",
            calls=2,
            transport={"proxy": via, "ca_file": str(authority.file)},
        )
    assert (report.outcomes, report.dialled) == (["ok", "ok"], 1)


def test_a_tunnel_refused() -> None:
    """A proxy that wants other credentials is no answer of the server; its password is in no message."""

    def refuse(connection: socket.socket) -> None:
        read_request(connection)
        connection.sendall(b"HTTP/1.1 407 Proxy Authentication Required\r\nContent-Length: 0\r\n\r\n")
        until_closed(connection)

    with Peer(refuse) as peer:
        via = f"http://user:hunter2-hunter2@127.0.0.1:{peer.port}"
        refused = "it opened no tunnel to api.example:443: 407 Proxy Authentication Required"
        result = perform("https://api.example/v1", transport={"proxy": via}).only
    assert (result.outcome, result.error) == (
        Outcome.CONNECT,
        f"through the proxy {via.replace('user:hunter2-hunter2@', '')} (proxy): {refused}",
    )
    result = perform("https://api.example/v1", transport={"proxy": "socks4://user:hunter2-hunter2@127.0.0.1:1"}).only
    assert result.outcome is Outcome.PROBER_ERROR
    assert result.error == (
        "the request can't be written: proxy: not the address of an HTTP or SOCKS5 proxy: "
        "write http://host:3128 or socks5://host:1080"
    )
