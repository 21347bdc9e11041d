"""What the streams of a dialect have in common with the one before: all but their ids, most of the time.

A server writes the first and the last events of every stream alike, and the bytes around its texts. What was read of
them once is not read again: an event that equals an earlier one, but for the id of its stream, says what that one said,
of this stream. That is proven as for frames (`frame`), by having the dialect read the event with another id; ids that
hold more than plain characters are left to it.

Texts and counts of tokens are never remembered, nor is anything else that an answer consists of.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

import msgspec

from aimon.exchange.frame import Frame

if TYPE_CHECKING:
    from collections.abc import Callable

    from aimon.dialects import Delta

_MOST_EVENTS = 64
_MOST_ID_CHARS = 128
# Stands for the id; JSON has no such byte.
_MARK = b"\0"
_OTHER = "aimon"
_OTHER_QUOTED = b'"aimon"'


class _FrameParts(NamedTuple):
    """The bytes before the id of the stream, from there to the text, and after it. None: there is no id."""

    before: bytes
    between: bytes | None
    after: bytes


class StreamMemory:
    """Remembers what events of earlier streams said, and the latest frame of a text.

    Args:
        read: of the reader of the dialect.
    """

    __slots__ = ("_events", "_lead", "_parts", "_read")

    def __init__(self, read: Callable[[bytes], Delta]) -> None:
        self._read = read
        self._events: dict[bytes, Delta] = {}
        self._lead: bytes | None = None
        self._parts: _FrameParts | None = None

    def find_id(self, beginning: bytes) -> bytes | None:
        """The id of a stream, in quotes, if it begins as the one before did; None otherwise.

        Args:
            beginning: the first bytes of the stream.
        """
        lead = self._lead
        if lead is None or not beginning.startswith(lead) or (end := beginning.find(b'"', len(lead))) < 0:
            return None
        quoted = beginning[len(lead) - 1 : end + 1]
        return quoted if _is_plain(quoted) else None

    def frame(self, quoted: bytes) -> Frame | None:
        """The frame of the texts of a stream with that id; None if none is known."""
        parts = self._parts
        if parts is None:
            return None
        return Frame(parts.before if parts.between is None else parts.before + quoted + parts.between, parts.after)

    def recall(self, data: bytes, quoted: bytes) -> Delta | None:
        """What an event says; None if that is not known.

        Args:
            data: of the event.
            quoted: the id of its stream.
        """
        delta = self._events.get(data.replace(quoted, _MARK, 1))
        if delta is None or delta.response_id is None:
            return delta
        return msgspec.structs.replace(delta, response_id=quoted[1:-1].decode())

    def keep(self, data: bytes, delta: Delta, quoted: bytes) -> None:
        """Remembers what an event said, unless that belongs to the answer."""
        if delta.text or delta.whole or delta.reasoning or delta.refusal or delta.usage is not None:
            return
        if delta.answered or delta.error is not None:
            return
        ours = delta.response_id is not None and quoted[1:-1] == delta.response_id.encode(errors="replace")
        if self._proven(data, msgspec.structs.replace(delta, response_id=_OTHER) if ours else delta, quoted):
            if len(self._events) >= _MOST_EVENTS:
                self._events.clear()
            self._events[data.replace(quoted, _MARK, 1)] = delta

    def keep_frame(self, event: bytes, delta: Delta, frame: Frame, quoted: bytes) -> None:
        """Remembers the frame of an event that said nothing but a text."""
        self._parts = None
        if quoted in frame.after or not self._proven(event, delta, quoted):
            return
        before, found, between = frame.before.partition(quoted)
        self._parts = _FrameParts(before, between if found else None, frame.after)

    def _proven(self, data: bytes, delta: Delta, quoted: bytes) -> bool:
        """Whether the event says the same of a stream with another id."""
        try:
            return self._read(data.replace(quoted, _OTHER_QUOTED, 1)) == delta
        except ValueError:  # the id stands there in another role
            return False

    def keep_beginning(self, beginning: bytes, response_id: str) -> bytes | None:
        """Remembers how a stream began; returns its id, in quotes, if that is plain and stands there.

        Args:
            beginning: the first event.
            response_id: what the dialect read of it.
        """
        quoted = f'"{response_id}"'.encode(errors="replace")
        place = beginning.find(quoted)
        if place < 0 or not _is_plain(quoted):
            return None
        self._lead = beginning[: place + 1]
        return quoted


def _is_plain(quoted: bytes) -> bool:
    inside = quoted[1:-1]
    if not 0 < len(inside) <= _MOST_ID_CHARS or b'"' in inside or b"\\" in inside:
        return False
    return inside.isascii() and inside.decode().isprintable()
