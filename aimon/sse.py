"""Server-sent events: bytes in, the data of each event out, as the standard says.

https://html.spec.whatwg.org/multipage/server-sent-events.html#event-stream-interpretation: lines end in LF, CR
or CRLF; a leading byte order mark is dropped; one space after the colon is dropped; several data lines are
joined by LF; lines that start with a colon are comments; an event without data, or unfinished when the stream
ends, is not dispatched.

The `event`, `id` and `retry` fields are read past: every dialect carries its event type inside the data.
"""

_BOM = b"\xef\xbb\xbf"

MAX_EVENT_BYTES = 1 << 20


class EventTooLargeError(ValueError):
    """One event outgrew MAX_EVENT_BYTES before it ended."""


class EventStream:
    """The decoder of one stream. Chunks may be cut anywhere, inside a character or a CRLF included.

    Attributes:
        between: the next byte begins an event, so that whole events may be left out of what is fed.
    """

    __slots__ = ("_after_cr", "_at_start", "_tail", "between")

    def __init__(self) -> None:
        self.between = False
        self._tail = b""
        self._at_start = True
        self._after_cr = False

    def feed(self, chunk: bytes) -> list[bytes]:
        """Takes the next bytes and returns the data of the events that they complete.

        Raises:
            EventTooLargeError: an event is larger than MAX_EVENT_BYTES.
        """
        if self.between and chunk.endswith(b"\n\n") and (events := _plain_events(chunk)) is not None:
            return events
        if not chunk:
            return []
        self.between = False
        if self._after_cr or b"\r" in chunk:
            chunk = self._unify_line_ends(chunk)
        searched = len(self._tail)
        buffer = self._tail + chunk if searched else chunk
        if self._at_start:
            if len(buffer) < len(_BOM) and _BOM.startswith(buffer):
                self._tail = buffer
                return []
            buffer = buffer.removeprefix(_BOM)
            searched = 0
            self._at_start = False

        # An event ends at an empty line. The pair of LFs may straddle the old tail by one byte.
        end = buffer.rfind(b"\n\n", max(0, searched - 1)) + 2
        if end < 2:
            if len(buffer) > MAX_EVENT_BYTES:
                raise EventTooLargeError(f"an event of more than {MAX_EVENT_BYTES} bytes")
            self._tail = buffer
            return []
        self._tail = buffer[end:]
        # After a CR an LF may come that belongs to it.
        self.between = not self._tail and not self._after_cr
        whole = buffer[:end]
        if (events := _plain_events(whole)) is not None:
            return events
        blocks = whole[:-2].split(b"\n\n")
        return [data for block in blocks if (data := _data_of(block)) is not None]

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


def _data_of(block: bytes) -> bytes | None:
    """The data lines of one event, joined; None if it has none."""
    lines = []
    for line in block.split(b"\n"):
        name, _, value = line.partition(b":")
        if name == b"data":
            lines.append(value.removeprefix(b" "))
    return b"\n".join(lines) if lines else None
