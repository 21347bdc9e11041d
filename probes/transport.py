"""One call over one fresh connection: httpx2 does HTTP, `aimon.probes.network` the socket, Exchange the rest.

Of httpx2, nothing is used that acts by itself: no decoder, which would inflate without bounds and stand between an
arrival and its time, no redirects, cookies or retries, nothing from the environment
(docs/decisions/0012-probes-on-httpx2.md).
"""

from __future__ import annotations

import asyncio
import contextlib
import time
from functools import cache, lru_cache
from typing import TYPE_CHECKING, Any, Final, Literal
from urllib.parse import urlsplit

import httpcore2
import httpx2
from anyio.lowlevel import checkpoint

from aimon import dialects
from aimon.call.failure import Failure, FailureReason
from aimon.call.outcome import Outcome
from aimon.call.result import Connection
from aimon.exchange.exchange import Exchange
from aimon.network import failures
from aimon.network import proxy as proxies
from aimon.network.headers import by_lower_name
from aimon.network.kernel_timestamps import keep_stamping
from aimon.network.tls_context import ssl_context
from aimon.probes.network import (
    BrokenError,
    BrokenTLSError,
    FreshConnection,
    NetworkMarks,
    NotHTTPError,
    ProxyError,
    ResolveError,
    TCPError,
    TimedOutError,
    TLSError,
    watch_lag,
)

if TYPE_CHECKING:
    from collections.abc import Iterable

    from aimon.call.call import Call, Request, Target
    from aimon.call.result import Result
    from aimon.config.endpoint import Transport
    from aimon.network.proxy import Proxy
    from aimon.probes.transcript import Transcript
    from aimon.security.redact import Redactor

_CONNECTION: Final = "aimon.connection"
_IP_VERSIONS: Final[dict[str, Literal[4, 6] | None]] = {"any": None, "4": 4, "6": 6}


async def warm_up(targets: Iterable[tuple[Target, Transport]]) -> None:
    """Loads what the first call of each kind would load: else the calls beside it would wait and call it latency."""
    keep_stamping()
    "localhost".encode("idna")
    for target, transport in targets:
        dialects.get(target.dialect)
        if target.base_url.startswith("https:"):
            with contextlib.suppress(OSError):  # a bad CA file is the outcome of its own endpoint's probe
                ssl_context(transport.ca_file)
    await checkpoint()


async def perform(
    call: Call,
    transport: Transport,
    *,
    scheduled: float | None = None,
    redactor: Redactor | None = None,
    transcript: Transcript | None = None,
) -> Result:
    """Makes the call and says how it went. Whatever happens on the way is an outcome, not an exception.

    Args:
        call: the question, and the endpoint.
        transport: how to get there.
        scheduled: when it should have started (seconds of `time.monotonic()`); now unless told otherwise.
        redactor: hides secrets in errors and answers; knows the call's own key unless told otherwise.
        transcript: records what was sent and what came back.

    Raises:
        asyncio.CancelledError: the task was cancelled; the connection is closed.
    """
    dialect = dialects.get(call.target.dialect)
    marks = NetworkMarks()
    # Everything that can be prepared is, before the clock starts: none of it is the provider's time.
    try:
        request = dialect.encode(call)
        proxy = proxies.find(request.url, transport.proxy)
        message = _message(request)
        connection = _connection(request, marks, transport, proxy)
    except httpx2.InvalidURL:
        host = urlsplit(request.url).hostname or ""
        return _begin(call, redactor, failure=failures.not_resolved(host, UnicodeError())).result()
    except Exception as error:  # noqa: BLE001 - a fault of this machine or of the configuration is an outcome too
        failure = Failure(Outcome.PROBER_ERROR, f"{type(error).__name__}: {error}")
        return _begin(call, redactor, failure=failure).result()
    exchange = _begin(call, redactor, scheduled=scheduled)
    http_version = None
    if transcript is not None:
        transcript.sending(request, exchange.started)
    try:
        with watch_lag(marks):
            async with asyncio.timeout_at(exchange.started + call.timeouts.total) as timer, connection:
                message.extensions[_CONNECTION] = connection
                http_version = await _exchange(message, exchange, marks, timer, transcript)
    except TimeoutError:
        exchange.fail(_through(proxy, exchange, _expired(exchange)), time.monotonic())
    except Exception as error:  # noqa: BLE001 - whatever it is, it is how the call went
        failure = _classify(error, exchange, ended=marks.ended)
        exchange.fail(_through(proxy, exchange, failure), time.monotonic())
    exchange.dns, exchange.connect, exchange.tls = marks.dns, marks.connect, marks.tls
    exchange.request_sent = marks.sent
    return exchange.result(
        connection=Connection(
            http_version=http_version,
            tls_version=marks.tls_version,
            certificate_expiry=marks.certificate_expiry,
            address=marks.address,
            stamped=marks.stamped and marks.last_arrival > 0,
        ),
        self_lag=marks.lag,
    )


def _begin(
    call: Call, redactor: Redactor | None, *, scheduled: float | None = None, failure: Failure | None = None
) -> Exchange:
    """An exchange that starts now; with a failure it has ended, too."""
    dialect = dialects.get(call.target.dialect)
    started = time.monotonic()
    exchange = Exchange(call, dialect, started=started, started_at=time.time(), scheduled=scheduled, redactor=redactor)
    if failure is not None:
        exchange.fail(failure, started)
    return exchange


async def _exchange(
    request: httpx2.Request,
    exchange: Exchange,
    marks: NetworkMarks,
    timer: asyncio.Timeout,
    transcript: Transcript | None,
) -> str:
    """Sends the request and feeds the answer to the exchange; returns the HTTP version."""

    async def trace(event: str, info: dict[str, Any]) -> None:
        # The first write of the request itself: from here on the answer's limits count.
        if event.endswith("send_request_headers.started") and info["request"].method != b"CONNECT":
            exchange.connected(time.monotonic())
            timer.reschedule(exchange.deadline()[0])

    request.extensions |= {"timeout": {"connect": exchange.call.timeouts.connect}, "trace": trace}
    response = await _client().send(request, stream=True, auth=None, follow_redirects=False)
    exchange.head(response.status_code, by_lower_name(response.headers.raw), marks.last_arrival)
    if transcript is not None:
        transcript.head(response.http_version, response.status_code, response.headers.raw, marks.last_arrival)
    limit = exchange.deadline()[0]
    async with contextlib.aclosing(response.aiter_raw()) as chunks:
        async for chunk in chunks:
            if transcript is not None:
                transcript.chunk(chunk, marks.last_arrival)
            exchange.feed(chunk, marks.last_arrival)
            if exchange.complete:
                break
            if (later := exchange.deadline()[0]) != limit:
                limit = later
                timer.reschedule(limit)
        else:
            exchange.close(marks.last_arrival)
    return response.http_version


def _message(request: Request) -> httpx2.Request:
    """The request as httpx2 wants it.

    Raises:
        httpx2.InvalidURL: no host can have that name.
    """
    parts = urlsplit(request.url)
    target = f"{parts.path or '/'}{f'?{parts.query}' if parts.query else ''}"
    return httpx2.Request(
        request.method,
        _origin(f"{parts.scheme}://{parts.netloc.rpartition('@')[2]}"),
        headers=[(name.encode("ascii"), value.encode()) for name, value in request.headers],
        content=request.body,
        # As it is written, and as the load tests send it: httpx2 resolves `..` and encodes braces.
        extensions={"target": target.encode("ascii")},
    )


class _OwnConnection(httpx2.AsyncBaseTransport):
    """Sends each request over the connection that it brings."""

    async def handle_async_request(self, request: httpx2.Request) -> httpx2.Response:
        connection: FreshConnection = request.extensions[_CONNECTION]
        return await connection.handle_async_request(request)


# A client takes longer to make than a request, and keeps nothing of any call.
@cache
def _client() -> httpx2.AsyncClient:
    return httpx2.AsyncClient(transport=_OwnConnection(), trust_env=False)


# Endpoints are probed again and again, and a URL takes longer to parse than all the rest of a request to make.
@lru_cache(maxsize=4096)
def _origin(text: str) -> httpx2.URL:
    return httpx2.URL(text)


def _connection(request: Request, marks: NetworkMarks, transport: Transport, proxy: Proxy | None) -> FreshConnection:
    secure = request.url.startswith("https:")
    return FreshConnection(
        marks,
        trust=ssl_context(transport.ca_file) if secure or (proxy is not None and proxy.scheme == "https") else None,
        secure=secure,
        proxy=proxy,
        http2=transport.http2,
        ip_version=_IP_VERSIONS[transport.ip],
    )


def _through(proxy: Proxy | None, exchange: Exchange, failure: Failure) -> Failure:
    """Names the proxy where no answer came through it."""
    return failure if exchange.headed else failures.through(proxy, failure)


def _expired(exchange: Exchange) -> Failure:
    """Which limit has passed."""
    due, outcome = exchange.deadline()
    return failures.expired(outcome, due - exchange.started)


def _classify(error: Exception, exchange: Exchange, *, ended: bool) -> Failure:
    """What a failed transport means for the call; `ended` if the peer had closed the connection."""
    message, headed = str(error) or type(error).__name__, exchange.headed
    match error:
        case ResolveError() | TCPError() | TLSError() | ProxyError() | TimedOutError() | NotHTTPError():
            return error.failure
        case httpcore2.ConnectTimeout():
            return Failure(Outcome.TIMEOUT_CONNECT, message, FailureReason.CONNECT_TIMEOUT)
        case httpcore2.ConnectError():
            return Failure(Outcome.CONNECT, message, FailureReason.CONNECT_FAILED)
        case httpcore2.ProxyError():
            return Failure(Outcome.CONNECT, f"the proxy refused: {message}", FailureReason.PROXY_DENIED)
        case BrokenTLSError():
            return failures.tls_broken(message, headed=headed)
        case BrokenError():
            return failures.ended(headed=headed, error=error.error)
        case httpcore2.NetworkError():
            return failures.ended(headed=headed, error=message)
        case httpcore2.RemoteProtocolError() if ended:
            return failures.ended(headed=headed)
        case httpcore2.RemoteProtocolError():
            return failures.misframed(headed=headed)
        case _:
            return Failure(Outcome.PROBER_ERROR, f"{type(error).__name__}: {message}")
