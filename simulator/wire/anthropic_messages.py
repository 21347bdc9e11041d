"""Anthropic messages: content blocks in named events, usage split between the first and the last of them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from aimon.simulator.model.text import count_tokens
from aimon.simulator.wire import reading
from aimon.simulator.wire.shape import Answer, Call, Finish, Frame, Kind, RequestError, Wire, dumps, splice

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

_FINISH = {Finish.STOP: "end_turn", Finish.LENGTH: "max_tokens", Finish.REFUSAL: "refusal"}


def read(body: Mapping[str, Any], path_model: str) -> Call:
    """Parses a messages request; max_tokens is required."""
    del path_model
    model = reading.string(body, "model")
    conversation = reading.turns(body, "messages")
    max_tokens = reading.limit(body, "max_tokens")
    if max_tokens is None:
        raise RequestError("max_tokens: Field required", "max_tokens")
    system = "".join(reading.texts(body.get("system")))
    return Call(
        model=model,
        prompt=reading.last_user(conversation),
        input_tokens=count_tokens(system) + sum(count_tokens(text) for _, text in conversation),
        stream=reading.flag(body, "stream"),
        max_tokens=max_tokens,
        think=reading.section(body, "thinking").get("type") != "disabled",
    )


def body(answer: Answer) -> dict[str, Any]:
    """The whole message."""
    content: list[dict[str, Any]] = []
    if answer.musings:
        content.append({"type": "thinking", "thinking": answer.musings, "signature": _signature(answer)})
    if answer.text:
        content.append({"type": "text", "text": answer.words})
    return _message(answer) | {
        "content": content,
        "stop_reason": _FINISH[answer.finish],
        "usage": _input_usage(answer) | {"output_tokens": answer.output_tokens},
    }


def events(answer: Answer) -> Iterator[Frame]:
    """The answer as events. message_start counts one output token; message_delta has the total."""
    started = _message(answer) | {"usage": _input_usage(answer) | {"output_tokens": 1}}
    yield _event(Kind.OPEN, "message_start", {"message": started})
    yield _event(Kind.OPEN, "ping", {})
    index = 0
    if answer.thoughts:
        yield from _thinking(answer)
        index = 1 if answer.thoughts_shown else 0
    if answer.text:
        yield _event(Kind.PART, "content_block_start", {"index": index, "content_block": {"type": "text", "text": ""}})
        delta = splice(lambda text: _delta(index, {"type": "text_delta", "text": text}))
        for text, tokens in answer.text_chunks():
            yield Frame(Kind.TEXT, delta(text), "content_block_delta", tokens)
        yield _event(Kind.FINISH, "content_block_stop", {"index": index})
    last = {"delta": {"stop_reason": _FINISH[answer.finish], "stop_sequence": None}}
    yield _event(Kind.FINISH, "message_delta", last | {"usage": {"output_tokens": answer.output_tokens}})
    yield _event(Kind.DONE, "message_stop", {})


def error_events(answer: Answer, kind: str) -> list[Frame]:
    """`event: error` in the middle of a stream."""
    overloaded = kind == "overloaded_event"
    name, usual = ("overloaded_error", "Overloaded") if overloaded else ("api_error", "Internal server error")
    return [_event(Kind.PART, "error", {"error": {"type": name, "message": answer.complaint(kind, usual)}})]


def _thinking(answer: Answer) -> Iterator[Frame]:
    """A thinking block; hidden reasoning only takes time."""
    if not answer.thoughts_shown:
        yield from (Frame(Kind.THOUGHT, "", tokens=tokens) for _, tokens in answer.thought_chunks())
        return
    block = {"type": "thinking", "thinking": "", "signature": ""}
    yield _event(Kind.PART, "content_block_start", {"index": 0, "content_block": block})
    delta = splice(lambda text: _delta(0, {"type": "thinking_delta", "thinking": text}))
    for text, tokens in answer.thought_chunks():
        yield Frame(Kind.THOUGHT, delta(text), "content_block_delta", tokens)
    signature = {"type": "signature_delta", "signature": _signature(answer)}
    yield Frame(Kind.PART, dumps(_delta(0, signature)), "content_block_delta")
    yield _event(Kind.PART, "content_block_stop", {"index": 0})


def _message(answer: Answer) -> dict[str, Any]:
    return {
        "id": f"msg_{answer.id}",
        "type": "message",
        "role": "assistant",
        "model": answer.model,
        "content": [],
        "stop_reason": None,
        "stop_sequence": None,
    }


def _input_usage(answer: Answer) -> dict[str, int]:
    """Usage; cached tokens are not included in the input tokens."""
    return {
        "input_tokens": answer.input_tokens - answer.cached_tokens,
        "cache_creation_input_tokens": 0,
        "cache_read_input_tokens": answer.cached_tokens,
    }


def _signature(answer: Answer) -> str:
    return f"sig{answer.id}"


def _delta(index: int, delta: dict[str, Any]) -> dict[str, Any]:
    return {"type": "content_block_delta", "index": index, "delta": delta}


def _event(kind: Kind, name: str, fields: dict[str, Any]) -> Frame:
    return Frame(kind, dumps({"type": name} | fields), name)


WIRE = Wire("anthropic-messages", "anthropic", read, body, events, error_events)
