"""Gemini generateContent: the model in the path, usage in every chunk, and no terminal event but a finishReason.

`Usage.output` is candidates plus thoughts: Gemini counts them side by side and bills them alike.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any
from urllib.parse import quote

import msgspec

from aimon.dialects import NOTHING, Delta, Dialect, ProviderError, errors, reasoning, request
from aimon.outcome import Outcome
from aimon.result import Usage

if TYPE_CHECKING:
    from aimon.call import Call, Request


class _Part(msgspec.Struct, gc=False, rename="camel"):
    text: str | None = None
    thought: bool | None = None
    function_call: Any = None


class _Content(msgspec.Struct, gc=False):
    parts: list[_Part] | None = None


class _Candidate(msgspec.Struct, gc=False, rename="camel"):
    content: _Content | None = None
    finish_reason: str | None = None


class _Feedback(msgspec.Struct, gc=False, rename="camel"):
    block_reason: str | None = None


class _Usage(msgspec.Struct, gc=False, rename="camel"):
    prompt_token_count: int | None = None
    candidates_token_count: int | None = None
    thoughts_token_count: int | None = None
    cached_content_token_count: int | None = None
    tool_use_prompt_token_count: int | None = None


class _Chunk(msgspec.Struct, gc=False, rename="camel"):
    candidates: list[_Candidate] | None = None
    prompt_feedback: _Feedback | None = None
    usage_metadata: _Usage | None = None
    model_version: str | None = None
    response_id: str | None = None
    error: Any = None


_decode = msgspec.json.Decoder(_Chunk).decode


def encode(call: Call) -> Request:
    """The request; system messages become the instruction, and the token limit makes room for a thinking budget."""
    extra = reasoning.fields(call)
    budget = extra.get("thinkingConfig", {}).get("thinkingBudget", 0)
    config: dict[str, Any] = {"maxOutputTokens": call.max_tokens + budget, **extra}
    if call.temperature is not None:
        config["temperature"] = call.temperature
    body: dict[str, Any] = {
        "contents": [
            {
                "role": "model" if message.role == "assistant" else "user",
                "parts": [{"text": message.content}],
            }
            for message in call.messages
            if message.role != "system"
        ],
        "generationConfig": config,
    }
    system = [{"text": message.content} for message in call.messages if message.role == "system"]
    if system:
        body["systemInstruction"] = {"parts": system}
    model = call.target.model
    path = "/" + quote(model if "/" in model else f"models/{model}")
    if call.stream:
        return request.post(call, f"{path}:streamGenerateContent", body, query={"alt": "sse"})
    return request.post(call, f"{path}:generateContent", body)


def read(data: bytes) -> Delta:
    """One chunk of a stream.

    Raises:
        msgspec.DecodeError: it is not JSON, or not of this dialect.
    """
    return _delta(_decode(data), data)


def read_body(body: bytes) -> Delta:
    """A whole answer.

    Raises:
        msgspec.DecodeError: it is not JSON, or not of this dialect.
    """
    delta = _delta(_decode(body), body)
    if delta is NOTHING:
        delta = Delta(error=errors.expected(body, "candidates"))
    return msgspec.structs.replace(delta, done=True)


def _delta(chunk: _Chunk, data: bytes) -> Delta:
    error = errors.told(data) if chunk.error else _blocked(chunk)
    usage = None if chunk.usage_metadata is None else _usage(chunk.usage_metadata)
    if not chunk.candidates:
        if error is None and usage is None:
            return NOTHING
        return Delta(usage=usage, error=error, model=chunk.model_version, response_id=chunk.response_id)
    candidate = chunk.candidates[0]
    parts = (candidate.content.parts if candidate.content is not None else None) or []
    return Delta(
        text="".join(part.text or "" for part in parts if not part.thought),
        reasoning="".join(part.text or "" for part in parts if part.thought),
        finish=candidate.finish_reason or None,
        usage=usage,
        error=error,
        answered=any(part.function_call for part in parts),
        model=chunk.model_version,
        response_id=chunk.response_id,
    )


def _blocked(chunk: _Chunk) -> ProviderError | None:
    """A prompt that was not let through to the model: every reason there is for it is a filter's."""
    feedback = chunk.prompt_feedback
    if feedback is None or not feedback.block_reason:
        return None
    reason = feedback.block_reason
    return ProviderError(f"the prompt was blocked: {reason}", reason, Outcome.CONTENT_FILTERED)


def _usage(usage: _Usage) -> Usage:
    thoughts = usage.thoughts_token_count
    read = usage.prompt_token_count
    if read is not None:
        read += usage.tool_use_prompt_token_count or 0
    written = usage.candidates_token_count
    if thoughts is not None:
        written = (written or 0) + thoughts
    return Usage(read, written, usage.cached_content_token_count, thoughts, "reported")


_FILTERED = (
    "SAFETY", "RECITATION", "BLOCKLIST", "PROHIBITED_CONTENT", "SPII", "MODEL_ARMOR",
    "IMAGE_SAFETY", "IMAGE_PROHIBITED_CONTENT", "IMAGE_RECITATION",
)  # fmt: skip
_BROKEN = (
    "OTHER", "LANGUAGE", "MALFORMED_FUNCTION_CALL", "MALFORMED_RESPONSE", "UNEXPECTED_TOOL_CALL",
    "TOO_MANY_TOOL_CALLS", "MISSING_THOUGHT_SIGNATURE", "IMAGE_OTHER", "NO_IMAGE",
)  # fmt: skip

DIALECT = Dialect(
    name="gemini",
    operation="generate",
    encode=encode,
    read=read,
    read_body=read_body,
    read_error=errors.read_error,
    finishes={
        "STOP": Outcome.OK,
        "MAX_TOKENS": Outcome.MAX_TOKENS_HIT,
        **dict.fromkeys(_FILTERED, Outcome.CONTENT_FILTERED),
        **dict.fromkeys(_BROKEN, Outcome.STREAM_ERROR),
    },
    finish_ends=True,
)
