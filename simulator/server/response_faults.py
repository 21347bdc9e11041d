"""Faults that replace the answer: answers of a broken proxy or a hostile server with status 200."""

from __future__ import annotations

import asyncio
import zlib
from collections.abc import Awaitable, Callable, Iterator, Mapping
from typing import TYPE_CHECKING

from aimon.simulator.server.connection import Connection
from aimon.simulator.wire.errors.proxy_pages import page

if TYPE_CHECKING:
    from aimon.simulator.model.faults import Rule

JSON = "application/json"
SSE = "text/event-stream; charset=utf-8"
HTML = "text/html; charset=utf-8"

_BLOCK = 1 << 16
_DEPTH = 100_000
_INTERVAL = 0.05

Spoil = Callable[[Connection, "Rule", bool], Awaitable[None]]


async def _close(connection: Connection, rule: Rule, streamed: bool) -> None:
    del rule, streamed
    await connection.close()


async def _reset(connection: Connection, rule: Rule, streamed: bool) -> None:
    del rule, streamed
    await connection.reset()


async def _hang(connection: Connection, rule: Rule, streamed: bool) -> None:
    del connection, rule, streamed
    await asyncio.get_running_loop().create_future()


async def _slow_headers(connection: Connection, rule: Rule, streamed: bool) -> None:
    """A status line at once, then a header at intervals, without an end."""
    del streamed
    connection.record.status = 200
    connection.raw(b"HTTP/1.1 200 OK\r\n")
    number = 0
    while True:
        await asyncio.sleep(_INTERVAL if rule.seconds is None else rule.seconds)
        connection.raw(b"x-wait-%d: 1\r\n" % number)
        number += 1


async def _html(connection: Connection, rule: Rule, streamed: bool) -> None:
    del rule, streamed
    await connection.respond(200, HTML, page("Sign in", "Sign in to use this network").encode(), [])


async def _not_json(connection: Connection, rule: Rule, streamed: bool) -> None:
    del rule
    if streamed:
        await connection.respond(200, SSE, b'data: {"id": "broken", "choices": [\n\ndata: [DONE]\n\n', [])
    else:
        await connection.respond(200, JSON, b'{"id": "broken", "choices": [', [])


async def _wrong_shape(connection: Connection, rule: Rule, streamed: bool) -> None:
    del rule, streamed
    await connection.respond(200, JSON, b'{"ok": true}', [])


async def _empty_body(connection: Connection, rule: Rule, streamed: bool) -> None:
    del rule
    await connection.respond(200, SSE if streamed else JSON, b"", [])


async def _not_sse(connection: Connection, rule: Rule, streamed: bool) -> None:
    del rule, streamed
    await connection.respond(200, SSE, b"This is not an event stream.\n\n", [])


async def _deep_json(connection: Connection, rule: Rule, streamed: bool) -> None:
    del rule
    deep = b"[" * _DEPTH + b"]" * _DEPTH
    if streamed:
        await connection.respond(200, SSE, b"data: " + deep + b"\n\n", [])
    else:
        await connection.respond(200, JSON, deep, [])


async def _huge(connection: Connection, rule: Rule, streamed: bool) -> None:
    await connection.start(200, SSE if streamed else JSON, [])
    for block in _line(rule, streamed):
        await connection.write(block)
    await connection.finish()


async def _gzip_bomb(connection: Connection, rule: Rule, streamed: bool) -> None:
    await connection.start(200, SSE if streamed else JSON, [("content-encoding", "gzip")])
    deflate = zlib.compressobj(wbits=zlib.MAX_WBITS | 16)
    for block in _line(rule, streamed):
        packed = deflate.compress(block)
        if packed:
            await connection.write(packed)
    await connection.write(deflate.flush())
    await connection.finish()


def _line(rule: Rule, streamed: bool) -> Iterator[bytes]:
    """One line of that many megabytes, block by block."""
    megabytes = 64.0 if rule.megabytes is None else rule.megabytes
    yield b"data: " if streamed else b'{"padding": "'
    for _ in range(int(megabytes * (1 << 20) / _BLOCK)):
        yield b"x" * _BLOCK
    yield b"\n\n" if streamed else b'"}'


async def _bad_chunk(connection: Connection, rule: Rule, streamed: bool) -> None:
    del rule
    kind = (SSE if streamed else JSON).encode()
    connection.record.status = 200
    head = b"HTTP/1.1 200 OK\r\ncontent-type: " + kind + b"\r\ntransfer-encoding: chunked\r\n\r\n"
    connection.raw(head + b"no length\r\ndata: {}\r\n")
    await connection.close()


async def _redirect(connection: Connection, rule: Rule, streamed: bool) -> None:
    del rule, streamed
    location = f"/{connection.record.profile}/redirected/v1/chat/completions"
    await connection.respond(307, "text/plain", b"", [("location", location)])


# Faults without an answer: stages "connection" and "body" of the catalogue.
SPOILS: Mapping[str, Spoil] = {
    "close": _close,
    "reset": _reset,
    "hang": _hang,
    "slow_headers": _slow_headers,
    "html": _html,
    "not_json": _not_json,
    "wrong_shape": _wrong_shape,
    "empty_body": _empty_body,
    "not_sse": _not_sse,
    "deep_json": _deep_json,
    "huge": _huge,
    "gzip_bomb": _gzip_bomb,
    "bad_chunk": _bad_chunk,
    "redirect": _redirect,
}
