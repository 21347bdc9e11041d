"""Anthropic messages: blocks of content in typed events, usage split between the first and the last.

`Usage.input` is everything the model read: Anthropic counts what came from a cache, or went into one, beside
`input_tokens`.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import msgspec

from aimon.dialects import DONE, NOTHING, Delta, Dialect, errors, reasoning, request
from aimon.outcome import Outcome
from aimon.result import Usage

if TYPE_CHECKING:
    from aimon.call import Call, Request

VERSION = "2023-06-01"


class _Block(msgspec.Struct, gc=False):
    """A block of content, or what is added to one."""

    type: str = ""
    text: str | None = None
    thinking: str | None = None
    stop_reason: str | None = None


class _OutputDetails(msgspec.Struct, gc=False):
    thinking_tokens: int | None = None


class _Usage(msgspec.Struct, gc=False):
    input_tokens: int | None = None
    output_tokens: int | None = None
    cache_read_input_tokens: int | None = None
    cache_creation_input_tokens: int | None = None
    output_tokens_details: _OutputDetails | None = None


class _Message(msgspec.Struct, gc=False):
    id: str | None = None
    model: str | None = None
    content: list[_Block] | None = None
    stop_reason: str | None = None
    usage: _Usage | None = None


class _Event(msgspec.Struct, gc=False):
    type: str = ""
    delta: _Block | None = None
    content_block: _Block | None = None
    message: _Message | None = None
    usage: _Usage | None = None


_decode_event = msgspec.json.Decoder(_Event).decode
_decode_message = msgspec.json.Decoder(_Message).decode

_ANSWERED = Delta(answered=True)


def encode(call: Call) -> Request:
    """The request; system messages go beside the conversation, and max_tokens makes room for the thinking budget."""
    system = "\n\n".join(message.content for message in call.messages if message.role == "system")
    extra = reasoning.fields(call)
    thinking = extra.get("thinking", {})
    body: dict[str, Any] = {
        "model": call.target.model,
        # max_tokens counts thinking too and must exceed its budget, so what was asked for is what is visible.
        "max_tokens": call.max_tokens + thinking.get("budget_tokens", 0),
        "messages": [
            {"role": message.role, "content": message.content} for message in call.messages if message.role != "system"
        ],
        "stream": call.stream,
    }
    if system:
        body["system"] = system
    # A thinking model answers 400 to any temperature but its own.
    if call.temperature is not None and thinking.get("type", "disabled") == "disabled":
        body["temperature"] = call.temperature
    return request.post(call, "/messages", body | extra, headers={"anthropic-version": VERSION})


def read(data: bytes) -> Delta:
    """One event of a stream; types it does not know are nothing.

    Raises:
        msgspec.DecodeError: it is not JSON, or not of this dialect.
    """
    event = _decode_event(data)
    kind = event.type
    if kind == "content_block_delta" and event.delta is not None:
        return _added(event.delta)
    if kind == "content_block_start" and event.content_block is not None:
        return _added(event.content_block)
    if kind == "message_start" and event.message is not None:
        return _started(event.message)
    if kind == "message_delta":
        finish = event.delta.stop_reason if event.delta is not None else None
        return Delta(finish=finish, usage=None if event.usage is None else _usage(event.usage))
    if kind == "message_stop":
        return DONE
    if kind == "error":
        return Delta(error=errors.told(data))
    return NOTHING


def _added(block: _Block) -> Delta:
    if block.text:
        return Delta(block.text)
    if block.thinking:
        return Delta(reasoning=block.thinking)
    return _ANSWERED if block.type.endswith("tool_use") else NOTHING


def _started(message: _Message) -> Delta:
    # The output tokens of message_start are a placeholder (1 or so) that message_delta corrects.
    usage = None if message.usage is None else _usage(message.usage)
    if usage is not None:
        usage = msgspec.structs.replace(usage, output=None)
    return Delta(usage=usage, model=message.model or None, response_id=message.id or None)


def read_body(body: bytes) -> Delta:
    """A whole message.

    Raises:
        msgspec.DecodeError: it is not JSON, or not of this dialect.
    """
    message = _decode_message(body)
    if message.content is None:
        return Delta(error=errors.expected(body, "content"))
    return Delta(
        text="".join(block.text or "" for block in message.content),
        reasoning="".join(block.thinking or "" for block in message.content),
        finish=message.stop_reason,
        usage=None if message.usage is None else _usage(message.usage),
        done=True,
        answered=any(block.type.endswith("tool_use") for block in message.content),
        model=message.model or None,
        response_id=message.id or None,
    )


def _usage(usage: _Usage) -> Usage:
    """Counts that are known; compatible servers send zeros for those they will know later."""
    cached = usage.cache_read_input_tokens
    read = (usage.input_tokens or 0) + (cached or 0) + (usage.cache_creation_input_tokens or 0)
    details = usage.output_tokens_details
    return Usage(
        read or None,
        usage.output_tokens,
        cached if read else None,
        None if details is None else details.thinking_tokens,
        "reported",
    )


DIALECT = Dialect(
    name="anthropic-messages",
    operation="messages",
    encode=encode,
    read=read,
    read_body=read_body,
    read_error=errors.read_error,
    finishes={
        "end_turn": Outcome.OK,
        "stop_sequence": Outcome.OK,
        "tool_use": Outcome.OK,
        "pause_turn": Outcome.OK,
        "max_tokens": Outcome.MAX_TOKENS_HIT,
        "model_context_window_exceeded": Outcome.MAX_TOKENS_HIT,
        "refusal": Outcome.REFUSAL,
        # Bedrock's
        "content_filtered": Outcome.CONTENT_FILTERED,
        "guardrail_intervened": Outcome.CONTENT_FILTERED,
    },
)
