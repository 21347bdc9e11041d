"""Transports of httpx and httpx2, sync and async, that watch what passes through another transport.

The bytes, their chunks and their exceptions are those of the wrapped transport; nothing is read ahead or held back.
Both libraries have the same interface and no class in common, so each of the four transports is made of one of the two
classes here and of the library's own base.
"""

from __future__ import annotations

from functools import cache
from importlib import import_module
from typing import TYPE_CHECKING, Any, Final, NamedTuple

from aimon.metering.http import observation as observations
from aimon.metering.http.exchange import Secrets

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Iterator

    from aimon.metering.http.observation import Observation
    from aimon.metering.meter import Meter

LIBRARIES: Final = ("httpx2", "httpx")


class Watched:
    """What a metered transport of either kind knows.

    Args:
        wrapped: the transport that does the work.
        meter: counts the calls.
        endpoint: what they are counted as; the operation where it is None.
        provider: who is called; told by the host where it is None.
    """

    _stream: Any  # the class of the answers' streams

    def __init__(self, wrapped: Any, meter: Meter, *, endpoint: str | None = None, provider: str | None = None) -> None:
        self.wrapped = wrapped
        self._meter = meter
        self._endpoint = endpoint
        self._provider = provider
        self._secrets = Secrets()

    def _begin(self, request: Any) -> Observation | None:
        return observations.begin(
            self._meter, request, endpoint=self._endpoint, provider=self._provider, secrets=self._secrets
        )

    def _answered(self, response: Any, observation: Observation) -> Any:
        if observation.head(response):
            response.stream = self._stream(response.stream, observation)
        return response


class _SyncTransport(Watched):
    def handle_request(self, request: Any) -> Any:
        observation = self._begin(request)
        if observation is None:
            return self.wrapped.handle_request(request)
        try:
            response = self.wrapped.handle_request(request)
        except BaseException as error:
            observation.fail(error)
            raise
        return self._answered(response, observation)

    def close(self) -> None:
        self.wrapped.close()

    def __enter__(self) -> Any:
        self.wrapped.__enter__()
        return self

    def __exit__(self, *error: object) -> None:
        self.wrapped.__exit__(*error)


class _AsyncTransport(Watched):
    async def handle_async_request(self, request: Any) -> Any:
        observation = self._begin(request)
        if observation is None:
            return await self.wrapped.handle_async_request(request)
        try:
            response = await self.wrapped.handle_async_request(request)
        except BaseException as error:
            observation.fail(error)
            raise
        return self._answered(response, observation)

    async def aclose(self) -> None:
        await self.wrapped.aclose()

    async def __aenter__(self) -> Any:
        await self.wrapped.__aenter__()
        return self

    async def __aexit__(self, *error: object) -> None:
        await self.wrapped.__aexit__(*error)


class _SyncStream:
    def __init__(self, wrapped: Any, observation: Observation) -> None:
        self._wrapped = wrapped
        self._observation = observation

    def __iter__(self) -> Iterator[bytes]:
        observation = self._observation
        arrived = observation.arrived
        try:
            for chunk in self._wrapped:
                arrived(chunk)
                yield chunk
        except BaseException as error:
            observation.fail(error)
            raise
        observation.close()

    def close(self) -> None:
        try:
            self._wrapped.close()
        finally:
            self._observation.stop()


class _AsyncStream:
    def __init__(self, wrapped: Any, observation: Observation) -> None:
        self._wrapped = wrapped
        self._observation = observation

    async def __aiter__(self) -> AsyncIterator[bytes]:
        observation = self._observation
        arrived = observation.arrived
        try:
            async for chunk in self._wrapped:
                arrived(chunk)
                yield chunk
        except BaseException as error:
            observation.fail(error)
            raise
        observation.close()

    async def aclose(self) -> None:
        try:
            await self._wrapped.aclose()
        finally:
            self._observation.stop()


class Library(NamedTuple):
    """One of the two libraries, and the metered transports for it."""

    module: Any
    sync: type[Any]
    asynchronous: type[Any]


@cache
def library(name: str) -> Library:
    """The library of that name, with its metered transports.

    Raises:
        ImportError: it is not installed.
    """
    module: Any = import_module(name)
    streams = (
        type("MeteredStream", (_SyncStream, module.SyncByteStream), {}),
        type("MeteredAsyncStream", (_AsyncStream, module.AsyncByteStream), {}),
    )
    sync = type("MeteredTransport", (_SyncTransport, module.BaseTransport), {"_stream": streams[0]})
    asynchronous = type("AsyncMeteredTransport", (_AsyncTransport, module.AsyncBaseTransport), {"_stream": streams[1]})
    return Library(module, sync, asynchronous)
