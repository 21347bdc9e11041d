"""The Exchange: however bytes arrive, the Result is the same; and what happens first decides the outcome."""

from __future__ import annotations

import gzip
import itertools
import tomllib
from pathlib import Path
from typing import TYPE_CHECKING

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from aimon import dialects
from aimon.call.call import Call, Message, Target, Timeouts
from aimon.call.checks import compile as checks
from aimon.call.failure import Failure
from aimon.call.outcome import Outcome
from aimon.exchange import exchange
from aimon.exchange.exchange import Exchange
from aimon.security.secret import Secret

if TYPE_CHECKING:
    from aimon.call.checks import Check
    from aimon.call.result import Result

KEY = "sk-0123456789abcdefghij"
SSE = {"content-type": "text/event-stream"}
RECORDINGS = Path(__file__).parents[2] / "aimon" / "dialects" / "recordings"
STREAMS = [
    (file.stem, name, recording["stream"].encode())
    for file in sorted(RECORDINGS.glob("*.toml"))
    for name, recording in tomllib.loads(file.read_text(encoding="utf-8")).items()
    if "stream" in recording
]
CHUNK = b'data: {"choices":[{"index":0,"delta":{"content":"%s"},"finish_reason":null}]}\n\n'
STOP = b'data: {"choices":[{"index":0,"delta":{},"finish_reason":"%s"}]}\n\n'
DONE = b"data: [DONE]\n\n"


def begin(dialect: str = "openai-chat", expect: tuple[Check, ...] = (), *, stream: bool = True) -> Exchange:
    """A call that started at 100 s and is connected."""
    target = Target("e", "openai", dialect, "http://h/v1", "m", Secret(KEY))
    call = Call(target, (Message("user", "Hi"),), stream=stream, checks=expect, timeouts=Timeouts(5, 15, 60))
    started = Exchange(call, dialects.get(dialect), started=100.0, started_at=1.8e9)
    started.connected(100.1)
    return started


def answered(
    *chunks: bytes, dialect: str = "openai-chat", expect: tuple[Check, ...] = (), clean: bool = True
) -> Result:
    """The Result of a stream whose chunk n arrives n seconds after the start."""
    running = begin(dialect, expect)
    running.head(200, SSE, 100.2)
    for n, chunk in enumerate(chunks, start=1):
        running.feed(chunk, 100.0 + n)
    end = 101.0 + len(chunks)
    if clean:
        running.close(end)
    else:
        running.fail(Failure(Outcome.STREAM_TRUNCATED, "the connection broke"), end)
    return running.result()


def without_times(result: Result) -> dict[str, object]:
    """What a Result says apart from when."""
    timed = ("first_output", "first_reasoning", "first_token", "last_token", "end", "arrivals", "pace")
    return {name: getattr(result, name) for name in result.__struct_fields__ if name not in timed}


@pytest.mark.parametrize(("dialect", "name", "stream"), STREAMS, ids=[f"{d}: {n}" for d, n, _ in STREAMS])
def test_a_stream_cut_at_every_byte_gives_the_same_result(dialect: str, name: str, stream: bytes) -> None:
    """Every recorded stream, in two pieces at each boundary and in single bytes."""
    whole = without_times(answered(stream, dialect=dialect))
    for cut in range(1, len(stream)):
        assert without_times(answered(stream[:cut], stream[cut:], dialect=dialect)) == whole
    assert without_times(answered(*(bytes([b]) for b in stream), dialect=dialect)) == whole


@pytest.mark.parametrize("more", [b'data: {"choices":[{"delta":{"content":"more"}}]}\n\n', b"data: {\n\n"])
@pytest.mark.parametrize("end", [b"data: [DONE]\n\n", b'data: {"error":{"message":"overloaded"}}\n\n'])
def test_what_follows_the_end_counts_no_more(end: bytes, more: bytes) -> None:
    """Text, and what nobody can read: in the same read as the end, or in one of its own."""
    stream = b'data: {"choices":[{"delta":{"content":"po"},"finish_reason":"stop"}]}\n\n' + end
    alone = without_times(answered(stream))
    assert without_times(answered(stream + more)) == alone
    assert without_times(answered(stream, more)) == alone


@settings(max_examples=60)
@given(st.sampled_from(STREAMS), st.lists(st.integers(1, 4000), max_size=12), st.sampled_from(["\n", "\r\n", "\r"]))
def test_framing_and_cuts_change_nothing(stream: tuple[str, str, bytes], cuts: list[int], line_end: str) -> None:
    """Any line end, a byte order mark, comments between events, cut anywhere."""
    dialect, _, data = stream
    framed = b"\xef\xbb\xbf: hello\n\n" + data.replace(b"\n\n", b"\n\n: ping\n\n").replace(b"data: ", b"data:")
    framed = framed.replace(b"\n", line_end.encode())
    edges = sorted({0, len(framed), *(cut for cut in cuts if cut < len(framed))})
    chunks = [framed[a:b] for a, b in itertools.pairwise(edges)]
    # What the standard calls a line end, a recording may hold inside an error's excerpt of the stream.
    assert answered(*chunks, dialect=dialect).outcome == answered(data, dialect=dialect).outcome
    assert answered(*chunks, dialect=dialect).text == answered(data, dialect=dialect).text


def test_marks_and_gaps() -> None:
    """TTFT is the first visible text, ITL the gaps after it, TPOT from the usage: two of three chunks hold 5 * 2/3."""
    usage = b'data: {"choices":[],"usage":{"prompt_tokens":5,"completion_tokens":5}}\n\n'
    role = b'data: {"choices":[{"index":0,"delta":{"role":"assistant","content":""}}]}\n\n'
    result = answered(role, CHUNK % b"a", CHUNK % b"b" + CHUNK % b"c", STOP % b"stop", usage + DONE)
    assert (result.headers, result.ttft, result.last_token, result.latency) == pytest.approx((0.2, 2.0, 3.0, 5.0))
    assert result.arrivals is not None
    assert (result.arrivals.count, result.arrivals.sum, result.arrivals.max) == (2, 1.0, 1.0)
    assert result.tpot == pytest.approx(0.3)
    assert (result.text, result.chunks, result.outcome) == ("abc", 3, Outcome.OK)


@pytest.mark.parametrize(
    ("chunks", "clean", "outcome"),
    [
        ([CHUNK % b"a", STOP % b"stop", DONE], True, Outcome.OK),
        ([CHUNK % b"a", STOP % b"stop"], True, Outcome.OK),
        ([CHUNK % b"a", STOP % b"stop"], False, Outcome.STREAM_TRUNCATED),
        ([CHUNK % b"a"], True, Outcome.STREAM_TRUNCATED),
        ([CHUNK % b"a"], False, Outcome.STREAM_TRUNCATED),
        ([], True, Outcome.STREAM_TRUNCATED),
        ([CHUNK % b"a", STOP % b"stop", DONE], False, Outcome.OK),
        ([CHUNK % b"a", STOP % b"length", DONE], True, Outcome.OK),
        ([STOP % b"length", DONE], True, Outcome.MAX_TOKENS_HIT),
        ([STOP % b"stop", DONE], True, Outcome.EMPTY_ANSWER),
        ([CHUNK % b" ", STOP % b"stop", DONE], True, Outcome.EMPTY_ANSWER),
        ([CHUNK % b"a", STOP % b"content_filter", DONE], True, Outcome.CONTENT_FILTERED),
        ([CHUNK % b"a", b"data: {not json}\n\n"], True, Outcome.MALFORMED),
        ([CHUNK % b"a", b'data: {"choices":[{"delta":{"content":"\xff"}}]}\n\n'], True, Outcome.MALFORMED),
        ([b"data: " + b"[" * 200_000 + b"\n\n"], True, Outcome.MALFORMED),
        ([b"hello, this is no event stream"], True, Outcome.MALFORMED),
        ([b"data: " + b"x" * (2 << 20)], True, Outcome.MALFORMED),
        ([CHUNK % b"a", b'data: {"error":{"message":"boom","type":"server_error"}}\n\n'], True, Outcome.STREAM_ERROR),
    ],
)
def test_how_a_stream_ends_decides(chunks: list[bytes], clean: bool, outcome: Outcome) -> None:
    """Only a whole answer with visible text is a success."""
    assert answered(*chunks, clean=clean).outcome is outcome


def test_a_cut_answer_fails_its_check_as_max_tokens_hit() -> None:
    """Cut by the limit before the canary was answered; a wrong answer that was not cut is a mismatch."""
    expect = checks({"contains": "42"})
    assert answered(CHUNK % b"4", STOP % b"length", DONE, expect=expect).outcome is Outcome.MAX_TOKENS_HIT
    wrong = answered(CHUNK % b"41", STOP % b"stop", DONE, expect=expect)
    assert (wrong.outcome, wrong.answer_ok) == (Outcome.ANSWER_MISMATCH, False)
    assert answered(CHUNK % b"42", STOP % b"length", DONE, expect=expect).answer_ok is True


@pytest.mark.parametrize("broken", [False, True])
def test_an_error_status_decides_whatever_its_body_does(broken: bool) -> None:
    """The provider has said no: a body that breaks off does not make it a network fault."""
    running = begin()
    running.head(429, {"content-type": "application/json", "retry-after": "7"}, 100.5)
    running.feed(b'{"error":{"message":"slow ', 100.6)
    if broken:
        running.fail(Failure(Outcome.TIMEOUT_TOTAL, "too late"), 160.0)
    else:
        running.feed(b'down","code":"rate_limit_exceeded"}}', 100.7)
        running.close(100.8)
    result = running.result()
    assert (result.outcome, result.status_code, result.retry_after) == (Outcome.RATE_LIMITED, 429, 7.0)


def test_the_key_is_hidden_even_where_the_message_is_cut() -> None:
    """A provider that echoes the key, so far back that only its beginning would be left."""
    running = begin()
    running.head(401, {"content-type": "application/json"}, 100.5)
    running.feed(b'{"error":{"message":"%s %s","code":"%s"}}' % (b"x" * 285, KEY.encode(), KEY.encode()), 100.6)
    running.close(100.7)
    result = running.result()
    assert KEY[:8] not in str(result.error)
    assert KEY[:8] not in str(result.error_code)


@pytest.mark.parametrize("size", [exchange.MAX_ANSWER_BYTES + 1])
def test_an_answer_is_bounded(size: int) -> None:
    """A stream, a body and a compressed answer are each cut at the limit of their size."""
    noise = b": " + b"x" * 1022 + b"\n\n"
    assert answered(*[noise * 1024] * (size // len(noise * 1024) + 1)).outcome is Outcome.MALFORMED
    for encoding, body in (("identity", b" " * size), ("gzip", gzip.compress(b" " * size))):
        running = begin(stream=False)
        running.head(200, {"content-type": "application/json", "content-encoding": encoding}, 100.5)
        running.feed(body, 100.6)
        assert running.complete
        assert running.result().outcome is Outcome.MALFORMED


def test_limits_apply_in_turn() -> None:
    """Connecting, then the first visible text, then the whole; what is not streamed has no TTFT limit."""
    target = Target("e", "openai", "openai-chat", "http://h/v1", "m")
    call = Call(target, (Message("user", "Hi"),), timeouts=Timeouts(5, 15, 60))
    running = Exchange(call, dialects.get("openai-chat"), started=100.0, started_at=0.0)
    assert running.deadline() == (105.0, Outcome.TIMEOUT_CONNECT)
    running.connected(101.0)
    assert running.deadline() == (115.0, Outcome.TIMEOUT_TTFT)
    running.head(200, SSE, 102.0)
    running.feed(b": keep-alive\n\n", 103.0)
    assert running.deadline() == (115.0, Outcome.TIMEOUT_TTFT)
    running.feed(CHUNK % b"a", 104.0)
    assert running.deadline() == (160.0, Outcome.TIMEOUT_TOTAL)
    assert begin(stream=False).deadline() == (160.0, Outcome.TIMEOUT_TOTAL)


def test_a_result_before_the_end_is_an_error() -> None:
    """Half a call has no outcome."""
    with pytest.raises(RuntimeError, match="has not ended"):
        begin().result()


def test_an_answer_that_came_whole_though_a_stream_was_asked_for() -> None:
    """A whole answer in place of a stream is read, and has no TTFT, which would be its latency."""
    running = begin()
    running.head(200, {"content-type": "application/json"}, 100.5)
    running.feed(b'{"choices":[{"message":{"content":"hi"},"finish_reason":"stop"}]}', 101.0)
    running.close(101.5)
    result = running.result()
    assert (result.outcome, result.text, result.ttft, result.latency) == (Outcome.OK, "hi", None, 1.5)


def test_a_request_is_sent_before_its_answer_arrives() -> None:
    """A process preempted right after the write reads its clock when the kernel has stamped the answer already."""
    running = begin()
    running.request_sent = 100.3
    running.head(200, SSE, 100.2)
    running.feed(DONE, 100.4)
    assert running.result().request_sent == pytest.approx(0.2)


def test_a_text_that_nobody_reads_is_judged_and_not_kept() -> None:
    """Checks, chunks and estimates are of the text all the same."""
    target = Target("e", "openai", "openai-chat", "http://h/v1", "m", Secret(KEY))
    call = Call(target, (Message("user", "Hi"),), checks=(lambda answer: None if "pong" in answer.text else "no pong",))
    results = []
    for keep_text in (True, False):
        running = Exchange(call, dialects.get("openai-chat"), started=100.0, started_at=1.8e9, keep_text=keep_text)
        running.head(200, {**SSE, "x-request-id": "req-1"}, 100.2)
        for n, chunk in enumerate((CHUNK % b"pong", STOP % b"stop", DONE), start=1):
            running.feed(chunk, 100.0 + n)
        results.append(running.result())
    kept, bare = results
    assert (kept.text, kept.request_id, kept.answer_ok) == ("pong", "req-1", True)
    assert (bare.text, bare.request_id) == (None, None)
    assert msgspec.structs.replace(bare, text="pong", request_id="req-1") == kept
