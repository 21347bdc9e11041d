"""The load tests' HTTP client: makes one Call and returns one Result, for any number of greenlets at once."""

from __future__ import annotations

import time
from time import monotonic
from typing import TYPE_CHECKING

from gevent import get_hub, getcurrent
from gevent.event import Event

from aimon import dialects
from aimon.call.containment import describe
from aimon.call.failure import Failure
from aimon.call.outcome import Outcome
from aimon.config.endpoint import Transport
from aimon.exchange.exchange import Exchange
from aimon.loadtests.engine import turn_pause
from aimon.loadtests.engine.dialing import Dialer, DialError
from aimon.loadtests.engine.loop_turn import LoopTurn
from aimon.loadtests.engine.network import http_request
from aimon.loadtests.engine.network.tcp import StaleConnectionError
from aimon.network import proxy as proxies
from aimon.security.redact import Redactor

if TYPE_CHECKING:
    from collections.abc import Iterator

    from greenlet import greenlet

    from aimon.call.call import Call, Request, Target
    from aimon.call.result import Connection as Record
    from aimon.call.result import Result
    from aimon.dialects import Dialect
    from aimon.loadtests.engine.connection import Connection
    from aimon.loadtests.engine.network.http_request import Route

_MAX_CONTEXTS = _MAX_TEMPLATES = 256
_RETRIED = (Outcome.RATE_LIMITED, Outcome.OVERLOADED)
_DIRECT = Transport()


class _TargetContext:
    """State shared by all calls to one target."""

    __slots__ = ("dialect", "redactor", "target")

    def __init__(self, target: Target, dialect: Dialect, redactor: Redactor) -> None:
        self.target = target  # kept alive, so that its id stays unique
        self.dialect = dialect
        self.redactor = redactor


class _RequestTemplate:
    """State shared by all requests with the same method, URL and headers."""

    __slots__ = ("head", "idle", "route")

    def __init__(self, route: Route, head: bytes, idle: list[Connection]) -> None:
        self.route = route
        self.head = head
        self.idle = idle


class Client:
    """Performs calls over HTTP/1.1, on connections that are kept (warm) or made for each call (cold).

    Make one in each process: it is cheap to share, and its connections and certificates are worth sharing.

    Args:
        transport: proxy, trusted certificates and address family of its endpoints. HTTP/2 is not supported.
        cold: a new connection for each call, as a probe uses, instead of kept-alive ones.
        stamps: whether to use the kernel's receive timestamps where available.
        keepalive: seconds after which an idle connection is not reused; middleboxes drop idle ones silently.
        honour_retry_after: how often `attempts` repeats a call answered with Retry-After; never by default.

    Attributes:
        gaps: seconds between chunks of text in the call that ended last; its Result has them in buckets only. Read
            them before the greenlet that got the Result yields: the next call that ends replaces them.
        in_flight: calls under way.
        dialled: connections opened.
        resent: requests sent again because the server closed a kept-alive connection before it read them.
        retried: calls repeated after Retry-After.

    Raises:
        OSError: the transport's `ca_file` can't be read; `ssl.SSLError`: it holds no certificate.
    """

    def __init__(
        self,
        transport: Transport = _DIRECT,
        *,
        cold: bool = False,
        stamps: bool = True,
        keepalive: float = 60.0,
        honour_retry_after: int = 0,
    ) -> None:
        self.gaps: list[float] = []
        self.in_flight = self.dialled = self.resent = self.retried = 0
        self._cold = cold
        self._keepalive = keepalive
        self._retries = honour_retry_after
        self._proxy = transport.proxy
        self._dialer = Dialer(transport, LoopTurn(), stamps=stamps)
        self._contexts: dict[int, _TargetContext] = {}
        self._templates: dict[tuple[str, str, tuple[tuple[str, str], ...]], _RequestTemplate] = {}
        self._idle: dict[Route, list[Connection]] = {}
        self._busy: set[Connection] = set()
        self._dialling: set[greenlet] = set()
        self._waiting: set[Event] = set()

    def perform(self, call: Call, *, scheduled: float | None = None, keep_text: bool = True) -> Result:
        """Makes one call, without retries, and waits for its end.

        Args:
            call: the call to make.
            scheduled: when it was due, by `time.monotonic()`. By default it is due when its request is sent, on a kept
                connection together with others at the end of the loop's turn.
            keep_text: whether the Result holds the answer's text and the request id.
        """
        target = call.target
        context = self._contexts.get(id(target))
        if context is None or context.target is not target:
            context = self._add_context(target)
        problem = None
        try:
            # Before the clock starts: encoding is this machine's work, not the endpoint's.
            request = context.dialect.encode(call)
            template = self._template(request)
            data = http_request.request_bytes(request.method, template.head, request.body)
        except Exception as error:  # noqa: BLE001 - a fault of this machine or of the configuration is an outcome of the call
            said = str(error) if isinstance(error, ValueError | TypeError) else describe(error, context.redactor)
            problem = f"the request can't be written: {said}"
        exchange = Exchange(
            call,
            context.dialect,
            started=monotonic(),
            started_at=time.time(),
            scheduled=scheduled,
            redactor=context.redactor,
            keep_text=keep_text,
        )
        if problem is not None:
            exchange.fail(Failure(Outcome.PROBER_ERROR, problem), monotonic())
            return self._result(exchange)
        self.in_flight += 1
        try:
            return self._perform(exchange, template, data, together=scheduled is None)
        finally:
            self.in_flight -= 1

    def attempts(self, call: Call, *, scheduled: float | None = None, keep_text: bool = True) -> Iterator[Result]:
        """Makes one call, and repeats it after Retry-After as often as `honour_retry_after` allows.

        Yields a Result for every attempt. All attempts have the same due time, so the last one's latency from schedule
        includes the waits. A Retry-After longer than the call's total timeout ends the attempts, as does
        `stop_retrying`.

        Args:
            call: the call to make.
            scheduled: when it was due, by `time.monotonic()`; now by default.
            keep_text: whether the Results hold the answer's text and the request id.
        """
        scheduled = monotonic() if scheduled is None else scheduled
        for left in range(self._retries, -1, -1):
            result = self.perform(call, scheduled=scheduled, keep_text=keep_text)
            yield result
            if not left or result.retry_after is None or result.outcome not in _RETRIED:
                return
            if result.retry_after > call.timeouts.total or self._retry_cancelled(result.retry_after):
                return
            self.retried += 1

    def stop_retrying(self) -> None:
        """Cancels pending retries; each call keeps its last result."""
        for waiting in self._waiting:
            waiting.set()

    def close(self, why: str = "the run was interrupted") -> None:
        """Ends all calls with outcome `prober_error` and this reason, and closes all connections.

        The calls' greenlets continue with their Results in the next turn of the loop.
        """
        self.stop_retrying()
        turn_pause.current().clients.discard(self)
        for connection in list(self._busy):
            connection.interrupt(why)
        for caller in list(self._dialling):
            get_hub().loop.run_callback(self._stop_dialling, caller, why)
        for idle in self._idle.values():
            while idle:
                idle.pop().close()

    def _retry_cancelled(self, seconds: float) -> bool:
        waiting = Event()
        self._waiting.add(waiting)
        try:
            return waiting.wait(seconds)
        finally:
            self._waiting.discard(waiting)

    def _perform(self, exchange: Exchange, template: _RequestTemplate, request: bytes, *, together: bool) -> Result:
        cold, resent = True, False
        try:
            while cold and not resent and (connection := self._kept(template.idle, together=together)):
                try:
                    cold = not self._run(connection, exchange, request, together=together)
                except StaleConnectionError:
                    self.resent += 1
                    resent = True
            if cold:
                connection = self._dial(template, exchange)
                self._run(connection, exchange, request)
        except DialError as error:
            exchange.fail(error.failure, monotonic())
            return self._result(exchange)
        assert connection is not None  # noqa: S101 - one of the two branches made it
        return self._result(exchange, connection.record(cold=cold, resent=resent), connection.lag)

    def _result(self, exchange: Exchange, connection: Record | None = None, lag: float | None = None) -> Result:
        # No other greenlet runs between this assignment and the return to the caller.
        self.gaps = exchange.gaps
        return exchange.result(connection=connection, self_lag=lag)

    def _run(self, connection: Connection, exchange: Exchange, request: bytes, *, together: bool = False) -> bool:
        self._busy.add(connection)
        try:
            return connection.run(exchange, request, together=together)
        finally:
            self._busy.discard(connection)

    def _kept(self, idle: list[Connection], *, together: bool) -> Connection | None:
        """An idle connection that is open; whether it still is when a request is sent later, it checks itself."""
        while idle and not self._cold:
            # The most recently used one, so that surplus connections age and close.
            connection = idle.pop()
            if connection.open:
                if monotonic() - connection.idle_since < self._keepalive and (together or connection.is_silent()):
                    return connection
                connection.close()
        return None

    def _dial(self, template: _RequestTemplate, exchange: Exchange) -> Connection:
        caller = getcurrent()
        self._dialling.add(caller)
        try:
            connection = self._dialer.dial(template.route, exchange)
        finally:
            self._dialling.discard(caller)
        self.dialled += 1
        if connection.stamped:
            turn_pause.current().clients.add(self)
        if not self._cold:
            connection.released = template.idle.append
        return connection

    def _stop_dialling(self, caller: greenlet, why: str) -> None:
        if caller in self._dialling:
            caller.throw(DialError(Failure(Outcome.PROBER_ERROR, why)))

    def _template(self, request: Request) -> _RequestTemplate:
        key = (request.method, request.url, request.headers)
        template = self._templates.get(key)
        if template is None:
            route = http_request.find_route(request.url, self._proxy)
            template = _RequestTemplate(
                route, http_request.request_head(request, route), self._idle.setdefault(route, [])
            )
            if len(self._templates) >= _MAX_TEMPLATES:
                self._templates.clear()
            self._templates[key] = template
        return template

    def _add_context(self, target: Target) -> _TargetContext:
        try:
            proxy = proxies.find(target.base_url, self._proxy)
        except ValueError:  # the call itself reports it
            proxy = None
        secrets = [secret for secret in (target.api_key, proxy and proxy.password, *target.secrets) if secret]
        context = _TargetContext(target, dialects.get(target.dialect), Redactor(secrets))
        if len(self._contexts) >= _MAX_CONTEXTS:
            self._contexts.clear()
        self._contexts[id(target)] = context
        return context
