"""Reads the chunks of a stream without a JSON decoder, where they differ in the text alone.

A chunk of plain text is the same as the one before it, byte for byte, but for the text itself: the same id, model
and choice around another word. Such a frame is learned from an event that the dialect has read, and proven by having
the dialect read another word in it. From there on an event in the same frame needs no JSON decoder: whatever is
neither quote, backslash nor control character stands in a JSON string as itself.

A stream whose chunks differ elsewhere too (a sequence number, padding of random length) has no frame, and every
chunk of it is read by the dialect.
"""

from __future__ import annotations

from itertools import chain
from typing import TYPE_CHECKING

import msgspec

from aimon.dialects import NOTHING, Delta, errors
from aimon.dialects.reader import error_in
from aimon.exchange.sse import EventStream, Odd

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator

_END = b"\n\n"
_NONE: list[str] = []
_string = msgspec.json.Decoder(str).decode
_PROOF = "aimon"
_PROVEN = Delta(_PROOF)
# A stream keeps one frame from its first or second text on, or has none.
_MAX_TRIES = 2
_MAX_STRAY = 400


class Frame:
    """The bytes before and after the text of one event, as they stand in the stream.

    Args:
        before: up to the quote that opens the text.
        after: from the quote that closes it to the empty line that ends the event.
    """

    __slots__ = ("_after", "_before", "_between", "_size")

    def __init__(self, before: bytes, after: bytes) -> None:
        self._before = before
        self._after = after
        self._between = (after + before).decode()
        self._size = len(before)

    def take(self, stream: bytes) -> tuple[list[str], bytes]:
        """The texts of the events in this frame with which a piece of the stream begins, and what follows them.

        There are none if it does not begin with one, or if there is anything else between two of them.

        Args:
            stream: begins where an event does.
        """
        end = stream.rfind(self._after)
        if end < 0 or not stream.startswith(self._before):
            return _NONE, stream
        try:
            texts = stream[self._size : end].decode().split(self._between)
        except UnicodeDecodeError:  # the dialect decides how that is reported
            return _NONE, stream
        inside = texts[0] if len(texts) == 1 else "".join(texts)
        # Every control character is unprintable. Other unprintable texts and empty ones are read by the dialect.
        if inside.isprintable() and '"' not in inside and "\\" not in inside and "" not in texts:
            return texts, stream[end + len(self._after) :]
        return _NONE, stream

    def take_each(self, chunks: Iterable[bytes]) -> list[str]:
        """The texts of the chunks that are one event in this frame each, up to the first that is something else.

        Args:
            chunks: each begins where an event does.
        """
        before, after, quote, end = self._before, self._after, self._size - 1, 1 - len(self._after)
        texts: list[str] = []
        try:
            for chunk in chunks:
                if not (chunk.startswith(before) and chunk.endswith(after) and (text := _string(chunk[quote:end]))):
                    break
                texts.append(text)
        except (msgspec.DecodeError, UnicodeDecodeError):  # a quote in the text, say, which is none of the frame then
            pass
        return texts


class TextStream:
    """The events of one stream, read by a dialect, with a fast path for plain text.

    Args:
        read: of the reader of a dialect. It hands the text of a chunk on as it is, so that what holds for one word
            holds for all.

    Attributes:
        stray: the first line that is no field of an event stream, nor an error.
    """

    __slots__ = ("_events", "_frame", "_read", "_tries", "stray")

    def __init__(self, read: Callable[[bytes], Delta]) -> None:
        self.stray: bytes | None = None
        self._read = read
        self._events = EventStream()
        self._frame: Frame | None = None
        self._tries = 0

    def feed(self, chunk: bytes) -> Iterable[list[str] | Delta]:
        """Takes the next bytes and yields the content of each event that they complete: texts, or anything else.

        Raises, where it is iterated over:
            EventTooLargeError: as `EventStream.feed`.
            msgspec.DecodeError, UnicodeDecodeError, RecursionError: as the dialect.
        """
        if self._frame is not None and self._events.between:
            texts, rest = self._frame.take(chunk)
            if texts:
                return chain((texts,), self._each(rest)) if rest else (texts,)
        return self._learning(chunk) if self._tries < _MAX_TRIES else self._each(chunk)

    def texts_of(self, chunks: Iterable[bytes]) -> list[str]:
        """The texts of the next chunks that are one event of plain text each, as far as that shows without the dialect.

        What follows them is for `feed`.
        """
        return self._frame.take_each(chunks) if self._frame is not None and self._events.between else _NONE

    @property
    def tail(self) -> bytes:
        """What came since the last empty line."""
        return self._events.tail

    def end(self) -> Iterator[Delta]:
        """What the stream ended with, where it ended before the empty line that ends an event; raises as `feed`."""
        return self._said(self._events.end())

    def _each(self, chunk: bytes) -> Iterator[Delta]:
        return self._said(self._events.feed(chunk))

    def _said(self, events: Iterable[bytes | Odd]) -> Iterator[Delta]:
        for data in events:
            if isinstance(data, Odd):
                yield from self._odd(data)
            # Without data it says nothing in any dialect; some proxies keep alive with it.
            elif data and (delta := self._read(data)) is not NOTHING:
                yield delta

    def _odd(self, odd: Odd) -> Iterator[Delta]:
        if odd.error:
            yield Delta(error=errors.told(odd.text))
        elif (error := error_in(odd.text.strip())) is not None:
            yield Delta(error=error)
        elif self.stray is None:
            self.stray = odd.text[:_MAX_STRAY]

    def _learning(self, chunk: bytes) -> Iterator[list[str] | Delta]:
        """Event by event, until one is found from which a frame can be learned, and with that frame from there on."""
        while self._tries < _MAX_TRIES:
            aligned = self._events.between
            end = chunk.find(_END) + len(_END)
            if end < len(_END):
                break
            event, chunk = chunk[:end], chunk[end:]
            for data in self._events.feed(event):
                if isinstance(data, Odd):
                    yield from self._odd(data)
                    continue
                if not data or (delta := self._read(data)) is NOTHING:
                    continue
                yield delta
                if aligned and delta.text and delta == Delta(delta.text):
                    self._tries += 1
                    if (frame := learn(event, data, delta.text, self._read)) is not None:
                        self._frame = frame
                        yield from self.feed(chunk)
                        return
        yield from self._each(chunk)


def learn(event: bytes, data: bytes, text: str, read: Callable[[bytes], Delta]) -> Frame | None:
    """The frame of an event of which a dialect read nothing but a text; None if none can be proven.

    Args:
        event: as it stands in the stream, from its beginning to the empty line that ends it.
        data: of the event.
        text: what `read` made of the data.
        read: of the dialect.
    """
    if not event.endswith(data + _END):
        return None
    try:
        quoted = f'"{text}"'.encode()
    except UnicodeEncodeError:  # half of a surrogate pair, which was escaped
        return None
    before, found, after = data.rpartition(quoted)
    if not found:
        return None
    before, after = before + b'"', b'"' + after
    try:
        proven = read(before + _PROOF.encode() + after) == _PROVEN
    except msgspec.DecodeError:  # the text was found outside of a string: `":"`, say
        return None
    head = event[: -len(data) - len(_END)]
    return Frame(head + before, after + _END) if proven else None
