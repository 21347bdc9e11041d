"""Anthropic messages: content blocks in typed events, usage split between the first and the last event.

`Usage.input` is everything the model read: Anthropic does not include tokens read from or written to a cache in
`input_tokens`.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import msgspec

from aimon.dialects import DONE, NOTHING, STRANGE, Delta, Dialect, reasoning, request

if TYPE_CHECKING:
    from aimon.call.call import Call, Request

VERSION = "2023-06-01"


class _Block(msgspec.Struct, gc=False):
    """A content block, or a delta of one."""

    type: str = ""
    text: str | None = None
    thinking: str | None = None
    stop_reason: str | None = None


class _Message(msgspec.Struct, gc=False):
    id: str | None = None
    model: str | None = None
    content: list[_Block] | None = None
    stop_reason: str | None = None
    usage: Any = None


class _Event(msgspec.Struct, gc=False):
    type: str = ""
    delta: _Block | None = None
    content_block: _Block | None = None
    message: _Message | None = None
    usage: Any = None
    error: Any = None


_ANSWERED = Delta(answered=True)


def encode(call: Call) -> Request:
    """The request; system messages go into `system`, and the thinking budget is added to max_tokens."""
    messages = request.plain(call)
    system = "\n\n".join(message.content for message in messages if message.role == "system")
    extra = reasoning.fields(call)
    thinking = extra.get("thinking", {})
    body: dict[str, Any] = {
        "model": call.target.model,
        # max_tokens includes thinking and must exceed its budget; the call's max_tokens is for visible text.
        "max_tokens": call.max_tokens + thinking.get("budget_tokens", 0),
        "messages": [
            {"role": message.role, "content": message.content} for message in messages if message.role != "system"
        ],
        "stream": call.stream,
    }
    if system:
        body["system"] = system
    # A thinking model answers 400 to any temperature but its default.
    if call.temperature is not None and thinking.get("type", "disabled") == "disabled":
        body["temperature"] = call.temperature
    return request.post(call, "/messages", body | extra, headers={"anthropic-version": VERSION})


def read(event: _Event) -> Delta:
    """One event of a stream; unknown types add nothing."""
    kind = event.type
    if kind == "content_block_delta" and event.delta is not None:
        return _added(event.delta)
    if kind == "content_block_start" and event.content_block is not None:
        return _added(event.content_block)
    if kind == "message_start" and event.message is not None:
        return _started(event.message)
    if kind == "message_delta":
        return Delta(finish=event.delta.stop_reason if event.delta is not None else None, usage=event.usage)
    if kind == "message_stop":
        return DONE
    return STRANGE if not kind or kind == "error" or event.error else NOTHING


def _added(block: _Block) -> Delta:
    if block.text:
        return Delta(block.text)
    if block.thinking:
        return Delta(reasoning=block.thinking)
    return _ANSWERED if block.type.endswith("tool_use") else NOTHING


def _started(message: _Message) -> Delta:
    usage = message.usage
    if isinstance(usage, dict):
        # The output tokens of message_start are a placeholder (1 or so) that message_delta corrects.
        usage = {name: count for name, count in usage.items() if name != "output_tokens"}
    whole = _delta(message).text
    return Delta(whole=whole, usage=usage, model=message.model or None, response_id=message.id or None)


def read_body(message: _Message) -> Delta:
    """A whole message."""
    return STRANGE if message.content is None else _delta(message)


def _delta(message: _Message) -> Delta:
    blocks = message.content or []
    return Delta(
        text="".join(block.text or "" for block in blocks),
        reasoning="".join(block.thinking or "" for block in blocks),
        finish=message.stop_reason,
        usage=message.usage,
        answered=any(block.type.endswith("tool_use") for block in blocks),
        model=message.model or None,
        response_id=message.id or None,
    )


DIALECT = Dialect(
    name="anthropic-messages",
    operation="messages",
    encode=encode,
    event=_Event,
    read=read,
    body=_Message,
    read_body=read_body,
    answer="content",
)
