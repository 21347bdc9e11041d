"""A broken answer passes for no success, and says what broke it in the provider's own words, in every dialect."""

from __future__ import annotations

import json
from typing import Any

import pytest

from aimon import dialects
from aimon.call import finish_reasons
from aimon.call.outcome import Outcome
from answer_shapes import CHAT, EMBEDDING, MESSAGES, MODELS, STREAMED, Shape, answered, sse

JSON = (("content-type", "application/json"),)
SSE = (("content-type", "text/event-stream"),)
BUSY = {"message": "The model is busy.", "code": "server_is_overloaded"}
BUSY_JSON = json.dumps({"error": BUSY}).encode()
shaped = pytest.mark.parametrize("shape", STREAMED, ids=lambda shape: shape.name)

# What stands in a stream to say that the model is busy, or that something broke.
BROKEN: dict[str, tuple[bytes, Outcome, str]] = {
    "event": (sse({"error": BUSY}), Outcome.OVERLOADED, "busy"),
    "event of a type": (sse({"type": "error", "error": BUSY}), Outcome.OVERLOADED, "busy"),
    "flat event": (sse(BUSY), Outcome.OVERLOADED, "busy"),
    "flat, with msg": (sse({"code": 429, "msg": "slow down"}), Outcome.RATE_LIMITED, "slow down"),
    "flat, not a success": (sse({"success": False, "message": "gone"}), Outcome.STREAM_ERROR, "gone"),
    "a number of Baidu's": (sse({"error_code": 18, "error_msg": "qps limit"}), Outcome.RATE_LIMITED, "qps"),
    "a number of MiniMax's": (
        sse({"base_resp": {"status_code": 1002, "status_msg": "rpm"}}), Outcome.RATE_LIMITED, "rpm"),
    "list": (sse([{"error": BUSY}]), Outcome.OVERLOADED, "busy"),
    "errors": (sse({"errors": [{"code": 2001, "message": "no gateway"}]}), Outcome.STREAM_ERROR, "no gateway"),
    "list of errors": (sse({"error": [BUSY]}), Outcome.OVERLOADED, "busy"),
    "error in an error": (sse({"error": {"error": BUSY}}), Outcome.OVERLOADED, "busy"),
    "a flag": (sse({"error": True, "message": "no more", "code": "rate_limit_exceeded"}), Outcome.RATE_LIMITED, "more"),
    "text": (sse({"error": "the runner ended"}), Outcome.STREAM_ERROR, "runner ended"),
    "a code as the error": (
        sse({"error": "rate_limit_exceeded", "message": "slow down"}), Outcome.RATE_LIMITED, "slow down"),
    "JSON in the message": (
        sse({"error": {"message": "upstream: " + json.dumps({"error": BUSY})}}), Outcome.OVERLOADED, "busy"),
    "bare line": (BUSY_JSON + b"\n\n", Outcome.OVERLOADED, "busy"),
    "bare line at the end": (BUSY_JSON, Outcome.OVERLOADED, "busy"),
    "bare lines": (json.dumps({"error": BUSY}, indent=1).encode() + b"\n\n", Outcome.OVERLOADED, "busy"),
    "bare list": (b"[" + BUSY_JSON + b"]\n", Outcome.OVERLOADED, "busy"),
    "field": (b"error: " + json.dumps(BUSY).encode() + b"\n\n", Outcome.OVERLOADED, "busy"),
    "field with a whole error": (b"error:" + BUSY_JSON + b"\n\n", Outcome.OVERLOADED, "busy"),
    "field with text": (b"error: slot has gone\n\n", Outcome.STREAM_ERROR, "slot has gone"),
    "named event": (b"event: error\ndata: " + BUSY_JSON + b"\n\n", Outcome.OVERLOADED, "busy"),
    "named event, flat": (b"event:error\ndata:" + json.dumps(BUSY).encode() + b"\n\n", Outcome.OVERLOADED, "busy"),
    "named event, text": (b"event: error\ndata: upstream gone\n\n", Outcome.STREAM_ERROR, "upstream gone"),
    "named event, name last": (b"data: upstream gone\nevent: ERROR\n\n", Outcome.STREAM_ERROR, "upstream gone"),
    "named event, nothing": (b"event: error\ndata:\n\n", Outcome.STREAM_ERROR, "does not say"),
    "words": (sse("error: the KV cache is full"), Outcome.STREAM_ERROR, "KV cache is full"),
    "words in brackets": (sse("[ERROR] timed out"), Outcome.STREAM_ERROR, "timed out"),
    "words of HTTP": (sse("Internal Server Error"), Outcome.STREAM_ERROR, "Internal Server Error"),
    "behind half an event": (b'data: {"id":"c","cho\ndata: ' + BUSY_JSON + b"\n\n", Outcome.OVERLOADED, "busy"),
    "within half an event": (b'data: {"id":"c","cho' + BUSY_JSON + b"\n\n", Outcome.OVERLOADED, "busy"),
    "before [DONE]": (sse({"error": BUSY}, "[DONE]"), Outcome.OVERLOADED, "busy"),
    "unfinished": (b"data: " + BUSY_JSON, Outcome.OVERLOADED, "busy"),
    "unfinished, with a line break": (b"data: " + BUSY_JSON + b"\n", Outcome.OVERLOADED, "busy"),
    "half a surrogate pair": (sse('{"error": {"message": "bad \\ud83d", "code": "rate_limited"}}'),
                              Outcome.RATE_LIMITED, "bad"),
    "a number that is none": (sse('{"error": {"message": "gone", "after": NaN}}'), Outcome.STREAM_ERROR, "gone"),
}  # fmt: skip


@shaped
@pytest.mark.parametrize("name", BROKEN)
@pytest.mark.parametrize("begun", [False, True])
def test_an_error_in_a_stream(shape: Shape, name: str, begun: bool) -> None:
    """However a server writes it, and whether it comes first or after text."""
    broken, outcome, words = BROKEN[name]
    before = sse(*shape.stream(end=False)[:2]) if begun else b""
    result = answered(before, broken, dialect=shape.name)
    assert (result.outcome, words in str(result.error)) == (outcome, True), result.error


@pytest.mark.parametrize("name", BROKEN)
def test_an_error_is_an_error_wherever_the_stream_is_cut(name: str) -> None:
    """An error in a stream is found if the stream is cut at any byte, arrives byte by byte, or has other line ends."""
    broken, outcome, words = BROKEN[name]
    stream = sse(*CHAT.stream(end=False)[:2]) + broken
    cuts = [(stream[:cut], stream[cut:]) for cut in range(len(stream) - len(broken) - 3, len(stream))]
    crlf = stream.replace(b"\n", b"\r\n")
    for chunks in (*cuts, tuple(bytes([byte]) for byte in stream), (crlf,), tuple(bytes([byte]) for byte in crlf)):
        result = answered(*chunks, dialect="openai-chat")
        assert (result.outcome, words in str(result.error)) == (outcome, True), result.error


@shaped
@pytest.mark.parametrize("name", [name for name in BROKEN if "list" not in name])
def test_an_error_before_the_connection_broke(shape: Shape, name: str) -> None:
    """The provider has said why."""
    broken, outcome, _ = BROKEN[name]
    assert answered(broken, dialect=shape.name, broken=True).outcome is outcome


BODIES: dict[str, tuple[Any, Outcome, str]] = {
    "error": ({"error": BUSY}, Outcome.OVERLOADED, "busy"),
    "list": ([{"error": BUSY}], Outcome.OVERLOADED, "busy"),
    "flat": (BUSY, Outcome.OVERLOADED, "busy"),
    "msg": ({"code": 401, "msg": "token expired", "success": False}, Outcome.UNAUTHORIZED, "token expired"),
    "Baidu": ({"error_code": 18, "error_msg": "qps limit", "id": "as-1"}, Outcome.RATE_LIMITED, "qps limit"),
    "errors": ({"errors": [{"code": 2001, "message": "no gateway"}]}, Outcome.STREAM_ERROR, "no gateway"),
    "without type": ({"error": {"message": "gone"}}, Outcome.STREAM_ERROR, "gone"),
    "without message": ({"error": {"code": "rate_limit_exceeded"}}, Outcome.RATE_LIMITED, "rate_limit_exceeded"),
    "problem": ({"type": "about:blank", "title": "Too Many", "status": 429}, Outcome.RATE_LIMITED, "Too Many"),
    "Spring": ({"status": 503, "error": "Service Unavailable", "path": "/v1"}, Outcome.OVERLOADED, "Service"),
    "text": ("Invalid token", Outcome.STREAM_ERROR, "Invalid token"),
}  # fmt: skip


@pytest.mark.parametrize("name", BODIES)
@pytest.mark.parametrize("headers", [SSE, JSON, (("content-type", "text/plain; charset=utf-8"),), ()])
@pytest.mark.parametrize("stream", [True, False])
def test_an_error_as_a_whole_body(name: str, headers: Any, stream: bool) -> None:
    """An error as a body with status 200 is found in every dialect, whatever its content type and the request."""
    body, outcome, words = BODIES[name]
    for dialect in dialects.NAMES:
        result = answered(json.dumps(body).encode(), dialect=dialect, headers=headers, stream=stream)
        assert (result.outcome, words in str(result.error)) == (outcome, True), (dialect, result.error)


@pytest.mark.parametrize("dialect", dialects.NAMES)
@pytest.mark.parametrize(
    "body",
    [
        sse({"error": BUSY}),
        b"event: error\ndata: " + json.dumps({"error": BUSY}).encode() + b"\n\n",
        b"HTTP 503: " + BUSY_JSON,
        b"<Error><Code>ServerOverloaded</Code><Message>The model is busy.</Message></Error>",
        b"\n\n" + BUSY_JSON,
    ],
)
def test_an_error_with_a_status_of_failure(dialect: str, body: bytes) -> None:
    """The message of an error is found in an event stream, behind text, in XML and behind empty lines."""
    result = answered(body, dialect=dialect, status=400, headers=SSE)
    assert (result.outcome, "busy" in str(result.error)) == (Outcome.OVERLOADED, True), result.error


@pytest.mark.parametrize("dialect", dialects.NAMES)
@pytest.mark.parametrize(("status", "outcome"), [
    *((status, Outcome.SERVER_ERROR) for status in (408, 409, 421, 423, 424, 425, 499, 500, 504, 520, 524)),
    *((status, Outcome.BAD_REQUEST) for status in (400, 405, 406, 410, 411, 413, 414, 415, 422, 426, 431)),
    *((status, Outcome.OVERLOADED) for status in (498, 503, 529)),
    (402, Outcome.QUOTA_EXHAUSTED), (403, Outcome.FORBIDDEN), (404, Outcome.MODEL_NOT_FOUND),
    (429, Outcome.RATE_LIMITED), (451, Outcome.FORBIDDEN),
])  # fmt: skip
def test_whose_fault_a_status_is(dialect: str, status: int, outcome: Outcome) -> None:
    """Statuses from 400 to 499 that are the server's own doing are no fault of the request."""
    assert answered(b"", dialect=dialect, status=status).outcome is outcome


@pytest.mark.parametrize(("code", "outcome"), [
    ("server_is_overloaded", Outcome.OVERLOADED), ("ModelOverloadedError", Outcome.OVERLOADED),
    ("upstream-rate-limit-exceeded", Outcome.RATE_LIMITED), ("E_INVALID_API_KEY", Outcome.UNAUTHORIZED),
    ("openai.insufficient_quota", Outcome.QUOTA_EXHAUSTED), ("err_content_policy_violation", Outcome.CONTENT_FILTERED),
    ("service_unavailable_error", Outcome.OVERLOADED), ("AI_RATE_LIMITED", Outcome.RATE_LIMITED),
    ("invalid_tokens", None), ("api_key_not_found", None), ("something_else", None),
])  # fmt: skip
@pytest.mark.parametrize("dialect", dialects.NAMES)
def test_codes_with_words_of_the_vendors_own(dialect: str, code: str, outcome: Outcome | None) -> None:
    """Words before and after a known code change nothing; a word that may mean anything decides nothing."""
    body = json.dumps({"error": {"message": "no", "code": code}}).encode()
    assert answered(body, dialect=dialect, status=418).outcome is (outcome or Outcome.BAD_REQUEST)


@shaped
def test_a_terminal_mark_is_no_success_without_a_finish_reason(shape: Shape) -> None:
    """[DONE] ends every dialect, and is a whole answer only if it was said why."""
    text = [*shape.begin, shape.text("Hello")]
    for mark in ("[DONE]", '"[DONE]"', " [DONE] "):
        assert answered(sse(*text, mark), dialect=shape.name).outcome is Outcome.STREAM_TRUNCATED
        whole = answered(sse(*shape.stream(end=False), mark), dialect=shape.name)
        assert (whole.outcome, whole.text) == (Outcome.OK, "Hello")
    assert answered(sse(*text, *shape.end), dialect=shape.name).outcome is Outcome.STREAM_TRUNCATED


@shaped
@pytest.mark.parametrize("reason", finish_reasons.FINISHES)
def test_every_vendors_finish_reasons_in_every_dialect(shape: Shape, reason: str) -> None:
    """Finish reasons are known in either case, with prefixes and details; text that the limit cut is ok."""
    expected = finish_reasons.FINISHES[reason]
    if shape.name == "openai-responses" and expected is Outcome.OK and reason != "completed":
        return  # a reason for being incomplete
    for said in (reason, reason.upper(), reason.lower(), f"{reason}: DETAIL"):
        result = answered(sse(*shape.stream(finish=said)), dialect=shape.name)
        assert result.outcome is (Outcome.OK if expected is Outcome.MAX_TOKENS_HIT else expected), said
        empty = answered(sse(*shape.begin, *shape.finish(said, None), *shape.end), dialect=shape.name)
        assert empty.outcome is (Outcome.EMPTY_ANSWER if expected is Outcome.OK else expected), said
        assert said.split(":")[0] in str(empty.error)
        assert answered(json.dumps(shape.body("", said, None)).encode(), dialect=shape.name, headers=JSON,
                        stream=False).outcome is empty.outcome  # fmt: skip


@pytest.mark.parametrize(("reason", "outcome"), [
    ("BLOCKED_BY_GUARDRAIL", Outcome.CONTENT_FILTERED), ("userAbort", Outcome.STREAM_ERROR),
    ("internal_failure", Outcome.STREAM_ERROR), ("model_declined", Outcome.REFUSAL),
    ("server_overloaded", Outcome.OVERLOADED), ("output_limit_reached", Outcome.MAX_TOKENS_HIT),
    ("FinishReason.SAFETY", Outcome.CONTENT_FILTERED), ("whatever", Outcome.OK),
])  # fmt: skip
def test_finish_reasons_that_no_table_has(reason: str, outcome: Outcome) -> None:
    """The words in it that tell decide; without one it is a natural end."""
    assert finish_reasons.meaning(reason) is outcome


@shaped
@pytest.mark.parametrize("reason", ["null", "", "none", "FINISH_REASON_UNSPECIFIED"])
def test_no_finish_reason_yet(shape: Shape, reason: str) -> None:
    """Some servers write that there is none."""
    if shape.name == "openai-responses":
        return
    stream = [*shape.begin, shape.text("Hello"), *shape.finish(reason, None), "[DONE]"]
    assert answered(sse(*stream), dialect=shape.name).outcome is Outcome.STREAM_TRUNCATED


@shaped
@pytest.mark.parametrize("ending", [b": ping\n\n" * 60, b"", b"\n\n", b"data:\n\n", sse({}, None, [], "null")])
def test_a_stream_of_nothing(shape: Shape, ending: bytes) -> None:
    """Comments, empty events and nulls say nothing, and are called by no other name."""
    for stream in (ending, ending + sse(*shape.begin)):
        result = answered(stream, dialect=shape.name)
        assert result.outcome is Outcome.STREAM_TRUNCATED, result.error
        assert "not an event stream" not in str(result.error)


@shaped
@pytest.mark.parametrize("stray", [b"hello, this is no event stream", b"upstream connect refused\n\n", b"\x00\x01\x02"])
def test_what_came_is_quoted(shape: Shape, stray: bytes) -> None:
    """The error quotes a body that is no stream, and what stands between the events of one that broke off."""
    quoted = stray.decode().strip()[:20].replace("\x00", "").replace("\x01", "").replace("\x02", "")
    result = answered(stray, dialect=shape.name)
    assert (result.outcome, quoted in str(result.error)) == (Outcome.MALFORMED, True), result.error
    result = answered(sse(*shape.stream(end=False)[:2]) + stray, dialect=shape.name)
    assert (result.outcome, quoted in str(result.error)) == (Outcome.STREAM_TRUNCATED, True), result.error


@pytest.mark.parametrize("dialect", dialects.NAMES)
@pytest.mark.parametrize("stream", [True, False])
@pytest.mark.parametrize("headers", [SSE, JSON, (("content-type", "text/html"),), ()])
def test_a_page_is_called_one(dialect: str, stream: bool, headers: Any) -> None:
    """An HTML page is recognised by its first byte, whatever its header and pieces, and named by its title."""
    page = b"\n <!doctype html><html><head><title>Sign in</title></head>"
    for chunks in ((page,), tuple(bytes([byte]) for byte in page)):
        result = answered(*chunks, dialect=dialect, headers=headers, stream=stream)
        assert (result.outcome, result.error) == (Outcome.MALFORMED, "an HTML page instead of an answer: Sign in")


@shaped
def test_events_that_nothing_separates(shape: Shape) -> None:
    """One line break does not end an event; the message says that it is the lines that are missing."""
    stream = sse(*shape.stream()).replace(b"\n\n", b"\n")
    result = answered(stream, dialect=shape.name)
    assert (result.outcome, "without an empty line" in str(result.error)) == (Outcome.MALFORMED, True)


@shaped
def test_half_an_event_at_the_end(shape: Shape) -> None:
    """A stream that ends anywhere within its events is truncated, and no part of an event makes it whole."""
    whole = sse(*shape.stream())
    last = len(sse(*shape.stream(end=False)[:-1]))
    for cut in range(1, last):
        result = answered(whole[:cut], dialect=shape.name)
        assert result.outcome in (Outcome.STREAM_TRUNCATED, Outcome.MALFORMED), (cut, result.error)


def test_answers_that_were_not_asked_for() -> None:
    """An event stream to a call that wants a whole answer is no use to its caller."""
    for shape in STREAMED:
        result = answered(sse(*shape.stream()), dialect=shape.name, stream=False)
        assert (result.outcome, result.error) == (Outcome.MALFORMED, "an event stream, though none was asked for")
    for dialect, body in (("openai-embeddings", EMBEDDING), ("openai-models", MODELS)):
        assert answered(sse(body), dialect=dialect, stream=False).outcome is Outcome.MALFORMED


def test_only_reasoning_came() -> None:
    """The message says so, and names the finish reason."""
    chunks = [{"choices": [{"delta": {"reasoning_content": "Hm"}}]}, *CHAT.finish("stop", None), "[DONE]"]
    assert answered(sse(*chunks), dialect="openai-chat").error == (
        "the answer is empty: only reasoning came (finish reason stop)"
    )
    thinking = {"type": "content_block_delta", "delta": {"type": "thinking_delta", "thinking": "Hm"}}
    chunks = [*MESSAGES.begin, thinking, *MESSAGES.finish("max_tokens", None), *MESSAGES.end]
    assert answered(sse(*chunks), dialect="anthropic-messages").error == (
        "max_tokens was used up before any visible text: only reasoning came (finish reason max_tokens)"
    )
