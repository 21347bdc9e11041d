"""Decodes server-sent events: bytes in, the data of each event out, as in the standard.

https://html.spec.whatwg.org/multipage/server-sent-events.html#event-stream-interpretation: lines end in LF, CR
or CRLF; a leading byte order mark is dropped; one space after the colon is dropped; several data lines are
joined by LF; lines that start with a colon are comments; an event without data, or unfinished when the stream
ends, is not dispatched.

The `id` and `retry` fields are read past, and so is `event`, unless it names an error: every dialect carries its
event type inside the data. Lines that are no field at all the standard drops; here they are handed on as `Odd`, since
servers that break in the middle of a stream report it in such lines.
"""

from __future__ import annotations

from typing import NamedTuple

_BOM = b"\xef\xbb\xbf"
_END = b"\n\n"

MAX_EVENT_BYTES = 1 << 20


class EventTooLargeError(ValueError):
    """An event has more than MAX_EVENT_BYTES."""


class Odd(NamedTuple):
    """Lines of a stream that are no event: an error (`event: error`, `error: …`), or lines that are no field."""

    text: bytes
    error: bool


class EventStream:
    """The decoder of one stream. Chunks may be cut anywhere, inside a character or a CRLF included.

    Attributes:
        between: the next byte begins an event, so that whole events may be left out of what is fed.
        tail: what came since the last event.
    """

    __slots__ = ("_after_cr", "_at_start", "between", "tail")

    def __init__(self) -> None:
        self.between = False
        self.tail = b""
        self._at_start = True
        self._after_cr = False

    def feed(self, chunk: bytes) -> list[bytes] | list[bytes | Odd]:
        """Takes the next bytes and returns the data of the events that they complete, and what else is between them.

        Raises:
            EventTooLargeError: an event is larger than MAX_EVENT_BYTES.
        """
        ready = self.between or (self._at_start and not self.tail)
        if ready and chunk.endswith(_END) and (events := _plain_events(chunk)) is not None:
            self._at_start, self.between = False, True
            return events
        if not chunk:
            return []
        self.between = False
        if self._after_cr or b"\r" in chunk:
            chunk = self._unify_line_ends(chunk)
        searched = len(self.tail)
        buffer = self.tail + chunk if searched else chunk
        if self._at_start:
            if len(buffer) < len(_BOM) and _BOM.startswith(buffer):
                self.tail = buffer
                return []
            buffer = buffer.removeprefix(_BOM)
            searched = 0
            self._at_start = False

        # An event ends at an empty line. The pair of LFs may straddle the old tail by one byte.
        end = buffer.rfind(b"\n\n", max(0, searched - 1)) + 2
        if end < 2:
            if len(buffer) > MAX_EVENT_BYTES:
                raise EventTooLargeError(f"an event of more than {MAX_EVENT_BYTES} bytes")
            self.tail = buffer
            return []
        self.tail = buffer[end:]
        # After a CR an LF may come that belongs to it.
        self.between = not self.tail and not self._after_cr
        whole = buffer[:end]
        if (events := _plain_events(whole)) is not None:
            return events
        return [event for block in whole[:-2].split(b"\n\n") for event in _events_of(block)]

    def end(self) -> list[bytes | Odd]:
        """What the stream ended with, if that was no empty line.

        The standard drops it, but client libraries dispatch it, and many servers rely on that.
        """
        tail, self.tail = self.tail.strip(b"\n"), b""
        return _events_of(tail) if tail else []

    def _unify_line_ends(self, chunk: bytes) -> bytes:
        if self._after_cr and chunk.startswith(b"\n"):
            chunk = chunk[1:]
            if not chunk:
                self._after_cr = False
                return chunk
        self._after_cr = chunk.endswith(b"\r")
        return chunk.replace(b"\r\n", b"\n").replace(b"\r", b"\n")


def _plain_events(whole: bytes) -> list[bytes] | None:
    """The data of events that are a line each, as nearly every event of every provider is; None if they are not.

    Where there are no other line ends than those between such events, one split is all there is to do.
    """
    if not whole.startswith(b"data: ") or b"\r" in whole:
        return None
    events = whole[6:-2].split(b"\n\ndata: ")
    return events if whole.count(b"\n") == 2 * len(events) else None


# Events whose name says what their data is, whatever that is.
_ERRORS = frozenset((b"error", b"exception"))
_READ_PAST = frozenset((b"id", b"retry", b"event", b"data", b""))


def _events_of(block: bytes) -> list[bytes | Odd]:
    """The data lines of one event, joined, if it has any; and its lines that are no field."""
    data: list[bytes] = []
    odd: list[bytes] = []
    errors: list[bytes] = []
    is_error = False
    for line in block.split(b"\n"):
        name, colon, value = line.partition(b":")
        if name == b"data":
            data.append(value.removeprefix(b" "))
        elif name == b"event":
            is_error = value.strip().lower() in _ERRORS
        elif name == b"error" and colon:
            errors.append(value.strip())
        elif name not in _READ_PAST and line.strip():
            odd.append(line)
    events: list[bytes | Odd] = []
    if is_error:
        errors += data
    elif data:
        events.append(b"\n".join(data))
    if is_error or errors:
        events.append(Odd(b"\n".join(errors), error=True))
    if odd:
        events.append(Odd(b"\n".join(odd), error=False))
    return events
