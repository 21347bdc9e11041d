"""A client over plain sockets, so that the simulator is judged by bytes and not by another library's reading.

It shares nothing with aimon: what it says of an answer is how the connection ended and what came before.
"""

from __future__ import annotations

import json
import socket
import time
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

if TYPE_CHECKING:
    import ssl

PATHS = {
    "openai-chat": "/v1/chat/completions",
    "openai-responses": "/v1/responses",
    "anthropic-messages": "/v1/messages",
    "openai-embeddings": "/v1/embeddings",
    "openai-completions": "/v1/completions",
    "rerank": "/v1/rerank",
    "openai-images": "/v1/images/generations",
    "openai-speech": "/v1/audio/speech",
}


@dataclass
class Reply:
    """What came back, and how it ended: clean, short (the connection closed too early), reset, unfinished."""

    status: int = 0
    headers: dict[str, str] = field(default_factory=dict)
    body: bytes = b""
    ended: str = "clean"
    raw: bytes = b""
    arrivals: list[tuple[float, bytes]] = field(default_factory=list)

    @property
    def json(self) -> Any:
        """The body as JSON."""
        return json.loads(self.body)

    @property
    def events(self) -> list[tuple[str, str]]:
        """The body as server-sent events: (event, data)."""
        return read_events(self.body)

    @property
    def chunks(self) -> list[Any]:
        """The data of the events as JSON, without [DONE]."""
        return [json.loads(data) for _, data in self.events if data != "[DONE]"]

    @property
    def request_id(self) -> str:
        """The request id, in whichever header it is."""
        return self.headers.get("x-request-id") or self.headers["request-id"]


def post(url: str, body: Any, headers: dict[str, str] | None = None, *, timeout: float = 5.0) -> Reply:
    """Posts JSON (or bytes) over a connection of its own and reads until it ends, at most `timeout` seconds."""
    data = body if isinstance(body, bytes) else json.dumps(body).encode()
    return request("POST", url, data, headers, timeout=timeout)


def request(
    method: str,
    url: str,
    data: bytes = b"",
    headers: dict[str, str] | None = None,
    *,
    timeout: float = 5.0,
    context: ssl.SSLContext | None = None,
) -> Reply:
    """Makes one request over a connection of its own and reads until it ends, at most `timeout` seconds."""
    parts = urlsplit(url)
    target = parts.path + (f"?{parts.query}" if parts.query else "")
    lines = [f"{method} {target} HTTP/1.1", f"host: {parts.netloc}", "connection: close"]
    lines += [f"content-length: {len(data)}", *(f"{name}: {value}" for name, value in (headers or {}).items())]
    with socket.create_connection((parts.hostname or "", parts.port or 80), timeout=timeout) as plain:
        connection = context.wrap_socket(plain, server_hostname=parts.hostname) if context else plain
        with connection:
            connection.sendall("\r\n".join([*lines, "", ""]).encode() + data)
            return _read(connection, time.monotonic() + timeout)


def ask(
    url: str,
    dialect: str,
    prompt: str = "hello",
    *,
    stream: bool = True,
    model: str = "m",
    headers: dict[str, str] | None = None,
    timeout: float = 5.0,
    **extra: Any,
) -> Reply:
    """Puts a prompt to a provider at `url` (with its profile's name, without /v1) in a dialect."""
    messages = [{"role": "user", "content": prompt}]
    if dialect == "gemini":
        method = "streamGenerateContent?alt=sse" if stream else "generateContent"
        contents = [{"role": "user", "parts": [{"text": prompt}]}]
        return post(f"{url}/v1beta/models/{model}:{method}", {"contents": contents} | extra, headers, timeout=timeout)
    if dialect == "openai-models":
        return request("GET", f"{url}/v1/models", headers=headers, timeout=timeout)
    bodies: dict[str, dict[str, Any]] = {
        "openai-chat": {"messages": messages, "stream": stream},
        "openai-responses": {"input": prompt, "stream": stream},
        "anthropic-messages": {"messages": messages, "stream": stream, "max_tokens": 1000},
        "openai-embeddings": {"input": prompt},
        "openai-completions": {"prompt": prompt, "stream": stream},
        "rerank": {"query": prompt, "documents": [prompt, "something else"]},
        "openai-images": {"prompt": prompt},
        "openai-speech": {"input": prompt, "voice": "alloy"},
    }
    body = {"model": model} | bodies[dialect] | extra
    version = {"anthropic-version": "2023-06-01"} if dialect == "anthropic-messages" else {}
    return post(url + PATHS[dialect], body, version | (headers or {}), timeout=timeout)


def read_events(body: bytes) -> list[tuple[str, str]]:
    """Server-sent events by the letter of the standard, line by line; an unfinished last event is dropped."""
    text = body.decode().removeprefix("\ufeff").replace("\r\n", "\n").replace("\r", "\n")
    events = []
    name, data = "", list[str]()
    for line in text.split("\n")[:-1]:
        if not line:
            if data:
                events.append((name, "\n".join(data)))
            name, data = "", []
        elif not line.startswith(":"):
            key, _, value = line.partition(":")
            value = value.removeprefix(" ")
            if key == "event":
                name = value
            elif key == "data":
                data.append(value)
    return events


def _read(connection: socket.socket, deadline: float) -> Reply:
    reply = Reply()
    try:
        while received := connection.recv(1 << 16):
            reply.raw += received
            reply.arrivals.append((time.monotonic(), received))
            connection.settimeout(max(deadline - time.monotonic(), 0.001))
    except TimeoutError:
        reply.ended = "unfinished"
    except ConnectionResetError:
        reply.ended = "reset"
    head, separator, rest = reply.raw.partition(b"\r\n\r\n")
    if not separator:
        reply.ended = "short" if reply.ended == "clean" else reply.ended
        return reply
    status, *lines = head.decode().split("\r\n")
    reply.status = int(status.split()[1])
    reply.headers = {name.lower(): value for name, _, value in (line.partition(": ") for line in lines)}
    if "content-length" in reply.headers:
        reply.body, whole = rest, len(rest) == int(reply.headers["content-length"])
    else:
        reply.body, whole = _dechunk(rest)
    if not whole and reply.ended == "clean":
        reply.ended = "short"
    return reply


def _dechunk(rest: bytes) -> tuple[bytes, bool]:
    """The body in chunked framing, and whether its last chunk was there."""
    body = b""
    while b"\r\n" in rest:
        size, _, rest = rest.partition(b"\r\n")
        try:
            length = int(size, 16)
        except ValueError:
            return body, False
        if length == 0:
            return body, rest == b"\r\n"
        body, rest = body + rest[:length], rest[length + 2 :]
    return body, False
