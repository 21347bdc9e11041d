"""OpenAI chat completions, as OpenAI, Azure and many compatible servers implement them.

Text is what a user would see: role-only deltas and empty strings are ignored; white space is text, since it was
generated and is shown. Reasoning is text in a separate field; a server that puts `<think>` into the content shows it
to its users, so it counts as text.

A tool call is an answer (`answered`) but not text. Azure's `content_filter_error` means that the filter did not check
the answer; the call did not fail.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import msgspec

from aimon.call.call import are_plain
from aimon.call.tool_call import ToolPiece
from aimon.dialects import NOTHING, STRANGE, Delta, Dialect, ProviderError, errors, exact_output, reasoning, request

if TYPE_CHECKING:
    from aimon.call.call import Call, Message, Request


class _Part(msgspec.Struct, gc=False):
    """A piece of content in a list: Mistral's reasoning models, and reasoning_details of OpenRouter and MiniMax."""

    type: str = ""
    text: str | None = None
    summary: str | None = None
    thinking: str | list[_Part] | None = None


class _Message(msgspec.Struct, gc=False):
    content: str | list[_Part] | None = None
    reasoning_content: str | None = None  # DeepSeek, Qwen, GLM, Kimi, vLLM, …
    reasoning: str | None = None  # OpenRouter, Groq, newer vLLM
    reasoning_details: list[_Part] | None = None
    refusal: str | None = None
    tool_calls: Any = None
    function_call: Any = None


class _Choice(msgspec.Struct, gc=False):
    delta: _Message | None = None
    message: _Message | None = None
    finish_reason: str | None = None
    error: Any = None  # OpenRouter: an error of the upstream provider
    usage: Any = None  # Moonshot


class _Chunk(msgspec.Struct, gc=False):
    """A chunk of a stream or a complete answer; they differ only in `delta` and `message`."""

    choices: list[_Choice] | None = None
    usage: Any = None
    error: Any = None
    id: str | None = None
    model: str | None = None


_EMPTY = _Message()


def encode(call: Call) -> Request:
    """The request; asks for usage in streams if the server supports it."""
    quirks = call.target.quirks
    body: dict[str, Any] = {
        "model": call.target.model,
        "messages": call.messages if are_plain(call.messages) else _with_tools(call.messages),
        quirks.max_tokens_field: call.max_tokens,
        "stream": call.stream,
    }
    if call.stream and quirks.stream_usage:
        body["stream_options"] = {"include_usage": True}
    if call.temperature is not None:
        body["temperature"] = call.temperature
    if call.reasoning is not None:
        body |= reasoning.fields(call)
    if call.exact_output:
        body |= exact_output.fields(call)
    return request.post(call, "/chat/completions", body)


def _with_tools(messages: tuple[Message, ...]) -> list[dict[str, Any]]:
    """A conversation in which tools were called."""
    written: list[dict[str, Any]] = []
    for message in messages:
        one: dict[str, Any] = {"role": message.role, "content": message.content}
        if message.tool_calls:
            one["content"] = message.content or None
            one["tool_calls"] = [
                {"id": each.id, "type": "function", "function": {"name": each.name, "arguments": each.arguments}}
                for each in message.tool_calls
            ]
        if message.tool_call_id is not None:
            one["tool_call_id"] = message.tool_call_id
        written.append(one)
    return written


def read(chunk: _Chunk) -> Delta:
    """One event of a stream."""
    # Nearly every chunk of a stream is plain text, so this fast path comes first.
    if chunk.choices and chunk.usage is None and chunk.error is None:
        choice = chunk.choices[0]
        if choice.finish_reason is None and choice.error is None and choice.delta is not None:
            content = choice.delta.content
            if content and content.__class__ is str:
                return Delta(content)
    return _delta(chunk)


def _delta(chunk: _Chunk) -> Delta:
    """Every event but plain text: role, reasoning, tool calls, refusals, finish reasons, usage and errors."""
    if chunk.error or not chunk.choices:
        strange = bool(chunk.error) or chunk.choices is None  # as in DashScope's, MiniMax's and vLLM's errors
        if chunk.usage is None:
            return STRANGE if strange else NOTHING
        return Delta(usage=chunk.usage, model=chunk.model or None, response_id=chunk.id or None, strange=strange)
    choice = chunk.choices[0]
    said, whole, repeated = choice.delta or choice.message or _EMPTY, "", ""
    text, thought = _content(said)
    if choice.message is not None:
        # In a stream it repeats the deltas, or is the only content.
        said = choice.message
        whole, repeated = _content(said)
        text = text if choice.delta is not None else ""
    return Delta(
        text=text,
        whole=whole,
        reasoning=thought or repeated,
        refusal=said.refusal or "",
        finish=choice.finish_reason or None,
        usage=chunk.usage or choice.usage,
        error=_choice_error(choice),
        answered=bool(said.tool_calls or said.function_call),
        tools=_tools(said.tool_calls) if said.tool_calls else (),
        model=chunk.model or None,
        response_id=chunk.id or None,
    )


def _tools(written: Any) -> tuple[ToolPiece, ...]:
    """The fragments of tool calls; calls in another shape than OpenAI's still count as an answer."""
    pieces = []
    for place, each in enumerate(written if isinstance(written, list) else ()):
        function = each.get("function") if isinstance(each, dict) else None
        if not isinstance(function, dict):
            continue
        index, arguments = each.get("index"), function.get("arguments")
        pieces.append(
            ToolPiece(
                index if index.__class__ is int else place,
                str(each.get("id") or ""),
                str(function.get("name") or ""),
                arguments if isinstance(arguments, str) else "",
            )
        )
    return tuple(pieces)


def _content(message: _Message) -> tuple[str, str]:
    """The visible text and the reasoning of a message."""
    content = message.content or ""
    thought = message.reasoning_content or message.reasoning or _joined(message.reasoning_details)
    if isinstance(content, str):
        return content, thought
    text = "".join(part.text or "" for part in content if part.type == "text")
    return text, thought or "".join(_thinking(part) for part in content if part.type == "thinking")


def _thinking(part: _Part) -> str:
    return part.thinking if isinstance(part.thinking, str) else _joined(part.thinking)


def _joined(parts: list[_Part] | None) -> str:
    return "".join(part.text or part.summary or "" for part in parts) if parts else ""


def _choice_error(choice: _Choice) -> ProviderError | None:
    if not choice.error and choice.finish_reason != "error":
        return None
    said = errors.in_answer({"error": choice.error})
    return said or ProviderError("the answer ended with an error that is not told", "error")


DIALECT = Dialect(
    name="openai-chat",
    operation="chat",
    encode=encode,
    event=_Chunk,
    read=read,
    body=_Chunk,
    read_body=_delta,
    answer="choices",
    # Some servers close the stream after the last chunk and never send [DONE].
    finish_ends=True,
)
