"""Gemini generateContent: the model in the path, usage in every chunk, a finishReason as the end.

`Usage.output` is candidates plus thoughts: Gemini counts them separately and bills both as output.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any
from urllib.parse import quote

import msgspec

from aimon.call.outcome import Outcome
from aimon.dialects import Delta, Dialect, ProviderError, reasoning, request

if TYPE_CHECKING:
    from aimon.call.call import Call, Request


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


class _Chunk(msgspec.Struct, gc=False, rename="camel"):
    candidates: list[_Candidate] | None = None
    prompt_feedback: _Feedback | None = None
    usage_metadata: Any = None
    model_version: str | None = None
    response_id: str | None = None
    error: Any = None


def encode(call: Call) -> Request:
    """The request; system messages become the system instruction; a thinking budget is added to the token limit."""
    messages = request.plain(call)
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
            for message in messages
            if message.role != "system"
        ],
        "generationConfig": config,
    }
    system = [{"text": message.content} for message in messages if message.role == "system"]
    if system:
        body["systemInstruction"] = {"parts": system}
    model = call.target.model
    path = "/" + quote(model if "/" in model else f"models/{model}")
    if call.stream:
        return request.post(call, f"{path}:streamGenerateContent", body, query={"alt": "sse"})
    return request.post(call, f"{path}:generateContent", body)


def read(chunk: _Chunk) -> Delta:
    """One chunk of a stream, or a complete answer, which has the same shape."""
    error = _blocked(chunk)
    if chunk.error or not chunk.candidates:
        strange = error is None and (bool(chunk.error) or not chunk.usage_metadata)
        return Delta(
            usage=chunk.usage_metadata,
            error=error,
            model=chunk.model_version,
            response_id=chunk.response_id,
            strange=strange,
        )
    candidate = chunk.candidates[0]
    parts = (candidate.content.parts if candidate.content is not None else None) or []
    return Delta(
        text="".join(part.text or "" for part in parts if not part.thought),
        reasoning="".join(part.text or "" for part in parts if part.thought),
        finish=candidate.finish_reason or None,
        usage=chunk.usage_metadata,
        error=error,
        answered=any(part.function_call for part in parts),
        model=chunk.model_version,
        response_id=chunk.response_id,
    )


def _blocked(chunk: _Chunk) -> ProviderError | None:
    """A prompt that a filter blocked before the model; all of Gemini's block reasons are filters."""
    feedback = chunk.prompt_feedback
    if feedback is None or not feedback.block_reason:
        return None
    reason = feedback.block_reason
    return ProviderError(f"the prompt was blocked: {reason}", reason, Outcome.CONTENT_FILTERED)


DIALECT = Dialect(
    name="gemini",
    operation="generate",
    encode=encode,
    event=_Chunk,
    read=read,
    body=_Chunk,
    read_body=read,
    answer="candidates",
    finish_ends=True,
)
