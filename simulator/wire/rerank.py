"""Reranking: sorts documents by how many of the query's words they contain."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

from aimon.simulator.model.text import count_tokens
from aimon.simulator.wire import reading
from aimon.simulator.wire.shape import Call, RequestError

if TYPE_CHECKING:
    from collections.abc import Mapping

_WORD = re.compile(r"\w+")


def read(body: Mapping[str, Any], path_model: str) -> Call:
    """Parses a rerank request; `documents` are strings, or objects with a text."""
    model = path_model or reading.string(body, "model")
    query = reading.string(body, "query")
    given = body.get("documents")
    listed = given if isinstance(given, list) else []
    documents: list[Any] = [each.get("text") if isinstance(each, dict) else each for each in listed]
    if not documents or not all(isinstance(each, str) for each in documents):
        raise RequestError("'documents' must be a list of at least one string", "documents")
    tokens = sum(count_tokens(text) for text in documents) + count_tokens(query)
    top = reading.limit(body, "top_n") or len(documents)
    return Call(model=model, prompt=query, inputs=documents, input_tokens=tokens, dimensions=min(top, len(documents)))


def body(call: Call, *, fault: str = "") -> dict[str, Any]:
    """The whole answer, best first; with the fault `empty` no results, with `wrong` worst first."""
    scores = [_score(call.prompt, text) for text in call.inputs]
    if fault == "wrong":
        scores = [1 - score for score in scores]
    order = sorted(range(len(scores)), key=lambda index: -scores[index])[: call.dimensions]
    rows = [{"index": index, "relevance_score": round(scores[index], 6)} for index in order]
    counts = {"total_tokens": call.input_tokens, "prompt_tokens": call.input_tokens}
    return {"model": call.model, "results": [] if fault == "empty" else rows, "usage": counts}


def _score(query: str, text: str) -> float:
    """The share of the query's words in the text."""
    asked = set(_WORD.findall(query.lower()))
    return len(asked & set(_WORD.findall(text.lower()))) / max(1, len(asked))
