"""One call of an SDK, as its bytes pass: from the request to what is counted of it.

Whatever goes wrong in here is counted and passed over: the application's call goes on as if nobody watched.
"""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Any, Final

from aimon.call.call import Call, Timeouts
from aimon.call.failure import Failure
from aimon.call.outcome import Outcome
from aimon.call.result import Source
from aimon.metering import asked as requests
from aimon.metering import failures
from aimon.metering.exchange import ApplicationExchange
from aimon.network.headers import by_lower_name

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from aimon.metering.meter import Meter, Subject
    from aimon.metering.secrets import Secrets

_ENCODING: Final = b"content-encoding"
_NO_LIMITS: Final = Timeouts()  # the SDK has its own


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
        method = request.method
        if method != "POST":
            return None
        found = requests.read(method, url.raw_host, url.raw_path, _content(request))
        if found is None:
            return None
        subject = meter.subject(endpoint, provider or found.provider, found.dialect, found.model)
        call = Call(
            subject.target,
            (),
            found.max_tokens,
            found.stream,
            timeouts=_NO_LIMITS,
            source=Source.APP,
            region=subject.identity.region,
        )
        return Observation(meter, subject, call, request, secrets)
    except Exception as error:  # noqa: BLE001 - see the module's docstring
        meter.failed("request", error)
        return None


def _encoding(headers: Iterable[tuple[bytes, bytes]]) -> dict[str, str]:
    for name, value in headers:
        if name.lower() == _ENCODING:
            return {"content-encoding": value.decode("latin-1")}
    return {}


def _content(request: Any) -> bytes:
    try:
        content: bytes = request.content
    except Exception:  # noqa: BLE001 - RequestNotRead of either library: an upload that is streamed is no call
        return b""
    return content


class Observation:
    """A call that goes on.

    Attributes:
        feed: takes the next bytes of the answer, and when they came; it may raise.
    """

    __slots__ = ("_epoch", "_exchange", "_headers", "_meter", "_over", "_subject", "feed")

    def __init__(self, meter: Meter, subject: Subject, call: Call, request: Any, secrets: Secrets) -> None:
        self._over = True
        self._meter = meter
        self._subject = subject
        self._epoch = meter.epoch
        self._headers: Any = None
        self._exchange = ApplicationExchange(
            call,
            subject.dialect,
            started=time.monotonic(),
            started_at=time.time(),
            keep_text=meter.settings.keep_text,
            request=request,
            secrets=secrets,
        )
        self.feed: Callable[[bytes, float], None] = self._exchange.feed
        meter.started(subject.identity)
        self._over = False

    def head(self, response: Any) -> bool:
        """The head of an answer came.

        Returns:
            Whether its body is to be fed: a redirect leads to the call that is counted.
        """
        now = time.monotonic()
        try:
            status = response.status_code
            if 300 <= status < 400 and "location" in response.headers:
                self._forget()
                return False
            raw = response.headers.raw
            self._headers = raw  # limits are read when they are shown: they are a fifth of what a call would cost
            headers = by_lower_name(raw) if self._meter.settings.on_result else _encoding(raw)
            whole = getattr(response, "is_stream_consumed", False)
            if whole:
                headers.pop("content-encoding", None)
            self._exchange.head(status, headers, now)
            if whole:  # a transport that has it all in memory
                self.feed(response.content, now)
                self.close()
                return False
        except Exception as error:  # noqa: BLE001 - see the module's docstring
            self.broken(error)
        return True

    def broken(self, error: Exception) -> Callable[[bytes, float], None]:
        """The metering of this call failed; returns a `feed` that does nothing."""
        self._meter.failed("answer", error)
        self._exchange.fail(Failure(Outcome.PROBER_ERROR, "the call was not metered"), time.monotonic())
        self.feed = _ignore
        return _ignore

    def close(self) -> None:
        """The answer ended as HTTP says it should."""
        if not self._over:
            now = time.monotonic()
            try:
                self._exchange.close(now)
            except Exception as error:  # noqa: BLE001 - see the module's docstring
                self.broken(error)
            self._end()

    def stop(self) -> None:
        """Nobody reads on: the answer is complete, or the application broke it off."""
        if not self._over:
            self._exchange.cancel(time.monotonic())
            self._end()

    def fail(self, error: BaseException) -> None:
        """The transport raised, or what is reading the answer is being ended."""
        if self._over:
            return
        now = time.monotonic()
        exchange = self._exchange
        if isinstance(error, Exception):
            try:
                seconds = now - exchange.started
                waiting = exchange.call.stream and not exchange.chunks
                host = exchange.request.url.host
                failure = failures.of_transport(
                    error, host=host, headed=exchange.headed, waiting=waiting, seconds=seconds
                )
                exchange.fail(failure, now)
            except Exception as fault:  # noqa: BLE001 - see the module's docstring
                self.broken(fault)
            self._end()
            return
        exchange.cancel(now)
        # A generator that is thrown away says so from the garbage collector.
        self._end(collected=isinstance(error, GeneratorExit))

    def _end(self, *, collected: bool = False) -> None:
        self._over = True
        (self._meter.submit_later if collected else self._meter.submit)(self._count)

    def _forget(self) -> None:
        self._over = True
        self._meter.landed(self._subject.identity)

    def _count(self) -> None:
        if self._epoch == self._meter.epoch:
            self._meter.landed(self._subject.identity)
            try:
                result = self._exchange.result()
            except Exception as error:  # noqa: BLE001 - see the module's docstring
                self._meter.fault("result", error)
                result = self._exchange.unknown()
            self._meter.record(result)
            if self._headers is not None:
                self._meter.answered(self._subject.identity, self._headers)

    def __del__(self) -> None:
        # Neither read to its end nor closed.
        if not self._over:
            self._exchange.cancel(time.monotonic())
            self._end(collected=True)


def _ignore(_: bytes, __: float) -> None:
    """Takes bytes that are not metered."""
