"""Proxies that let calls through and proxies that do not: probes and load tests say the same, and name the proxy."""

from __future__ import annotations

import asyncio
import contextlib
import select
import socket
from typing import TYPE_CHECKING, Any

import pytest

from aimon.call.call import Call, Message, Target, Timeouts
from aimon.call.outcome import Outcome
from aimon.cli import advice
from aimon.config.endpoint import Transport
from aimon.probes import transport
from engine_process import perform as perform_by_engine
from peers import PATIENCE, Peer, read_head, relay, until_closed, unused_port

if TYPE_CHECKING:
    from collections.abc import Callable

    from aimon.call.result import Result

ANSWER = b'{"choices":[{"index":0,"message":{"role":"assistant","content":"hi"},"finish_reason":"stop"}]}'
PASSWORD = "hunter2-hunter2"


def probe(base_url: str, proxy: str) -> Result:
    """One call as a probe makes it."""
    target = Target("e", "p", "openai-chat", base_url, "m")
    call = Call(target, (Message("user", "hi"),), stream=False, timeouts=Timeouts(1.0, 3.0, 5.0))
    return asyncio.run(transport.perform(call, Transport(proxy=proxy)))


def load(base_url: str, proxy: str) -> Result:
    """One call as a load test makes it."""
    timeouts = {"connect": 1.0, "ttft": 3.0, "total": 5.0}
    return perform_by_engine(base_url, transport={"proxy": proxy}, timeouts=timeouts, stream=False).only


BOTH = pytest.mark.parametrize("call", [probe, load])


def serve(connection: socket.socket) -> None:
    """An endpoint."""
    with contextlib.suppress(OSError):
        head = read_head(connection)
        length = int(head.lower().partition(b"content-length: ")[2].partition(b"\r\n")[0] or b"0")
        received = b""
        while len(received) < length:
            received += connection.recv(65536)
        connection.sendall(b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: %d\r\n\r\n%b" % (
            len(ANSWER), ANSWER,
        ))  # fmt: skip
        until_closed(connection)


def exactly(connection: socket.socket, count: int) -> bytes:
    """So many bytes."""
    received = b""
    while len(received) < count and (part := connection.recv(count - len(received))):
        received += part
    return received


def socks_proxy(*, user: str | None = None, code: int = 0, piecewise: bool = False) -> Callable[[socket.socket], None]:
    """A SOCKS5 proxy that answers so; it finds all names on this machine."""

    def say(connection: socket.socket, data: bytes) -> None:
        for piece in [data[i : i + 1] for i in range(len(data))] if piecewise else [data]:
            connection.sendall(piece)

    def handler(connection: socket.socket) -> None:
        methods = exactly(connection, exactly(connection, 2)[1])
        method = 0 if user is None else 2
        if method not in methods:
            say(connection, b"\5\xff")
            return
        say(connection, bytes([5, method]))
        if user is not None:
            name = exactly(connection, exactly(connection, 2)[1])
            password = exactly(connection, exactly(connection, 1)[0])
            right = (name, password) == (user.encode(), PASSWORD.encode())
            say(connection, bytes([1, 0 if right else 1]))
            if not right:
                return
        kind = exactly(connection, 4)[3]
        exactly(connection, exactly(connection, 1)[0] if kind == 3 else 4)
        port = int.from_bytes(exactly(connection, 2), "big")
        say(connection, bytes([5, code, 0, 3, 4]) + b"here" + b"\0\0")
        if code == 0:
            pass_on(connection, port)

    return handler


def pass_on(connection: socket.socket, port: int) -> None:
    """Bytes both ways."""
    with socket.create_connection(("127.0.0.1", port), timeout=PATIENCE) as upstream:
        while True:
            readable, _, _ = select.select([connection, upstream], [], [], PATIENCE)
            for source in readable:
                data = source.recv(65536)
                if not data:
                    return
                (upstream if source is connection else connection).sendall(data)


@BOTH
@pytest.mark.parametrize(
    ("scheme", "options"), [("socks", {}), ("socks5", {"user": "u"}), ("socks5h", {"piecewise": True})], ids=str
)
def test_a_socks_proxy(scheme: str, options: dict[str, Any], call: Callable[[str, str], Result]) -> None:
    """The proxy finds the name, which only it knows; an answer may come in pieces."""
    with Peer(serve) as endpoint, Peer(socks_proxy(**options)) as proxy:
        user = f"u:{PASSWORD}@" if options.get("user") else ""
        result = call(f"http://inside.invalid:{endpoint.port}/v1", f"{scheme}://{user}127.0.0.1:{proxy.port}")
    assert (result.outcome, result.error) == (Outcome.OK, None)


def answering(answer: bytes) -> Callable[[socket.socket], None]:
    """A proxy that says this to every tunnel."""

    def handler(connection: socket.socket) -> None:
        with contextlib.suppress(OSError):
            read_head(connection)
            connection.sendall(answer)
            until_closed(connection)

    return handler


def hangs_up(connection: socket.socket) -> None:
    """A proxy that closes the connection."""
    read_head(connection)


REFUSALS: dict[str, tuple[str, Callable[[socket.socket], None], str]] = {
    "407": (
        "http",
        answering(b"HTTP/1.1 407 Proxy Authentication Required\r\nContent-Length: 0\r\n\r\n"),
        "it opened no tunnel to api.example:443: 407 Proxy Authentication Required",
    ),
    "403": (
        "http",
        answering(b"HTTP/1.0 403 Forbidden\r\n\r\n<html>"),
        "it opened no tunnel to api.example:443: 403 Forbidden",
    ),
    "502": ("http", answering(b"HTTP/1.1 502\r\n\r\n"), "it opened no tunnel to api.example:443: 502"),
    "hostile": (
        "http",
        answering(f"HTTP/1.1 503 \x1b]52;c;x\x07 {PASSWORD}\r\n\r\n".encode()),
        "it opened no tunnel to api.example:443: 503 ]52;c;x ****",
    ),
    "no proxy": ("http", answering(b"SSH-2.0-OpenSSH\r\n\r\n"), "it does not answer as an HTTP proxy does to a tunnel"),
    "endless": ("http", answering(b"x" * 200_000), "it said neither yes nor no to a tunnel to api.example:443"),
    "closed": ("http", hangs_up, "it closed the connection"),
    "socks refuses": (
        "socks5",
        socks_proxy(code=2),
        "it opened no tunnel to api.example:443: not allowed by its rules",
    ),
    "socks wants a user": ("socks5", socks_proxy(user="other"), "it refuses the user or password"),
    "no socks": ("socks5", answering(b"HTTP/1.1 400 Bad Request\r\n\r\n"), "it does not speak SOCKS5"),
}

REASONS = {
    "407": "proxy_login_required",
    **dict.fromkeys(("403", "502", "hostile", "socks refuses"), "proxy_denied"),
    "socks wants a user": "proxy_login_refused",
}


@BOTH
@pytest.mark.parametrize("kind", REFUSALS)
def test_a_proxy_that_refuses(kind: str, call: Callable[[str, str], Result]) -> None:
    """The error names the proxy, without its password, and its answer; the advice is not about base_url."""
    scheme, handler, words = REFUSALS[kind]
    if kind == "no socks":

        def handler(connection: socket.socket) -> None:
            exactly(connection, 4)
            connection.sendall(b"HTTP/1.1 400 Bad Request\r\n\r\n")
            until_closed(connection)

    with Peer(handler) as proxy:
        result = call("https://api.example/v1", f"{scheme}://u:{PASSWORD}@127.0.0.1:{proxy.port}")
    assert result.outcome is Outcome.CONNECT
    assert result.error is not None
    assert result.error.startswith(f"through the proxy {scheme}://127.0.0.1:{proxy.port} (proxy): {words}")
    assert result.failure_reason == REASONS.get(kind, "proxy_failed")
    assert PASSWORD not in result.error
    assert result.error.isprintable()
    assert "base_url" not in advice.advice(result)
    assert "proxy" in advice.advice(result)


@BOTH
def test_a_proxy_that_is_not_there(call: Callable[[str, str], Result]) -> None:
    """Refused, unknown, silent: each is the proxy's, whatever the outcome."""
    with unused_port() as port:
        refused = call("https://api.example/v1", f"http://127.0.0.1:{port}")
        relayed = call("http://api.example/v1", f"http://127.0.0.1:{port}")
    unknown = call("https://api.example/v1", "socks5://proxy.invalid:1080")
    with Peer(until_closed) as proxy:
        silent = call("https://api.example/v1", f"socks5://127.0.0.1:{proxy.port}")
    results = (refused, relayed, unknown, silent)
    outcomes = [result.outcome for result in results]
    assert outcomes == [Outcome.CONNECT, Outcome.CONNECT, Outcome.DNS, Outcome.TIMEOUT_CONNECT]
    assert all(result.error and result.error.startswith("through the proxy ") for result in results)
    reasons = ["proxy_unreachable", "proxy_unreachable", "proxy_unreachable", "proxy_failed"]
    assert [result.failure_reason for result in results] == reasons
    assert all("base_url" not in advice.advice(result) for result in results)


@BOTH
def test_a_relay_that_wants_a_password(call: Callable[[str, str], Result]) -> None:
    """407 comes from a proxy and never from the endpoint."""
    refusal = b"HTTP/1.1 407 Proxy Authentication Required\r\nContent-Length: 6\r\n\r\n<html>"
    with Peer(answering(refusal)) as proxy:
        result = call("http://api.example/v1", f"http://127.0.0.1:{proxy.port}")
    assert result.outcome is Outcome.CONNECT
    assert result.error == "through a proxy on the way: it answers 407 and wants a user and password"
    assert advice.advice(result).startswith("Give the proxy's user and password")


def test_through_a_tunnel_to_tls_the_phases_are_kept() -> None:
    """The tunnel of an HTTP proxy carries plain requests of SOCKS as well as CONNECT; nothing is dialled twice."""
    with Peer(relay) as proxy, unused_port() as port:
        result = probe(f"https://127.0.0.1:{port}/v1", f"http://127.0.0.1:{proxy.port}")
        proxy.faults.clear()  # the tunnel leads nowhere
    assert result.outcome is Outcome.CONNECT
