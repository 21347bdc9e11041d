"""YAML as plain values that know where they stood: a `Document`.

Built straight from the parser's events, without recursion, so that no file can exhaust the stack. The YAML 1.2
core schema is read, not 1.1: `no`, `on`, `1:30` and `2024-01-01` are text. Anchors and merge keys work;
duplicate keys, tags, and files that would grow without bound are refused.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from typing import Any, Final

import yaml
from msgspec.structs import replace

from aimon.config.yaml import lookalikes
from aimon.config.yaml.document import Document, Spot
from aimon.config.yaml.issues import ConfigError, LocatedIssue, shown
from aimon.config.yaml.scalars import plain

MAX_BYTES: Final = 8 << 20
MAX_DEPTH: Final = 40
MAX_VALUES: Final = 500_000  # with aliases counted as what they stand for: ends "billion laughs"

_LOADER = yaml.CSafeLoader if yaml.__with_libyaml__ else yaml.SafeLoader
_MERGE: Final = "<<"


def read(text: str, file: str) -> Document:
    """Parses one YAML document.

    Args:
        text: the file's content.
        file: its name, for messages.

    Raises:
        ConfigError: it is not YAML, or too large, or nested too deeply. What is wrong but leaves the rest
            readable (a duplicate key, a tag) is in `Document.problems` instead.
    """
    builder = _Builder(file)
    try:
        for event in yaml.parse(text, Loader=_LOADER):
            builder.take(event)
    except yaml.MarkedYAMLError as error:
        raise builder.stop(*_explained(error, text)) from None
    except (yaml.YAMLError, UnicodeEncodeError):
        # What is left is a character that YAML does not allow.
        raise ConfigError([_bad_character(text, file)]) from None
    return builder.document()


def _explained(error: yaml.MarkedYAMLError, text: str) -> tuple[Any, str]:
    """Where a syntax error is, and what it is."""
    mark: Any = error.problem_mark
    if error.context_mark is not None and "end of stream" in str(error.problem):
        return error.context_mark, "not valid YAML: what begins here has no end; a quote or bracket is missing"
    if mark is not None:
        lines = text.splitlines()
        line = lines[mark.line] if mark.line < len(lines) else ""
        if line[mark.column : mark.column + 1] == "\t":
            return mark, "not valid YAML: indent with spaces, not tabs"
    context = f"{error.context}, " if error.context else ""
    return mark or error.context_mark, f"not valid YAML: {context}{error.problem}"


def _bad_character(text: str, file: str) -> LocatedIssue:
    bad = re.search(r"[^\t\n\r\x20-\x7e\x85\xa0-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]", text)
    if bad is None:
        return LocatedIssue("not valid YAML", file=file)
    before = text[: bad.start()]
    line, column = before.count("\n") + 1, bad.start() - (before.rfind("\n") + 1) + 1
    return LocatedIssue(f"not valid YAML: the character U+{ord(bad[0]):04X} is not allowed", "", file, line, column)


@dataclass(slots=True)
class _Open:
    """A list or mapping whose end has not been seen. `key` waits for its value; `weight` counts values."""

    value: list[Any] | dict[str, Any]
    spot: Spot
    anchor: str | None
    weight: int = 1
    key: str | None = None
    merged: list[tuple[Any, Spot]] = field(default_factory=list)


class _Builder:
    """Turns events into values and spots, one event at a time."""

    def __init__(self, file: str) -> None:
        self._file = file
        self._stack: list[_Open] = []
        self._anchors: dict[str, tuple[Any, Spot, int] | None] = {}
        self._problems: list[LocatedIssue] = []
        self._documents = 0
        self._data: Any = None
        self._root = Spot(1, 1)

    def document(self) -> Document:
        return Document(self._file, self._data, self._root, tuple(self._problems))

    def stop(self, mark: Any, message: str) -> ConfigError:
        """The error for a file that cannot be read on, with what was wrong before."""
        line, column = (mark.line + 1, mark.column + 1) if mark else (0, 0)
        return ConfigError([*self._problems, LocatedIssue(message, "", self._file, line, column)])

    def take(self, event: yaml.Event) -> None:
        match event:
            case yaml.ScalarEvent():
                self._scalar(event)
            case yaml.MappingStartEvent():
                self._open(event, {})
            case yaml.SequenceStartEvent():
                self._open(event, [])
            case yaml.MappingEndEvent() | yaml.SequenceEndEvent():
                self._close(event)
            case yaml.AliasEvent():
                self._alias(event)
            case yaml.DocumentStartEvent():
                self._documents += 1
                if self._documents > 1:
                    raise self.stop(event.start_mark, "a second document starts here: keep one in a file")
            case _:
                pass  # stream marks carry nothing

    def _awaits_key(self) -> bool:
        """Whether what comes next is the key of a mapping."""
        return bool(self._stack) and isinstance(self._stack[-1].value, dict) and self._stack[-1].key is None

    def _scalar(self, event: yaml.ScalarEvent) -> None:
        spot = _spot(event)
        if self._awaits_key():
            self._key(self._stack[-1], event, spot)
            return
        if event.tag not in (None, "!"):
            self._note(spot, f"tags are not supported: remove {shown(_tag(event))}")
        if event.implicit[0] and (quote := lookalikes.quoted(event.value)) is not None:
            self._note(spot, lookalikes.described(quote))
        # `implicit[0]` marks a plain scalar: anything quoted is text.
        value = plain(event.value) if event.implicit[0] else event.value
        self._add(value, spot, 1, event)
        if event.anchor is not None:
            self._anchors[event.anchor] = (value, spot, 1)

    def _key(self, holder: _Open, event: yaml.ScalarEvent, spot: Spot) -> None:
        key = str(event.value)
        if event.anchor is not None:
            self._anchors[event.anchor] = (key, spot, 1)
        holder.key = key
        if key == _MERGE and event.implicit[0]:
            return
        first = holder.spot.keys.setdefault(key, spot)
        if first is not spot:
            self._note(spot, f"'{shown(key)}' is written twice: it already stands in line {first.line}")

    def _open(self, event: yaml.CollectionStartEvent, value: list[Any] | dict[str, Any]) -> None:
        if len(self._stack) >= MAX_DEPTH:
            raise self.stop(event.start_mark, f"nested deeper than {MAX_DEPTH} levels")
        if self._awaits_key():
            raise self.stop(event.start_mark, "a key must be text: put quotes around it")
        if event.tag not in (None, "!"):
            self._note(_spot(event), f"tags are not supported: remove {shown(_tag(event))}")
        if event.anchor is not None:
            self._anchors[event.anchor] = None
        self._stack.append(_Open(value, _spot(event), event.anchor))

    def _close(self, event: yaml.Event) -> None:
        done = self._stack.pop()
        if isinstance(done.value, dict):
            _merge(done)
        if done.anchor is not None:
            self._anchors[done.anchor] = (done.value, done.spot, done.weight)
        self._add(done.value, done.spot, done.weight, event)

    def _alias(self, event: yaml.AliasEvent) -> None:
        anchor = str(event.anchor)
        if anchor not in self._anchors:
            raise self.stop(event.start_mark, f"*{shown(anchor)} stands for nothing: no &anchor before it")
        known = self._anchors[anchor]
        if known is None:
            raise self.stop(event.start_mark, f"*{shown(anchor)} stands inside what it stands for")
        if self._awaits_key():
            raise self.stop(event.start_mark, "a key cannot be an alias")
        value, spot, weight = known
        # The spot of the alias itself, with the children of what it stands for.
        here = replace(_spot(event), keys=spot.keys, children=spot.children)
        self._add(value, here, weight, event)

    def _add(self, value: Any, spot: Spot, weight: int, event: yaml.Event) -> None:
        """Puts a finished value where it belongs."""
        if not self._stack:
            self._data, self._root = value, spot
            return
        holder = self._stack[-1]
        holder.weight += weight
        if holder.weight > MAX_VALUES:
            raise self.stop(event.start_mark, f"too large: more than {MAX_VALUES} values")
        if isinstance(holder.value, list):
            holder.spot.children[len(holder.value)] = spot
            holder.value.append(value)
            return
        key, holder.key = str(holder.key), None
        if key == _MERGE and key not in holder.spot.keys:
            self._take_merge(holder, value, spot)
        elif key not in holder.value:
            holder.value[key] = value
            holder.spot.children[key] = spot

    def _take_merge(self, holder: _Open, value: Any, spot: Spot) -> None:
        parts = [(v, spot.children[i]) for i, v in enumerate(value)] if isinstance(value, list) else [(value, spot)]
        if all(isinstance(part, dict) for part, _ in parts):
            holder.merged += parts
        else:
            self._note(spot, "'<<' merges a mapping, or a list of mappings")

    def _note(self, spot: Spot, message: str) -> None:
        self._problems.append(LocatedIssue(message, "", self._file, spot.line, spot.column))


def _merge(done: _Open) -> None:
    """Lays merged mappings under the keys written out; the first one merged wins."""
    for value, spot in done.merged:
        for key in value:
            if key not in done.value:
                done.value[key] = value[key]
                done.spot.keys[key] = spot.keys[key]
                done.spot.children[key] = spot.children[key]


def _spot(event: yaml.Event) -> Spot:
    mark: Any = event.start_mark  # only events made by hand have none
    return Spot(mark.line + 1, mark.column + 1)


def _tag(event: yaml.ScalarEvent | yaml.CollectionStartEvent) -> str:
    return str(event.tag).replace("tag:yaml.org,2002:", "!!")
