"""What a file said, as plain values that still know where they stood."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import msgspec

from aimon.config.yaml.issues import LocatedIssue, place

if TYPE_CHECKING:
    from collections.abc import Mapping

    from aimon.config.yaml.issues import Path


class WrittenInt(int):
    """A whole number that remembers how it was written, for fields that want text: `name: 007`."""

    text: str


class WrittenFloat(float):
    """A number that remembers how it was written, for fields that want text: `model: 4.10`."""

    text: str


def unwritten(value: Any) -> Any:
    """The value with plain ints and floats at every depth, for code that accepts no subclass of them."""
    match value:
        case WrittenInt():
            return int(value)
        case WrittenFloat():
            return float(value)
        case list():
            return [unwritten(part) for part in value]
        case dict():
            return {key: unwritten(part) for key, part in value.items()}
        case _:
            return value


class Spot(msgspec.Struct):
    """Where a value stands (from 1), where its keys stand, and the spots of what it holds."""

    line: int
    column: int
    keys: dict[str, Spot] = msgspec.field(default_factory=dict)
    children: dict[str | int, Spot] = msgspec.field(default_factory=dict)


class Document(msgspec.Struct, frozen=True):
    """A file's values (`data`) and their places. `names` renames places: what came from a flag is called so."""

    file: str
    data: Any
    root: Spot
    problems: tuple[LocatedIssue, ...] = ()
    names: Mapping[Path, str] = msgspec.field(default_factory=dict)

    def problem(self, path: Path, message: str, *, at_key: bool = False) -> LocatedIssue:
        """A problem with the value at `path`, or with its key; if neither is there, with the value that encloses it."""
        spot = self.root
        for i, part in enumerate(path):
            if at_key and i == len(path) - 1 and part in spot.keys:
                spot = spot.keys[str(part)]
                break
            if part not in spot.children:
                break
            spot = spot.children[part]
        return LocatedIssue(message, self.names.get(path, place(path)), self.file, spot.line, spot.column)
