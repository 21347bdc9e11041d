"""Transports of httpx and httpx2 that answer from memory, and one way to drive all four kinds of client."""

from __future__ import annotations

import asyncio
import json
from dataclasses import dataclass, field
from importlib import import_module
from typing import TYPE_CHECKING, Any

import aimon

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable, Iterator, Sequence

KINDS = tuple((library, way) for library in ("httpx", "httpx2") for way in ("sync", "async"))
CHAT = "https://api.openai.com/v1/chat/completions"

ASKED = {"model": "gpt-4o", "messages": [{"role": "user", "content": "Say something, please."}]}
STREAM = {**ASKED, "stream": True}
EVENT = {"id": "c", "model": "gpt-4o", "choices": [{"index": 0, "delta": {"content": "word "}, "finish_reason": None}]}
TEXT = b"data: %s\n\n" % json.dumps(EVENT).encode()
STOP = b'data: {"choices":[{"index":0,"delta":{},"finish_reason":"stop"}]}\n\n'
USAGE = b'data: {"choices":[],"usage":{"prompt_tokens":9,"completion_tokens":3,"total_tokens":12}}\n\n'
DONE = b"data: [DONE]\n\n"
WHOLE = json.dumps(
    {
        "choices": [{"index": 0, "message": {"content": "three words here"}, "finish_reason": "stop"}],
        "usage": {"prompt_tokens": 9, "completion_tokens": 3, "prompt_tokens_details": {"cached_tokens": 4}},
    }
).encode()


@dataclass
class Canned:
    """An answer: status, headers, the chunks of its body, and what the transport raises after them."""

    chunks: Sequence[bytes] = ()
    status: int = 200
    headers: dict[str, str] = field(default_factory=dict)
    error: str | None = None  # the name of an exception of the library
    early: bool = False  # raised instead of an answer


@dataclass
class Got:
    """What a client got: the status, the chunks as they came, and the exception that ended them."""

    status: int | None
    chunks: list[bytes]
    error: BaseException | None


class Client:
    """A client of one library, sync or async, over canned answers.

    Args:
        library: httpx or httpx2.
        way: sync or async.
        canned: makes the answer to each request.
        options: of `aimon.http_client`; None for a client without metering.
    """

    def __init__(self, library: str, way: str, canned: Callable[[], Canned], options: dict[str, Any] | None) -> None:
        self._way = way
        self._module: Any = import_module(library)
        transport = (_sync if way == "sync" else _async)(self._module, canned)
        if options is None:
            make = self._module.Client if way == "sync" else self._module.AsyncClient
            self.http = make(transport=transport)
        else:
            metered = aimon.http_client if way == "sync" else aimon.async_http_client
            self.http = metered(library=library, transport=transport, **options)

    def post(self, body: Any, url: str = CHAT, *, most: int | None = None) -> Got:
        """Sends a request and reads the answer's raw chunks, at most so many of them."""
        if self._way == "sync":
            return self._post(body, url, most)
        return asyncio.run(self._post_async(body, url, most))

    def _post(self, body: Any, url: str, most: int | None) -> Got:
        got = Got(None, [], None)
        try:
            with self.http.stream("POST", url, json=body) as response:
                got.status = response.status_code
                for chunk in response.iter_raw():
                    got.chunks.append(chunk)
                    if len(got.chunks) == most:
                        break
        except self._module.HTTPError as error:
            got.error = error
        return got

    async def _post_async(self, body: Any, url: str, most: int | None) -> Got:
        got = Got(None, [], None)
        try:
            async with self.http.stream("POST", url, json=body) as response:
                got.status = response.status_code
                async for chunk in response.aiter_raw():
                    got.chunks.append(chunk)
                    if len(got.chunks) == most:
                        break
        except self._module.HTTPError as error:
            got.error = error
        return got


def _sync(module: Any, canned: Callable[[], Canned]) -> Any:
    class Stream(module.SyncByteStream):  # type: ignore[misc]
        def __init__(self, answer: Canned) -> None:
            self._answer = answer

        def __iter__(self) -> Iterator[bytes]:
            yield from self._answer.chunks
            if self._answer.error:
                raise getattr(module, self._answer.error)("made up")

    class Transport(module.BaseTransport):  # type: ignore[misc]
        def handle_request(self, _request: Any) -> Any:
            answer = canned()
            if answer.early:
                raise getattr(module, answer.error or "ReadError")("made up")
            return module.Response(answer.status, headers=_raw(answer.headers), stream=Stream(answer))

    return Transport()


def _async(module: Any, canned: Callable[[], Canned]) -> Any:
    class Stream(module.AsyncByteStream):  # type: ignore[misc]
        def __init__(self, answer: Canned) -> None:
            self._answer = answer

        async def __aiter__(self) -> AsyncIterator[bytes]:
            for chunk in self._answer.chunks:
                yield chunk
            if self._answer.error:
                raise getattr(module, self._answer.error)("made up")

    class Transport(module.AsyncBaseTransport):  # type: ignore[misc]
        async def handle_async_request(self, _request: Any) -> Any:
            answer = canned()
            if answer.early:
                raise getattr(module, answer.error or "ReadError")("made up")
            return module.Response(answer.status, headers=_raw(answer.headers), stream=Stream(answer))

    return Transport()


def _raw(headers: dict[str, str]) -> list[tuple[bytes, bytes]]:
    """As they come over the wire."""
    return [(name.encode("latin-1"), value.encode("latin-1")) for name, value in headers.items()]
