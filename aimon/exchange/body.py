"""The body of an answer: JSON, event stream or page, told by its first bytes, since headers are wrong more often.

Servers send JSON as text/event-stream, event streams as application/json, and both as text/html or without a type.
"""

from __future__ import annotations

import re
from contextlib import suppress
from enum import Enum, auto
from functools import lru_cache
from typing import TYPE_CHECKING

import msgspec

from aimon.dialects import Delta, errors
from aimon.dialects.reader import UnseparatedError, error_in
from aimon.exchange.inflate import GZIP
from aimon.exchange.sse import EventTooLargeError
from aimon.exchange.sse_fastpath import TextStream
from aimon.exchange.stream_memory import StreamMemory

if TYPE_CHECKING:
    from collections.abc import Iterable

    from aimon.dialects import ProviderError
    from aimon.dialects.reader import Reader

# Every exception that the content of an event or body can cause.
UNREADABLE = (msgspec.MsgspecError, UnicodeDecodeError, EventTooLargeError, RecursionError)

# A page is read until its title, or this far.
_MAX_PAGE_BYTES = 4 << 10
_SHOWN = 400

_BOM = b"\xef\xbb\xbf"
_SPACE = b" \t\r\n"
_FIELD = re.compile(rb"(?:data|event|id|retry|error)?:")
# The longest name of a field with its colon.
_ENOUGH = 6


class Kind(Enum):
    """What a body can be."""

    STREAM = auto()
    JSON = auto()
    PAGE = auto()


def kind_of(beginning: bytes, *, streamed: bool) -> Kind | None:
    """The kind of a body, by its beginning; None where that can't be told yet.

    Args:
        beginning: of the body; more of it changes nothing.
        streamed: a stream was asked for, so that a body of no other kind is read as one.
    """
    if streamed and beginning.startswith((b"data:", b"event:", b": ")):  # as nearly all
        return Kind.STREAM
    text = beginning.removeprefix(_BOM).lstrip(_SPACE)
    if not text or beginning == GZIP[:1] or (len(beginning) < len(_BOM) and _BOM.startswith(beginning)):
        return None
    if text.startswith((b"{", b"[", b'"')):
        return Kind.JSON
    if text.startswith(b"<"):
        return Kind.PAGE
    if streamed or _FIELD.match(text):
        return Kind.STREAM
    return Kind.JSON if len(text) >= _ENOUGH or b":" in text else None


@lru_cache(maxsize=32)
def memory(reader: Reader) -> StreamMemory:
    """What is remembered of the streams that a reader has read."""
    return StreamMemory(reader.event)


class MalformedError(ValueError):
    """A whole answer that can't be read; the message says why, and quotes it."""


class Body:
    """The body of one answer: buffered until its kind is known, then read.

    Attributes:
        kind: what it is; None until that is known.
        stream: its events, if it is a stream.
        cut: half an event with which the stream ended, after `end`.
    """

    __slots__ = ("_reader", "_streamed", "cut", "data", "kind", "stream")

    def __init__(self, reader: Reader, *, streamed: bool) -> None:
        self._reader = reader
        self._streamed = streamed
        self.data = bytearray()
        self.kind: Kind | None = None
        self.stream: TextStream | None = None
        self.cut: bytes | None = None

    def add(self, chunk: bytes) -> bytes:
        """Keeps the next bytes; once they turn out to be an event stream, gives back all of them, for `stream`."""
        data = self.data
        if self.kind is None:
            if data:
                chunk = bytes(data) + chunk
                data.clear()
            self.kind = kind_of(chunk, streamed=self._streamed)
            if self.kind is Kind.STREAM:
                self.stream = TextStream(self._reader.event, memory(self._reader))
                return chunk
        data += chunk
        return b""

    @property
    def is_page(self) -> bool:
        """Whether it is a page, and its title or enough of its text has arrived."""
        return self.kind is Kind.PAGE and (len(self.data) > _MAX_PAGE_BYTES or b"</title" in self.data.lower())

    def page(self) -> str:
        """The error message for a page."""
        return f"an HTML page instead of an answer: {errors.excerpt(bytes(self.data))}"

    def whole(self) -> Delta:
        """The content of a body that is no stream.

        Raises:
            MalformedError: nothing that could be read.
        """
        data = bytes(self.data).removeprefix(_BOM)
        if self.kind is Kind.PAGE:
            raise MalformedError(self.page())
        try:
            return self._reader.body(data)
        except UNREADABLE as fault:
            # It may be an error and then something else, such as the rest of a stream.
            if (error := _first_error(TextStream(self._reader.event), data)) is not None:
                return Delta(error=error)
            raise MalformedError(f"a body that can't be read: {fault}" if data.strip() else "an empty body") from fault

    def end(self) -> Iterable[Delta]:
        """The last event of a stream, where its empty line is missing.

        Raises:
            MalformedError: several events without a line between them.
        """
        if self.stream is None:
            return []
        self.cut = self.stream.tail[:_SHOWN].strip() or None
        said: list[list[str] | Delta] = []
        try:
            self.stream.end(said)
        except UnseparatedError as fault:
            raise MalformedError(f"an event that can't be read: {fault}") from fault
        except UNREADABLE:  # half an event
            return []
        self.cut = None
        return [delta for delta in said if isinstance(delta, Delta)]

    def last_words(self) -> ProviderError | None:
        """An error of the provider that came before the connection broke."""
        if self.stream is not None:
            return _first_error(self.stream, b"")
        return error_in(bytes(self.data).strip()) if self.kind is Kind.JSON else None


def _first_error(stream: TextStream, rest: bytes) -> ProviderError | None:
    said: list[list[str] | Delta] = []
    with suppress(*UNREADABLE):  # what can't be read holds no error that could be told
        stream.feed(rest, said)
        stream.end(said)
    return next((each.error for each in said if isinstance(each, Delta) and each.error is not None), None)
