"""OpenAI chat completions, as OpenAI, Azure and the many compatible servers speak it.

What counts as text is what a user would see: role-only deltas and empty strings are nothing, white space is text
(it was generated and is shown). Reasoning is what comes in a field of its own; a server that puts `<think>` into
the content shows it to its users, and so it is text here too.

A tool call is an answer (`answered`) without being text. Azure's `content_filter_error` says that the answer was
not looked at by the filter, which is no failure of the call.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import msgspec

from aimon.dialects import DONE, NOTHING, Delta, Dialect, ProviderError, errors, reasoning, request
from aimon.outcome import Outcome
from aimon.result import Usage

if TYPE_CHECKING:
    from aimon.call import Call, Request


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
    tool_calls: list[Any] | None = None
    function_call: Any = None


class _Choice(msgspec.Struct, gc=False):
    delta: _Message | None = None
    message: _Message | None = None
    finish_reason: str | None = None
    error: Any = None  # OpenRouter: what happened to the provider behind it


class _Details(msgspec.Struct, gc=False):
    cached_tokens: int | None = None
    reasoning_tokens: int | None = None


class _Usage(msgspec.Struct, gc=False):
    prompt_tokens: int | None = None
    completion_tokens: int | None = None
    total_tokens: int | None = None
    prompt_tokens_details: _Details | None = None
    completion_tokens_details: _Details | None = None
    prompt_cache_hit_tokens: int | None = None  # DeepSeek
    cached_tokens: int | None = None  # Moonshot


class _Chunk(msgspec.Struct, gc=False):
    """A chunk of a stream or a whole completion: they differ in `delta` and `message` alone."""

    choices: list[_Choice] | None = None
    usage: _Usage | None = None
    error: Any = None
    id: str | None = None
    model: str | None = None


_decode = msgspec.json.Decoder(_Chunk).decode
_EMPTY = _Message()
_NO_DETAILS = _Details()


def encode(call: Call) -> Request:
    """The request, with usage asked for in streams where the server knows how."""
    quirks = call.target.quirks
    body: dict[str, Any] = {
        "model": call.target.model,
        "messages": call.messages,
        quirks.max_tokens_field: call.max_tokens,
        "stream": call.stream,
    }
    if call.stream and quirks.stream_usage:
        body["stream_options"] = {"include_usage": True}
    if call.temperature is not None:
        body["temperature"] = call.temperature
    if call.reasoning is not None:
        body |= reasoning.fields(call)
    return request.post(call, "/chat/completions", body)


def read(data: bytes) -> Delta:
    """One event of a stream.

    Raises:
        msgspec.DecodeError: it is not JSON, or not of this dialect.
    """
    if data.startswith(b"[") and data.strip() == b"[DONE]":
        return DONE
    chunk = _decode(data)
    # Nearly every chunk of every stream, so it comes first and does no more than it must.
    if chunk.choices and chunk.usage is None and chunk.error is None:
        choice = chunk.choices[0]
        if choice.finish_reason is None and choice.error is None and choice.delta is not None:
            content = choice.delta.content
            if content and content.__class__ is str:
                return Delta(content)
    return _delta(chunk, data)


def read_body(body: bytes) -> Delta:
    """A whole completion.

    Raises:
        msgspec.DecodeError: it is not JSON, or not of this dialect.
    """
    delta = _delta(_decode(body), body)
    if delta is NOTHING:
        delta = Delta(error=errors.expected(body, "choices"))
    return msgspec.structs.replace(delta, done=True)


def _delta(chunk: _Chunk, data: bytes) -> Delta:
    """Anything but plain text: beginnings, reasoning, tool calls, refusals, ends, usage and errors."""
    usage = None if chunk.usage is None else _usage(chunk.usage)
    if chunk.error or not chunk.choices:
        error = None
        if chunk.error:
            error = errors.told(data)
        elif chunk.choices is None:  # as in the errors that are not under `error`: DashScope, MiniMax, vLLM
            error = errors.in_answer(msgspec.json.decode(data))
        if error is None and usage is None:
            return NOTHING
        return Delta(usage=usage, error=error, model=chunk.model or None, response_id=chunk.id or None)
    choice = chunk.choices[0]
    message = choice.delta or choice.message or _EMPTY
    text, thought = _content(message)
    return Delta(
        text=text,
        reasoning=thought,
        refusal=message.refusal or "",
        finish=choice.finish_reason or None,
        usage=usage,
        error=_choice_error(choice),
        answered=bool(message.tool_calls or message.function_call),
        model=chunk.model or None,
        response_id=chunk.id or None,
    )


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


def _usage(usage: _Usage) -> Usage:
    prompt = usage.prompt_tokens
    completion = usage.completion_tokens
    prompt_details = usage.prompt_tokens_details or _NO_DETAILS
    thought = (usage.completion_tokens_details or _NO_DETAILS).reasoning_tokens
    if prompt is not None and completion is not None and usage.total_tokens is not None:
        # xAI and Gemini count reasoning in the total but beside the completion; it is output all the same.
        beside = usage.total_tokens - prompt - completion
        if beside > 0:
            completion += beside
            thought = max(thought or 0, beside)
    cached = prompt_details.cached_tokens
    if cached is None:
        cached = usage.prompt_cache_hit_tokens
    if cached is None:
        cached = usage.cached_tokens
    return Usage(prompt, completion, cached, thought, "reported")


DIALECT = Dialect(
    name="openai-chat",
    operation="chat",
    encode=encode,
    read=read,
    read_body=read_body,
    read_error=errors.read_error,
    finishes={
        "stop": Outcome.OK,
        "tool_calls": Outcome.OK,
        "function_call": Outcome.OK,
        "length": Outcome.MAX_TOKENS_HIT,
        "model_length": Outcome.MAX_TOKENS_HIT,  # Mistral
        "model_context_window_exceeded": Outcome.MAX_TOKENS_HIT,  # Zhipu
        "content_filter": Outcome.CONTENT_FILTERED,
        "sensitive": Outcome.CONTENT_FILTERED,  # Zhipu
        "insufficient_system_resource": Outcome.OVERLOADED,  # DeepSeek
        "network_error": Outcome.STREAM_ERROR,  # Zhipu
        "abort": Outcome.STREAM_ERROR,  # vLLM, SGLang
        "error": Outcome.STREAM_ERROR,  # OpenRouter, Mistral
    },
    # Some servers close the stream after the last chunk and never send [DONE].
    finish_ends=True,
)
