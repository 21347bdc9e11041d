"""Streams whose every write is read alone: where modules are compiled, most are read in C, and nothing else changes."""

from __future__ import annotations

import asyncio
import contextlib
import time
from typing import TYPE_CHECKING

import pytest

from aimon.call.call import Call, Message, Target
from aimon.call.result import Source
from aimon.config.endpoint import Transport
from aimon.probes import transport
from aimon.security.secret import Secret
from chat_wire import STREAM_HEAD, chunk, event, events, read_request
from engine_process import perform
from peers import Peer

if TYPE_CHECKING:
    import socket

    from aimon.call.result import Result

PAUSE = 2e-3
WORDS = [f"word{number} " for number in range(12)]
*TEXTS, FINISH, USAGE, DONE = events(*WORDS)
END = [chunk(FINISH), chunk(USAGE), chunk(DONE) + chunk(b"")]


def raw(text: str) -> bytes:
    """An event whose text stands there in UTF-8."""
    return event("@").replace(b"@", text.encode())


def with_texts(*texts: bytes) -> list[bytes]:
    """A stream with these events after some that are all alike."""
    return [*map(chunk, TEXTS[:6]), *map(chunk, texts), *map(chunk, TEXTS[6:]), *END]


STREAMS = {
    "all alike": [*map(chunk, TEXTS), *END],
    "letters of many languages": with_texts(raw("你好"), raw("naïve"), raw("🙂"), raw("x")),
    "characters that are not printed": with_texts(raw("\u200b"), raw("\u2028"), raw("\x7f"), raw("\xa0")),
    "escapes": with_texts(event('a "quoted" word'), event("back\\slash"), event("line\nbreak"), event("tab\t")),
    "an empty text": with_texts(raw(""), raw("")),
    "a broken character": with_texts(event("@").replace(b"@", b"\xff")),
    "a quote too many": with_texts(raw('x"}, "y": "')),
    "a control character": with_texts(raw("\x01")),
    "two events in a chunk": with_texts(TEXTS[0] + TEXTS[1], TEXTS[2]),
    "two chunks in a write": [*map(chunk, TEXTS[:6]), chunk(TEXTS[6]) + chunk(TEXTS[7]), *map(chunk, TEXTS[8:]), *END],
    "an event in two chunks": with_texts(TEXTS[0][:40], TEXTS[0][40:], TEXTS[1]),
    "an event that ends in the next chunk": with_texts(TEXTS[0][:-1], b"\n" + TEXTS[1], TEXTS[2]),
    "chunks in pieces": [piece for data in with_texts() for piece in (data[:1], data[1:9], data[9:])],
    "a chunk in its middle": [data for each in map(chunk, TEXTS) for data in (each[:60], each[60:])] + END,
    "a chunk without its end": [b"".join(map(chunk, TEXTS))[:-1], b"\n", *END],
    "a chunk that looks like its end": with_texts(TEXTS[0] + b"\r\n", TEXTS[1] + b"\r\n", TEXTS[2]),
    "extensions": with_texts() and [b"%X;a=b\r\n%b\r\n" % (len(data), data) for data in TEXTS] + END,
    "capital and leading digits": [b"00%X\r\n%b\r\n" % (len(data), data) for data in TEXTS] + END,
    "comments": with_texts(b": still here\n\n", b": still here\n\n"),
    "other line ends": [chunk(data.replace(b"\n", b"\r\n")) for data in TEXTS] + END,
    "another model": with_texts(event("@").replace(b'"m"', b'"n"'), TEXTS[0]),
    "reasoning": with_texts(event("@").replace(b'"content"', b'"reasoning_content"')),
    "an error": [*map(chunk, TEXTS[:6]), chunk(b'data: {"error": {"message": "boom"}}\n\n'), *END],
    "no end": [*map(chunk, TEXTS)],
    "a cut in a chunk": [*map(chunk, TEXTS[:6]), chunk(TEXTS[6])[:50]],
    "an end without a reason": [*map(chunk, TEXTS), chunk(b"")],
    "a chunk of impossible size": [*map(chunk, TEXTS[:6]), b"xyz\r\n", *END],
    "trailers": [*map(chunk, TEXTS), *END[:2], chunk(DONE) + b"0\r\nX-A: b\r\n\r\n"],
    "bytes after the end": [*map(chunk, TEXTS), *END, chunk(TEXTS[0])],
}  # fmt: skip


def both(writes: list[bytes]) -> tuple[Result, Result]:
    """The Results of the prober and of the engine for an answer that is written with pauses."""

    def serve(connection: socket.socket) -> None:
        read_request(connection)
        with contextlib.suppress(BrokenPipeError, ConnectionResetError):
            for data in [STREAM_HEAD, *writes]:
                connection.sendall(data)
                time.sleep(PAUSE)

    with Peer(serve) as peer:
        url = f"http://127.0.0.1:{peer.port}/v1"
        target = Target("e", "custom", "openai-chat", url, "m", api_key=Secret("sk-test-1234567890"))
        call = Call(target, (Message("user", "Hi"),), stream=True, source=Source.LOADTEST)
        prober = asyncio.run(transport.perform(call, Transport()))
        return prober, perform(url, dialect="openai-chat", stream=True).only


@pytest.mark.parametrize("writes", STREAMS.values(), ids=STREAMS)
def test_what_was_said(writes: list[bytes]) -> None:
    """The engine hears what the prober hears."""
    prober, engine = both(writes)
    assert (engine.text, engine.chunks, engine.outcome) == (prober.text, prober.chunks, prober.outcome)
    assert (engine.error, engine.finish_reason, engine.usage) == (prober.error, prober.finish_reason, prober.usage)
    assert (engine.first_token is None, engine.last_token is None) == (False, False)
    assert (engine.arrivals and engine.arrivals.count) == (prober.arrivals and prober.arrivals.count)


def test_an_answer_without_end() -> None:
    """It is left unread where it is larger than an answer may be."""
    prober, engine = both([*map(chunk, TEXTS), *[chunk(event("x" * 60_000))] * 320])
    assert (engine.outcome, engine.error) == (prober.outcome, prober.error)
    assert engine.error == "an answer of more than 16 MiB"


def test_when_it_was_said() -> None:
    """Each text has the time of its own arrival, and these are in order."""
    _, result = both(STREAMS["all alike"])
    assert result.arrivals is not None
    assert result.first_token is not None
    assert result.last_token is not None
    assert result.arrivals.count == len(WORDS) - 1
    assert result.arrivals.sum == pytest.approx(result.last_token - result.first_token)
    assert result.arrivals.sum >= PAUSE * (len(WORDS) - 1) * 0.9
    assert 0 < result.first_token < result.last_token <= result.end
