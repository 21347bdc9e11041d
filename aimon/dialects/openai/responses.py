"""OpenAI responses: typed events that create a response, add to it, and complete or fail it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import msgspec

from aimon.dialects import NOTHING, STRANGE, Delta, Dialect, ProviderError, errors, reasoning, request

if TYPE_CHECKING:
    from aimon.call.call import Call, Request

# The smallest max_output_tokens that OpenAI accepts.
MIN_OUTPUT_TOKENS = 16


class _Content(msgspec.Struct, gc=False):
    type: str = ""
    text: str | None = None
    refusal: str | None = None


class _Item(msgspec.Struct, gc=False):
    type: str = ""
    content: list[_Content] | None = None
    summary: list[_Content] | None = None


class _Incomplete(msgspec.Struct, gc=False):
    reason: str | None = None


class _Response(msgspec.Struct, gc=False):
    id: str | None = None
    model: str | None = None
    status: str | None = None
    error: Any = None
    incomplete_details: _Incomplete | None = None
    output: list[_Item] | None = None
    usage: Any = None


class _Event(msgspec.Struct, gc=False):
    type: str = ""
    delta: Any = None
    text: str | None = None
    item: _Item | None = None
    response: _Response | None = None
    error: Any = None


_ANSWERED = Delta(answered=True)


def encode(call: Call) -> Request:
    """The request. `store` is false: nothing is kept on the server."""
    body: dict[str, Any] = {
        "model": call.target.model,
        "input": [{"role": message.role, "content": message.content} for message in request.plain(call)],
        "max_output_tokens": max(call.max_tokens, MIN_OUTPUT_TOKENS),
        "stream": call.stream,
        "store": False,
    }
    if call.temperature is not None:
        body["temperature"] = call.temperature
    return request.post(call, "/responses", body | reasoning.fields(call))


def read(event: _Event) -> Delta:
    """One event of a stream; unknown types add nothing."""
    kind = event.type
    if kind == "response.output_text.delta":
        return Delta(event.delta) if isinstance(event.delta, str) and event.delta else NOTHING
    if kind in _PIECES:
        return _PIECES[kind](event.delta) if isinstance(event.delta, str) and event.delta else NOTHING
    if kind == "response.created" and event.response is not None:
        return Delta(model=event.response.model or None, response_id=event.response.id or None)
    if kind == "response.output_text.done":
        return Delta(whole=event.text) if event.text else NOTHING
    if kind == "response.output_item.added" and event.item is not None and event.item.type.endswith("_call"):
        return _ANSWERED
    if kind in _ENDS and event.response is not None:
        return _ended(event.response, kind)
    if not kind or event.error or kind in _ERRORS:
        return STRANGE
    return NOTHING


# Events that carry a part of the answer other than visible text.
_PIECES = {
    "response.reasoning_text.delta": lambda piece: Delta(reasoning=piece),
    "response.reasoning_summary_text.delta": lambda piece: Delta(reasoning=piece),
    "response.refusal.delta": lambda piece: Delta(refusal=piece),
}

_ENDS = frozenset({"response.completed", "response.incomplete", "response.failed", "response.cancelled"})
_ERRORS = frozenset({"error", "response.error", *_ENDS})


def read_body(response: _Response) -> Delta:
    """A whole response."""
    return STRANGE if response.output is None and response.status is None else _ended(response)


def _ended(response: _Response, kind: str = "") -> Delta:
    """The last event: finish reason, usage, and the complete answer again."""
    finish = response.status or kind.rpartition(".")[2] or None
    if finish == "incomplete" and response.incomplete_details is not None:
        finish = response.incomplete_details.reason or finish
    error = None
    if finish == "failed" or response.error:
        error = errors.in_answer({"error": response.error}) or ProviderError("the response failed without saying why")
    items = response.output or []
    pieces = [piece for item in items if item.type == "message" for piece in item.content or ()]
    thoughts = [
        piece for item in items if item.type == "reasoning" for piece in (*(item.summary or ()), *(item.content or ()))
    ]
    return Delta(
        whole="".join(piece.text or "" for piece in pieces),
        refusal="".join(piece.refusal or "" for piece in pieces),
        reasoning="".join(piece.text or "" for piece in thoughts),
        answered=any(item.type.endswith("_call") for item in items),
        finish=finish,
        usage=response.usage,
        error=error,
        done=True,
        model=response.model or None,
        response_id=response.id or None,
    )


DIALECT = Dialect(
    name="openai-responses",
    operation="responses",
    encode=encode,
    event=_Event,
    read=read,
    body=_Response,
    read_body=read_body,
    answer="output",
)
