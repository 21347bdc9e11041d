"""The gateway's HTTP side, against a real Pushgateway; and against servers that misbehave."""

from __future__ import annotations

import socket
import threading
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import TYPE_CHECKING

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from aimon.metrics.exposition import push_bodies
from aimon.metrics.push_error import PushError
from aimon.metrics.pushgateway import Gateway, delete, group_path, push, read
from aimon.metrics.totals import Totals
from aimon.security.secret import Secret
from results import QWEN, a_result
from services import free_port, wait_for

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from aimon.metrics.exposition import Grouping
    from services import Pushgateway

KEY = "sk-recognisable-key"


def group(endpoint: str, job: str = "aimon-probe") -> Grouping:
    """The group of an endpoint."""
    return (("job", job), ("region", "cn-east"), ("endpoint", endpoint))


def body(value: int) -> bytes:
    """A body with one gauge."""
    return f"# TYPE a_gauge gauge\na_gauge {value}\n".encode()


def test_a_push_replaces_its_whole_group(pushgateway: Pushgateway) -> None:
    """Series of an earlier push that this one lacks are gone; other groups stay."""
    gateway = Gateway.parse(pushgateway.url)
    push(gateway, {group("a"): body(1) + b"# TYPE b_gauge gauge\nb_gauge 1\n", group("b"): body(2)})
    push(gateway, {group("a"): body(3)})
    assert {s.labels["endpoint"]: s.value for s in pushgateway.samples("a_gauge")} == {"a": 3, "b": 2}
    assert pushgateway.samples("b_gauge") == []


def test_a_group_is_deleted_once_and_for_all(pushgateway: Pushgateway) -> None:
    """Deleting what is not there is no error."""
    gateway = Gateway.parse(pushgateway.url)
    push(gateway, {group("a"): body(1), group("b"): body(2)})
    delete(gateway, [group("a"), group("never pushed")])
    delete(gateway, [group("a")])
    assert [s.labels["endpoint"] for s in pushgateway.samples("a_gauge")] == ["b"]


def test_bodies_of_totals_agree_with_their_groups(pushgateway: Pushgateway) -> None:
    """The gateway adds `job` and an empty `instance`, and changes none of the labels."""
    totals = Totals()
    totals.observe(a_result())
    push(Gateway.parse(pushgateway.url), push_bodies(totals, None, job="aimon-probe", region="cn-east"))
    [sample] = pushgateway.samples("ai_api_requests_total")
    assert sample.labels == {
        **QWEN.labels, "status": "success", "outcome": "ok", "job": "aimon-probe", "instance": ""
    }  # fmt: skip
    assert sample.value == 1


@settings(max_examples=60, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.text(st.characters(codec="utf-8", exclude_characters="\0"), max_size=12))
def test_any_label_value_arrives_as_it_is(pushgateway: Pushgateway, value: str) -> None:
    """Slashes, dots, spaces, nothing, other scripts: read back, the group has the same label."""
    gateway = Gateway.parse(pushgateway.url)
    push(gateway, {group(value): body(1)})
    assert [held["labels"]["endpoint"] for held in read(gateway)] == [value]
    delete(gateway, [group(value)])
    # That is done soon after it was answered.
    wait_for(lambda: read(gateway) == [], what="the end of the group")


@pytest.mark.parametrize(
    ("value", "segment"),
    [("qwen-prod", "endpoint/qwen-prod"), ("a/b", "endpoint@base64/YS9i"), ("", "endpoint@base64/="),
     ("..", "endpoint@base64/Li4"), ("通义", "endpoint@base64/6YCa5LmJ")],
)  # fmt: skip
def test_what_a_path_cannot_hold_is_written_in_base64(value: str, segment: str) -> None:
    """Values that a path can't hold are written in base64, as the gateway documents; the empty one is `=`."""
    assert group_path(group(value)) == f"/metrics/job/aimon-probe/region/cn-east/{segment}"


def test_a_request_leaves_in_one_piece(monkeypatch: pytest.MonkeyPatch, pushgateway: Pushgateway) -> None:
    """A process that is killed between headers and body would have the gateway take an empty body for all there is."""
    sent: list[bytes] = []
    sendall = socket.socket.sendall

    def watched(self: socket.socket, data: bytes) -> None:
        sent.append(bytes(data))
        sendall(self, data)

    monkeypatch.setattr(socket.socket, "sendall", watched)
    gateway = Gateway.parse(pushgateway.url)
    push(gateway, {group("a"): body(1)})
    assert len(sent) == 1
    assert sent[0].startswith(b"PUT /metrics/job/")
    assert sent[0].endswith(b"\r\n\r\n" + body(1))
    assert [held["labels"]["endpoint"] for held in read(gateway)] == ["a"]


def test_a_group_without_a_job_is_refused() -> None:
    """The gateway has no such path."""
    with pytest.raises(ValueError, match="a group begins with a job"):
        group_path(group("a", job=""))


def test_what_the_gateway_refuses_is_said_with_its_reason(pushgateway: Pushgateway) -> None:
    """One bad group of three: the other two arrive, and the error says which of them did."""
    bad = b"a_gauge 1\na_gauge 2\n"
    with pytest.raises(PushError) as caught:
        push(Gateway.parse(pushgateway.url), {group("a"): body(1), group("bad"): bad, group("c"): body(3)})
    message = str(caught.value)
    assert message.startswith(f"PUT {pushgateway.url}/metrics/job/aimon-probe/region/cn-east/endpoint/bad: 400 ")
    assert "pushed metrics are invalid or inconsistent with existing metrics" in message
    assert message.endswith("(1 of 3 groups failed)")
    assert set(caught.value.pushed) == {group("a"), group("c")}
    assert {s.labels["endpoint"] for s in pushgateway.samples("a_gauge")} == {"a", "c"}


def test_a_gateway_that_is_down_is_asked_once() -> None:
    """Fifty groups do not mean fifty failures to wait for."""
    url = f"http://127.0.0.1:{free_port()}"
    with pytest.raises(PushError) as caught:
        push(Gateway.parse(url), {group(str(i)): body(i) for i in range(50)})
    assert str(caught.value) == (
        f"the Pushgateway at {url} does not answer (Connection refused): "
        "is it running, and is the address right? (50 of 50 groups failed)"
    )


def test_a_gateway_that_does_not_answer_times_out() -> None:
    """A push to a gateway that accepts connections and stays silent ends at its timeout."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        gateway = Gateway.parse(f"http://127.0.0.1:{server.getsockname()[1]}", timeout=0.05)
        with pytest.raises(PushError, match=r"does not answer \(timed out\)"):
            push(gateway, {group("a"): body(1)})


class Recorder(ThreadingHTTPServer):
    """Answers every request with `answer` (status, headers, body) and keeps what was asked."""

    answer: tuple[int, dict[str, str], bytes] = (202, {}, b"")

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.asked: list[tuple[str, str, str | None]] = []
        self.url = f"http://127.0.0.1:{self.server_address[1]}"


class _Handler(BaseHTTPRequestHandler):
    server: Recorder

    def do_PUT(self) -> None:
        """Read the body, note the request, answer."""
        self.rfile.read(int(self.headers.get("Content-Length", 0)))
        self.server.asked.append((self.command, self.path, self.headers.get("Authorization")))
        status, headers, content = self.server.answer
        self.send_response(status)
        for name, value in headers.items():
            self.send_header(name, value)
        self.send_header("Content-Length", str(len(content)))
        self.end_headers()
        self.wfile.write(content)

    def do_GET(self) -> None:
        """The same."""
        self.do_PUT()

    def log_message(self, *_: object) -> None:
        """Print nothing."""


@contextmanager
def recorder(status: int = 202, headers: dict[str, str] | None = None, content: bytes = b"") -> Iterator[Recorder]:
    """A server that answers every request so."""
    with Recorder() as server:
        server.answer = (status, headers or {}, content)
        thread = threading.Thread(target=server.serve_forever, args=(0.01,))
        thread.start()
        try:
            yield server
        finally:
            server.shutdown()
            thread.join()


@pytest.mark.parametrize(
    ("status", "headers", "content", "message"),
    [
        (401, {}, b"no\nentry", "401 Unauthorized: set AIMON_PUSH_TOKEN, or AIMON_PUSH_USERNAME and .*: no entry$"),
        (404, {}, b"", "404 Not Found: is that a Pushgateway, and the address without /metrics/job/…[?]$"),
        (308, {"Location": f"https://me:{KEY}@gw/x"}, b"",
         "308 Permanent Redirect, to https://gw/x: give that address instead$"),
        (500, {}, b"x" * 1000, "500 Internal Server Error: x{499}…$"),
    ],
)  # fmt: skip
def test_other_answers_say_what_to_do(status: int, headers: dict[str, str], content: bytes, message: str) -> None:
    """The error has the status, advice, and the beginning of the body."""
    with recorder(status, headers, content) as server, pytest.raises(PushError, match=message) as caught:
        push(Gateway.parse(server.url), {group("a"): body(1)})
    assert KEY not in str(caught.value)


def test_a_server_that_is_no_gateway_is_not_read() -> None:
    """A 200 whose body is not a Pushgateway's is an error."""
    with recorder(200, content=b"<html>") as server, pytest.raises(PushError, match="does not answer as a Pushg"):
        read(Gateway.parse(server.url))


@pytest.mark.parametrize(
    ("environ", "userinfo", "sent"),
    [
        ({}, "", None),
        ({}, "me:p%40ss@", "Basic bWU6cEBzcw=="),
        ({"AIMON_PUSH_USERNAME": "me", "AIMON_PUSH_PASSWORD": "p@ss"}, "", "Basic bWU6cEBzcw=="),
        ({"AIMON_PUSH_TOKEN": f"{KEY}\n"}, "me:other@", f"Bearer {KEY}"),
    ],
)
def test_credentials_go_into_the_header_alone(environ: dict[str, str], userinfo: str, sent: str | None) -> None:
    """Credentials of the environment win over those of the address; the gateway's URL holds none."""
    with recorder() as server:
        gateway = Gateway.parse(server.url.replace("://", f"://{userinfo}") + "/prefix/", environ)
        push(gateway, {group("a"): body(1)})
        assert server.asked == [("PUT", "/prefix/metrics/job/aimon-probe/region/cn-east/endpoint/a", sent)]
    assert gateway.url == f"{server.url}/prefix"
    assert KEY not in repr(gateway)


def test_a_token_may_be_in_a_file(tmp_path: Path) -> None:
    """A token file's line break is not part of the token; a missing file is named."""
    file = tmp_path / "token"
    file.write_text(f"{KEY}\n")
    environ = {"AIMON_PUSH_TOKEN_FILE": str(file)}
    assert Gateway.parse("gw:9091", environ) == Gateway("http://gw:9091", Secret(f"Bearer {KEY}"))
    file.unlink()
    with pytest.raises(ValueError, match=r"AIMON_PUSH_TOKEN_FILE: .*token can't be read: No such file or directory"):
        Gateway.parse("gw:9091", environ)


@pytest.mark.parametrize("token", [f"{KEY}\nX-Other: 1", f"{KEY}é"])
def test_a_token_that_no_header_can_hold_is_refused(token: str) -> None:
    """The error names the variable and does not show the token."""
    with pytest.raises(ValueError, match="AIMON_PUSH_TOKEN holds spaces, line breaks or other char") as caught:
        Gateway.parse("gw:9091", {"AIMON_PUSH_TOKEN": token})
    assert KEY not in str(caught.value)


def test_a_host_that_cannot_be_is_an_error_of_the_push() -> None:
    """A host name that no resolver accepts is an error of the push."""
    with pytest.raises(PushError, match=r"does not answer .*is the address right"):
        push(Gateway.parse(f"http://{'x' * 70}.test:9091", {}), {group("a"): body(1)})


@pytest.mark.parametrize(
    ("url", "message"),
    [
        (f"ftp://me:{KEY}@gw", "not an http:// or https:// address"),
        (f"http://me:{KEY}@", "not an http:// or https:// address"),
        (f"http://me:{KEY}@gw:port", "not an address"),
        ("http://gw/metrics/job/x", r"more than an address \(/metrics/job/x\)"),
        (f"http://gw?token={KEY}", "more than an address"),
        ("", "not an http:// or https:// address"),
    ],
)
def test_what_is_no_gateway_is_refused(url: str, message: str) -> None:
    """The error has an example of an address and does not repeat a password."""
    wanted = rf"{message}.*write the Pushgateway's address as http://host:9091"
    with pytest.raises(ValueError, match=wanted) as caught:
        Gateway.parse(url, {})
    assert KEY not in str(caught.value)
