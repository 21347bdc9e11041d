"""Gemini generateContent: the model in the path, usage in every chunk, a finishReason as the end."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from aimon.simulator.model.text import count_tokens
from aimon.simulator.wire import reading
from aimon.simulator.wire.shape import Answer, Call, Finish, Frame, Kind, Wire, dumps

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

_FINISH = {Finish.STOP: "STOP", Finish.LENGTH: "MAX_TOKENS", Finish.FILTER: "SAFETY"}


def read(body: Mapping[str, Any], path_model: str) -> Call:
    """Parses a generateContent request; the path says whether it is streamed."""
    conversation = reading.turns(body, "contents")
    config = reading.section(body, "generationConfig")
    system = "".join(reading.texts(reading.section(body, "systemInstruction").get("parts")))
    thinking = reading.section(config, "thinkingConfig")
    return Call(
        model=path_model,
        prompt=reading.last_user(conversation),
        input_tokens=count_tokens(system) + sum(count_tokens(text) for _, text in conversation),
        max_tokens=reading.limit(config, "maxOutputTokens"),
        include_usage=True,
        think=thinking.get("thinkingBudget") != 0,
    )


def body(answer: Answer) -> dict[str, Any]:
    """The whole response."""
    if answer.finish is Finish.BLOCKED:
        return _blocked(answer)
    parts = [{"text": answer.musings, "thought": True}] if answer.musings else []
    if answer.text:
        parts.append({"text": answer.words})
    return _chunk(answer, parts, len(answer.thoughts), len(answer.text), _FINISH[answer.finish])


def events(answer: Answer) -> Iterator[Frame]:
    """The answer as chunks; each repeats the usage so far."""
    if answer.finish is Finish.BLOCKED:
        yield Frame(Kind.FINISH, dumps(_blocked(answer)))
        return
    thought = text = 0
    for piece, tokens in answer.thought_chunks():
        thought += tokens
        shown = dumps(_chunk(answer, [{"text": piece, "thought": True}], thought, text))
        yield Frame(Kind.THOUGHT, shown if answer.thoughts_shown else "", tokens=tokens)
    for piece, tokens in answer.text_chunks():
        text += tokens
        yield Frame(Kind.TEXT, dumps(_chunk(answer, [{"text": piece}], thought, text)), tokens=tokens)
    yield Frame(Kind.FINISH, dumps(_chunk(answer, [{"text": ""}], thought, text, _FINISH[answer.finish])))


def error_events(answer: Answer, kind: str) -> list[Frame]:
    """An error in the middle of a stream: a chunk with `error`."""
    message = answer.complaint(kind, "An internal error has occurred.")
    error: dict[str, Any] = {"code": 500, "message": message, "status": "INTERNAL"}
    if kind == "overloaded_event":
        error = {"code": 503, "message": "The model is overloaded. Please try again later.", "status": "UNAVAILABLE"}
    return [Frame(Kind.PART, dumps({"error": error}))]


def _chunk(
    answer: Answer, parts: list[dict[str, Any]], thought: int, text: int, finish: str | None = None
) -> dict[str, Any]:
    candidate: dict[str, Any] = {"content": {"parts": parts, "role": "model"}, "index": 0}
    if finish:
        candidate["finishReason"] = finish
    if finish == "SAFETY":
        candidate["safetyRatings"] = [
            {"category": "HARM_CATEGORY_DANGEROUS_CONTENT", "probability": "HIGH", "blocked": True}
        ]
    return {"candidates": [candidate]} | _tail(answer, thought, text)


def _blocked(answer: Answer) -> dict[str, Any]:
    return {"promptFeedback": {"blockReason": "PROHIBITED_CONTENT"}} | _tail(answer, 0, 0)


def _tail(answer: Answer, thought: int, text: int) -> dict[str, Any]:
    """Usage so far; thoughts are not included in the candidates' tokens."""
    usage: dict[str, Any] = {
        "promptTokenCount": answer.input_tokens,
        "candidatesTokenCount": text,
        "totalTokenCount": answer.input_tokens + thought + text,
        "promptTokensDetails": [{"modality": "TEXT", "tokenCount": answer.input_tokens}],
    }
    if answer.thoughts:
        usage["thoughtsTokenCount"] = thought
    if answer.cached_tokens:
        usage["cachedContentTokenCount"] = answer.cached_tokens
    return {"usageMetadata": usage, "modelVersion": answer.model, "responseId": answer.id}


WIRE = Wire("gemini", "gemini", read, body, events, error_events)
