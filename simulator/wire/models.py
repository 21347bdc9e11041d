"""Model lists, in the three shapes of providers."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

_CREATED = 1_700_000_000
_CREATED_TEXT = "2023-11-14T22:13:20Z"


def _openai_row(name: str) -> dict[str, Any]:
    return {"id": name, "object": "model", "created": _CREATED, "owned_by": "simulator"}


def _anthropic_row(name: str) -> dict[str, Any]:
    return {"type": "model", "id": name, "display_name": name, "created_at": _CREATED_TEXT}


def _gemini_row(name: str) -> dict[str, Any]:
    methods = ["generateContent", "countTokens"]
    return {"name": f"models/{name}", "displayName": name, "supportedGenerationMethods": methods}


def _openai_list(rows: list[dict[str, Any]]) -> dict[str, Any]:
    return {"object": "list", "data": rows}


def _anthropic_list(rows: list[dict[str, Any]]) -> dict[str, Any]:
    ids = [row["id"] for row in rows]
    ends = {"first_id": ids[0], "last_id": ids[-1]} if ids else {"first_id": None, "last_id": None}
    return {"data": rows, "has_more": False} | ends


def _gemini_list(rows: list[dict[str, Any]]) -> dict[str, Any]:
    return {"models": rows}


_Row = Callable[[str], dict[str, Any]]
_List = Callable[[list[dict[str, Any]]], dict[str, Any]]
_SHAPES: Mapping[str, tuple[_Row, _List]] = {
    "openai": (_openai_row, _openai_list),
    "anthropic": (_anthropic_row, _anthropic_list),
    "gemini": (_gemini_row, _gemini_list),
}


def listing(family: str, names: Sequence[str]) -> dict[str, Any]:
    """All models of a provider."""
    row, whole = _SHAPES[family]
    return whole([row(name) for name in names])


def one(family: str, name: str) -> dict[str, Any]:
    """One model."""
    return _SHAPES[family][0](name)
