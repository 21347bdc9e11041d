"""The servers that aimon talks to beside the AI endpoints, when they are hostile: each, by each kind of answer."""

from __future__ import annotations

import contextlib
import json
import socket
import time
from threading import Event
from typing import TYPE_CHECKING

import pytest

from aimon.dashboards.alerting import TestAlert
from aimon.dashboards.grafana_api import Grafana, GrafanaError
from aimon.metrics.push_error import PushError
from aimon.metrics.pushgateway import Gateway, push, read
from aimon.network import address, tls_context
from aimon.network.client import service_client
from aimon.notifications.alertmanager import Alertmanager, AlertmanagerError
from aimon.notifications.robots import ChatMessage, Robot, RobotError
from aimon.security import credentials
from aimon.security.secret import Secret
from certificates import Authority
from peers import Peer, read_head, until_closed

if TYPE_CHECKING:
    import ssl
    from collections.abc import Callable
    from pathlib import Path

    from aimon.metrics.exposition import Grouping

KEY = "glsa_recognisable_fake_key_1"
TIMEOUT = 0.3
HOSTILE = f"no \x1b[31mred\x1b]52;c;cm0gLXJm\x07 \u202eflip \x9b31m \x00 {KEY}\nFORGED: all is well\r\n"
FORBIDDEN = "\x1b\x07\u202e\x9b\x00\n\r"


def push_one(url: str) -> None:
    """One group to the Pushgateway."""
    push(Gateway(url, Secret(f"Bearer {KEY}"), TIMEOUT), {(("job", "a"),): b"a_gauge 1\n"})


def read_gateway(url: str) -> None:
    """All groups of the Pushgateway."""
    read(Gateway(url, Secret(f"Bearer {KEY}"), TIMEOUT))


def put_dashboard(url: str) -> None:
    """One dashboard into Grafana."""
    Grafana(address.parse(url, ""), Secret(f"Bearer {KEY}"), TIMEOUT).put({"uid": "x"}, "folder")


def fire(url: str) -> None:
    """A test alert to the Alertmanager, until it is seen."""
    server = Alertmanager(address.parse(url, ""), Secret(f"Bearer {KEY}"), TIMEOUT)
    TestAlert().wait_until_seen(server, timeout=0.1)


def tell_robot(kind: str) -> Callable[[str], None]:
    """A message to a group robot."""

    def tell(url: str) -> None:
        robot = Robot.parse(kind, Secret(f"{url}/robot?access_token={KEY}"))
        Robot(robot.kind, robot.address, None, robot.redactor, TIMEOUT).send(ChatMessage("title", "text"))

    return tell


PEERS: dict[str, Callable[[str], None]] = {
    "push": push_one,
    "read back": read_gateway,
    "grafana": put_dashboard,
    "alertmanager": fire,
    "wecom": tell_robot("wecom"),
    "dingtalk": tell_robot("dingtalk"),
    "feishu": tell_robot("feishu"),
}
ERRORS = (PushError, GrafanaError, AlertmanagerError, RobotError)


def endlessly(head: bytes, piece: bytes, pause: float = 0.0) -> Callable[[socket.socket], None]:
    """A handler that begins with `head` and says `piece` for as long as it is listened to."""

    def handler(connection: socket.socket) -> None:
        read_head(connection)
        if not piece:
            until_closed(connection)
            return
        until = time.monotonic() + 8.0
        with contextlib.suppress(OSError):
            connection.sendall(head)
            while time.monotonic() < until:
                connection.sendall(piece)
                time.sleep(pause)

    return handler


OK = b"HTTP/1.1 200 OK\r\n"
ENDLESS = {
    "body": (OK + b"\r\n", b"x" * 65536, 0.0),
    "body of a length": (OK + b"Content-Length: 99999999999999\r\n\r\n", b"x" * 65536, 0.0),
    "chunks": (OK + b"Transfer-Encoding: chunked\r\n\r\n", b"1000\r\n" + b"x" * 4096 + b"\r\n", 0.0),
    "chunk's extension": (OK + b"Transfer-Encoding: chunked\r\n\r\n1;", b"x" * 65536, 0.0),
    "trailers": (OK + b"Transfer-Encoding: chunked\r\n\r\n0\r\n", b"X-A: b\r\n" * 1000, 0.0),
    "headers": (OK, b"X-A: b\r\n" * 1000, 0.0),
    "one header": (OK + b"X-A: ", b"x" * 65536, 0.0),
    "status line": (b"HTTP/1.1 200 ", b"x" * 65536, 0.0),
    "provisional answers": (b"", b"HTTP/1.1 100 Continue\r\n\r\n" * 100, 0.0),
    "error text": (b"HTTP/1.1 500 Oops\r\n\r\n", b"x" * 65536, 0.0),
    "dripping body": (OK + b"Content-Length: 1000\r\n\r\n", b"x", 0.05),
    "dripping head": (OK, b"X", 0.05),
    "dripping chunks": (OK + b"Transfer-Encoding: chunked\r\n\r\n", b"1\r\nx\r\n", 0.05),
    "silence": (b"", b"", 0.05),
}


@pytest.mark.parametrize("kind", ENDLESS)
def test_an_answer_without_end_ends(kind: str) -> None:
    """An answer without end is cut off by the limits of time and bytes, whichever part has no end."""
    head, piece, pause = ENDLESS[kind]
    with Peer(endlessly(head, piece, pause)) as server:
        began = time.monotonic()
        where = address.parse(f"http://127.0.0.1:{server.port}", "")
        with pytest.raises(service_client.NoAnswerError) as caught:
            service_client.fetch(where, "GET", timeout=TIMEOUT, max_bytes=100_000)
        assert time.monotonic() - began < TIMEOUT + 3  # a busy machine
    assert str(caught.value).isprintable()
    assert len(str(caught.value)) < 300


@pytest.mark.parametrize("name", PEERS)
@pytest.mark.parametrize("kind", ["body", "dripping head"])
def test_each_peer_has_these_limits(kind: str, name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Every client of a service obeys these limits, and its error does not hold the key."""
    monkeypatch.setattr("aimon.metrics.pushgateway._MAX_GROUPS_BYTES", 1 << 20)
    head, piece, pause = ENDLESS[kind]
    with Peer(endlessly(head, piece, pause)) as server:
        began = time.monotonic()
        with pytest.raises(ERRORS) as caught:
            PEERS[name](f"http://127.0.0.1:{server.port}")
        assert time.monotonic() - began < TIMEOUT + 3  # a busy machine
    assert len(str(caught.value)) < 900
    assert str(caught.value).isprintable()
    assert KEY not in str(caught.value)


def answering(answer: bytes) -> Callable[[socket.socket], None]:
    """A handler that gives one answer."""

    def handler(connection: socket.socket) -> None:
        read_head(connection)
        with contextlib.suppress(OSError):
            connection.sendall(answer)
            connection.shutdown(socket.SHUT_WR)
            while connection.recv(65536):
                pass

    return handler


def answer_with(status: str, body: bytes, header: bytes = b"") -> bytes:
    """An answer's bytes."""
    return b"HTTP/1.1 %s\r\n%bContent-Length: %d\r\n\r\n%b" % (status.encode("latin-1"), header, len(body), body)


JSON = json.dumps(
    {"message": HOSTILE, "error": HOSTILE, "errcode": 1, "errmsg": HOSTILE, "code": 1, "msg": HOSTILE, "data": 5}
)
SAYING = {
    "an error": answer_with("500 Oops", HOSTILE.encode()),
    "an error in JSON": answer_with("500 Oops", JSON.encode()),
    "a refusal": answer_with("413 Too \x9blarge", JSON.encode()),
    "success that is none": answer_with("200 OK", JSON.encode()),
    "text": answer_with("200 OK", HOSTILE.encode()),
    "nested deeply": answer_with("200 OK", b"[" * 100_000),
    "nothing": answer_with("200 OK", b""),
    "a list": answer_with("200 OK", b"[1]"),
    "a list for data": answer_with("200 OK", b'{"data": [1], "code": [1], "errcode": {}}'),
    "a redirect": answer_with("302 \x1bFound", b"", b"Location: http://u:pw@x/\x1b]52;c;x\x07\x9b\r\n"),
    "a status line": b"HTTP/1.1 999999 \x1b]52;c;x\x07\r\n\r\n",
    "another protocol": b"SSH-2.0-\x1b]52;c;x\x07\x9bOpenSSH\r\n",
    "a bad header": b"HTTP/1.1 200 OK\r\nContent-Length: \x1b]52;c;x\x07\r\nTransfer-Encoding: \x1b\r\n\r\n",
    "a cut body": b"HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\n{}",
    "nothing at all": b"",
}
# What is no error for these: an answer to a push says nothing, and Grafana's needs no field.
FINE = {("push", kind) for kind, answer in SAYING.items() if answer.startswith(b"HTTP/1.1 200")} - {
    ("push", "a cut body")
}


@pytest.mark.parametrize("name", PEERS)
@pytest.mark.parametrize("kind", SAYING)
def test_what_a_peer_says_is_cleaned(kind: str, name: str) -> None:
    """Control characters of a peer's answer reach neither terminal nor log, wherever they stand."""
    with Peer(answering(SAYING[kind])) as server:
        try:
            PEERS[name](f"http://127.0.0.1:{server.port}")
        except ERRORS as error:
            said = str(error)
        else:
            assert (name, kind) in FINE or name in {"grafana", "wecom", "dingtalk", "feishu"}, "believed"
            return
    assert said
    assert not set(said) & set(FORBIDDEN)
    assert said.isprintable()
    assert KEY not in said
    assert "pw@" not in said
    assert len(said) < 900


def test_what_grafana_and_alertmanager_say_of_success_is_cleaned() -> None:
    """The address of a page, the state and the receivers of an alert are printed."""
    page = json.dumps({"url": f"/d/x\x1b]52;c;x\x07{'y' * 9000}\n"}).encode()
    with Peer(answering(answer_with("200 OK", page))) as server:
        url = f"http://127.0.0.1:{server.port}"
        shown = Grafana(address.parse(url, ""), Secret("Bearer x"), TIMEOUT).put({}, "folder")
    assert shown.isprintable()
    assert len(shown) < 400
    alerts = [{"status": {"state": "act\x1bive"}, "receivers": [{"name": "a\n\u202eb"}, {"name": 5}]}]
    with Peer(answering(answer_with("200 OK", json.dumps(alerts).encode()))) as server:
        seen = TestAlert().wait_until_seen(Alertmanager(address.parse(f"http://127.0.0.1:{server.port}", ""), None, 5))
    assert (seen.state, seen.receivers) == ("act ive", ("a b", "5"))


def test_a_push_of_many_groups_ends_though_each_is_answered() -> None:
    """A gateway that answers each group just in time does not hold the prober for hours."""

    def late(connection: socket.socket) -> None:
        with contextlib.suppress(OSError):
            while read_head(connection):
                connection.recv(100)
                time.sleep(0.1)
                connection.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n")

    groups: dict[Grouping, bytes] = {(("job", "a"), ("endpoint", str(i))): b"a_gauge 1\n" for i in range(200)}
    with Peer(late) as server:
        began = time.monotonic()
        with pytest.raises(PushError, match="takes too long"):
            push(Gateway(f"http://127.0.0.1:{server.port}", None, 0.15), groups)
        assert time.monotonic() - began < 4


def test_a_name_server_that_says_nothing_is_not_waited_for(monkeypatch: pytest.MonkeyPatch) -> None:
    """The limit of the request ends a name lookup, whose own limit is half a minute or more."""
    released = Event()

    def slow(*_: object, **__: object) -> list[object]:
        released.wait(10)
        return []

    monkeypatch.setattr(socket, "getaddrinfo", slow)
    began = time.monotonic()
    with pytest.raises(service_client.NoAnswerError, match="timed out"):
        service_client.fetch(address.parse("http://name.test", ""), "GET", timeout=0.1)
    assert time.monotonic() - began < 5
    released.set()


@pytest.mark.parametrize(
    "written",
    [
        *("http://host:99999", "http://host:-1", "http://host:0", "http://host:port", "http://host:80:81"),
        *("http://host:8 0", "http://host:\u0663", "http://[::1", "http://[::1]x:80", "http://ho st", "http://a\x1b]b"),
        *("http:host", "//host", "host:9", "ftp://host", "http://", "http://u:pa/ss@host", "http://host:9/?q=1"),
        *("http://host:9/#x", "http://host/\u202e", "http\uff1a//host", "http://host\uff1a9093"),
    ],
)
def test_addresses_that_are_none(written: str) -> None:
    """Each is refused before anything is sent, without being repeated: it may hold a password."""
    with pytest.raises(ValueError, match="write it as http://host:1") as caught:
        address.parse(written, "write it as http://host:1")
    assert "u:" not in str(caught.value)
    assert "pa/" not in str(caught.value)


@pytest.mark.parametrize(
    ("written", "host", "port", "url"),
    [
        ("http://host", "host", 80, "http://host"),
        (" https://host:8443/x/ \r\n", "host", 8443, "https://host:8443/x"),
        ("http://user:p%40ss@[::1]:9", "::1", 9, "http://[::1]:9"),
        ("\ufeffhttp://host:", "host", 80, "http://host:"),
        ("http://例子.test:9", "例子.test", 9, "http://例子.test:9"),
    ],
)
def test_addresses(written: str, host: str, port: int, url: str) -> None:
    """User and password are kept apart, and shown by nothing."""
    found = address.parse(written, "")
    assert (found.host, found.port, found.url) == (host, port, url)
    assert "p%40ss" not in repr(found)


SERVERS: dict[str, tuple[str, Callable[[str, dict[str, str]], Secret | None]]] = {
    "AIMON_PUSH": ("pushgateway", lambda url, environ: Gateway.parse(url, environ).authorization),
    "AIMON_ALERTMANAGER": ("alertmanager", lambda url, environ: Alertmanager.parse(url, environ).authorization),
    "AIMON_GRAFANA": ("grafana", lambda url, environ: Grafana.parse(url, None, environ).authorization),
}


@pytest.mark.parametrize("prefix", SERVERS)
def test_one_rule_for_credentials(prefix: str, tmp_path: Path) -> None:
    """A token before a user, the environment before the address, files as good as variables; line ends are dropped."""
    read_from = SERVERS[prefix][1]
    token, password = tmp_path / "token", tmp_path / "password"
    token.write_bytes(b"\xef\xbb\xbf" + KEY.encode() + b"\r\n")
    password.write_bytes(b"p ss'\r\n")
    url = "http://me:p%40ss@host"
    basic = credentials.basic
    cases: list[tuple[dict[str, str], Secret]] = [
        ({}, basic("me", "p@ss")),
        ({"USERNAME": "you\r\n", "PASSWORD": "p ss'\n"}, basic("you", "p ss'")),
        ({"USERNAME": "you", "PASSWORD_FILE": f"{password}\r"}, basic("you", "p ss'")),
        ({"USERNAME": "you", "TOKEN": f'"{KEY}"'}, Secret(f"Bearer {KEY}")),
        ({"TOKEN_FILE": str(token)}, Secret(f"Bearer {KEY}")),
    ]
    for settings, expected in cases:
        found = read_from(url, {f"{prefix}_{name}": value for name, value in settings.items()})
        assert found == expected, settings
    for settings in ({"USERNAME": "a:b"}, {"USERNAME": "a\tb\x1b"}, {"TOKEN": "two words"}, {"TOKEN_FILE": "/no/such"}):
        with pytest.raises(ValueError, match=f"^{prefix}_"):
            read_from(url, {f"{prefix}_{name}": value for name, value in settings.items()})


def test_credentials_of_an_address_are_sent_and_not_shown() -> None:
    """Credentials of the address are sent and not shown; a refusal names the variables to set."""
    heads: list[bytes] = []

    def refuse(connection: socket.socket) -> None:
        heads.append(read_head(connection))
        connection.sendall(answer_with("401 Unauthorized", b""))

    with Peer(refuse) as server:
        alertmanager = Alertmanager.parse(f"http://me:hunter2@127.0.0.1:{server.port}", {})
        with pytest.raises(AlertmanagerError, match="set AIMON_ALERTMANAGER_TOKEN, or AIMON_ALERTM") as caught:
            alertmanager.request("GET", "/alerts")
    assert b"Authorization: Basic bWU6aHVudGVyMg==" in heads[0]
    assert "hunter2" not in str(caught.value) + repr(alertmanager)


def test_http_2_is_not_offered(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A server that prefers it speaks HTTP/1.1 with us, though probes of this process may have offered HTTP/2."""
    authority = Authority(tmp_path)
    context = authority.server()
    context.set_alpn_protocols(["h2", "http/1.1"])
    spoken: list[str | None] = []

    def serve(connection: socket.socket) -> None:
        with context.wrap_socket(connection, server_side=True) as secure:
            spoken.append(secure.selected_alpn_protocol())
            read_head(secure)
            secure.sendall(answer_with("200 OK", b"{}"))

    def ours(_: None, *protocols: str) -> ssl.SSLContext:
        return tls_context.ssl_context(str(authority.file), *protocols)

    monkeypatch.setattr("aimon.network.client.service_connection.ssl_context", ours)
    tls_context.ssl_context(str(authority.file)).set_alpn_protocols(["h2"])
    with Peer(serve) as server:
        answer = service_client.fetch(address.parse(f"https://localhost:{server.port}", ""), "GET")
    assert (answer.status, answer.body, spoken) == (200, b"{}", ["http/1.1"])
