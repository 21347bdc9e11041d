"""OpenAI's older completions: the text with which a base model continues a text."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from aimon.simulator.model.text import continuation, count_tokens
from aimon.simulator.wire import reading
from aimon.simulator.wire.errors.openai import stream_error
from aimon.simulator.wire.openai import chat
from aimon.simulator.wire.shape import Answer, Call, Finish, Frame, Kind, RequestError, Wire, dumps, splice

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

_FINISH = {Finish.LENGTH: "length", Finish.FILTER: "content_filter", Finish.ERROR: "error"}


def read(body: Mapping[str, Any], path_model: str) -> Call:
    """Parses a completion request; `prompt` is a string."""
    model = path_model or reading.string(body, "model")
    prompt = body.get("prompt")
    if not isinstance(prompt, str):
        raise RequestError("'prompt' must be a string", "prompt")
    return Call(
        model=model,
        prompt=continuation(prompt),
        input_tokens=count_tokens(prompt),
        stream=reading.flag(body, "stream"),
        # The API's own default.
        max_tokens=reading.limit(body, "max_tokens") or 16,
        min_tokens=reading.limit(body, "min_tokens") or 0,
        ignore_eos=reading.flag(body, "ignore_eos"),
        include_usage=reading.flag(reading.section(body, "stream_options"), "include_usage"),
    )


def body(answer: Answer) -> dict[str, Any]:
    """The whole answer."""
    choice = _choice(answer.words, _FINISH.get(answer.finish, "stop"))
    if answer.musings:
        choice["reasoning_content"] = answer.musings
    return _envelope(answer) | {"choices": [choice], "usage": chat.usage(answer)}


def events(answer: Answer) -> Iterator[Frame]:
    """The answer as chunks of text; usage is sent only with stream_options.include_usage."""
    thought = splice(lambda text: _envelope(answer) | {"choices": [_choice("") | {"reasoning_content": text}]})
    for text, tokens in answer.thought_chunks():
        yield Frame(Kind.THOUGHT, thought(text) if answer.thoughts_shown else "", tokens=tokens)
    content = splice(lambda text: _envelope(answer) | {"choices": [_choice(text)]})
    for text, tokens in answer.text_chunks():
        yield Frame(Kind.TEXT, content(text), tokens=tokens)
    last = _choice("", _FINISH.get(answer.finish, "stop"))
    yield Frame(Kind.FINISH, dumps(_envelope(answer) | {"choices": [last]}))
    if answer.include_usage:
        yield Frame(Kind.FINISH, dumps(_envelope(answer) | {"choices": [], "usage": chat.usage(answer)}))
    yield Frame(Kind.DONE, "[DONE]")


def error_events(answer: Answer, kind: str) -> list[Frame]:
    """An error in the middle of a stream, as in chat."""
    return [Frame(Kind.PART, dumps(stream_error(answer, kind)))]


def _envelope(answer: Answer) -> dict[str, Any]:
    return {"id": f"cmpl-{answer.id}", "object": "text_completion", "created": answer.created, "model": answer.model}


def _choice(text: str, finish: str | None = None) -> dict[str, Any]:
    return {"index": 0, "text": text, "logprobs": None, "finish_reason": finish}


WIRE = Wire("openai-completions", "openai", read, body, events, error_events)
