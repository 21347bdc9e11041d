"""What is wrong with a configuration: where, in which words, and all of it at once."""

from __future__ import annotations

import re
from dataclasses import dataclass
from difflib import get_close_matches
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable

Path = tuple["str | int", ...]

_SHOWN = 40
# A key pasted into the wrong place must not be printed: a vendor's prefix, or a long run of letters and digits.
_KEYLIKE = re.compile(r"(?i)(?<![a-z0-9])(?:(?:sk|rk|pk|gsk|xai|ghp|hf)[-_][a-z0-9_-]{8}|aiza[a-z0-9_-]{8}|bearer )")
_LONG_RUN = re.compile(r"[A-Za-z0-9]{32,}")


@dataclass(frozen=True, slots=True)
class Problem:
    """One thing that is wrong. `line` and `column` count from 1; `place` is `endpoints[0].model`, or a flag."""

    message: str
    place: str = ""
    file: str = ""
    line: int = 0
    column: int = 0

    def __str__(self) -> str:
        at = f"{self.file}:{self.line}:{self.column}" if self.line else self.file
        return ": ".join(part for part in (at, self.place, self.message) if part)


class ConfigError(Exception):
    """The configuration cannot be used. `problems` holds all that is wrong; str() has one a line."""

    def __init__(self, problems: Iterable[Problem]) -> None:
        self.problems = tuple(problems)
        super().__init__("\n".join(map(str, self.problems)))


class MisfitError(ValueError):
    """Raised inside validators: several problems below one value, each with its path from there."""

    def __init__(self, found: Iterable[tuple[Path, str]]) -> None:
        self.found = tuple(found)
        super().__init__("; ".join(message for _, message in self.found))


def place(path: Path) -> str:
    """A path as people read it: `endpoints[0].timeout.ttft`."""
    parts = (f"[{part}]" if isinstance(part, int) else f".{shown(part)}" for part in path)
    return "".join(parts).removeprefix(".")


def shown(text: str) -> str:
    """Text of the file, fit for a message: on one line, bounded, and masked where it looks like a key."""
    if is_keylike(text) or _LONG_RUN.search(text):
        return "****"
    printable = "".join(c if c.isprintable() else "?" for c in text[: _SHOWN + 1])
    return printable if len(printable) <= _SHOWN else printable[: _SHOWN - 1] + "…"


def is_keylike(text: str) -> bool:
    """Whether a text holds what starts like a vendor's API key."""
    return _KEYLIKE.search(text) is not None


def suggestion(word: str, known: Iterable[str]) -> str:
    """What to write instead of an unknown word: the nearest known one, or all of them."""
    known = tuple(known)
    near = get_close_matches(word.lower(), known, n=1) or get_close_matches(word, known, n=1)
    if near:
        return f"did you mean '{near[0]}'?"
    return f"known are {', '.join(known)}" if known else "none is configured"


def kind(value: object) -> str:
    """What a YAML value is, in words."""
    match value:
        case None:
            return "nothing"
        case bool():
            return "true or false"
        case int() | float():
            return "a number"
        case str():
            return "text"
        case list():
            return "a list"
        case _:
            return "keys and values"
