"""Reranking as Jina, Cohere, vLLM, SiliconFlow and others serve it: documents in the order of their relevance.

The first message of a call is the query, the others are the documents. The text of an answer is the indexes of the
documents, from 0, the most relevant first (`2 0 1`), so that a check can compare them.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

import msgspec

from aimon.dialects import STRANGE, Delta, Dialect, request

if TYPE_CHECKING:
    from aimon.call.call import Call, Request


class _Ranked(msgspec.Struct, gc=False):
    index: Any = None
    relevance_score: float | None = None
    score: float | None = None  # text-embeddings-inference


class _Answer(msgspec.Struct, gc=False):
    results: list[_Ranked] | None = None
    data: list[_Ranked] | None = None  # Voyage
    model: str | None = None
    id: str | None = None
    usage: Any = None
    meta: Any = None


def encode(call: Call) -> Request:
    """The request. It asks for all documents, since defaults of servers differ.

    Raises:
        ValueError: the query or the documents are missing.
    """
    query, *documents = [message.content for message in request.plain(call)] or [""]
    if not documents:
        raise ValueError("a rerank needs documents: the first message is the query, the others are the documents")
    body = {"model": call.target.model, "query": query, "documents": documents, "top_n": len(documents)}
    return request.post(call, "/rerank", body, stream=False)


def read_body(answer: _Answer | list[_Ranked]) -> Delta:
    """A complete answer; it is valid if every document occurs once and has a finite score."""
    if isinstance(answer, list):
        answer = _Answer(results=answer)
    ranked = answer.results if answer.results is not None else answer.data
    # An error in a list has no index either.
    if ranked is None or any(each.index is None for each in ranked):
        return STRANGE
    scores = {each.index: each.relevance_score if each.relevance_score is not None else each.score for each in ranked}
    known = {
        index: score for index, score in scores.items() if index.__class__ is int and index >= 0 and score is not None
    }
    whole = bool(ranked) and len(known) == len(ranked) and all(map(math.isfinite, known.values()))
    order = sorted(known, key=lambda index: -known[index]) if whole else []
    return Delta(
        " ".join(map(str, order)),
        usage=_usage(answer),
        answered=whole,
        model=answer.model,
        response_id=answer.id,
    )


def _usage(answer: _Answer) -> Any:
    """The input tokens; the output tokens are 0: `usage` (Jina, vLLM) or `meta.tokens` (Cohere, SiliconFlow)."""
    usage = answer.usage
    if not usage and isinstance(answer.meta, dict):
        usage = answer.meta.get("tokens") or answer.meta.get("billed_units")
    if not isinstance(usage, dict):
        return None
    read = next((usage[name] for name in ("prompt_tokens", "input_tokens", "total_tokens") if usage.get(name)), None)
    return None if read is None else {"prompt_tokens": read, "completion_tokens": 0}


DIALECT = Dialect(
    name="rerank",
    operation="rerank",
    encode=encode,
    event=_Answer | list[_Ranked],  # SGLang and text-embeddings-inference send the list without an object around it
    read=read_body,
    body=_Answer | list[_Ranked],
    read_body=read_body,
    answer="results",
    streams=False,
)
