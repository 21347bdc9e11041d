"""Requests and answers of an AI endpoint, byte by byte, for servers made of sockets."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import socket

STREAM_HEAD = b"HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nTransfer-Encoding: chunked\r\n\r\n"


def read_request(connection: socket.socket) -> tuple[bytes, bytes]:
    """The head and the body of the next request; both empty where the client has left instead."""
    head = b""
    while not head.endswith(b"\r\n\r\n"):
        if not (data := connection.recv(1)):
            return b"", b""
        head += data
    length = next((int(line[15:]) for line in head.split(b"\r\n") if line.lower().startswith(b"content-length:")), 0)
    body = bytearray()
    while len(body) < length and (data := connection.recv(min(1 << 20, length - len(body)))):
        body += data
    return head, bytes(body)


def event(text: str = "", *, finish: str | None = None) -> bytes:
    """One chunk of a chat completion, as a server-sent event."""
    delta = {"content": text} if text else {}
    data = {"id": "c-1", "model": "m", "choices": [{"index": 0, "delta": delta, "finish_reason": finish}]}
    return b"data: " + json.dumps(data).encode() + b"\n\n"


def events(*texts: str) -> list[bytes]:
    """A whole stream: a chunk for each text, the finish reason, usage, and the end."""
    usage = {"choices": [], "usage": {"prompt_tokens": 7, "completion_tokens": len(texts)}}
    end = [event(finish="stop"), b"data: " + json.dumps(usage).encode() + b"\n\n", b"data: [DONE]\n\n"]
    return [*(event(text) for text in texts), *end]


def chunk(data: bytes) -> bytes:
    """One HTTP chunk; an empty one ends the body."""
    return b"%x\r\n%b\r\n" % (len(data), data)


def streamed(*texts: str) -> bytes:
    """A whole answer as it goes over the wire, one HTTP chunk for each event."""
    return STREAM_HEAD + b"".join(chunk(data) for data in events(*texts)) + chunk(b"")


def counted(status: str, body: bytes, *headers: str, content_type: str = "application/json") -> bytes:
    """A whole answer that is not streamed."""
    lines = [f"HTTP/1.1 {status}", f"Content-Type: {content_type}", f"Content-Length: {len(body)}", *headers]
    return "\r\n".join([*lines, "", ""]).encode() + body


def completion_counting(digits: str) -> bytes:
    """The body of a chat completion whose token counts are these digits, however many."""
    counts = f'{{"prompt_tokens": {digits}, "completion_tokens": {digits}}}'
    return f'{{"choices": [{{"message": {{"content": "pong"}}, "finish_reason": "stop"}}], "usage": {counts}}}'.encode()


def completion(text: str) -> bytes:
    """The body of a chat completion that is not streamed."""
    choice = {"index": 0, "message": {"role": "assistant", "content": text}, "finish_reason": "stop"}
    return json.dumps({"id": "c-1", "model": "m", "choices": [choice]}).encode()
