"""The prober on asyncio and the engine on gevent produce the same Result for one answer."""

from __future__ import annotations

import asyncio
import contextlib
import random
import tomllib
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from aimon.call.call import Call, Message, Target
from aimon.call.result import Result, Source
from aimon.config.endpoint import Transport
from aimon.probes import transport
from aimon.security.secret import Secret
from chat_wire import STREAM_HEAD, chunk, counted, event, read_request, streamed
from engine_process import perform
from peers import Peer

if TYPE_CHECKING:
    import socket

FOLDER = Path(__file__).parents[2] / "aimon" / "dialects" / "recordings"
RECORDINGS: dict[str, tuple[str, dict[str, Any]]] = {
    f"{file.stem}: {name}": (file.stem, recording)
    for file in sorted(FOLDER.glob("*.toml"))
    for name, recording in tomllib.loads(file.read_text(encoding="utf-8")).items()
}

# What a clock or a socket decides, or the words of each driver for what its library told it.
OWN = {
    "started_at", "scheduled", "dns", "connect", "tls", "request_sent", "headers", "first_output", "first_reasoning",
    "first_token",
    "last_token", "end", "arrivals", "connection", "self_lag", "error",
}  # fmt: skip


def seen(result: Result) -> dict[str, Any]:
    """What must be equal, and which marks there are."""
    fields = {name: getattr(result, name) for name in result.__struct_fields__ if name not in OWN}
    marks = ("headers", "first_output", "first_reasoning", "first_token", "last_token")
    fields |= {f"has {mark}": getattr(result, mark) is not None for mark in marks}
    # Which chunks come in one read differs, and with it all that is told of the time between them.
    fields["pace"] = result.pace is not None
    if result.connection is not None:
        fields |= {"cold": result.connection.cold, "address": result.connection.address}
    return fields


def both(answer: list[bytes], dialect: str, *, stream: bool) -> tuple[Result, Result]:
    """The Results of the prober and of the engine for the same pieces of an answer."""

    def serve(connection: socket.socket) -> None:
        read_request(connection)
        # A client that has seen an error event hangs up, and is right to.
        with contextlib.suppress(BrokenPipeError, ConnectionResetError):
            for piece in answer:
                connection.sendall(piece)

    with Peer(serve) as peer:
        url = f"http://127.0.0.1:{peer.port}/v1"
        target = Target("e", "custom", dialect, url, "m", api_key=Secret("sk-test-1234567890"))
        messages = (Message("user", "Hi"),) * (2 if dialect == "rerank" else 1)  # a query and a document
        call = Call(target, messages, stream=stream, source=Source.LOADTEST)
        prober = asyncio.run(transport.perform(call, Transport()))
        return prober, perform(url, dialect=dialect, stream=stream).only


def in_pieces(answer: bytes, seed: str) -> list[bytes]:
    """The answer, cut at places that are different for every seed and the same in every run."""
    source = random.Random(seed)
    cuts = sorted(source.sample(range(1, len(answer)), min(len(answer) - 1, 12)))
    return [answer[i:j] for i, j in zip([0, *cuts], [*cuts, len(answer)], strict=True)]


@pytest.mark.parametrize("name", RECORDINGS)
def test_recordings(name: str) -> None:
    """Every recorded answer of every dialect, cut at random places."""
    dialect, recording = RECORDINGS[name]
    stream = "stream" in recording
    if stream:
        events = recording["stream"].encode().replace(b"\n\n", b"\n\n\0").split(b"\0")
        whole = STREAM_HEAD + b"".join(chunk(data) for data in events if data) + chunk(b"")
    else:
        data = bytes.fromhex(recording["hex"]) if "hex" in recording else recording["body"].encode()
        whole = counted("200 OK", data)
    prober, engine = both(in_pieces(whole, name), dialect, stream=stream or recording.get("stream_asked", False))
    assert seen(engine) == seen(prober)
    assert engine.error == prober.error
    known = [pace for pace in (engine.pace, prober.pace) if pace is not None and pace.unknown is None]
    assert len({pace.estimated for pace in known}) < 2
    assert [result.connection and result.connection.http_version for result in (engine, prober)] == ["HTTP/1.1"] * 2


FAULTS = {
    "nothing": b"",
    "half a head": STREAM_HEAD[:30],
    "a head": STREAM_HEAD,
    "half a stream": STREAM_HEAD + chunk(event("po")),
    "half a chunk": STREAM_HEAD + chunk(event("po"))[:-9],
    "a stream that ends early": STREAM_HEAD + chunk(event("po")) + chunk(b""),
    "a broken event": STREAM_HEAD + chunk(b'data: {"choices": [}\n\n') + chunk(b""),
    "a page": counted("200 OK", b"<html></html>", content_type="text/html"),
    "a rate limit": counted("429 Too Many Requests", b'{"error": {"code": "rate_limit_exceeded"}}', "Retry-After: 7"),
    "an empty error": counted("500 Internal Server Error", b""),
    "half an error": counted("500 Internal Server Error", b'{"error": {"message": "boom"}}')[:-5],
    "another protocol": b"220 smtp.example ESMTP\r\n\r\n",
}


@pytest.mark.parametrize("answer", FAULTS.values(), ids=FAULTS)
def test_faults(answer: bytes) -> None:
    """Faults have the same outcome in both drivers."""
    prober, engine = both([answer], "openai-chat", stream=True)
    assert seen(engine) == seen(prober)


def test_gaps_are_those_of_the_call() -> None:
    """`Client.gaps` holds every gap that the Result counts in buckets."""

    def serve(connection: socket.socket) -> None:
        while read_request(connection)[0]:
            connection.sendall(streamed(*("word " for _ in range(5))))

    with Peer(serve) as peer:
        report = perform(f"http://127.0.0.1:{peer.port}/v1", calls=3)
    assert report.outcomes == ["ok"] * 3
    for result, gaps in zip(report.results, report.gaps, strict=True):
        assert result.arrivals is not None
        assert (len(gaps), result.arrivals.count) == (4, 4)
        assert sum(gaps) == pytest.approx(result.arrivals.sum)
