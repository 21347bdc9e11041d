"""Healthy answers of each dialect, in parts, for tests that bend them."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from aimon import dialects, providers
from aimon.call.call import Call, Message, Target, Timeouts
from aimon.call.failure import Failure
from aimon.call.outcome import Outcome
from aimon.exchange.exchange import Exchange
from aimon.security.secret import Secret

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from aimon.call.checks import Check
    from aimon.call.result import Result

KEY = "sk-0123456789abcdefghij"


@dataclass(frozen=True)
class Shape:
    """One dialect's answer.

    Attributes:
        begin: events before the text.
        text: the event that brings a piece of text.
        finish: events after the text, without the terminal mark, for a finish reason and an object of counts.
        end: the dialect's own terminal events.
        body: the whole answer, for a text, a finish reason and an object of counts.
        stop: the reason of a natural end.
        counts: an object that says 31 tokens read and 6 written.
    """

    name: str
    begin: tuple[Any, ...]
    text: Callable[[str], Any]
    finish: Callable[[Any, Any], list[Any]]
    end: tuple[Any, ...]
    body: Callable[[str, Any, Any], Any]
    stop: str
    counts: dict[str, Any]

    def stream(self, text: str = "Hello", *, finish: Any = None, counts: Any = None, end: bool = True) -> list[Any]:
        """A whole stream, event by event."""
        finished = self.finish(self.stop if finish is None else finish, counts)
        return [*self.begin, *map(self.text, (text[:2], text[2:])), *finished, *(self.end if end else ())]


def _chat_chunk(delta: Any, finish: Any = None, **more: Any) -> Any:
    choice = {"index": 0, "delta": delta, "finish_reason": finish}
    return {"id": "c-7", "object": "chat.completion.chunk", "created": 1, "model": "m", "choices": [choice], **more}


def _with(counts: Any, key: str) -> dict[str, Any]:
    return {} if counts is None else {key: counts}


CHAT = Shape(
    "openai-chat",
    (_chat_chunk({"role": "assistant", "content": ""}),),
    lambda text: _chat_chunk({"content": text}),
    lambda reason, counts: [_chat_chunk({}, reason, **_with(counts, "usage"))],
    ("[DONE]",),
    lambda text, reason, counts: {
        "id": "c-7",
        "model": "m",
        "choices": [{"index": 0, "message": {"role": "assistant", "content": text}, "finish_reason": reason}],
        **_with(counts, "usage"),
    },
    "stop",
    {"prompt_tokens": 31, "completion_tokens": 6, "total_tokens": 37},
)


def _response(status: str, text: str | None = None, counts: Any = None) -> dict[str, Any]:
    output = [] if text is None else [{"type": "message", "content": [{"type": "output_text", "text": text}]}]
    return {"id": "r", "object": "response", "status": status, "model": "m", "output": output, **_with(counts, "usage")}


def _ended_response(reason: Any, text: str | None, counts: Any) -> dict[str, Any]:
    if reason == "completed":
        return _response("completed", text, counts)
    return _response("incomplete", text, counts) | {"incomplete_details": {"reason": reason}}


RESPONSES = Shape(
    "openai-responses",
    ({"type": "response.created", "response": _response("in_progress")},),
    lambda text: {"type": "response.output_text.delta", "delta": text},
    lambda reason, counts: [{
        "type": "response.completed" if reason == "completed" else "response.incomplete",
        "response": _ended_response(reason, None, counts),
    }],
    (),
    lambda text, reason, counts: _ended_response(reason, text, counts),
    "completed",
    {"input_tokens": 31, "output_tokens": 6, "total_tokens": 37},
)  # fmt: skip

MESSAGES = Shape(
    "anthropic-messages",
    ({"type": "message_start", "message": {"id": "msg_7", "model": "m", "content": [], "stop_reason": None}},),
    lambda text: {"type": "content_block_delta", "index": 0, "delta": {"type": "text_delta", "text": text}},
    lambda reason, counts: [{"type": "message_delta", "delta": {"stop_reason": reason}, **_with(counts, "usage")}],
    ({"type": "message_stop"},),
    lambda text, reason, counts: {
        "id": "msg_7",
        "type": "message",
        "model": "m",
        "content": [{"type": "text", "text": text}],
        "stop_reason": reason,
        **_with(counts, "usage"),
    },
    "end_turn",
    {"input_tokens": 31, "output_tokens": 6},
)


def _candidate(parts: list[Any], reason: Any = None, counts: Any = None) -> Any:
    finish = {} if reason is None else {"finishReason": reason}
    return {"candidates": [{"content": {"parts": parts}, "index": 0, **finish}], **_with(counts, "usageMetadata")}


GEMINI = Shape(
    "gemini",
    (),
    lambda text: _candidate([{"text": text}]),
    lambda reason, counts: [_candidate([], reason, counts)],
    (),
    lambda text, reason, counts: _candidate([{"text": text}], reason, counts),
    "STOP",
    {"promptTokenCount": 31, "candidatesTokenCount": 6, "totalTokenCount": 37},
)

STREAMED = (CHAT, RESPONSES, MESSAGES, GEMINI)
# The model's answer is a vector here, and a list of models.
EMBEDDING = {"object": "list", "model": "m", "data": [{"index": 0, "embedding": [0.1, 0.2]}]}
MODELS = {"object": "list", "data": [{"id": "m"}]}


def sse(*events: Any) -> bytes:
    """Events as a stream; text as it is, everything else as JSON."""
    return b"".join(b"data: " + _data(event) + b"\n\n" for event in events)


def _data(event: Any) -> bytes:
    return event.encode() if isinstance(event, str) else json.dumps(event).encode()


def target_of(preset: str, dialect: str | None = None) -> Target:
    """An endpoint of a preset with a key; on Azure, the address names the resource."""
    return providers.target(
        preset,
        endpoint="e",
        model="m",
        api_key=Secret("key"),
        dialect=dialect,
        base_url="https://r.openai.azure.com/openai/v1" if preset == "azure" else None,
    )


def answered(
    *chunks: bytes,
    dialect: str,
    status: int = 200,
    headers: Iterable[tuple[str, str]] = (("content-type", "text/event-stream"),),
    stream: bool = True,
    checks: tuple[Check, ...] = (),
    max_tokens: int = 64,
    broken: bool = False,
) -> Result:
    """The Result of an answer whose chunk n arrives n seconds after the start."""
    target = Target("e", "openai", dialect, "http://h/v1", "m", Secret(KEY))
    call = Call(
        target, (Message("user", "Hi"),), max_tokens=max_tokens, stream=stream, checks=checks,
        timeouts=Timeouts(5, 1000, 10_000),
    )  # fmt: skip
    exchange = Exchange(call, dialects.get(dialect), started=0.0, started_at=1.8e9)
    exchange.connected(0.1)
    exchange.head(status, dict(headers), 0.2)
    for n, chunk in enumerate(chunks, start=1):
        exchange.feed(chunk, float(n))
    if broken:
        exchange.fail(Failure(Outcome.STREAM_TRUNCATED, "the connection broke"), len(chunks) + 1.0)
    else:
        exchange.close(len(chunks) + 1.0)
    return exchange.result()
