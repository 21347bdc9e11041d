"""OpenAI responses: typed events around a response that is created, added to, and then completed, or not."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import msgspec

from aimon.dialects import NOTHING, Delta, Dialect, ProviderError, errors, reasoning, request
from aimon.outcome import Outcome
from aimon.result import Usage

if TYPE_CHECKING:
    from aimon.call import Call, Request

# The least that OpenAI accepts as max_output_tokens.
MIN_OUTPUT_TOKENS = 16


class _Content(msgspec.Struct, gc=False):
    type: str = ""
    text: str | None = None
    refusal: str | None = None


class _Item(msgspec.Struct, gc=False):
    type: str = ""
    content: list[_Content] | None = None
    summary: list[_Content] | None = None


class _Details(msgspec.Struct, gc=False):
    cached_tokens: int | None = None
    reasoning_tokens: int | None = None


class _Usage(msgspec.Struct, gc=False):
    input_tokens: int | None = None
    output_tokens: int | None = None
    input_tokens_details: _Details | None = None
    output_tokens_details: _Details | None = None


class _Incomplete(msgspec.Struct, gc=False):
    reason: str | None = None


class _Response(msgspec.Struct, gc=False):
    id: str | None = None
    model: str | None = None
    status: str | None = None
    error: Any = None
    incomplete_details: _Incomplete | None = None
    output: list[_Item] | None = None
    usage: _Usage | None = None


class _Event(msgspec.Struct, gc=False):
    type: str = ""
    delta: Any = None
    item: _Item | None = None
    response: _Response | None = None
    error: Any = None


_decode_event = msgspec.json.Decoder(_Event).decode
_decode_response = msgspec.json.Decoder(_Response).decode

_ANSWERED = Delta(answered=True)


def encode(call: Call) -> Request:
    """The request. Nothing is stored on the server: a canary's answer is of no use there."""
    body: dict[str, Any] = {
        "model": call.target.model,
        "input": [{"role": message.role, "content": message.content} for message in call.messages],
        "max_output_tokens": max(call.max_tokens, MIN_OUTPUT_TOKENS),
        "stream": call.stream,
        "store": False,
    }
    if call.temperature is not None:
        body["temperature"] = call.temperature
    return request.post(call, "/responses", body | reasoning.fields(call))


def read(data: bytes) -> Delta:
    """One event of a stream; types it does not know are nothing.

    Raises:
        msgspec.DecodeError: it is not JSON, or not of this dialect.
    """
    if data.strip() == b"[DONE]":  # some servers add it; the response has ended by then
        return NOTHING
    event = _decode_event(data)
    kind = event.type
    if kind == "response.output_text.delta":
        return Delta(event.delta) if isinstance(event.delta, str) and event.delta else NOTHING
    if kind in _PIECES:
        return _PIECES[kind](event.delta) if isinstance(event.delta, str) and event.delta else NOTHING
    if kind == "response.created" and event.response is not None:
        return Delta(model=event.response.model or None, response_id=event.response.id or None)
    if kind == "response.output_item.added" and event.item is not None and event.item.type.endswith("_call"):
        return _ANSWERED
    if kind in _ENDS and event.response is not None:
        return _ended(event.response)
    if kind == "error" or event.error:
        return Delta(error=errors.told(data))
    return NOTHING


# What carries a piece of the answer, other than visible text.
_PIECES = {
    "response.reasoning_text.delta": lambda piece: Delta(reasoning=piece),
    "response.reasoning_summary_text.delta": lambda piece: Delta(reasoning=piece),
    "response.refusal.delta": lambda piece: Delta(refusal=piece),
}

_ENDS = frozenset({"response.completed", "response.incomplete", "response.failed", "response.cancelled"})


def read_body(body: bytes) -> Delta:
    """A whole response.

    Raises:
        msgspec.DecodeError: it is not JSON, or not of this dialect.
    """
    response = _decode_response(body)
    if response.output is None and response.status is None:
        return Delta(error=errors.expected(body, "output"))
    ended = _ended(response)
    items = response.output or []
    pieces = [piece for item in items if item.type == "message" for piece in item.content or ()]
    thoughts = [
        piece for item in items if item.type == "reasoning" for piece in (*(item.summary or ()), *(item.content or ()))
    ]
    return msgspec.structs.replace(
        ended,
        text="".join(piece.text or "" for piece in pieces),
        refusal="".join(piece.refusal or "" for piece in pieces),
        reasoning="".join(piece.text or "" for piece in thoughts),
        answered=any(item.type.endswith("_call") for item in items),
    )


def _ended(response: _Response) -> Delta:
    """What the last event says: how it ended and what it took."""
    finish = response.status
    if finish == "incomplete" and response.incomplete_details is not None:
        finish = response.incomplete_details.reason or finish
    error = None
    if finish == "failed":
        error = errors.in_answer({"error": response.error}) or ProviderError("the response failed without saying why")
    return Delta(
        finish=finish,
        usage=None if response.usage is None else _usage(response.usage),
        error=error,
        done=True,
        model=response.model or None,
        response_id=response.id or None,
    )


def _usage(usage: _Usage) -> Usage:
    return Usage(
        usage.input_tokens,
        usage.output_tokens,
        (usage.input_tokens_details or _Details()).cached_tokens,
        (usage.output_tokens_details or _Details()).reasoning_tokens,
        "reported",
    )


DIALECT = Dialect(
    name="openai-responses",
    operation="responses",
    encode=encode,
    read=read,
    read_body=read_body,
    read_error=errors.read_error,
    finishes={
        "completed": Outcome.OK,
        "max_output_tokens": Outcome.MAX_TOKENS_HIT,
        "content_filter": Outcome.CONTENT_FILTERED,
        "incomplete": Outcome.STREAM_ERROR,
        "cancelled": Outcome.STREAM_ERROR,
        # A whole response that is not one yet: somebody asked for it to be made in the background.
        "in_progress": Outcome.STREAM_ERROR,
        "queued": Outcome.STREAM_ERROR,
    },
)
