"""What can go wrong between a request and its answer, and what the engine's Result says about it."""

from __future__ import annotations

import contextlib
import time
from threading import Event
from typing import TYPE_CHECKING

import pytest

from aimon.call.outcome import Outcome
from chat_wire import STREAM_HEAD, chunk, completion, counted, event, read_request, streamed
from engine_process import perform
from peers import PATIENCE, Peer, black_hole, reset, until_closed, unused_port

if TYPE_CHECKING:
    import socket
    from collections.abc import Callable, Iterator

ANSWER = streamed("po", "ng")


def once(*parts: bytes) -> Callable[[socket.socket], None]:
    """A handler that answers each request with these bytes, and closes the connection after the first."""

    def handler(connection: socket.socket) -> None:
        read_request(connection)
        for part in parts:
            connection.sendall(part)

    return handler


def many(*answers: bytes) -> Callable[[socket.socket], None]:
    """A handler that answers one request after the other, and then waits for the client to leave."""

    def handler(connection: socket.socket) -> None:
        for answer in answers:
            read_request(connection)
            connection.sendall(answer)
        until_closed(connection)

    return handler


def url(peer: Peer) -> str:
    """The base URL of a peer."""
    return f"http://127.0.0.1:{peer.port}/v1"


def test_an_answer_becomes_a_result() -> None:
    """Text, usage, finish reason, marks in order, and a connection that was cold and is warm the second time."""
    with Peer(many(ANSWER, ANSWER)) as peer:
        report = perform(url(peer), calls=2)
    assert report.outcomes == ["ok", "ok"]
    assert report.dialled == 1
    first, second = report.results
    assert (first.text, first.finish_reason, first.usage.output, first.chunks) == ("pong", "stop", 2, 2)
    assert first.connect is not None
    assert first.request_sent is not None
    assert first.first_token is not None
    assert 0 < first.connect <= first.request_sent <= first.first_token <= first.end
    assert first.connection is not None
    assert (first.connection.cold, first.connection.address) == (True, "127.0.0.1")
    assert second.connection is not None
    assert (second.connection.cold, second.connect) == (False, None)


def test_cold_calls_have_a_connection_each() -> None:
    """Three cold calls open three connections, and their Results say so."""
    with Peer(many(ANSWER)) as peer:
        report = perform(url(peer), calls=3, client={"cold": True})
    assert report.dialled == 3
    assert [result.connection and result.connection.cold for result in report.results] == [True] * 3


@pytest.mark.parametrize("size", [1, 2, 3, 7, 64])
def test_an_answer_in_pieces(size: int) -> None:
    """However the network cuts head, chunk sizes and events, the answer is the same."""
    pieces = [ANSWER[i : i + size] for i in range(0, len(ANSWER), size)]
    with Peer(once(*pieces)) as peer:
        result = perform(url(peer)).only
    assert (result.outcome, result.text, result.chunks) == (Outcome.OK, "pong", 2)


def test_an_answer_that_is_not_streamed() -> None:
    """A counted body is read whole; it has an end and no first token."""
    with Peer(many(counted("200 OK", completion("pong")))) as peer:
        result = perform(url(peer), stream=False).only
    assert (result.outcome, result.text, result.first_token) == (Outcome.OK, "pong", None)


BROKEN = {
    "closed before any answer": ((), Outcome.CONNECT),
    "closed within the head": ((STREAM_HEAD[:30],), Outcome.CONNECT),
    "closed after the head": ((STREAM_HEAD,), Outcome.STREAM_TRUNCATED),
    "closed within the stream": ((STREAM_HEAD, chunk(event("po"))), Outcome.STREAM_TRUNCATED),
    "closed within a chunk": ((STREAM_HEAD, chunk(event("po"))[:40]), Outcome.STREAM_TRUNCATED),
    "ended without the last event": (
        (STREAM_HEAD, chunk(event("po")), chunk(b"")),
        Outcome.STREAM_TRUNCATED,
    ),
    "closed within a counted body": ((counted("200 OK", completion("pong"))[:-5],), Outcome.STREAM_TRUNCATED),
    "not HTTP": ((b"SSH-2.0-OpenSSH_9.2\r\n",), Outcome.MALFORMED),
    "a broken chunk size": ((STREAM_HEAD, chunk(event("po")), b"zz\r\n"), Outcome.STREAM_TRUNCATED),
    "endless headers": ((b"HTTP/1.1 200 OK\r\n", b"X-Filler: " + b"x" * 300_000), Outcome.MALFORMED),
    "another protocol": (
        (b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\r\n",),
        Outcome.MALFORMED,
    ),
    "a server error": (
        (counted("500 Internal Server Error", b'{"error": {"message": "boom"}}'),),
        Outcome.SERVER_ERROR,
    ),
    "an overload": ((counted("503 Service Unavailable", b"{}"),), Outcome.OVERLOADED),
    "a bad key": ((counted("401 Unauthorized", b'{"error": {"code": "invalid_api_key"}}'),), Outcome.UNAUTHORIZED),
    "a redirect": ((counted("302 Found", b"", "Location: http://127.0.0.1:1/"),), Outcome.BAD_REQUEST),
}


@pytest.mark.parametrize(("parts", "outcome"), BROKEN.values(), ids=BROKEN)
def test_broken_answers(parts: tuple[bytes, ...], outcome: Outcome) -> None:
    """Each way to break an answer has its outcome, and the call ends at once."""
    with Peer(once(*parts)) as peer:
        result = perform(url(peer)).only
    assert result.outcome is outcome
    assert result.end < PATIENCE
    assert result.connection is not None
    if outcome is not Outcome.OVERLOADED:
        assert result.error


def test_a_reset() -> None:
    """RST before any answer is a connection fault, RST after a part of one a truncated stream."""

    def after_a_part(connection: socket.socket) -> None:
        read_request(connection)
        connection.sendall(STREAM_HEAD + chunk(event("po")))
        seen.wait(PATIENCE)
        reset(connection)

    def before_any(connection: socket.socket) -> None:
        read_request(connection)
        reset(connection)

    seen = Event()
    with Peer(before_any) as peer:
        result = perform(url(peer)).only
    assert (result.outcome, result.error) == (
        Outcome.CONNECT,
        "the connection broke before any answer: connection reset by peer",
    )
    seen.set()
    with Peer(after_a_part) as peer:
        assert perform(url(peer)).only.outcome is Outcome.STREAM_TRUNCATED


def test_no_connection() -> None:
    """A refused port, a name without an address, and a port that never answers."""
    with unused_port() as port:
        refused = perform(f"http://127.0.0.1:{port}/v1").only
    assert (refused.outcome, refused.error) == (
        Outcome.CONNECT,
        f"cannot connect: 127.0.0.1:{port}: connection refused",
    )
    for name in ("no-such-name.invalid", f"{'a' * 64}.invalid"):
        nameless = perform(f"http://{name}/v1").only
        assert nameless.outcome is Outcome.DNS
        assert (nameless.error or "").startswith(f"cannot resolve '{name}': ")
    with black_hole() as port:
        silent = perform(f"http://127.0.0.1:{port}/v1", timeouts={"connect": 0.2}).only
    assert silent.outcome is Outcome.TIMEOUT_CONNECT
    assert silent.error == f"no connection to 127.0.0.1:{port} within 0.2 s"
    assert silent.end >= 0.2


def test_no_answer() -> None:
    """A server that sends nothing times out at the TTFT limit."""
    with Peer(until_closed) as peer:
        report = perform(url(peer), users=3, timeouts={"ttft": 0.3})
    assert report.outcomes == ["timeout_ttft"] * 3
    assert [round(result.end, 6) for result in report.results] == [0.3] * 3
    assert report.results[0].error == "no visible text within 0.3 s"


def test_comments_extend_no_limit() -> None:
    """Keep-alive comments are neither text nor the end of an answer, and extend no timeout."""

    def chatter(connection: socket.socket) -> None:
        read_request(connection)
        with contextlib.suppress(OSError):  # the client leaves at its limit
            connection.sendall(STREAM_HEAD + first)
            while True:
                connection.sendall(chunk(b": keep-alive\n\n"))
                time.sleep(0.02)

    first = b""
    with Peer(chatter) as peer:
        assert perform(url(peer), timeouts={"ttft": 0.3}).only.outcome is Outcome.TIMEOUT_TTFT
    first = chunk(event("po"))
    with Peer(chatter) as peer:
        result = perform(url(peer), timeouts={"ttft": 0.1, "total": 0.4}).only
    assert (result.outcome, round(result.end, 6), result.chunks) == (Outcome.TIMEOUT_TOTAL, 0.4, 1)
    assert result.error == "the answer was not complete within 0.4 s"


def test_a_slow_head() -> None:
    """A head that comes byte by byte is a head, and one that takes too long a timeout."""

    def slowly(connection: socket.socket) -> None:
        read_request(connection)
        with contextlib.suppress(OSError):  # the client leaves at its limit
            for i in range(len(ANSWER)):
                connection.sendall(ANSWER[i : i + 1])
                if i < 20:
                    time.sleep(0.01)

    with Peer(slowly) as peer:
        result = perform(url(peer)).only
        assert result.outcome is Outcome.OK
        assert result.headers is not None
        assert result.headers >= 0.2
        assert perform(url(peer), timeouts={"ttft": 0.1}).only.outcome is Outcome.TIMEOUT_TTFT


def test_interim_answers_are_read_past() -> None:
    """100 Continue and 103 Early Hints are skipped."""
    interim = b"HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 103 Early Hints\r\nX-Early: yes\r\n\r\n"
    with Peer(many(interim + ANSWER, ANSWER)) as peer:
        report = perform(url(peer), calls=2)
    assert (report.outcomes, report.dialled) == (["ok", "ok"], 1)


def test_a_body_that_the_end_of_the_connection_ends() -> None:
    """Without a length the close of the connection ends a body and is no fault."""
    head = b"HTTP/1.0 200 OK\r\nContent-Type: application/json\r\n\r\n"
    with Peer(once(head + completion("pong"))) as peer:
        assert perform(url(peer), stream=False).only.text == "pong"
    head = b"HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nConnection: close\r\n\r\n"
    with Peer(once(head + event("po") + event("ng", finish="stop"))) as peer:
        result = perform(url(peer)).only
    assert (result.outcome, result.text) == (Outcome.OK, "pong")


@pytest.mark.parametrize("answer", [ANSWER.replace(b"OK\r\n", b"OK\r\nConnection: close\r\n"), ANSWER + b"HTTP/1.1 2"])
def test_connections_that_are_not_kept(answer: bytes) -> None:
    """Connection: close is respected, and a connection with unsolicited bytes is closed."""
    with Peer(many(answer)) as peer:
        report = perform(url(peer), calls=2)
    assert (report.outcomes, report.dialled) == (["ok", "ok"], 2)


def test_an_end_that_comes_late() -> None:
    """The call ends with its answer; the connection is kept if the end of the HTTP message follows soon."""
    body, end = ANSWER[:-5], ANSWER[-5:]

    def late(connection: socket.socket) -> None:
        for _ in range(2):
            read_request(connection)
            connection.sendall(body)
            time.sleep(0.05)
            connection.sendall(end)
        until_closed(connection)

    def never(connection: socket.socket) -> None:
        read_request(connection)
        connection.sendall(body)
        until_closed(connection)

    with Peer(late) as peer:
        report = perform(url(peer), calls=2)
    assert (report.outcomes, report.dialled) == (["ok", "ok"], 1)
    assert all(result.end < 0.05 for result in report.results)
    with Peer(never) as peer:
        report = perform(url(peer), calls=2)
    assert (report.outcomes, report.dialled) == (["ok", "ok"], 2)


def test_large_requests() -> None:
    """A prompt larger than the socket's buffers arrives whole, and `request_sent` says when it was out."""

    def slow_reader(connection: socket.socket) -> None:
        time.sleep(0.2)
        bodies.append(read_request(connection)[1])
        connection.sendall(ANSWER)
        until_closed(connection)

    bodies: list[bytes] = []
    with Peer(slow_reader) as peer:
        result = perform(url(peer), prompt_bytes=8 << 20).only
    assert result.outcome is Outcome.OK
    assert b"x" * (8 << 20) in bodies[0]
    assert result.request_sent is not None
    assert 0.1 < result.request_sent <= result.end


def test_an_answer_before_the_end_of_the_request() -> None:
    """A server that refuses a large prompt early is heard, and the connection is not used again."""

    def refuse(connection: socket.socket) -> None:
        connection.recv(1 << 16)
        connection.sendall(counted("413 Payload Too Large", b'{"error": {"message": "too long"}}'))
        done.wait(PATIENCE)

    done = Event()
    with Peer(refuse) as peer:
        report = perform(url(peer), prompt_bytes=8 << 20, calls=2)
        done.set()
    assert [result.status_code for result in report.results] == [413, 413]
    assert report.dialled == 2


def test_retry_after() -> None:
    """A 429 stays a 429 unless the client honours Retry-After; then both attempts are Results, and counted."""
    refusal = counted("429 Too Many Requests", b'{"error": {"code": "rate_limit_exceeded"}}', "Retry-After: 1")
    with Peer(many(refusal)) as peer:
        report = perform(url(peer))
    assert (report.outcomes, report.retried, report.only.retry_after) == (["rate_limited"], 0, 1.0)
    with Peer(many(refusal, ANSWER)) as peer:
        report = perform(url(peer), client={"honour_retry_after": 2})
    assert (report.outcomes, report.retried, report.dialled) == (["rate_limited", "ok"], 1, 1)
    assert report.results[1].latency_from_schedule >= 1.0 > report.results[1].latency


def test_files_running_out() -> None:
    """A limit of this machine is no fault of the endpoint."""
    with Peer(until_closed) as peer:
        report = perform(url(peer), users=40, files=24, timeouts={"ttft": 0.3})
    told = [result for result in report.results if result.outcome is Outcome.PROBER_ERROR]
    assert told
    assert all("ulimit -n" in (result.error or "") for result in told)
    assert {str(result.outcome) for result in report.results} == {"prober_error", "timeout_ttft"}


def test_closing_ends_all_calls() -> None:
    """Closing the client gives a Result for every call that waits for an answer or a connection."""
    with Peer(until_closed) as peer:
        report = perform(url(peer), users=5, close_after=0.2)
    assert report.outcomes == ["prober_error"] * 5
    assert {result.error for result in report.results} == {"the run was interrupted"}
    assert report.in_flight == 0
    with black_hole() as port:
        report = perform(f"http://127.0.0.1:{port}/v1", users=5, close_after=0.2, timeouts={"connect": 50})
    assert report.outcomes == ["prober_error"] * 5


def test_killing_a_greenlet() -> None:
    """Killing a call closes its connection, so that the next call does not read its answer."""

    def first_never(connection: socket.socket) -> None:
        turn = next(turns)
        if turn == 0:
            until_closed(connection)
        else:
            many(ANSWER)(connection)

    turns: Iterator[int] = iter(range(9))
    with Peer(first_never) as peer:
        report = perform(url(peer), kill_after=0.2)
    assert (report.outcomes, report.dialled, report.in_flight) == (["ok"], 2, 0)


def test_a_request_that_can_not_be_written() -> None:
    """A request that can't be written is a Result that says why, and nothing is sent."""
    result = perform("ftp://127.0.0.1/v1").only
    assert result.outcome is Outcome.PROBER_ERROR
    assert result.error == (
        "the request can't be written: 'ftp://127.0.0.1/v1/chat/completions' is not an http:// or https:// URL"
    )


@pytest.mark.parametrize("stamps", [True, False])
def test_what_the_loop_adds_is_known(stamps: bool) -> None:
    """With kernel timestamps TTFT excludes a loop blocked for 0.4 s; without them `self_lag` includes it."""
    sent: list[float] = []

    def answer(connection: socket.socket) -> None:
        read_request(connection)
        time.sleep(0.1)
        sent.append(time.time())
        connection.sendall(ANSWER)
        until_closed(connection)

    with Peer(answer) as peer:
        result = perform(url(peer), blocked=0.4, client={"stamps": stamps}).only
    truth = sent[0] - result.started_at
    assert result.connection is not None
    assert result.connection.stamped is stamps
    assert result.ttft is not None
    assert result.self_lag is not None
    # On a busy machine the server itself may be late, and after its answer the loop is then not held for long.
    held = max(0.0, 0.4 - truth)
    if stamps:
        assert result.ttft == pytest.approx(truth, abs=0.05)
        assert result.self_lag >= held - 0.05
    else:
        assert result.ttft >= truth + held - 0.05
