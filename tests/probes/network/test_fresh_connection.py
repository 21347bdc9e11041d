"""What httpx2 could do by itself, and must not: probes send what they are told, and are told what was sent."""

from __future__ import annotations

import asyncio
import gzip
from typing import TYPE_CHECKING

import pytest

from aimon.call.call import Call, Message, Target, Timeouts
from aimon.call.outcome import Outcome
from aimon.config.endpoint import Transport
from aimon.probes import transport
from aimon.security.secret import Secret
from chat_wire import completion
from peers import Peer, read_head
from transport_pair import Answer, ask, play, seen

if TYPE_CHECKING:
    import socket
    from pathlib import Path

    from aimon.call.result import Result

BODY = completion("pong")
GOOD = b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: %d\r\n\r\n%b" % (len(BODY), BODY)


def probe(base_url: str) -> Result:
    """One call as a probe makes it."""
    target = Target("e", "p", "openai-chat", base_url, "m", api_key=Secret("sk-test-1234567890"))
    call = Call(target, (Message("user", "hi"),), stream=False, timeouts=Timeouts(1.0, 3.0, 5.0))
    return asyncio.run(transport.perform(call, Transport()))


def heads(*paths: str) -> list[tuple[str, list[bytes]]]:
    """The heads that each transport sends for these paths, probe and load test in turn."""
    received: list[bytes] = []

    def serve(connection: socket.socket) -> None:
        received.append(read_head(connection))
        connection.sendall(GOOD)

    with Peer(serve) as peer:
        for path in paths:
            ask(f"http://127.0.0.1:{peer.port}{path}")
    return [(path, received[2 * i : 2 * i + 2]) for i, path in enumerate(paths)]


def test_a_url_is_sent_as_it_is_written() -> None:
    """A URL is sent without being resolved, encoded, lowered or cut, by probes and load tests alike."""
    paths = ["/V1", "/a/../v1", "/a/./b", "/v1;a=b", "/v1//x", "/%7Bx%7D/%zz", "/{x}/|", "/v1?api-version=1&q=%2F+a"]
    for path, (prober, engine) in heads(*paths):
        assert prober.split(b"\r\n")[:2] == engine.split(b"\r\n")[:2], path
        assert path.partition("?")[0].encode() in prober


LOCATIONS = ["/v1/elsewhere", "https://[::1/", "http://256.1.1.1/", "http://a:b:c/", "///", "http://h/" + "a" * 70_000,
             "http://\xe9\xff.x/", "mailto:a", "http://xn--/", "http://h:99999/", "%", "//@:/",
             "//-xn--a", "//.xn--a", "//{xn--a", "a:\x80:"]  # fmt: skip


def test_a_redirect_is_an_answer_wherever_it_leads() -> None:
    """It is not followed, and where it leads is not looked at: no address makes it a fault of the prober."""
    answers = [
        Answer([b"HTTP/1.1 %d No\r\nLocation: %b\r\nContent-Length: 0\r\n\r\n" % (status, location.encode("latin-1"))])
        for location in LOCATIONS
        for status in (301, 307)
    ]
    for pair in play(answers, stream=False):
        assert seen(pair.prober) == seen(pair.engine)
        assert pair.prober.outcome is not Outcome.PROBER_ERROR
        assert pair.prober.status_code in {301, 307}


def test_cookies_change_nothing() -> None:
    """Cookies, good ones or thousands of odd ones, do not change the result."""
    cookies = [
        b"a=b; Path=/; Domain=.example.com",
        b"=; Expires=99",
        b"\xff\xfe",
        b";;;;" * 1000,
        b'a="' + b"\\" * 20_000,
    ]
    cookies += [b"n%d=v; Max-Age=99999999999999999999" % i for i in range(3000)]
    lines = b"".join(b"Set-Cookie: %b\r\n" % cookie for cookie in cookies)
    answer = Answer([GOOD.replace(b"Content-Type", lines + b"Content-Type")])
    (pair,) = play([answer], stream=False)
    assert pair.prober.outcome is Outcome.OK
    assert seen(pair.prober) == seen(pair.engine)
    assert pair.prober.end < 1.0


def test_the_environment_adds_nothing(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """A request has no password of .netrc and no header that httpx2 adds by itself."""
    netrc = tmp_path / "netrc"
    netrc.write_text("machine 127.0.0.1 login me password hunter2-hunter2\n")
    monkeypatch.setenv("NETRC", str(netrc))
    received: list[bytes] = []

    def serve(connection: socket.socket) -> None:
        received.append(read_head(connection))
        connection.sendall(GOOD)

    with Peer(serve) as peer:
        assert probe(f"http://127.0.0.1:{peer.port}/v1").outcome is Outcome.OK
    names = {line.partition(b":")[0].lower() for line in received[0].split(b"\r\n")[1:] if line}
    assert names == {b"host", b"content-type", b"authorization", b"accept", b"accept-encoding", b"user-agent",
                     b"content-length"}  # fmt: skip
    assert b"Bearer sk-test-1234567890" in received[0]
    assert b"httpx" not in received[0]


def test_a_compressed_body_arrives_as_it_was_sent() -> None:
    """It is inflated once, by what bounds it."""
    body = gzip.compress(BODY)
    head = b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Encoding: gzip\r\nContent-Length: %d\r\n\r\n"
    (pair,) = play([Answer([head % len(body), body])], stream=False)
    assert pair.prober.outcome is Outcome.OK
    assert seen(pair.prober) == seen(pair.engine)


@pytest.mark.parametrize("host", ["256.1.1.1", "1.2.3.999", "-\u2603.example"])
def test_a_name_that_no_host_can_have_is_not_found(host: str) -> None:
    """It is a fault of the address, not of this machine."""
    result = probe(f"http://{host}/v1")
    assert (result.outcome, result.error) == (Outcome.DNS, f"cannot resolve {host!r}: not a valid host name")
