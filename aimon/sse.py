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
    """The decoder of one stream. Chunks may be cut anywhere, inside a character or a CRLF included."""

    __slots__ = ("_after_cr", "_at_start", "_tail")

    def __init__(self) -> None:
        self._tail = b""
        self._at_start = True
        self._after_cr = False

    def feed(self, chunk: bytes) -> list[bytes]:
        """Takes the next bytes and returns the data of the events that they complete.

        Raises:
            EventTooLargeError: an event is larger than MAX_EVENT_BYTES.
        """
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
        end = buffer.rfind(b"\n\n", max(0, searched - 1))
        if end < 0:
            if len(buffer) > MAX_EVENT_BYTES:
                raise EventTooLargeError(f"an event of more than {MAX_EVENT_BYTES} bytes")
            self._tail = buffer
            return []
        self._tail = buffer[end + 2 :]

        # Nearly every event of every provider is one line that starts with "data: ". Where there are no other
        # line ends than those between such events, one split is all there is to do.
        if buffer.startswith(b"data: "):
            events = buffer[6:end].split(b"\n\ndata: ")
            if buffer.count(b"\n", 0, end) == 2 * (len(events) - 1):
                return events
        blocks = buffer[:end].split(b"\n\n")
        return [data for block in blocks if (data := _data_of(block)) is not None]

    def _unify_line_ends(self, chunk: bytes) -> bytes:
        if not chunk:
            return chunk
        if self._after_cr and chunk.startswith(b"\n"):
            chunk = chunk[1:]
            if not chunk:
                self._after_cr = False
                return chunk
        self._after_cr = chunk.endswith(b"\r")
        return chunk.replace(b"\r\n", b"\n").replace(b"\r", b"\n")


def _data_of(block: bytes) -> bytes | None:
    """The data lines of one event, joined; None if it has none."""
    lines = []
    for line in block.split(b"\n"):
        name, _, value = line.partition(b":")
        if name == b"data":
            lines.append(value.removeprefix(b" "))
    return b"\n".join(lines) if lines else None
