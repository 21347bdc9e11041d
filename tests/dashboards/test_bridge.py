"""Chat robots: messages, signatures, and the status that Alertmanager gets for a refusal."""

from __future__ import annotations

import base64
import contextlib
import hashlib
import hmac
import http.client
import json
import time
from threading import Thread
from typing import TYPE_CHECKING, Any
from urllib.parse import parse_qs

import pytest

from aimon.dashboards.bridge import message, server
from aimon.notifications.robots import ChatMessage, RefusedError, Robot, RobotError
from aimon.security.secret import Secret
from peers import Peer, read_head
from services import wait_for
from sinks import http_sink

if TYPE_CHECKING:
    import socket
    from collections.abc import Callable, Iterator

    from command import Command
    from services import Servers

SECRET = "SECrecognisable-signing-secret"
KEY = "robot-key-0123456789"
FIRING = {"status": "firing", "annotations": {"summary": "s"}}
RESOLVED = {"status": "resolved", "annotations": {"summary": "s"}}


def notification(*alerts: dict[str, Any], **more: Any) -> dict[str, Any]:
    """A webhook's body."""
    status = "firing" if FIRING in alerts else "resolved"
    return {"status": status, "groupLabels": {"alertname": "A"}, "commonLabels": {}, "alerts": list(alerts), **more}


@pytest.mark.parametrize(
    ("alerts", "title"),
    [
        ([FIRING], "[FIRING:1] A"),
        ([FIRING, RESOLVED], "[FIRING:1] A"),
        ([RESOLVED, FIRING, RESOLVED, FIRING], "[FIRING:2] A"),
        ([RESOLVED, RESOLVED], "[RESOLVED:2] A"),
    ],
)
def test_the_title_counts_what_fires(alerts: list[dict[str, Any]], title: str) -> None:
    """The title counts one alert if one fires and one is resolved."""
    assert message(notification(*alerts)).title == title


@pytest.mark.parametrize(("truncated", "first"), [(0, "FIRING: s"), (3, "and 3 more, left out by max_alerts")])
def test_alerts_that_were_left_out_are_mentioned(truncated: int, first: str) -> None:
    """Omitted alerts are mentioned first, since robots cut long messages."""
    text = message(notification(FIRING, truncatedAlerts=truncated)).text
    assert text.splitlines()[0] == first


def answering(body: bytes, status: bytes = b"200 OK") -> Callable[[socket.socket], None]:
    """A robot that gives this answer."""

    def handler(connection: socket.socket) -> None:
        read_head(connection)
        connection.sendall(b"HTTP/1.1 %b\r\nContent-Length: %d\r\n\r\n%b" % (status, len(body), body))
        with contextlib.suppress(OSError):
            while connection.recv(65536):
                pass

    return handler


@pytest.mark.parametrize(
    ("kind", "body", "final", "words"),
    [
        ("dingtalk", b'{"errcode":310000,"errmsg":"keywords not in content"}', True, "310000: keywords not in content"),
        ("dingtalk", b'{"errcode":300005,"errmsg":"token is not exist"}', True, "300005: token is not exist"),
        ("dingtalk", b'{"errcode":410100,"errmsg":"speed is too fast"}', False, "410100: speed is too fast"),
        ("wecom", b'{"errcode":93000,"errmsg":"invalid webhook url"}', True, "93000: invalid webhook url"),
        ("wecom", b'{"errcode":45009,"errmsg":"api freq out of limit"}', False, "45009: api freq out of limit"),
        ("feishu", b'{"code":19024,"msg":"Key Words Not Found","data":{}}', True, "19024: Key Words Not Found"),
        ("feishu", b'{"code":19021,"msg":"sign match fail"}', True, "19021: sign match fail"),
        ("feishu", b'{"code":11232,"msg":"frequency limited"}', False, "11232: frequency limited"),
        ("wecom", b'{"errcode":-1,"errmsg":"system busy"}', False, "-1: system busy"),
        ("dingtalk", b'{"errcode":987654}', False, "code 987654"),
        ("dingtalk", b'{"errcode":1,"errmsg":"\\u001b]52;c;x\\u0007\\u202e robot-key-0123456789"}', False, "code 1: "),
    ],
)
def test_a_refusal_is_told_in_the_robots_words(kind: str, body: bytes, final: bool, words: str) -> None:
    """A refusal is reported with the robot's message, and whether a retry can help, without the key."""
    with Peer(answering(body)) as peer:
        robot = Robot.parse(kind, Secret(f"http://127.0.0.1:{peer.port}/robot?access_token={KEY}"))
        with pytest.raises(RobotError) as caught:
            robot.send(ChatMessage("title", "text"))
    assert isinstance(caught.value, RefusedError) is final
    assert words in str(caught.value)
    assert KEY not in str(caught.value)
    assert str(caught.value).isprintable()


@pytest.mark.parametrize(
    ("status", "final"), [(b"404 Not Found", True), (b"403 No", True), (b"429 Slow", False), (b"503 Busy", False)]
)
def test_statuses_of_robots(status: bytes, final: bool) -> None:
    """A wrong token in the path, as Feishu's, is reported by HTTP status."""
    with Peer(answering(b"no", status)) as peer:
        robot = Robot.parse("feishu", Secret(f"http://127.0.0.1:{peer.port}/open-apis/bot/v2/hook/{KEY}"))
        with pytest.raises(RobotError, match=r"answers \d+: no$") as caught:
            robot.send(ChatMessage("title", "text"))
    assert isinstance(caught.value, RefusedError) is final


def test_signatures() -> None:
    """As documented, DingTalk signs the query with milliseconds, and Feishu the body with seconds."""
    with http_sink() as posts:
        said = ChatMessage("title", "text")
        Robot.parse("dingtalk", Secret(f"{posts.url}/robot?access_token=x"), Secret(SECRET)).send(said)
        Robot.parse("feishu", Secret(f"{posts.url}/robot"), Secret(SECRET)).send(said)
        query, body = parse_qs(posts.queries[0]), posts.at("/robot")[1]
    timestamp = query["timestamp"][0]
    assert abs(int(timestamp) / 1000 - time.time()) < 60
    digest = hmac.new(SECRET.encode(), f"{timestamp}\n{SECRET}".encode(), hashlib.sha256).digest()
    assert query["sign"] == [base64.b64encode(digest).decode()]
    assert query["access_token"] == ["x"]
    assert abs(int(body["timestamp"]) - time.time()) < 60
    digest = hmac.new(f"{body['timestamp']}\n{SECRET}".encode(), b"", hashlib.sha256).digest()
    assert body["sign"] == base64.b64encode(digest).decode()
    assert body["card"]["header"]["title"]["content"] == "title"


def test_a_robot_behind_a_proxy(monkeypatch: pytest.MonkeyPatch) -> None:
    """The environment's proxy is used, as for probes; a refusing proxy is named without its password."""
    monkeypatch.setenv("http_proxy", "http://user:proxy-password@127.0.0.1:1")
    robot = Robot.parse("wecom", Secret(f"http://robot.invalid/send?key={KEY}"))
    with pytest.raises(RobotError, match=r"through the proxy http://127\.0\.0\.1:1 \(http_proxy\): Connection refused"):
        robot.send(ChatMessage("title", "text"))
    with http_sink() as posts:
        monkeypatch.setenv("http_proxy", f"http://user:proxy-password@{posts.url.removeprefix('http://')}")
        # A request to a proxy has the whole URL.
        robot.send(ChatMessage("title", "text"))
        assert list(posts.received) == ["http://robot.invalid/send"]
        monkeypatch.setenv("no_proxy", ".invalid")
        with pytest.raises(RobotError, match=r"no address is known by that name"):
            robot.send(ChatMessage("title", "text"))


@contextlib.contextmanager
def bridge_to(robot: Robot) -> Iterator[tuple[int, list[str]]]:
    """A bridge, its port and what it reports."""
    said: list[str] = []
    bridge = server(robot, "127.0.0.1", 0, said.append)
    thread = Thread(target=bridge.serve_forever, kwargs={"poll_interval": 0.05})
    thread.start()
    try:
        yield bridge.server_port, said
    finally:
        bridge.shutdown()
        bridge.server_close()
        thread.join()


@pytest.mark.parametrize(
    ("answer", "expected"),
    [
        (b'{"errcode":0}', 200),
        (b'{"errcode":310000,"errmsg":"sign not match"}', 422),
        (b'{"errcode":410100}', 502),
        (b"<html>", 502),
    ],
)
def test_what_the_bridge_answers(answer: bytes, expected: int) -> None:
    """The bridge answers with 5xx only if a repetition by Alertmanager can help."""
    with Peer(answering(answer)) as peer:
        robot = Robot.parse("dingtalk", Secret(f"http://127.0.0.1:{peer.port}/robot"))
        with bridge_to(robot) as (port, said):
            assert post(port, json.dumps(notification(FIRING)).encode()) == expected
    assert len(said) == (expected != 200)


@pytest.mark.parametrize("body", [b"[" * 100_000, b"[]", b"{}", b"", b"\xff", b'{"alerts": [1]}', b'"\\ud800"'])
def test_what_is_no_notification(body: bytes) -> None:
    """A body that is not a notification gets 400 and one line of report, and the bridge keeps running."""
    robot = Robot.parse("dingtalk", Secret("http://127.0.0.1:1/robot"))
    with bridge_to(robot) as (port, said):
        assert [post(port, body), post(port, body)] == [400, 400]
        assert post(port, b"", length="²") == 413
    assert len(said) == 2
    assert all(line.isprintable() and len(line) < 300 for line in said)


def post(port: int, body: bytes, length: str | None = None) -> int:
    """The status of the answer."""
    with contextlib.closing(http.client.HTTPConnection("127.0.0.1", port, timeout=10)) as connection:
        connection.request("POST", "/alerts", body, {"Content-Length": length or str(len(body))})
        return connection.getresponse().status


@pytest.mark.e2e
def test_an_alertmanager_does_not_repeat_what_is_refused_for_good(servers: Servers) -> None:
    """After a permanent refusal the robot gets no second request, and Alertmanager counts a failed notification."""
    with http_sink() as posts:
        posts.refuse = 93000
        with bridge_to(Robot.parse("wecom", Secret(f"{posts.url}/robot"))) as (port, said):
            alertmanager = servers.alertmanager(
                {
                    "route": {"receiver": "r", "group_wait": "0s", "group_interval": "1h"},
                    "receivers": [{"name": "r", "webhook_configs": [{"url": f"http://127.0.0.1:{port}/alerts"}]}],
                }
            )
            alertmanager.post("/api/v2/alerts", json.dumps([{"labels": {"alertname": "A"}}]))
            wait_for(lambda: failures(alertmanager.get("/metrics")), what="a failed notification")
    assert len(posts.queries) == 1
    assert said == ["the wecom robot refuses the message: code 93000: refused"]


def failures(metrics: str) -> float:
    """How many notifications by webhook have failed."""
    lines = [line for line in metrics.splitlines() if line.startswith("alertmanager_notifications_failed_total{")]
    return sum(float(line.rpartition(" ")[2]) for line in lines if 'integration="webhook"' in line)


@pytest.mark.parametrize(
    ("arguments", "environ", "said"),
    [
        (["wecom"], {}, "no robot: give --url-file, or set AIMON_ROBOT_URL"),
        (["wecom"], {"AIMON_ROBOT_URL": f"https://h:99999/{KEY}"}, "its port is not a number from 1 to 65535"),
        (["wecom"], {"AIMON_ROBOT_URL": KEY}, "copy all of the robot's URL, from https:// on"),
        (["wecom"], {"AIMON_ROBOT_URL": "https://h/x", "AIMON_ROBOT_SECRET": SECRET}, "wecom robots have no secret"),
        (["dingtalk"], {"AIMON_ROBOT_URL": "https://h/x", "HTTPS_PROXY": "socks5://h:x"}, "HTTPS_PROXY: not an addr"),
        (["dingtalk"], {"AIMON_ROBOT_URL_FILE": "none"}, "AIMON_ROBOT_URL_FILE: none can't be read: No such file"),
        (["dingtalk", "--secret-file", "none"], {"AIMON_ROBOT_URL": "https://h/x"}, "--secret-file none can't be read"),
        (["slack"], {}, "there is no such robot; write one of wecom, dingtalk, feishu"),
    ],
)
def test_mistakes_are_found_at_the_start(
    arguments: list[str], environ: dict[str, str], said: str, run_aimon: Command
) -> None:
    """Mistakes in the options are reported at the start, not at the first alert, and without keys."""
    done = run_aimon("alerts", "bridge", "--to", *arguments, env=environ)
    assert done.returncode == 2
    assert said in done.stderr
    assert KEY not in done.stderr
    assert SECRET not in done.stderr
