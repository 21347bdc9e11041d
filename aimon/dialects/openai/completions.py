"""OpenAI's older completions (`/v1/completions`): a text that the model continues, as base models are served.

There are no roles: the prompt is the call's messages, joined by line breaks.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import msgspec

from aimon.dialects import NOTHING, STRANGE, Delta, Dialect, ProviderError, errors, exact_output, request

if TYPE_CHECKING:
    from aimon.call.call import Call, Request


class _Choice(msgspec.Struct, gc=False):
    text: str | None = None
    reasoning_content: str | None = None
    finish_reason: str | None = None
    error: Any = None
    usage: Any = None


class _Completion(msgspec.Struct, gc=False):
    """A chunk of a stream, or a complete answer, which has the same shape."""

    choices: list[_Choice] | None = None
    usage: Any = None
    error: Any = None
    id: str | None = None
    model: str | None = None


def encode(call: Call) -> Request:
    """The request; asks for usage in streams if the server supports it."""
    quirks = call.target.quirks
    body: dict[str, Any] = {
        "model": call.target.model,
        "prompt": "\n".join(message.content for message in request.plain(call)),
        "max_tokens": call.max_tokens,
        "stream": call.stream,
    }
    if call.stream and quirks.stream_usage:
        body["stream_options"] = {"include_usage": True}
    if call.temperature is not None:
        body["temperature"] = call.temperature
    if call.exact_output:
        body |= exact_output.fields(call)
    return request.post(call, "/completions", body)


def read(completion: _Completion) -> Delta:
    """One event of a stream, or a whole answer."""
    if completion.error or not completion.choices:
        strange = bool(completion.error) or completion.choices is None
        if completion.usage is None:
            return STRANGE if strange else NOTHING
        return Delta(
            usage=completion.usage, model=completion.model or None, response_id=completion.id or None, strange=strange
        )
    choice = completion.choices[0]
    error = None
    if choice.error or choice.finish_reason == "error":
        error = errors.in_answer({"error": choice.error}) or ProviderError("the answer ended with an untold error")
    return Delta(
        text=choice.text or "",
        reasoning=choice.reasoning_content or "",
        finish=choice.finish_reason or None,
        usage=completion.usage or choice.usage,
        error=error,
        model=completion.model or None,
        response_id=completion.id or None,
    )


DIALECT = Dialect(
    name="openai-completions",
    operation="text_completion",
    encode=encode,
    event=_Completion,
    read=read,
    body=_Completion,
    read_body=read,
    answer="choices",
    # As with chat: some servers never send [DONE].
    finish_ends=True,
)
