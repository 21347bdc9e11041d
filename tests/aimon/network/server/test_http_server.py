"""Every address that aimon listens on, under hostile clients: no traceback, no thread held, still there."""

from __future__ import annotations

import socket
import struct
import threading
import time
from contextlib import ExitStack, closing, contextmanager, suppress
from http import HTTPStatus
from typing import TYPE_CHECKING

import pytest

from aimon.dashboards import bridge
from aimon.network.server import http_server
from aimon.network.server.http_server import MOST_CONNECTIONS
from aimon.network.server.listen import HEALTH, Listener
from aimon.notifications.robots import Robot
from aimon.security.secret import Secret
from services import wait_for

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

TOKEN = "a-token-0123456789abcdef"
PAGES = {
    "/metrics": lambda: (HTTPStatus.OK, b"x" * 5_000_000, "text/plain"),
    HEALTH: lambda: (HTTPStatus.OK, b"ok", "text/plain"),
}


@contextmanager
def _pages(token: str | None) -> Iterator[tuple[int, http_server.Server]]:
    with Listener("127.0.0.1", 0, PAGES, token=token) as listener:
        yield int(listener.url.rpartition(":")[2]), listener._server


@contextmanager
def _bridge() -> Iterator[tuple[int, http_server.Server]]:
    robot = Robot.parse("wecom", Secret("http://127.0.0.1:9/robot?key=abc"))
    with bridge.server(robot, "127.0.0.1", 0, lambda _: None) as server:
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        try:
            yield server.server_address[1], server
        finally:
            server.shutdown()
            thread.join()


LISTENERS: dict[str, Callable[[], object]] = {
    "--listen": lambda: _pages(None),
    "--listen with a token": lambda: _pages(TOKEN),
    "the bridge": _bridge,
}

_POST = b"POST /alerts HTTP/1.1\r\nHost: x\r\nContent-Length: %d\r\n\r\n%s"


def _post(body: bytes) -> bytes:
    return _POST % (len(body), body)


REQUESTS: dict[str, bytes] = {
    "an address that is none": b"GET http://[::1 HTTP/1.1\r\nHost: x\r\n\r\n",
    "a bracket in the path": b"GET //[ HTTP/1.1\r\nHost: x\r\n\r\n",
    "an address that is none, to post to": b"POST http://[ HTTP/1.1\r\nContent-Length: 0\r\n\r\n",
    "nothing": b"",
    "an empty line": b"\r\n\r\n",
    "no HTTP": b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03" + bytes(200),
    "bytes that are no text": bytes(range(128, 256)) * 4 + b"\r\n\r\n",
    "a line without end": b"GET /" + b"a" * 70_000,
    "many headers": b"GET /metrics HTTP/1.1\r\n" + b"".join(b"a%d: b\r\n" % k for k in range(300)) + b"\r\n",
    "a long header": b"GET /metrics HTTP/1.1\r\nA: " + b"b" * 70_000 + b"\r\n\r\n",
    "HTTP/9.9": b"GET /metrics HTTP/9.9\r\n\r\n",
    "HTTP/0.9": b"GET /metrics\r\n",
    "an unknown method": b"BREW /pot HTTP/1.1\r\n\r\n",
    "a header that is none": b"GET /metrics HTTP/1.1\r\nno colon\r\n\r\n",
    "credentials that are no text": b"GET /metrics HTTP/1.1\r\nAuthorization: Bearer \xff\xfe\x80\r\n\r\n",
    "a length that is none": b"POST /alerts HTTP/1.1\r\nContent-Length: \xb2\r\n\r\n",
    "a negative length": b"POST /alerts HTTP/1.1\r\nContent-Length: -1\r\n\r\n",
    "an absurd length": b"POST /alerts HTTP/1.1\r\nContent-Length: " + b"9" * 5000 + b"\r\n\r\n",
    "no length": b"POST /alerts HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
    "less than was said": b"POST /alerts HTTP/1.1\r\nContent-Length: 100\r\n\r\n{}",
    "deep JSON": _post(b"[" * 100_000),
    "deep objects": _post(b'{"a":' * 50_000),
    "no JSON": _post(b"\xff\xfe"),
    "a number": _post(b"1" * 10_000),
    "a surrogate": _post(b'{"alerts":[{"status":"\\ud800"}]}'),
    "no notification": _post(b'{"alerts": {"a": 1}, "groupLabels": []}'),
    "of numbers": _post(b'{"alerts":[{"status":1,"annotations":[]}],"groupLabels":{},"commonLabels":{},"status":1}'),
}


@pytest.fixture(params=LISTENERS.values(), ids=list(LISTENERS))
def listening(request: pytest.FixtureRequest) -> Iterator[tuple[int, http_server.Server]]:
    """A listener's port, and its server."""
    with request.param() as started:
        yield started


def ask(port: int, request: bytes, *, half_close: bool = True) -> bytes:
    """What is answered, until the server ends the connection."""
    with closing(socket.create_connection(("127.0.0.1", port), timeout=30)) as client:
        answer = b""
        # It may leave the rest of a long request unread, and reset the connection meanwhile.
        with suppress(BrokenPipeError, ConnectionResetError):
            client.sendall(request)
            if half_close:
                with suppress(OSError):
                    client.shutdown(socket.SHUT_WR)
            while chunk := client.recv(65536):
                answer += chunk
        return answer


def is_well(port: int) -> bool:
    """Whether it answers a request that is one."""
    return ask(port, b"GET /-/healthy HTTP/1.1\r\nHost: x\r\n\r\n", half_close=False).startswith(b"HTTP/1.0 200")


def test_no_request_makes_a_traceback(
    listening: tuple[int, http_server.Server], capfd: pytest.CaptureFixture[str], caplog: pytest.LogCaptureFixture
) -> None:
    """Each is refused, and the next is answered."""
    port, server = listening
    for name, request in REQUESTS.items():
        answer = ask(port, request)
        assert b" 500 " not in answer.partition(b"\r\n")[0], name
        assert is_well(port), name
    wait_for(lambda: server.connections == 0)
    assert capfd.readouterr().err == ""
    assert caplog.text == ""


def test_clients_that_leave_make_no_traceback(
    listening: tuple[int, http_server.Server], capfd: pytest.CaptureFixture[str], caplog: pytest.LogCaptureFixture
) -> None:
    """Clients may leave while they send a request, before the answer, and while they read it."""
    port, server = listening
    for request in (b"GET /met", b"GET /metrics HTTP/1.1\r\n", b"GET /metrics HTTP/1.1\r\n\r\n", _post(b"{}" * 9)[:-3]):
        for read in (0, 100):
            with closing(socket.create_connection(("127.0.0.1", port), timeout=30)) as client:
                # A reset, and not an orderly end.
                client.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
                client.sendall(request)
                if read and request.endswith(b"\r\n\r\n"):
                    client.recv(read)
    wait_for(lambda: server.connections == 0)
    assert is_well(port)
    assert capfd.readouterr().err == ""
    assert caplog.text == ""


def test_a_request_that_drips_is_ended(
    listening: tuple[int, http_server.Server], monkeypatch: pytest.MonkeyPatch
) -> None:
    """A byte now and then does not prolong the time in which all of it must be there."""
    port, server = listening
    monkeypatch.setattr(http_server, "PATIENCE", 0.5)
    for start in (b"", b"GET /metrics HTTP/1.1\r\nA: ", b"POST /alerts HTTP/1.1\r\nContent-Length: 9999\r\n\r\n"):
        began = time.monotonic()
        with closing(socket.create_connection(("127.0.0.1", port), timeout=30)) as client:
            client.settimeout(0.05)
            client.sendall(start)
            while time.monotonic() - began < 30:
                try:
                    client.sendall(b"a")
                    if client.recv(1) == b"":
                        break
                except TimeoutError:
                    continue
                except OSError:
                    break
        assert time.monotonic() - began < 25
    wait_for(lambda: server.connections == 0)


def test_idle_clients_keep_nobody_out(listening: tuple[int, http_server.Server]) -> None:
    """However many there are: threads are bounded, and who comes with a request is answered at once."""
    port, server = listening
    before = threading.active_count()
    with ExitStack() as stack:
        for _ in range(3 * MOST_CONNECTIONS):
            stack.enter_context(closing(socket.create_connection(("127.0.0.1", port), timeout=30)))
        for _ in range(5):
            assert is_well(port)
        assert server.connections <= MOST_CONNECTIONS
        wait_for(lambda: threading.active_count() - before <= MOST_CONNECTIONS + 2)
    wait_for(lambda: server.connections == 0)


def test_who_is_being_answered_is_not_sent_away(monkeypatch: pytest.MonkeyPatch) -> None:
    """If every connection is being answered, the next client gets 503 and none is closed."""
    monkeypatch.setattr(http_server, "MOST_CONNECTIONS", 2)
    going_on, here = threading.Event(), threading.Semaphore(0)

    def page() -> tuple[HTTPStatus, bytes, str]:
        here.release()
        going_on.wait(30)
        return HTTPStatus.OK, b"late", "text/plain"

    answers: list[bytes] = []
    with Listener("127.0.0.1", 0, {"/": page}) as listener:
        port = int(listener.url.rpartition(":")[2])
        request = b"GET / HTTP/1.1\r\n\r\n"
        clients = [threading.Thread(target=lambda: answers.append(ask(port, request))) for _ in range(2)]
        for client in clients:
            client.start()
            here.acquire()
        assert ask(port, request, half_close=False).startswith(b"HTTP/1.0 503")
        going_on.set()
        for client in clients:
            client.join()
    assert [answer.rpartition(b"\r\n")[2] for answer in answers] == [b"late", b"late"]


@pytest.mark.parametrize(
    ("sent", "status"),
    [
        (f"Bearer {TOKEN}", b"200"), (f"bearer {TOKEN}", b"200"), (f"BEARER  {TOKEN} ", b"200"),
        (f"Basic {TOKEN}", b"401"), (f"Bearer{TOKEN}", b"401"), (f"Bearer {TOKEN.upper()}", b"401"), ("Bearer", b"401"),
        ("", b"401"),
    ],
)  # fmt: skip
def test_the_case_of_bearer_does_not_matter(sent: str, status: bytes) -> None:
    """The scheme may be written in any case, the token may not."""
    with _pages(TOKEN) as (port, _):
        answer = ask(port, f"HEAD /metrics HTTP/1.1\r\nAuthorization: {sent}\r\n\r\n".encode())
    assert answer.split(b" ", 2)[1] == status
