"""What is wrong with a configuration: where, in which words, and all of it at once."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, NamedTuple

import msgspec

if TYPE_CHECKING:
    from collections.abc import Iterable

Path = tuple["str | int", ...]

_SHOWN = 40
_LISTED = 40
# A key pasted into the wrong place must not be printed: a vendor's prefix, or a long run of letters and digits.
# Compiled when something is wrong, and not at every start.
_KEYLIKE = r"(?i)(?<![a-z0-9])(?:(?:sk|rk|pk|gsk|xai|ghp|hf)[-_][a-z0-9_-]{8}|aiza[a-z0-9_-]{8}|bearer )"
_LONG_RUN = r"[A-Za-z0-9]{32,}"


class LocatedIssue(msgspec.Struct, frozen=True):
    """One thing that is wrong. `line` and `column` count from 1; `place` is `endpoints[0].model`, or a flag."""

    message: str
    place: str = ""
    file: str = ""
    line: int = 0
    column: int = 0

    def __str__(self) -> str:
        at = f"{self.file}:{self.line}:{self.column}" if self.line else self.file
        line = ": ".join(part for part in (at, self.place, self.message) if part)
        # Whatever of the file a message quotes, a terminal must not obey it.
        return line if line.isprintable() else "".join(c if c.isprintable() else "?" for c in line)


class ConfigError(Exception):
    """The configuration cannot be used. `problems` holds all that is wrong; str() has one a line."""

    def __init__(self, problems: Iterable[LocatedIssue]) -> None:
        self.problems = tuple(problems)
        super().__init__("\n".join(map(str, self.problems)))


class Issue(NamedTuple):
    """What is wrong with a part of a value: its path from there, or with the key itself."""

    path: Path
    message: str
    at_key: bool = False

    def below(self, name: str | int) -> Issue:
        """The same, seen from the value that holds this one under `name`."""
        return self._replace(path=(name, *self.path))


class InvalidSectionError(ValueError):
    """Raised by what reads values: several issues_of below one value."""

    def __init__(self, found: Iterable[Issue]) -> None:
        self.found = tuple(found)
        super().__init__("; ".join(finding.message for finding in self.found))


def issues_of(error: ValueError) -> tuple[Issue, ...]:
    """What an error says: itself, or the issues_of that it holds."""
    return error.found if isinstance(error, InvalidSectionError) else (Issue((), str(error)),)


def place(path: Path) -> str:
    """A path as people read it: `endpoints[0].timeout.ttft`."""
    parts = (f"[{part}]" if isinstance(part, int) else f".{shown(part)}" for part in path)
    return "".join(parts).removeprefix(".")


def shown(text: str) -> str:
    """Text of the file, fit for a message: on one line, bounded, and masked where it looks like a key."""
    if is_keylike(text) or re.search(_LONG_RUN, text):
        return "****"
    printable = "".join(c if c.isprintable() else "?" for c in text[: _SHOWN + 1])
    return printable if len(printable) <= _SHOWN else printable[: _SHOWN - 1] + "…"


def is_keylike(text: str) -> bool:
    """Whether a text holds what starts like a vendor's API key."""
    return re.search(_KEYLIKE, text) is not None


def nearest(word: str, known: Iterable[str]) -> str | None:
    """The known word that an unknown one was probably meant to be."""
    from difflib import get_close_matches  # noqa: PLC0415 - only failures need it

    known = tuple(known)
    near = get_close_matches(word.lower(), known, n=1) or get_close_matches(word, known, n=1)
    return near[0] if near else None


def suggestion(word: str, known: Iterable[str]) -> str:
    """What to write instead of an unknown word: the nearest known one, or all of them."""
    known = tuple(known)
    near = nearest(word, known)
    if near is not None:
        return f"did you mean '{shown(near)}'?"
    if not known:
        return "none is configured"
    more = ", …" if len(known) > _LISTED else ""
    return f"known are {', '.join(map(shown, known[:_LISTED]))}{more}"


def kind_of(value: object) -> str:
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
