"""One call of an SDK, as its bytes pass: from the request to what is counted of it.

While the application waits, a call is only recorded: what arrived, and when. An ApplicationExchange reads that later,
much of it in a row: a stream after every 256 chunks, the rest when the call is counted (`aimon.metering.jobs`).

Whatever goes wrong in here is counted and passed over: the application's call goes on as if nobody watched.
"""

from __future__ import annotations

from time import monotonic, time
from typing import TYPE_CHECKING, Any, Final

from aimon.call.failure import Failure
from aimon.call.outcome import Outcome
from aimon.metering import failures
from aimon.metering.http import asked as requests
from aimon.metering.http.exchange import ApplicationExchange
from aimon.network.headers import by_lower_name

if TYPE_CHECKING:
    from collections.abc import Iterable

    from aimon.metering.http.exchange import Secrets
    from aimon.metering.meter import Meter, Subject

_ENCODING: Final = b"content-encoding"
_ENCODING_LENGTH: Final = len(_ENCODING)
# Chunks and bytes that are recorded before they are read.
_MOST_CHUNKS: Final = 256
_MOST_BYTES: Final = 64 << 10
# A call of more bytes is counted as soon as it ends, so that those that wait hold little.
_LARGE: Final = 256 << 10


def begin(
    meter: Meter, request: Any, *, endpoint: str | None, provider: str | None, secrets: Secrets
) -> Observation | None:
    """Observes the call that an HTTP request makes; None where it is none that is metered.

    Args:
        meter: that counts it.
        request: of httpx or httpx2.
        endpoint: what the call is counted as; the operation, such as `chat`, where it is None.
        provider: who is called; told by the host where it is None.
        secrets: of the client.
    """
    try:
        url = request.url
        found = requests.read(request.method, url.raw_host, url.raw_path, _content(request))
        if found is None:
            return None
        subject = meter.subject(endpoint, provider or found.provider, found.dialect, found.model)
        return Observation(meter, subject, found, request, secrets)
    except Exception as error:  # noqa: BLE001 - see the module's docstring
        meter.failed("request", error)
        return None


def _content(request: Any) -> bytes:
    try:
        content: bytes = request.content
    except Exception:  # noqa: BLE001 - RequestNotRead of either library: an upload that is streamed is no call
        return b""
    return content


class Observation:
    """A call that goes on."""

    __slots__ = (
        "_asked", "_chunks", "_ended", "_epoch", "_exchange", "_head", "_headers", "_left", "_meter", "_over",
        "_request", "_secrets", "_size", "_started", "_started_at", "_subject", "_times", "_whole",
    )  # fmt: skip

    def __init__(self, meter: Meter, subject: Subject, asked: requests.Asked, request: Any, secrets: Secrets) -> None:
        self._over = True  # until it has begun
        self._meter = meter
        self._epoch = meter.epoch
        self._subject = subject
        self._asked = asked
        self._request = request
        self._secrets = secrets
        self._exchange: ApplicationExchange | None = None
        self._head: tuple[int, Any, float] | None = None  # status, headers, when
        self._headers: list[tuple[bytes, bytes]] | None = None  # as they are once they were read
        self._whole = False
        self._chunks: list[bytes] = []
        self._times: list[float] = []
        self._size = 0  # of these chunks
        self._ended = 0.0
        self._left = False  # the application ended it, and not the provider
        meter.started(self, subject.identity)
        self._started_at = time()
        self._started = monotonic()
        self._over = False

    def head(self, response: Any) -> bool:
        """The head of an answer came.

        Returns:
            Whether its body is to be watched: a redirect leads to the call that is counted.
        """
        now = monotonic()
        try:
            status, headers = response.status_code, response.headers
            if 300 <= status < 400 and "location" in headers:
                self._over = True
                self._meter.landed(self)
                return False
            self._head = (status, headers, now)
            if getattr(response, "is_stream_consumed", False):  # a transport that has it all in memory
                self._whole = True
                self.arrived(response.content)
                self._end(now)
                return False
        except Exception as error:  # noqa: BLE001 - see the module's docstring
            self._read()
            self._broken(error)
        return True

    def arrived(self, chunk: bytes) -> None:
        """The next bytes of the answer."""
        chunks = self._chunks
        self._times.append(monotonic())
        chunks.append(chunk)
        self._size += len(chunk)
        if len(chunks) >= _MOST_CHUNKS or self._size > _MOST_BYTES:
            self._read()

    def close(self) -> None:
        """The answer ended as HTTP says it should."""
        if not self._over:
            self._end(monotonic())

    def stop(self) -> None:
        """Nobody reads on: the answer is complete, or the application broke it off."""
        if not self._over:
            self._left = True
            self._end(monotonic())

    def fail(self, error: BaseException) -> None:
        """The transport raised, or what is reading the answer is being ended."""
        if self._over:
            return
        now = monotonic()
        if not isinstance(error, Exception):
            self._left = True
            # A generator that is thrown away says so from the garbage collector.
            self._end(now, collected=isinstance(error, GeneratorExit))
            return
        # At once: an exception that waited would hold on to everything that its traceback knows.
        self._read()
        exchange = self._exchange
        if exchange is not None:
            try:
                failure = failures.of_transport(
                    error,
                    host=self._request.url.host,
                    headed=exchange.headed,
                    waiting=self._asked.stream and not exchange.chunks,
                    seconds=now - self._started,
                )
                exchange.fail(failure, now)
            except Exception as fault:  # noqa: BLE001 - see the module's docstring
                self._broken(fault)
        self._end(now)

    def _end(self, t: float, *, collected: bool = False) -> None:
        self._over = True
        self._ended = t
        if collected:
            self._meter.submit_later(self._count)
        else:
            size = self._size + len(self._request.content)
            if self._exchange is not None:
                size += self._exchange.received
            self._meter.submit(self._count, soon=size <= _LARGE)

    def _read(self) -> None:
        """Reads what has arrived since the last time."""
        try:
            exchange = self._exchange or self._begin()
            if not exchange.complete:
                exchange.feed_all(self._chunks, self._times)
        except Exception as error:  # noqa: BLE001 - see the module's docstring
            self._broken(error)
        self._chunks.clear()
        self._times.clear()
        self._size = 0

    def _begin(self) -> ApplicationExchange:
        """The exchange, with the head of the answer if that has arrived."""
        subject, asked, settings = self._subject, self._asked, self._meter.settings
        self._exchange = exchange = ApplicationExchange(
            subject.call(asked.max_tokens, stream=asked.stream),
            subject.dialect,
            started=self._started,
            started_at=self._started_at,
            keep_text=settings.keep_text,
            request=self._request,
            secrets=self._secrets,
            gaps_wanted=bool(settings.on_result),
        )
        if self._head is not None:
            status, headers, t = self._head
            self._headers = headers.raw
            # Limits are read when they are shown: they are a fifth of what a call would cost.
            said = by_lower_name(self._headers) if settings.on_result else _encoding(self._headers)
            if self._whole:
                said.pop("content-encoding", None)
            exchange.head(status, said, t)
        return exchange

    def _broken(self, error: Exception) -> None:
        """The metering of this call failed, which ends it."""
        self._meter.failed("answer", error)
        if self._exchange is not None:
            self._exchange.fail(Failure(Outcome.PROBER_ERROR, "the call was not metered"), monotonic())

    def _count(self) -> None:
        meter, identity = self._meter, self._subject.identity
        if self._epoch != meter.epoch:
            return
        meter.landed(self)
        self._read()
        exchange = self._exchange
        if exchange is None:
            return
        try:
            (exchange.cancel if self._left else exchange.close)(self._ended)
        except Exception as error:  # noqa: BLE001 - see the module's docstring
            self._broken(error)
        try:
            result = exchange.result()
        except Exception as error:  # noqa: BLE001 - as above
            meter.fault("result", error)
            result = exchange.unknown()
        meter.record(result)
        if self._headers is not None:
            meter.answered(identity, self._headers)

    def __del__(self) -> None:
        # Neither read to its end nor closed.
        if not self._over:
            self._left = True
            self._end(monotonic(), collected=True)


def _encoding(headers: Iterable[tuple[bytes, bytes]]) -> dict[str, str]:
    for name, value in headers:
        if len(name) == _ENCODING_LENGTH and name.lower() == _ENCODING:
            return {"content-encoding": value.decode("latin-1")}
    return {}
