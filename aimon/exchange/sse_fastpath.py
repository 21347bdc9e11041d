"""Reads the events of a stream, without a JSON decoder where they differ in the text alone (`frame`) or in the id.

A stream whose chunks differ elsewhere too (a sequence number, padding of random length) has no frame, and every
chunk of it is read by the dialect.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from aimon.dialects import NOTHING, Delta, errors
from aimon.dialects.reader import error_in
from aimon.exchange.frame import learn
from aimon.exchange.sse import EventStream, Odd
from aimon.exchange.stream_memory import StreamMemory

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from aimon.exchange.frame import Frame

_END = b"\n\n"
# A stream keeps one frame from its first or second text on, or has none.
_MAX_TRIES = 2
# A stream of which so many events are not remembered is like no other.
_MAX_MISSES = 8
_MAX_STRAY = 400


class TextStream:
    """The events of one stream, read by a dialect, with a fast path for plain text.

    Args:
        read: of the reader of a dialect. It hands the text of a chunk on as it is, so that what holds for one word
            holds for all.
        memory: of earlier streams that the same dialect read.

    Attributes:
        stray: the first line that is no field of an event stream, nor an error.
    """

    __slots__ = ("_begun", "_events", "_frame", "_id", "_memory", "_misses", "_read", "_tries", "stray")

    def __init__(self, read: Callable[[bytes], Delta], memory: StreamMemory | None = None) -> None:
        self.stray: bytes | None = None
        self._read = read
        self._memory = StreamMemory(read) if memory is None else memory
        self._events = EventStream()
        self._frame: Frame | None = None
        self._begun = False
        self._id: bytes | None = None
        self._tries = self._misses = 0

    def feed(self, chunk: bytes, said: list[list[str] | Delta]) -> None:
        """Takes the next bytes and appends the content of each event that they complete: texts, or anything else.

        What follows the event that ends the answer is not read. What was said before an error is in `said`.

        Args:
            chunk: the bytes.
            said: is appended to.

        Raises:
            EventTooLargeError: as `EventStream.feed`.
            msgspec.DecodeError, UnicodeDecodeError, RecursionError: as the dialect.
        """
        events = self._events
        if not self._begun:
            self._begin(chunk)
        while self._frame is not None or self._tries < _MAX_TRIES:
            if self._frame is not None and events.between:
                texts, chunk = self._frame.take(chunk)
                if texts:
                    said.append(texts)
                    break
                if self._tries >= _MAX_TRIES:
                    break
            # Event by event, until one is in the frame, or one can be learned from it.
            end = chunk.find(_END) + len(_END)
            if end < len(_END):
                break
            event, chunk = chunk[:end], chunk[end:]
            if self._take(event, said):
                return
        if chunk:
            self._hear(events.feed(chunk), said)

    def texts_of(self, chunks: Iterable[bytes]) -> list[str]:
        """The texts of the next chunks that are one event of plain text each, as far as that shows without the dialect.

        What follows them is for `feed`.
        """
        return self._frame.take_each(chunks) if self._frame is not None and self._events.between else []

    @property
    def frame(self) -> Frame | None:
        """Of the text that comes next, if it is like the ones before and begins with the next byte."""
        return self._frame if self._events.between else None

    @property
    def tail(self) -> bytes:
        """What came since the last empty line."""
        return self._events.tail

    def end(self, said: list[list[str] | Delta]) -> None:
        """What the stream ended with, where it ended before the empty line that ends an event; raises as `feed`."""
        self._hear(self._events.end(), said)

    def _begin(self, chunk: bytes) -> None:
        self._begun = True
        if (found := self._memory.find_id(chunk)) is not None:
            self._id = found
            self._frame = self._memory.frame(found)

    def _take(self, event: bytes, said: list[list[str] | Delta]) -> bool:
        """Reads an event and learns its frame, if it is a text; returns whether it ended the answer."""
        aligned, before = self._events.between, len(said)
        events = self._events.feed(event)
        self._hear(events, said)
        if len(said) == before:
            return False
        delta, data = said[-1], events[-1]
        if isinstance(delta, list) or delta.done or delta.error is not None:
            return True
        if self._id is None and delta.response_id is not None and self._misses == 1:
            self._id = self._memory.keep_beginning(event, delta.response_id)
            if self._id is not None and isinstance(data, bytes):
                self._memory.keep(data, delta, self._id)
        if aligned and isinstance(data, bytes) and delta.text and delta == Delta(delta.text):
            self._tries += 1
            if (frame := learn(event, data, delta.text, self._read)) is not None:
                self._frame = frame
                if self._id is not None:
                    self._memory.keep_frame(data, delta, frame, self._id)
        return False

    def _hear(self, events: Iterable[bytes | Odd], said: list[list[str] | Delta]) -> None:
        for data in events:
            if isinstance(data, Odd):
                self._odd(data, said)
            # Without data it says nothing in any dialect; some proxies keep alive with it.
            elif data and (delta := self._know(data)) is not NOTHING:
                said.append(delta)
                if delta.done or delta.error is not None:
                    return

    def _know(self, data: bytes) -> Delta:
        """What an event says."""
        if self._misses >= _MAX_MISSES:
            return self._read(data)
        if self._id is None:
            self._misses += 1
            return self._read(data)
        if (delta := self._memory.recall(data, self._id)) is None:
            self._misses += 1
            delta = self._read(data)
            self._memory.keep(data, delta, self._id)
        return delta

    def _odd(self, odd: Odd, said: list[list[str] | Delta]) -> None:
        if odd.error:
            said.append(Delta(error=errors.told(odd.text)))
        elif (error := error_in(odd.text.strip())) is not None:
            said.append(Delta(error=error))
        elif self.stray is None:
            self.stray = odd.text[:_MAX_STRAY]
