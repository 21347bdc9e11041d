"""What a client library would not stumble over is no fault of the answer, in every dialect."""

from __future__ import annotations

import gzip
import json
import zlib
from typing import Any

import pytest

from aimon.call.outcome import Outcome
from aimon.exchange.inflate import InflateError, inflater
from aimon.security import provider_text
from answer_shapes import CHAT, EMBEDDING, GEMINI, KEY, MESSAGES, MODELS, RESPONSES, STREAMED, Shape, answered, sse

JSON = (("content-type", "application/json"),)
TYPES = ("text/event-stream", "application/json", "text/html", "text/plain", "application/x-ndjson", "")
shaped = pytest.mark.parametrize("shape", STREAMED, ids=lambda shape: shape.name)
# What is found where another type is usual.
ODD: tuple[Any, ...] = (None, {}, [], "", 0, False, 7, "x", [1], {"a": 1}, True, 1.5)


def spoilt(document: Any, value: Any, *, but: frozenset[str]) -> list[Any]:
    """The document, once with each of its fields set to a value; `but` names those in which the answer is."""
    documents: list[Any] = []
    if isinstance(document, dict):
        for key, inner in document.items():
            if key not in but:
                documents.append(document | {key: value})
            documents += [document | {key: other} for other in spoilt(inner, value, but=but)]
    elif isinstance(document, list):
        for i, inner in enumerate(document):
            documents += [[*document[:i], other, *document[i + 1 :]] for other in spoilt(inner, value, but=but)]
    return documents


ANSWER = frozenset((
    "choices", "delta", "message", "content", "text", "candidates", "parts", "output", "response", "type", "data",
    "embedding", "finish_reason", "finishReason", "stop_reason", "status", "incomplete_details", "reason", "thought",
    "content_block", "error",
))  # fmt: skip
EXTRA = {
    "openai-chat": {"usage": CHAT.counts, "x_groq": {}, "service_tier": "d", "system_fingerprint": "f", "logprobs": {}},
    "openai-responses": {"usage": RESPONSES.counts, "tools": [], "metadata": {}, "previous_response_id": None},
    "anthropic-messages": {"usage": MESSAGES.counts, "stop_sequence": None, "container": {}},
    "gemini": {"usageMetadata": GEMINI.counts, "modelVersion": "m", "responseId": "r", "promptFeedback": {}},
}


@shaped
@pytest.mark.parametrize("value", ODD, ids=repr)
def test_fields_that_do_not_bear_on_the_answer(shape: Shape, value: Any) -> None:
    """Any value in a field that does not matter leaves the answer ok, in a body and in each event."""
    body = shape.body("Hello", shape.stop, shape.counts) | EXTRA[shape.name]
    for bent in spoilt(body, value, but=ANSWER):
        result = answered(json.dumps(bent).encode(), dialect=shape.name, headers=JSON, stream=False)
        assert (result.outcome, result.text) == (Outcome.OK, "Hello"), (bent, result.error)
    events = shape.stream(counts=shape.counts)
    for i, event in enumerate(events):
        for bent in spoilt(event, value, but=ANSWER):
            result = answered(sse(*events[:i], bent, *events[i + 1 :]), dialect=shape.name)
            assert (result.outcome, result.text) == (Outcome.OK, "Hello"), (bent, result.error)


@pytest.mark.parametrize("value", ODD, ids=repr)
def test_fields_of_vectors_and_lists(value: Any) -> None:
    """The vectors and the ids are the answer, and nothing else is."""
    for dialect, body in (("openai-embeddings", EMBEDDING | {"usage": {"prompt_tokens": 3}}),
                          ("openai-models", MODELS)):  # fmt: skip
        for bent in spoilt(body, value, but=ANSWER | {"id"}):
            result = answered(json.dumps(bent).encode(), dialect=dialect, headers=JSON)
            assert result.outcome is Outcome.OK, (bent, result.error)


ODD_CHUNKS: list[Any] = [
    {"id": "", "object": "", "created": 0, "model": "", "choices": None, "usage": None},
    {"choices": [], "cost": "0"},
    {"choices": {}},
    {"choices": [{"delta": {"content": "", "tool_calls": {}}}]},
    {"choices": [{"delta": None, "finish_reason": None}]},
    {"choices": [{"delta": [], "finish_reason": False}]},
    {"choices": [{"index": "0", "delta": {"role": 5, "reasoning_content": []}}], "usage": []},
    {"code": 0, "message": "success"},
    {"object": "ping"},
    {"type": "ping"},
    {"type": "heartbeat", "message": "x"},
]


@shaped
@pytest.mark.parametrize("chunk", ODD_CHUNKS, ids=json.dumps)
def test_chunks_that_say_nothing(shape: Shape, chunk: Any) -> None:
    """Empty chunks do not change the Result, whether the dialect or another one sends them."""
    events = shape.stream()
    result = answered(sse(events[0], chunk, *events[1:]), dialect=shape.name)
    assert (result.outcome, result.text) == (Outcome.OK, "Hello"), result.error


@shaped
@pytest.mark.parametrize("content_type", TYPES)
def test_a_stream_is_one_by_its_first_bytes(shape: Shape, content_type: str) -> None:
    """A stream is recognised by its first bytes, whatever its header, its beginning and its pieces."""
    stream = sse(*shape.stream(counts=shape.counts))
    for beginning in (b"", b"\n\n", b": hello\n\n", b"event: message\n", b"\xef\xbb\xbf", b"id: 1\n", b"retry: 5\n\n"):
        for cut in (1, 2, 3, 7, len(stream)):
            chunks = (beginning + stream)[:cut], (beginning + stream)[cut:]
            result = answered(*chunks, dialect=shape.name, headers=(("content-type", content_type),))
            assert (result.outcome, result.text, result.usage.output) == (Outcome.OK, "Hello", 6), result.error
            assert result.ttft is not None


@shaped
@pytest.mark.parametrize("content_type", TYPES)
@pytest.mark.parametrize("stream", [True, False])
def test_a_body_is_one_by_its_first_bytes(shape: Shape, content_type: str, stream: bool) -> None:
    """A JSON body is recognised by its first bytes, whatever its header and the request; a list counts, too."""
    body = json.dumps(shape.body("Hello", shape.stop, shape.counts), indent=1).encode()
    bodies = [body, b"\n\n" + body + b"\n", b"\xef\xbb\xbf" + body, b"[" + body + b"]"]
    if stream:
        bodies.append(json.dumps(shape.stream(counts=shape.counts, end=False)).encode())
    for said in bodies:
        for chunks in ((said,), (said[:1], said[1:]), (said[:-1], said[-1:])):
            result = answered(*chunks, dialect=shape.name, headers=(("content-type", content_type),), stream=stream)
            assert (result.outcome, result.text, result.usage.output) == (Outcome.OK, "Hello", 6), result.error
            assert result.ttft is None


@shaped
def test_the_last_event_needs_no_empty_line(shape: Shape) -> None:
    """The last event counts with one line break after it, or none, in every dialect."""
    stream = sse(*shape.stream(counts=shape.counts))
    for ending in (b"", b"\n", b"\r\n", b"\r"):
        for line_end in (b"\n", b"\r\n"):
            result = answered(stream.rstrip(b"\n").replace(b"\n", line_end) + ending, dialect=shape.name)
            assert (result.outcome, result.text, result.usage.output) == (Outcome.OK, "Hello", 6), result.error


def test_text_in_the_last_event_only() -> None:
    """An event that repeats the whole text is the text where no other came, and adds nothing where one did."""
    done = {"type": "response.output_text.done", "text": "Hello"}
    ended = {"type": "response.completed", "response": RESPONSES.body("Hello", "completed", RESPONSES.counts)}
    deltas = [RESPONSES.text("Hel"), RESPONSES.text("lo")]
    for events in ([done, ended], [ended], [*deltas, done, ended], [*deltas, ended], [done]):
        result = answered(sse(*RESPONSES.begin, *events, ended), dialect="openai-responses")
        assert (result.outcome, result.text, result.usage.output) == (Outcome.OK, "Hello", 6)
    whole = CHAT.body("Hello", "stop", CHAT.counts)
    for events in ([whole], [*map(CHAT.text, ("Hel", "lo")), whole]):
        result = answered(sse(*events, "[DONE]"), dialect="openai-chat")
        assert (result.outcome, result.text, result.usage.output) == (Outcome.OK, "Hello", 6)
    begun = {"type": "message_start", "message": MESSAGES.body("Hello", None, {"input_tokens": 31})}
    result = answered(sse(begun, *MESSAGES.finish("end_turn", {"output_tokens": 6}), *MESSAGES.end),
                      dialect="anthropic-messages")  # fmt: skip
    assert (result.outcome, result.text, result.usage.input) == (Outcome.OK, "Hello", 31)


@shaped
def test_halves_of_surrogate_pairs(shape: Shape) -> None:
    """Put together where they meet, shown as U+FFFD where not, and never what breaks a record."""

    def stream(*texts: str) -> bytes:
        return sse(*shape.begin, *map(shape.text, texts), *shape.finish(shape.stop, None), *shape.end)

    for texts, text in ((("a", "\ud83d", "\ude00"), "a😀"), (("\ud83d",), "\ufffd"), (("x\ude00y", "z"), "x\ufffdyz")):
        result = answered(stream(*texts), dialect=shape.name)
        assert (result.outcome, result.text) == (Outcome.OK, text), result.error
        str(result.text).encode()


STREAM = sse(*CHAT.stream(counts=CHAT.counts))
RAW = zlib.compressobj(wbits=-15)
ENCODED = {
    "members": gzip.compress(STREAM[:100]) + gzip.compress(STREAM[100:]),
    "a member an event": b"".join(gzip.compress(part + b"\n\n") for part in STREAM.split(b"\n\n")[:-1]),
    "padded": gzip.compress(STREAM) + b"\0" * 64,
    "twice": gzip.compress(gzip.compress(STREAM)),
    "zlib": zlib.compress(STREAM),
    "raw deflate": RAW.compress(STREAM) + RAW.flush(),
    "plain": STREAM,
}  # fmt: skip


@pytest.mark.parametrize("name", ENCODED)
@pytest.mark.parametrize("encoding", ["gzip", "x-gzip", "GZIP", "deflate", "gzip, gzip", "gzip, identity", None])
def test_a_compressed_answer(name: str, encoding: str | None) -> None:
    """A compressed answer is read as its first bytes say, whatever its header."""
    if encoding is None and name in ("zlib", "raw deflate"):
        return
    if encoding != "deflate" and name == "raw deflate":
        return
    headers = () if encoding is None else (("content-encoding", encoding),)
    said = ENCODED[name]
    cuts = [(said[:cut], said[cut:]) for cut in (*range(1, 12), len(said) // 2, len(said) - 1)]
    for chunks in ((said,), *cuts, tuple(bytes([byte]) for byte in said)):
        result = answered(*chunks, dialect="openai-chat", headers=headers)
        assert (result.outcome, result.text, result.usage.output) == (Outcome.OK, "Hello", 6), result.error


@pytest.mark.parametrize("encoding", ["", "none", "utf-8", "UTF-8", "identity", "chunked", "text/event-stream", ","])
def test_an_encoding_that_is_none(encoding: str) -> None:
    """Under an encoding that is none, the answer is plain text, or gzip if it begins so."""
    for said in (STREAM, gzip.compress(STREAM)):
        assert answered(said, dialect="openai-chat", headers=(("content-encoding", encoding),)).text == "Hello"


@pytest.mark.parametrize("encoding", ["br", "zstd", "compress", "gzip, br"])
def test_an_encoding_that_can_not_be_undone(encoding: str) -> None:
    """An encoding that aimon can't undo is named in the error; a plain body under its name is read."""
    result = answered(b"\x0b\x02\x80Hello\x03", dialect="openai-chat", headers=(("content-encoding", encoding),))
    assert (result.outcome, encoding in str(result.error)) == (Outcome.MALFORMED, True)
    assert answered(STREAM, dialect="openai-chat", headers=(("content-encoding", encoding),)).text == "Hello"


def test_inflated_bytes_are_bounded() -> None:
    """Over all members, and inside one another."""
    for bomb in (gzip.compress(b" " * (9 << 20)) * 2, gzip.compress(gzip.compress(b" " * (17 << 20)))):
        inflate = inflater("gzip")
        assert inflate is not None
        with pytest.raises(InflateError, match="more than 16 MiB"):
            inflate(bomb)


UNSAFE = "a\x1b[2Jb\x1b]0;x\x07c\u202ed\x00e\nf\rg\x9bh\ud800i\u2066"


@shaped
def test_what_a_provider_says_is_bounded_and_cleaned(shape: Shape) -> None:
    """Ids, models, finish reasons, codes, refusals and text: none is stored whole, none drives a terminal."""
    long = UNSAFE + KEY + "x" * 300_000
    names = {"id": long, "model": long, "modelVersion": long, "responseId": long}
    events = [event | {key: long for key in names if key in event or shape.name == "gemini"} for event in shape.begin]
    text = [shape.text(long), shape.text(long)]
    whole = sse(*events, *text, *shape.finish(shape.stop, shape.counts), *shape.end)
    cut = sse(*events, *text, *shape.finish(long, shape.counts), *shape.end)
    broken = sse({"error": {"message": long, "code": long, "type": long}})
    refused = json.dumps(shape.body(long, long, shape.counts) | {"model": long, "id": long}).encode()
    for result in (
        answered(whole, dialect=shape.name),
        answered(cut, dialect=shape.name),
        answered(broken, dialect=shape.name),
        answered(refused, dialect=shape.name, stream=False),
        answered(broken, dialect=shape.name, status=500),
        answered(b"", dialect=shape.name, headers=(("x-request-id", long),)),
    ):
        for name in ("error_code", "finish_reason", "request_id", "response_model"):
            said = getattr(result, name) or ""
            assert len(said) <= provider_text.MAX_NAME, name
            assert said.isprintable(), name
        assert len(result.error or "") <= 300
        assert (result.error or "").isprintable()
        said = result.text or ""
        assert len(said) <= provider_text.MAX_TEXT
        assert said.replace("\n", "").replace("\t", "").isprintable()
        assert KEY not in str(result)


def test_text_keeps_its_lines_and_scripts() -> None:
    """Text of any script, with its line breaks, is kept as it was written."""
    text = "eins\n\tzwei 三 \u200fعربى\u200e 👩‍💻\u2028"
    assert answered(sse(*CHAT.stream(text)), dialect="openai-chat").text == text
