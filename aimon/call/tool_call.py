"""Calls of tools: what a model asks for, and how it arrives in pieces."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

import msgspec

if TYPE_CHECKING:
    from collections.abc import Iterable


class ToolCall(msgspec.Struct, frozen=True, gc=False):
    """A model's request to call a tool. `arguments` is JSON, as the model wrote it: it need not be valid."""

    id: str
    name: str
    arguments: str


class ToolPiece(NamedTuple):
    """What one event adds to the call at `place`; its id and name come once, its arguments bit by bit."""

    place: int
    id: str
    name: str
    arguments: str


def joined(pieces: Iterable[ToolPiece]) -> tuple[ToolCall, ...]:
    """The calls that the pieces make, in their order."""
    found: dict[int, list[str]] = {}
    for piece in pieces:
        parts = found.setdefault(piece.place, ["", "", ""])
        parts[0] = parts[0] or piece.id
        parts[1] = parts[1] or piece.name
        parts[2] += piece.arguments
    return tuple(ToolCall(*found[index]) for index in sorted(found))
