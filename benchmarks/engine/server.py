"""A server that costs little, for those who have no better one: the same stream for every request.

    server.py --port 8099 --tokens 20 --burst 1
    server.py --port 8099 --tokens 50 --ttft-ms 50 --itl-ms 10 --log FILE [--certificate FILE]

It parses nothing but the length of a request. With a log it is its own truth: a row for each answer with its number,
and when the request was read, and the first and the last token written (CLOCK_MONOTONIC, ns).
"""

from __future__ import annotations

import argparse
import asyncio
import json
import ssl
from itertools import count
from time import monotonic_ns
from typing import TextIO

HEAD = (
    b"HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nTransfer-Encoding: chunked\r\nx-request-id: %d\r\n"
    b"x-ratelimit-limit-requests: 10000\r\nx-ratelimit-remaining-requests: 9999\r\n\r\n"
)


def chunk(data: object) -> bytes:
    """A server-sent event in an HTTP chunk."""
    event = b"data: %b\n\n" % (data if isinstance(data, bytes) else json.dumps(data, separators=(",", ":")).encode())
    return b"%x\r\n%b\r\n" % (len(event), event)


def delta(content: dict[str, str], finish: str | None = None) -> bytes:
    """A chunk of a chat completion."""
    choice = {"index": 0, "delta": content, "finish_reason": finish}
    fields = {"id": "cmpl-1", "object": "chat.completion.chunk", "created": 1, "model": "truth", "choices": [choice]}
    return chunk(fields)


def parts(tokens: int) -> list[bytes]:
    """A stream without its head: a part for each token, the last with the end."""
    usage = {"prompt_tokens": 11, "completion_tokens": tokens, "total_tokens": tokens + 11}
    written = [delta({"content": "pong "}) for _ in range(tokens)]
    written[0] = delta({"role": "assistant", "content": ""}) + written[0]
    written[-1] += delta({}, "stop") + chunk({"id": "cmpl-1", "choices": [], "usage": usage})
    written[-1] += chunk(b"[DONE]") + b"0\r\n\r\n"
    return written


class Plan:
    """What every answer is made of, and the log."""

    def __init__(self, options: argparse.Namespace) -> None:
        self.parts = parts(options.tokens) if options.burst == 1 else [b"".join(parts(options.tokens))]
        self.waits = [options.ttft_ms / 1e3] + [options.itl_ms / 1e3] * (len(self.parts) - 1)
        self.timed = options.ttft_ms > 0
        self.numbers = count(1)
        self.log: TextIO | None = options.log


class Server(asyncio.Protocol):
    """One connection."""

    def __init__(self, plan: Plan) -> None:
        self._plan = plan
        self._loop = asyncio.get_running_loop()
        self._buffer = b""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Remembers where to write to."""
        assert isinstance(transport, asyncio.Transport)
        self._transport = transport

    def data_received(self, data: bytes) -> None:
        """Answers every request that is complete."""
        self._buffer += data
        while (end := self._buffer.find(b"\r\n\r\n")) >= 0:
            head = self._buffer[:end].lower()
            length = int(head.partition(b"content-length:")[2].split(b"\r\n", 1)[0] or 0)
            if len(self._buffer) < end + 4 + length:
                return
            self._buffer = self._buffer[end + 4 + length :]
            self._answer()

    def _answer(self) -> None:
        if self._transport.is_closing():
            return
        plan, number = self._plan, next(self._plan.numbers)
        if plan.timed:
            due = self._loop.time() + plan.waits[0]
            self._loop.call_at(due, self._write, number, 0, due, monotonic_ns(), 0)
            return
        first, *rest = plan.parts
        self._transport.write(HEAD % number + first)
        for part in rest:
            if not self._transport.is_closing():
                self._transport.write(part)

    def _write(self, number: int, k: int, due: float, read: int, first: int) -> None:
        """Writes token `k` of an answer, and sees to the next."""
        if self._transport.is_closing():
            return
        plan = self._plan
        now = monotonic_ns()
        self._transport.write(HEAD % number + plan.parts[0] if k == 0 else plan.parts[k])
        first = first or now
        if k + 1 < len(plan.parts):
            due += plan.waits[k + 1]
            self._loop.call_at(due, self._write, number, k + 1, due, read, first)
        elif plan.log is not None:
            plan.log.write(f"{number},{read},{first},{now},{k + 1}\n")
            plan.log.flush()


async def main() -> None:
    """Serves until it is ended."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--port", type=int, required=True)
    parser.add_argument("--tokens", type=int, default=20)
    parser.add_argument("--burst", type=int, default=1)
    parser.add_argument("--ttft-ms", type=float, default=0.0)
    parser.add_argument("--itl-ms", type=float, default=0.0)
    parser.add_argument("--log", type=argparse.FileType("w"))
    parser.add_argument("--certificate")
    options = parser.parse_args()
    plan, context = Plan(options), None
    if options.certificate:
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(options.certificate)
    loop = asyncio.get_running_loop()
    server = await loop.create_server(lambda: Server(plan), "127.0.0.1", options.port, ssl=context, backlog=4096)
    await server.serve_forever()


if __name__ == "__main__":
    asyncio.run(main())
