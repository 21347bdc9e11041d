"""Characters that look like YAML's own and are not: what input methods and word processors put in their place."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Final

from msgspec.structs import replace

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from aimon.config.yaml.issues import LocatedIssue

# What is wrong with each, and what to do.
_MEANT: Final = {
    **dict.fromkeys("\uff1a\ufe55\ua789\u2236", "is not a colon: write ':'"),
    **dict.fromkeys("\u201c\u201d\u201e\uff02\u300c\u300d\u300e\u300f", "is not a quote: write '\"'"),
    **dict.fromkeys("\u2018\u2019\uff07\u00b4", 'is not a quote: write "\'"'),
    **dict.fromkeys("\u3000\u00a0\u2002\u2003\u2009", "is not a space: write an ordinary space"),
    **dict.fromkeys("\u200b\u200c\u200d\u2060\ufeff", "can't be seen: remove it"),
    **dict.fromkeys("\uff0d\u2013\u2014\u2212", "is not a hyphen: write '-'"),
    "\uff0c": "is not a comma: write ','",
    "\u3001": "is not a comma: write ','",
    "\uff03": "is not the beginning of a comment: write '#'",
    "\uff5b": "is not a brace: write '{'",
    "\uff5d": "is not a brace: write '}'",
    "\uff3b": "is not a bracket: write '['",
    "\uff3d": "is not a bracket: write ']'",
    "\uff04": "is not a dollar sign: write '$'",
}
_ANY: Final = re.compile(f"[{re.escape(''.join(_MEANT))}]")
_COMMENT: Final = re.compile(r"(^|\s)#.*")
_QUOTES: Final = {"\u201c": "\u201d", "\u2018": "\u2019", "\uff02": "\uff02", "\u300c": "\u300d", "\u300e": "\u300f"}


def described(character: str) -> str:
    """What is wrong with a lookalike."""
    shown = f"'{character}' (U+{ord(character):04X})" if character.isprintable() else f"U+{ord(character):04X}"
    return f"the character {shown} {_MEANT[character]}"


def quoted(text: str) -> str | None:
    """The lookalike of a quote that a text begins and ends with; None for all others."""
    if len(text) > 1 and (text[-1] in {_QUOTES.get(text[0]), text[0]}):
        return text[0] if text[0] in _QUOTES else None
    return None


def explained(problems: Iterable[LocatedIssue], text: str) -> Iterator[LocatedIssue]:
    """The problems, with the lookalike in the line of each, which most likely is the reason.

    Args:
        problems: of one file.
        text: the file.
    """
    lines = text.splitlines()
    problems = tuple(problems)
    told = {problem.message for problem in problems}
    for problem in problems:
        syntax = problem.message.startswith("not valid YAML")
        # A parser often notices one line late.
        candidates = (problem.line, problem.line - 1) if syntax else (problem.line,)
        found = next(filter(None, (_first(lines, line) for line in candidates)), None)
        if found is None:
            yield problem
        elif syntax:
            line, column, character = found
            yield replace(problem, message=f"not valid YAML: {described(character)}", line=line, column=column)
        elif (hint := described(found[2])) in told:
            yield problem
        else:
            yield replace(problem, message=f"{problem.message}; {hint}, column {found[1]}")


def _first(lines: list[str], line: int) -> tuple[int, int, str] | None:
    """Line, column and character of the first lookalike of a line, outside of its comment."""
    if not 0 < line <= len(lines):
        return None
    match = _ANY.search(_COMMENT.sub("", lines[line - 1]))
    return None if match is None else (line, match.start() + 1, match[0])
