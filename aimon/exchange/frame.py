"""The bytes around the text of an event, and how they are learned.

A chunk of plain text is the same as the one before it, byte for byte, but for the text itself: the same id, model
and choice around another word. Such a frame is learned from an event that the dialect has read, and proven by having
the dialect read another word in it. From there on an event in the same frame needs no JSON decoder: whatever is
neither quote, backslash nor control character stands in a JSON string as itself.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import msgspec

from aimon.dialects import Delta

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

try:
    from aimon.exchange.frame_scan import split  # in a compiled wheel
except ImportError:
    split = None  # type: ignore[assignment]

_END = b"\n\n"
_NONE: list[str] = []
_string = msgspec.json.Decoder(str).decode
_PROOF = "aimon"
_PROVEN = Delta(_PROOF)


class Frame:
    """The bytes before and after the text of one event, as they stand in the stream.

    Args:
        before: up to the quote that opens the text.
        after: from the quote that closes it to the empty line that ends the event.
    """

    __slots__ = ("_between", "_size", "after", "before")

    def __init__(self, before: bytes, after: bytes) -> None:
        self.before = before
        self.after = after
        self._between = ""
        self._size = len(before)

    def take(self, stream: bytes) -> tuple[list[str], bytes]:
        """The texts of the events in this frame with which a piece of the stream begins, and what follows them.

        There are none if it does not begin with one. If there is anything else between two of them, there may be none.

        Args:
            stream: begins where an event does.
        """
        if split is not None:
            texts, size = split(stream, self.before, self.after)
            return texts, stream[size:] if size else stream
        if not stream.startswith(self.before) or (end := stream.rfind(self.after, self._size)) < 0:
            return _NONE, stream
        try:
            inside = stream[self._size : end].decode()
        except UnicodeDecodeError:  # the dialect decides how that is reported
            return _NONE, stream
        if len(inside) < self._size:  # too short for two events, as most pieces of a stream are
            texts = [inside]
        else:
            if not self._between:
                self._between = (self.after + self.before).decode()
            texts = inside.split(self._between)
            inside = "".join(texts)
        # Every control character is unprintable. Other unprintable texts and empty ones are read by the dialect.
        if inside.isprintable() and '"' not in inside and "\\" not in inside and "" not in texts:
            return texts, stream[end + len(self.after) :]
        return _NONE, stream

    def take_each(self, chunks: Iterable[bytes]) -> list[str]:
        """The texts of the chunks that are one event in this frame each, up to the first that is something else.

        Args:
            chunks: each begins where an event does.
        """
        before, after, quote, end = self.before, self.after, self._size - 1, 1 - len(self.after)
        shortest = len(before) + len(after)
        texts: list[str] = []
        try:
            for chunk in chunks:
                if not (chunk.startswith(before) and chunk.endswith(after)) or len(chunk) <= shortest:
                    break
                if not (text := _string(chunk[quote:end])):
                    break
                texts.append(text)
        except (msgspec.DecodeError, UnicodeDecodeError):  # a quote in the text, say, which is none of the frame then
            pass
        return texts


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
