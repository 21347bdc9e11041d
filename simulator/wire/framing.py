"""Server-sent events as bytes: in the usual form, or in one of the unusual styles that the standard allows.

The standard is https://html.spec.whatwg.org/multipage/server-sent-events.html (parsing an event stream).
"""

from __future__ import annotations

from collections.abc import Callable, Mapping

from aimon.simulator.wire.shape import Frame

Encoder = Callable[[Frame], bytes]

BOM = b"\xef\xbb\xbf"
COMMENT = b": keep-alive\n\n"


def lines(frame: Frame, newline: str = "\n", space: str = " ") -> bytes:
    """An event: its name, its data, and a blank line."""
    name = f"event:{space}{frame.event}{newline}" if frame.event else ""
    return f"{name}data:{space}{frame.data}{newline}{newline}".encode()


def _crlf(frame: Frame) -> bytes:
    return lines(frame, "\r\n")


def _cr(frame: Frame) -> bytes:
    return lines(frame, "\r")


def _no_space(frame: Frame) -> bytes:
    return lines(frame, space="")


def _comments(frame: Frame) -> bytes:
    """Comments and fields that a reader has to skip."""
    return b": a comment\nid: 7\nretry: 3000\nunknown: field\n" + lines(frame)


def _multi_line(frame: Frame) -> bytes:
    """JSON with a line break after its first brace, which takes two data lines."""
    if not frame.data.startswith("{"):
        return lines(frame)
    name = f"event: {frame.event}\n" if frame.event else ""
    return f"{name}data: {{\ndata: {frame.data[1:]}\n\n".encode()


ENCODERS: Mapping[str, Encoder] = {
    "lf": lines,
    "crlf": _crlf,
    "cr": _cr,
    "no_space": _no_space,
    "comments": _comments,
    "multi_line": _multi_line,
}


def encoder(style: str | None, dialect: str) -> Encoder:
    """The encoder of a style; Gemini's default is CRLF, all others' LF."""
    default = "crlf" if dialect == "gemini" else "lf"
    return ENCODERS.get(style or default, ENCODERS[default])


def split_inside_character(data: bytes) -> list[bytes]:
    """Splits bytes in two: inside the first multi-byte character, or in the middle."""
    at = next((i + 1 for i, byte in enumerate(data) if byte >= 0xC0), len(data) // 2)
    return [data[:at], data[at:]]
