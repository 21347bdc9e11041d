"""Decodes bytes for a dialect's functions, and handles what all dialects have in common.

Servers and gateways end any dialect with OpenAI's `[DONE]`, send errors in the middle of a dialect that has none, wrap
events in lists, and put values of unexpected types into fields. What client libraries accept is not a fault of the
answer; what they refuse is reported, quoting the provider.
"""

from __future__ import annotations

import re
from functools import lru_cache
from typing import TYPE_CHECKING, Any

import msgspec

from aimon.dialects import DONE, NOTHING, STRANGE, Delta, Dialect, ProviderError, errors, tolerant, usage

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

# Bytes that are quoted of data that can't be decoded.
_SHOWN = 100
_DONE = (b"[DONE]", b'"[DONE]"')
# Matches plain text instead of JSON that reports a failure.
_FAILURE = re.compile(
    rb"\b(?:error|exception|fail(?:ed|ure)?|fatal|tim(?:ed|e)[ -]?out|unavailable|overloaded|refused|denied)\b",
    re.IGNORECASE,
)


class UnseparatedError(msgspec.DecodeError):
    """Several events without an empty line between them, which the standard makes one event."""


class Reader:
    """Reads the events and the complete answers of one dialect.

    Attributes:
        event: reads one event of a stream. It raises msgspec.DecodeError for what is neither an event of the dialect
            nor an error, and quotes it; UnicodeDecodeError for what is not UTF-8; RecursionError for what is nested
            too deeply.
    """

    __slots__ = ("_decode_body", "_dialect", "_read", "_read_body", "event")

    def __init__(self, dialect: Dialect) -> None:
        self._dialect = dialect
        self._decode_body = msgspec.json.Decoder(dialect.body).decode
        self._read = dialect.read
        self._read_body = dialect.read_body
        self.event = self._event_reader()

    def _event_reader(self) -> Callable[[bytes], Delta]:
        """Makes the function that reads every event of a stream; it is a closure because local names are faster."""
        decode, read, odd = msgspec.json.Decoder(self._dialect.event).decode, self._dialect.read, self._odd
        has_counts = usage.may_be_in

        def event(data: bytes) -> Delta:
            if data == _DONE[0]:
                return DONE
            try:
                delta = read(decode(data))
            except msgspec.DecodeError as fault:
                return odd(data, fault)
            if delta.strange or (not delta.text and not delta.usage and has_counts(data)):
                return _known(_completed(delta, data))
            return delta

        return event

    def body(self, data: bytes) -> Delta:
        """A whole answer.

        Raises:
            msgspec.DecodeError: neither an answer of the dialect nor an error; quotes what came.
            UnicodeDecodeError, RecursionError: as from `event`.
        """
        if self._dialect.read_media is not None and (sound := self._dialect.read_media(data)) is not None:
            return msgspec.structs.replace(sound, done=True)
        try:
            delta: Delta = self._read_body(self._decode_body(data))
        except msgspec.DecodeError as fault:
            delta = self._odd_body(data, fault)
        if delta.strange or not delta.usage:
            delta = _completed(delta, data)
        if delta.strange:
            raise msgspec.ValidationError(f"an answer without {self._dialect.answer}: {shown(data)}")
        return msgspec.structs.replace(delta, text=delta.text or delta.whole, whole="", done=True)

    def _odd(self, data: bytes, fault: msgspec.DecodeError) -> Delta:
        """Reads an event that does not decode as the dialect's event."""
        if data.strip().upper() in _DONE:
            return DONE
        try:
            document = tolerant.decode(data)
        except ValueError:
            return self._unreadable(data, fault)
        if not document or document != document:  # noqa: PLR0124 - NaN
            return NOTHING
        if isinstance(document, list):
            return joined(self._item(item, data) for item in document)
        return self._item(document, data)

    def _item(self, document: Any, data: bytes) -> Delta:
        if not isinstance(document, dict):
            raise msgspec.ValidationError(f"no event: {shown(data)}")
        try:
            delta: Delta = self._read(tolerant.fitted(document, self._dialect.event))
        except msgspec.ValidationError as fault:
            return NOTHING if errors.is_fine(document) else _error_instead(document, fault)
        return _known(_completed(delta, data, document))

    def _odd_body(self, data: bytes, fault: msgspec.DecodeError) -> Delta:
        """Reads an answer that does not decode as the dialect's: chunks in a list, an error, or invalid fields."""
        try:
            document = tolerant.decode(data)
        except ValueError:
            raise msgspec.DecodeError(f"{fault}: {shown(data)}") from None
        if isinstance(document, list) and len(document) > 1:
            return joined(self._item(item, data) for item in document)
        if isinstance(document, list) and document:
            document = document[0]
        try:
            delta: Delta = self._read_body(tolerant.fitted(document, self._dialect.body))
        except msgspec.ValidationError as misfit:
            return _error_instead(document, misfit)
        return _completed(delta, data, document)

    def _unreadable(self, data: bytes, fault: msgspec.DecodeError) -> Delta:
        """Reads data that is not JSON: an error may be in one of its lines, after half an event, or in plain text."""
        lines = [line.strip() for line in data.split(b"\n") if line.strip()]
        for text in (*lines, data[max(0, data.rfind(b'{"error"')) :]):
            # A proxy that appends its error to a line of the stream repeats the field name (`data:`).
            if (error := error_in(text.removeprefix(b"data:").strip())) is not None:
                return Delta(error=error)
        if len(lines) > 1 and all(map(_readable, lines)):
            raise UnseparatedError(f"{len(lines)} events without an empty line between them: {shown(data)}")
        if not data.lstrip().startswith(b"{") and _FAILURE.search(data[:500]):
            return Delta(error=ProviderError(errors.excerpt(data)))
        raise msgspec.DecodeError(f"{fault}: {shown(data)}")


@lru_cache(maxsize=32)
def reader(dialect: Dialect) -> Reader:
    """The reader of a dialect."""
    return Reader(dialect)


def error_in(text: bytes) -> ProviderError | None:
    """The error in a line of JSON that is no event; None if it is not one."""
    if not text.startswith((b"{", b"[")):
        return None
    try:
        return errors.in_answer(tolerant.decode(text))
    except (ValueError, RecursionError):
        return None


def joined(deltas: Iterable[Delta]) -> Delta:
    """The deltas of several events as one."""
    whole, counts = NOTHING, {}
    for delta in deltas:
        if isinstance(delta.usage, dict):
            counts.update({name: count for name, count in delta.usage.items() if count})
        whole = Delta(
            text=whole.text + delta.text,
            whole=delta.whole or whole.whole,
            reasoning=whole.reasoning + delta.reasoning,
            refusal=whole.refusal + delta.refusal,
            finish=delta.finish or whole.finish,
            error=whole.error or delta.error,
            done=whole.done or delta.done,
            answered=whole.answered or delta.answered,
            tools=whole.tools + delta.tools,
            model=delta.model or whole.model,
            response_id=delta.response_id or whole.response_id,
        )
    return msgspec.structs.replace(whole, usage=counts or None)


def shown(data: bytes) -> str:
    """The beginning of the received bytes, quoted."""
    text = data[: 4 * _SHOWN].decode(errors="replace")
    return repr(text if len(text) <= _SHOWN else text[:_SHOWN] + "…")


def _completed(delta: Delta, data: bytes, document: Any = None) -> Delta:
    """Adds what dialects do not look for: an error in an unknown event, and token counts in vendor-specific places."""
    if delta.strange and delta.error is None:
        document = tolerant.decode(data) if document is None else document
        if (error := errors.in_answer(document)) is not None:
            delta = msgspec.structs.replace(delta, error=error, strange=False)
        elif isinstance(document, dict) and (document.get("error") or document.get("type") == "error"):
            error = ProviderError("an error that does not say what it is")
            delta = msgspec.structs.replace(delta, error=error, strange=False)
    if not delta.usage and usage.may_be_in(data):
        document = tolerant.decode(data) if document is None else document
        found: dict[str, Any] = {}
        for counts in usage.within(document):
            found |= {name: count for name, count in counts.items() if count}
        if found:
            delta = msgspec.structs.replace(delta, usage=found)
    return delta


def _known(delta: Delta) -> Delta:
    return NOTHING if delta == STRANGE else delta


def _error_instead(document: Any, fault: msgspec.ValidationError) -> Delta:
    if (error := errors.in_answer(document)) is None:
        raise fault
    return Delta(error=error)


def _readable(line: bytes) -> bool:
    try:
        tolerant.decode(line)
    except (ValueError, RecursionError):
        return line in _DONE
    return True
