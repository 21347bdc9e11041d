"""OpenAI Responses: named events with sequence numbers, ended by response.completed or response.incomplete."""

from __future__ import annotations

from itertools import count
from typing import TYPE_CHECKING, Any

from aimon.simulator.model.text import REFUSAL, count_tokens, tokenize
from aimon.simulator.wire import reading
from aimon.simulator.wire.shape import Answer, Call, Finish, Frame, Kind, RequestError, Wire, dumps

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

_INCOMPLETE = {Finish.LENGTH: "max_output_tokens", Finish.FILTER: "content_filter"}
_SERVER_ERROR = "The server had an error while processing your request. Sorry about that!"


def read(body: Mapping[str, Any], path_model: str) -> Call:
    """Parses a Responses request; `input` is a string or a list of messages."""
    model = path_model or reading.string(body, "model")
    given = body.get("input")
    if isinstance(given, str):
        conversation = [("user", given)]
    elif given:
        conversation = reading.turns(body, "input")
    else:
        raise RequestError("Missing required parameter: 'input'", "input")
    instructions = body.get("instructions")
    if isinstance(instructions, str):
        conversation.insert(0, ("system", instructions))
    return Call(
        model=model,
        prompt=reading.last_user(conversation),
        input_tokens=sum(count_tokens(text) for _, text in conversation),
        stream=reading.flag(body, "stream"),
        max_tokens=reading.limit(body, "max_output_tokens"),
        think=reading.section(body, "reasoning").get("effort") not in ("none", "minimal"),
    )


def body(answer: Answer) -> dict[str, Any]:
    """The whole response object."""
    reason = _INCOMPLETE.get(answer.finish)
    return _response(answer, "incomplete" if reason else "completed") | {
        "incomplete_details": {"reason": reason} if reason else None,
        "output": _output(answer),
        "usage": usage(answer),
    }


def events(answer: Answer) -> Iterator[Frame]:
    """The answer as events, numbered from 0."""
    number = count()
    for kind, event, fields, tokens in _steps(answer):
        if fields is None:
            yield Frame(kind, "", tokens=tokens)
        else:
            yield Frame(kind, dumps({"type": event, "sequence_number": next(number)} | fields), event, tokens)


def error_events(answer: Answer, kind: str) -> list[Frame]:
    """`error` is the flat event of the API reference; `failed` nests it in a failed response, as the service does."""
    if kind == "failed":
        error = {"code": "server_error", "message": _SERVER_ERROR}
        failed = _response(answer, "failed") | {"error": error}
        return [
            _event("error", {"sequence_number": 900, "error": error | {"type": "server_error", "param": None}}),
            _event("response.failed", {"sequence_number": 901, "response": failed}),
        ]
    message = answer.complaint(kind, _SERVER_ERROR)
    flat = {"code": "server_error", "message": message, "param": None, "sequence_number": 900}
    return [_event("error", flat)]


def usage(answer: Answer) -> dict[str, Any]:
    """Reasoning is part of the output tokens."""
    return {
        "input_tokens": answer.input_tokens,
        "input_tokens_details": {"cached_tokens": answer.cached_tokens},
        "output_tokens": answer.output_tokens,
        "output_tokens_details": {"reasoning_tokens": len(answer.thoughts)},
        "total_tokens": answer.input_tokens + answer.output_tokens,
    }


_Step = tuple[Kind, str, dict[str, Any] | None, int]


def _steps(answer: Answer) -> Iterator[_Step]:
    """Every event without its number: kind, name, fields (None sends nothing), tokens."""
    started = {"response": _response(answer, "in_progress")}
    yield Kind.OPEN, "response.created", started, 0
    yield Kind.OPEN, "response.in_progress", started, 0
    if answer.thoughts:
        yield from _reasoning_steps(answer)
    if answer.text or answer.finish is Finish.REFUSAL:
        yield from _message_steps(answer)
    final = body(answer)
    yield Kind.DONE, f"response.{final['status']}", {"response": final}, 0


def _reasoning_steps(answer: Answer) -> Iterator[_Step]:
    item = _reasoning_item(answer)
    at = {"output_index": 0}
    part = at | {"item_id": item["id"], "summary_index": 0}
    yield Kind.PART, "response.output_item.added", at | {"item": item | {"summary": []}}, 0
    if answer.thoughts_shown:
        blank = {"type": "summary_text", "text": ""}
        yield Kind.PART, "response.reasoning_summary_part.added", part | {"part": blank}, 0
    for text, tokens in answer.thought_chunks():
        fields = part | {"delta": text} if answer.thoughts_shown else None
        yield Kind.THOUGHT, "response.reasoning_summary_text.delta", fields, tokens
    if answer.thoughts_shown:
        yield Kind.PART, "response.reasoning_summary_text.done", part | {"text": answer.musings}, 0
        yield Kind.PART, "response.reasoning_summary_part.done", part | {"part": item["summary"][0]}, 0
    yield Kind.PART, "response.output_item.done", at | {"item": item}, 0


def _message_steps(answer: Answer) -> Iterator[_Step]:
    item = _message_item(answer)
    at = {"output_index": 1 if answer.thoughts else 0}
    part = at | {"item_id": item["id"], "content_index": 0}
    content = item["content"][0]
    refused = answer.finish is Finish.REFUSAL
    blank = {"type": "refusal", "refusal": ""} if refused else content | {"text": ""}
    opened = item | {"status": "in_progress", "content": []}
    yield Kind.PART, "response.output_item.added", at | {"item": opened}, 0
    yield Kind.PART, "response.content_part.added", part | {"part": blank}, 0
    if refused:
        for text in tokenize(REFUSAL):
            yield Kind.REFUSAL, "response.refusal.delta", part | {"delta": text}, 0
        yield Kind.FINISH, "response.refusal.done", part | {"refusal": REFUSAL}, 0
    else:
        for text, tokens in answer.text_chunks():
            yield Kind.TEXT, "response.output_text.delta", part | {"delta": text, "logprobs": []}, tokens
        yield Kind.FINISH, "response.output_text.done", part | {"text": answer.words, "logprobs": []}, 0
    yield Kind.FINISH, "response.content_part.done", part | {"part": content}, 0
    yield Kind.FINISH, "response.output_item.done", at | {"item": item}, 0


def _response(answer: Answer, status: str) -> dict[str, Any]:
    return {
        "id": f"resp_{answer.id}",
        "object": "response",
        "created_at": answer.created,
        "status": status,
        "error": None,
        "incomplete_details": None,
        "model": answer.model,
        "output": [],
        "usage": None,
    }


def _output(answer: Answer) -> list[dict[str, Any]]:
    items = [_reasoning_item(answer)] if answer.thoughts else []
    return [*items, _message_item(answer)] if answer.text or answer.finish is Finish.REFUSAL else items


def _reasoning_item(answer: Answer) -> dict[str, Any]:
    summary = [{"type": "summary_text", "text": answer.musings}] if answer.musings else []
    return {"id": f"rs_{answer.id}", "type": "reasoning", "summary": summary}


def _message_item(answer: Answer) -> dict[str, Any]:
    text = {"type": "output_text", "text": answer.words, "annotations": [], "logprobs": []}
    part = {"type": "refusal", "refusal": REFUSAL} if answer.finish is Finish.REFUSAL else text
    status = "incomplete" if answer.finish in _INCOMPLETE else "completed"
    return {"id": f"msg_{answer.id}", "type": "message", "status": status, "role": "assistant", "content": [part]}


def _event(name: str, fields: dict[str, Any]) -> Frame:
    return Frame(Kind.PART, dumps({"type": name} | fields), name)


WIRE = Wire("openai-responses", "openai", read, body, events, error_events)
