"""Normalises the heads of HTTP/1.1 answers for both transports, whose parsers accept different deviations.

Corrects the deviations of servers and proxies that clients tolerate (RFC 9112): folded lines, bare line feeds, leading
empty lines, white space before a colon, Content-Length with chunked encoding, a repeated Content-Length. Anything else
is refused, and the message quotes it.
"""

from __future__ import annotations

import re
from typing import Final

MAX_HEAD_BYTES: Final = 256 << 10
"""The maximum size of an answer's head in bytes, including the interim answers before it."""
_SHOWN: Final = 40

_STATUS_LINE = re.compile(
    rb"HTTP/(?P<version>1\.[01]) (?P<status>[1-9][0-9][0-9])(?: (?P<reason>[^\x00-\x08\x0a-\x1f\x7f]*))?"
)
_BEGINNING: Final = b"HTTP/1."
_NAME = re.compile(rb"[!#$%&'*+.^_`|~0-9A-Za-z-]+")
_CONTROL = re.compile(rb"[\x00-\x08\x0a-\x1f\x7f]")
_END = re.compile(rb"\r?\n\r?\n")
_LARGEST: Final = 1 << 62


class HeadError(ValueError):
    """The received bytes are not the head of an HTTP answer; the message says what they are."""


class AnswerHead:
    """Takes the bytes of a connection and returns bytes that both parsers accept.

    Attributes:
        complete: the final head has been returned; later bytes are returned unchanged.
        begun: at least one byte has arrived.
    """

    __slots__ = ("_held", "_size", "begun", "complete")

    def __init__(self) -> None:
        self.begun = self.complete = False
        self._held = b""
        self._size = 0

    def feed(self, data: bytes) -> bytes:
        """Takes the next bytes of the connection; returns the bytes for the parser.

        Raises:
            HeadError: they are not HTTP.
        """
        if self.complete:
            return data
        self.begun = self.begun or bool(data)
        self._size += len(data)
        searched = max(0, len(self._held) - 3)
        held = self._held + data
        given = b""
        while True:
            if held[:1] in (b"\r", b"\n"):
                held, searched = held.lstrip(b"\r\n"), 0
            if not held.startswith(_BEGINNING[: len(held)]):
                raise HeadError(f"not HTTP: it begins with {_shown(held)}")
            end = _END.search(held, searched)
            if end is None:
                if self._size > MAX_HEAD_BYTES:
                    raise HeadError(f"response headers of more than {MAX_HEAD_BYTES >> 10} KiB")
                self._held = held
                return given
            head, held, searched = held[: end.start()], held[end.end() :], 0
            if self._size - len(held) > MAX_HEAD_BYTES:
                raise HeadError(f"response headers of more than {MAX_HEAD_BYTES >> 10} KiB")
            status, mended = _mended(head)
            if status == 101:
                raise HeadError("the server switched to another protocol")
            if status >= 200:
                self.complete = True
                self._held = b""
                return given + mended + held
            # An interim answer (1xx) is dropped.


def _mended(head: bytes) -> tuple[int, bytes]:
    first, *lines = re.split(rb"\r?\n", head)
    match = _STATUS_LINE.fullmatch(first)
    if match is None:
        raise HeadError(f"not HTTP: the status line is {_shown(first)}")
    fields: list[tuple[bytes, bytes]] = []
    for line in lines:
        if line[:1] in (b" ", b"\t"):
            if not fields:
                raise HeadError(f"not HTTP: a header line {_shown(line)}")
            name, value = fields.pop()
            fields.append((name, value + b" " + line.strip(b" \t")))
            continue
        name, colon, value = line.partition(b":")
        name = name.rstrip(b" \t")
        if not colon or not _NAME.fullmatch(name):
            raise HeadError(f"not HTTP: a header line {_shown(line)}")
        fields.append((name, value.strip(b" \t")))
    for name, value in fields:
        if _CONTROL.search(value):
            raise HeadError(f"not HTTP: a control character in the header {name.decode()}")
    fields = _framed(fields)
    mended = [b"HTTP/%b %b %b" % (match["version"], match["status"], match["reason"] or b"")]
    mended += [b"%b: %b" % field for field in fields]
    return int(match["status"]), b"\r\n".join(mended) + b"\r\n\r\n"


def _framed(fields: list[tuple[bytes, bytes]]) -> list[tuple[bytes, bytes]]:
    """The headers with exactly one definition of the body's length."""
    codings = b",".join(value for name, value in fields if name.lower() == b"transfer-encoding")
    lengths = {
        part.strip() for name, value in fields if name.lower() == b"content-length" for part in value.split(b",")
    }
    others = [field for field in fields if field[0].lower() not in (b"transfer-encoding", b"content-length")]
    if coding := codings.strip().lower():
        if coding != b"chunked":
            raise HeadError(f"a Transfer-Encoding {_shown(codings)}, though aimon asked for none")
        return [*others, (b"Transfer-Encoding", b"chunked")]  # it overrides Content-Length: RFC 9112, section 6.3
    if not lengths:
        return others
    if len(lengths) > 1 or not (length := lengths.pop()).isdigit() or int(length[:30]) > _LARGEST:
        raise HeadError("not HTTP: a Content-Length that is none")
    return [*others, (b"Content-Length", length)]


def _shown(data: bytes) -> str:
    return repr(data[:_SHOWN].decode("latin-1"))
