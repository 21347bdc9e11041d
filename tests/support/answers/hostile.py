"""Answers that no provider should send, made of recorded ones: the same seed makes the same answer."""

from __future__ import annotations

import gzip
import json
import tomllib
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from chat_wire import chunk

if TYPE_CHECKING:
    import random
    from collections.abc import Callable

_FOLDER = Path(__file__).parents[2] / "aimon" / "dialects" / "recordings"
RECORDED: dict[str, list[tuple[bool, bytes]]] = {
    file.stem: [
        ("stream" in recording, recording.get("stream", recording.get("body", "")).encode())
        for recording in tomllib.loads(file.read_text(encoding="utf-8")).values()
    ]
    for file in sorted(_FOLDER.glob("*.toml"))
}

# Raw JSON, since some of it is what no encoder writes.
_VALUES = [
    "null", "true", "false", "0", "-0", "1", "-1", "-5", "1.5", "1e999", "-1e999", "1e-999", "NaN", "Infinity",
    "9" * 19, "9" * 25, "9" * 400, "-" + "9" * 400, "9" * 5000, '""', '"12"', '"-3"', '"\\ud800"', '"\\u0000"',
    '"\u202e\U0001f600"', '"' + "x" * 70_000 + '"', '"stop"', '"error"', '"length"', '"[DONE]"', "[]", "{}", "[[]]",
    '"\\u001b[31m"', '[{"text":"a"}]', '{"message":"boom","code":429}', "[" * 2000 + "]" * 2000, "[" * 100_000,
    '{"a":' * 500 + "1" + "}" * 500,
]  # fmt: skip
_NOISE = [
    b"", b"\0", b"\xff\xfe", b"\xef\xbb\xbf", b":\n\n", b"data:\n\n", b"data: [DONE]\n\n", b"event: error\n", b"\r",
    b"\n\n", b"id: 1\n", b"retry: 5\n", b"<html>", b"data: {\n\n", b'{"error": "boom"}\n\n', b"error: {}\n",
    b"x" * 70_000, b"\x1f\x8b",
]  # fmt: skip
_HEADERS = [
    "Content-Type: text/html", "Content-Type: application/json", "Content-Type: text/event-stream", "Content-Type:",
    "Content-Encoding: gzip", "Content-Encoding: br", "Content-Encoding: none", "Content-Encoding: gzip, gzip",
    "Retry-After: -1", "Retry-After: " + "9" * 400, "Retry-After: Fri, 31 Dec 9999 23:59:59 GMT", "Retry-After: nan",
    "X-RateLimit-Limit-Requests: " + "9" * 400, "X-RateLimit-Remaining-Requests: -7", "X-RateLimit-Limit-Tokens: 1e999",
    "X-RateLimit-Reset-Requests: 1y", "X-Request-Id: " + "r" * 20_000, "X-Request-Id: \xff",
    "anthropic-ratelimit-tokens-reset: x",
    "X-A: b\r\n c", "X-A : b", "no colon", "X-A: \0", "Content-Length: 3", "Transfer-Encoding: gzip", "Set-Cookie: a=b",
]  # fmt: skip
_STATUS_LINES = [
    "HTTP/1.1 200 OK", "HTTP/1.0 200 OK", "HTTP/1.1 200", "HTTP/1.1 204 None", "HTTP/1.1 302 Found", "HTTP/1.1 400 Bad",
    "HTTP/1.1 401 Who", "HTTP/1.1 429 Slow", "HTTP/1.1 500 Oops", "HTTP/1.1 529 Busy", "HTTP/1.1 999 What",
    "HTTP/2.0 200 OK", "HTTP/1.1 2000 OK", "SSH-2.0-x", "HTTP/1.1 100 Go on\r\n\r\nHTTP/1.1 200 OK",
]  # fmt: skip


@dataclass(frozen=True)
class Hostile:
    """An answer: what its body is said to be, and all of it as it goes over the wire."""

    stream: bool
    status: int
    headers: dict[str, str]
    body: bytes
    head: bytes
    framed: bytes


def hostile(source: random.Random, dialect: str) -> Hostile:
    """One answer to a call in that dialect."""
    stream, body = source.choice(RECORDED[dialect])
    for _ in range(source.choice((0, 1, 1, 2, 3))):
        body = source.choice(_MUTATIONS)(source, body)
    body = body[: 1 << 18]
    if source.random() < 0.1:
        body = body[: source.randrange(len(body) + 1)]
    status = source.choice(_STATUS_LINES) if source.random() < 0.3 else _STATUS_LINES[0]
    said = "text/event-stream" if stream else "application/json"
    lines = [f"Content-Type: {said}"] if source.random() < 0.9 else []
    lines += source.choices(_HEADERS, k=source.choice((0, 0, 1, 2)))
    sent = gzip.compress(body) if "Content-Encoding: gzip" in lines and source.random() < 0.8 else body
    framing = source.choice(("chunked", "chunked", "length", "close"))
    if framing == "length":
        lines.append(f"Content-Length: {len(sent)}")
    if framing == "chunked":
        lines.append("Transfer-Encoding: chunked")
    source.shuffle(lines)
    head = "\r\n".join([status, *lines, "", ""]).encode("latin-1")
    headers = dict(
        line.lower().split(": ", 1) for line in lines if ": " in line and "\r" not in line and "\0" not in line
    )
    framed = b"".join(map(chunk, cut(source, sent))) + chunk(b"") if framing == "chunked" else sent
    if source.random() < 0.1:
        framed = source.choice(_SPOILED)(source, framed)
    code = status.split()[1] if status.startswith("HTTP/1") else "200"
    return Hostile(stream, int(code) if len(code) == 3 and int(code) >= 200 else 200, headers, sent, head, framed)


def cut(source: random.Random, data: bytes) -> list[bytes]:
    """The data in pieces, none of them empty."""
    if len(data) < 2:
        return [data] if data else []
    cuts = sorted(source.sample(range(1, len(data)), min(len(data) - 1, source.choice((0, 1, 5, 12)))))
    return [data[i:j] for i, j in zip([0, *cuts], [*cuts, len(data)], strict=True)]


def _any_field(source: random.Random, body: bytes) -> bytes:
    """Puts any JSON into the place of any value of one of the documents in it."""
    lines = body.split(b"\n")
    places = [i for i, line in enumerate(lines) if b"{" in line]
    if not places:
        return body
    i = source.choice(places)
    start = lines[i].index(b"{")
    try:
        document = json.loads(lines[i][start:])
    except (ValueError, RecursionError):
        return body
    marked = json.dumps(_marked(source, document), ensure_ascii=False)
    lines[i] = lines[i][:start] + marked.replace('"\N{SYMBOL FOR NULL}"', source.choice(_VALUES)).encode(
        "utf-8", "replace"
    )
    return b"\n".join(lines)


def _marked(source: random.Random, value: Any) -> Any:
    """The document with a mark in the place of one value, at any depth."""
    if isinstance(value, dict) and value and source.random() < 0.85:
        key = source.choice(list(value))
        return {**value, key: _marked(source, value[key])}
    if isinstance(value, list) and value and source.random() < 0.85:
        i = source.randrange(len(value))
        return [*value[:i], _marked(source, value[i]), *value[i + 1 :]]
    return "\N{SYMBOL FOR NULL}"


def _one_document(source: random.Random, body: bytes) -> bytes:
    """A body that is not a stream, on one line, so that its fields can be reached."""
    try:
        return _any_field(source, json.dumps(json.loads(body)).encode())
    except (ValueError, RecursionError):
        return _any_field(source, body)


def _noise(source: random.Random, body: bytes) -> bytes:
    at = source.randrange(len(body) + 1)
    return body[:at] + source.choice(_NOISE) + body[at:]


def _flips(source: random.Random, body: bytes) -> bytes:
    flipped = bytearray(body)
    for _ in range(min(3, len(flipped))):
        flipped[source.randrange(len(flipped))] = source.randrange(256)
    return bytes(flipped)


def _events(change: Callable[[random.Random, list[bytes]], list[bytes]]) -> Callable[[random.Random, bytes], bytes]:
    return lambda source, body: b"\n\n".join(change(source, body.split(b"\n\n")))


def _dropped(source: random.Random, events: list[bytes]) -> list[bytes]:
    i = source.randrange(len(events))
    return [*events[:i], *events[i + 1 :]]


def _repeated(source: random.Random, events: list[bytes]) -> list[bytes]:
    i = source.randrange(len(events))
    return [*events[:i], *[events[i]] * source.choice((2, 2, 2, 500)), *events[i + 1 :]]


def _shuffled(source: random.Random, events: list[bytes]) -> list[bytes]:
    return source.sample(events, len(events))


_MUTATIONS: list[Callable[[random.Random, bytes], bytes]] = [
    *[_any_field] * 3, *[_one_document] * 3, _noise, _flips, _events(_dropped), _events(_repeated), _events(_shuffled),
    lambda _, body: body.replace(b"\n", b"\r\n"), lambda _, body: body.replace(b"\n", b"\r"), lambda _, body: body * 3,
]  # fmt: skip
_SPOILED: list[Callable[[random.Random, bytes], bytes]] = [
    lambda source, framed: framed[: source.randrange(len(framed) + 1)],
    lambda source, framed: framed + source.choice(_NOISE),
    lambda _, framed: framed.replace(b"0\r\n\r\n", b""),
    lambda _, framed: framed.replace(b"\r\n", b"\n", 1),
]
