"""One call as it happens, without I/O: bytes and clock readings in, one Result out.

Every transport (asyncio probes, gevent load tests, a metered SDK client) drives the same Exchange:

    exchange = Exchange(call, dialect, started=clock(), started_at=time.time())
    exchange.connected(clock()); exchange.request_sent = clock()
    exchange.head(200, headers, clock())
    exchange.feed(chunk, arrived)      # until exchange.complete, or the body ends:
    exchange.close(clock())            # … cleanly,
    exchange.fail(Failure(Outcome.TLS, "…"), clock())   # … or not
    result = exchange.result()

All times given to it are readings of one monotonic clock, in seconds.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar

from aimon.call import classify, finish_reasons, rate_limits
from aimon.call.checks import Answer
from aimon.call.containment import substitute
from aimon.call.failure import Failure, FailureReason
from aimon.call.outcome import Outcome
from aimon.call.result import Connection, Result
from aimon.dialects import errors
from aimon.dialects.media import ENOUGH
from aimon.dialects.reader import reader
from aimon.exchange import verdict
from aimon.exchange.answer import AnswerState
from aimon.exchange.body import UNREADABLE, Body, Kind, MalformedError
from aimon.exchange.inflate import GZIP, InflateError, UnreadError, inflater
from aimon.security import provider_text
from aimon.security.redact import Redactor

if TYPE_CHECKING:
    from collections.abc import Callable, Container, Mapping

    from aimon.call.call import Call
    from aimon.dialects import Delta, Dialect
    from aimon.exchange.frame import Frame
    from aimon.exchange.sse_fastpath import TextStream

MAX_ANSWER_BYTES = 16 << 20
MAX_ERROR_BYTES = 64 << 10
_TOO_LARGE = f"an answer of more than {MAX_ANSWER_BYTES >> 20} MiB"

_REQUEST_ID_HEADERS = ("x-request-id", "request-id", "apim-request-id", "x-amzn-requestid")
_NO_HEADERS: dict[str, str] = {}
# What the bytes of a body can cause.
_UNFED = (UnreadError, InflateError, *UNREADABLE)


class Exchange(AnswerState):
    """The state of one call between its start and its Result.

    Args:
        keep_text: whether the Result holds the answer's text and the request id: where nobody reads them, hiding
            secrets in them is a tenth of what a call costs.

    Attributes:
        complete: nothing that may still arrive can change the Result; the transport should stop reading.
        gaps: seconds between successive visible arrivals.
        most: bytes that are read of a stream.
    """

    most: ClassVar[int] = MAX_ANSWER_BYTES

    __slots__ = (
        "_body", "_bytes", "_connected_at", "_dialect", "_headers", "_headers_at", "_inflate", "_keep_text",
        "_redactor", "_started_at", "_status", "_stream", "_streaming", "call", "connect", "dns", "request_sent",
        "scheduled", "started", "tls",
    )  # fmt: skip

    def __init__(
        self,
        call: Call,
        dialect: Dialect,
        *,
        started: float,
        started_at: float,
        scheduled: float | None = None,
        redactor: Redactor | None = None,
        keep_text: bool = True,
    ) -> None:
        super().__init__()
        self._keep_text = keep_text
        self.call = call
        self.started = started
        self.scheduled = started if scheduled is None else scheduled
        self.dns: float | None = None
        self.connect: float | None = None
        self.tls: float | None = None
        self.request_sent: float | None = None
        self._dialect = dialect
        self._redactor = redactor
        self._started_at = started_at
        self._connected_at: float | None = None
        self._headers_at: float | None = None
        self._status: int | None = None
        self._headers: Mapping[str, str] = _NO_HEADERS
        self._streaming = call.stream and dialect.streams
        self._inflate: Callable[[bytes], bytes] | None = None
        self._stream: TextStream | None = None
        self._body = Body(reader(dialect), streamed=self._streaming)
        self._bytes = 0

    # Events of the transport

    def start(self, t: float, wall: float) -> None:
        """The call begins later than when this was made, at `t` and unix time `wall`, and is not late by that."""
        self.started = self.scheduled = t
        self._started_at = wall

    def connected(self, t: float) -> None:
        """A connection is established, new or kept: from here on the TTFT limit applies, not the connect limit."""
        self._connected_at = t

    def head(self, status: int, headers: Mapping[str, str], t: float) -> None:
        """The response head arrived. `headers` has lower-case names."""
        self._status = status
        self._headers = headers
        self._headers_at = t
        if self.request_sent is not None and self.request_sent > t:
            # A process that is preempted between the write and its clock reads that clock after the answer arrived.
            self.request_sent = t
        if (encoding := headers.get("content-encoding")) is not None:
            self._inflate = inflater(encoding)

    def feed(self, chunk: bytes, t: float) -> None:
        """The next bytes of the body, which arrived at `t`."""
        if self.complete:
            return
        said: list[list[str] | Delta] = []
        fault: Exception | None = None
        try:
            if self._inflate is not None:
                chunk = self._inflate(chunk)
            self._bytes += len(chunk)
            stream = self._stream
            if stream is None:
                chunk = self._gather(chunk, t)
                if (stream := self._body.stream) is None:
                    return
                self._stream = stream
            if self._bytes > self.most:
                self._leave_unread(_TOO_LARGE, t)
                return
            stream.feed(chunk, said)
        except _UNFED as error:
            fault = error
        self._on_said(said, t)
        # Bytes after the terminal event are ignored, whichever read they came in.
        if fault is not None and not self.complete:
            self._on_fault(fault, t)

    @property
    def frame(self) -> Frame | None:
        """Of the text that comes next, if a transport may find it itself and hand it over by `feed_texts`."""
        if self._stream is None or self._inflate is not None or self._first_token is None or self.complete:
            return None
        return self._stream.frame

    def feed_texts(self, texts: list[str], times: list[float], size: int) -> None:
        """Texts that stood in `frame`, when each arrived, and how many bytes of the body they took."""
        self._bytes += size
        if self._bytes > self.most:
            self._leave_unread(_TOO_LARGE, times[-1])
        else:
            self._on_texts(texts, times)

    def close(self, t: float) -> None:
        """The body ended as HTTP says it should."""
        if self._end is not None:
            return
        self._end = t
        self.complete = True
        if not self._succeeded():
            return
        body = self._body
        try:
            if body.stream is not None:
                for delta in body.end():
                    self._on_delta(delta, t)
            elif body.kind is not None or not self._streaming:
                sound = self._first_output
                self._on_delta(body.whole(), t)
                # A body that arrives at once has no first token: its TTFT would be the E2E time under another name.
                self._first_token = self._last_token = self._first_reasoning = None
                self._first_output = sound
        except MalformedError as error:
            self._failure = Failure(Outcome.MALFORMED, str(error))

    def fail(self, failure: Failure, t: float) -> None:
        """The transport could not go on: a network fault, a limit passed, the connection closed too early."""
        if self._end is not None:
            return
        if self._succeeded():
            self._provider_error = self._body.last_words()
        self._failure = failure
        self._finish_at(t)

    def deadline(self) -> tuple[float, Outcome]:
        """The next limit that applies: when (monotonic), and the outcome if nothing happens until then."""
        waits = self._streaming and self._first_token is None and not self._answered
        since, outcome = self.call.timeouts.limit(connected=self._connected_at is not None, waits=waits)
        return self.started + since, outcome

    @property
    def headed(self) -> bool:
        """Whether the head of an answer has arrived."""
        return self._status is not None

    def _gather(self, chunk: bytes, t: float) -> bytes:
        """Keeps the bytes until the body is known to be a stream; returns those that the stream decoder must read."""
        body = self._body
        if self._inflate is None and (body.data or chunk).startswith(GZIP[:1]):
            chunk = self._unzip(chunk)
        if not self._succeeded():
            body.data += chunk[: MAX_ERROR_BYTES - len(body.data)]
            return b""
        if beginning := body.add(chunk):
            return beginning
        if self._first_output is None and self._dialect.read_media is not None and body.kind is Kind.JSON:
            # Sound comes as it is made; other bodies that are no stream are only known when they are whole.
            self._first_output = t if self._dialect.read_media(bytes(body.data[:ENOUGH])) is not None else None
        if len(body.data) > MAX_ANSWER_BYTES:
            self._leave_unread(_TOO_LARGE, t)
        elif body.is_page:
            self._stop(Outcome.MALFORMED, body.page(), t)
        return b""

    def _unzip(self, chunk: bytes) -> bytes:
        """The next bytes of a body that begins like gzip without a header that says so."""
        body = self._body
        chunk = bytes(body.data) + chunk
        body.data.clear()
        if chunk.startswith(GZIP):
            self._inflate = inflater("gzip")
        return chunk if self._inflate is None else self._inflate(chunk)

    def _succeeded(self) -> bool:
        return self._status is not None and 200 <= self._status < 300

    # The Result

    def result(self, *, connection: Connection | None = None, self_lag: float | None = None) -> Result:
        """The Result. Call it once, after `close`, `fail`, or when `complete`.

        Raises:
            RuntimeError: the exchange is still going on.
        """
        if self._end is None:
            raise RuntimeError("the exchange has not ended: call close() or fail() first")
        try:
            return self._classified(connection, self_lag)
        except Exception as fault:  # noqa: BLE001 - whatever it is, it concerns this call alone
            return substitute("judged", self._unclassified(), fault, redactor=self._redactor_in_use())

    def _unclassified(self) -> Result:
        """The Result as far as it does not depend on what the provider sent."""
        call, target = self.call, self.call.target
        assert self._end is not None  # noqa: S101 - result() has checked it
        return Result(
            endpoint=target.endpoint,
            provider=target.provider,
            model=target.model,
            operation=self._dialect.operation,
            source=call.source,
            region=call.region,
            canary=call.canary,
            started_at=self._started_at,
            scheduled=min(0.0, self.scheduled - self.started),
            end=self._end - self.started,
            outcome=Outcome.PROBER_ERROR,
        )

    def _classified(self, connection: Connection | None, self_lag: float | None) -> Result:
        text = provider_text.paired("".join(self._text))[: provider_text.MAX_TEXT]
        if self._counts:
            self._usage = self._settle_usage(self.call, written=self._dialect.streams)
        outcome, error, code, answer_ok, reason = self._classify(text)
        call, target, started = self.call, self.call.target, self.started
        assert self._end is not None  # noqa: S101 - result() has checked it
        end = self._end - started
        measured, retry_after = rate_limits.read(self._headers, self._started_at + end)
        if retry_after is None and self._provider_error is not None:
            retry_after = self._provider_error.retry_after
        return Result(
            endpoint=target.endpoint,
            provider=target.provider,
            model=target.model,
            operation=self._dialect.operation,
            source=call.source,
            region=call.region,
            canary=call.canary,
            response_model=self._redact(self._delta_model, (target.model,)),
            started_at=self._started_at,
            scheduled=min(0.0, self.scheduled - started),
            dns=None if self.dns is None else self.dns - started,
            connect=None if self.connect is None else self.connect - started,
            tls=None if self.tls is None else self.tls - started,
            request_sent=None if self.request_sent is None else self.request_sent - started,
            headers=None if self._headers_at is None else self._headers_at - started,
            first_output=None if self._first_output is None else self._first_output - started,
            first_reasoning=None if self._first_reasoning is None else self._first_reasoning - started,
            first_token=None if self._first_token is None else self._first_token - started,
            last_token=None if self._last_token is None else self._last_token - started,
            end=end,
            outcome=outcome,
            status_code=self._status,
            error=None if error is None else self._redactor_in_use().line(error),
            failure_reason=reason,
            error_code=None if code is None else provider_text.name(code, self._redactor_in_use()),
            finish_reason=self._redact(self._finish, finish_reasons.FINISHES),
            request_id=self._request_id() if self._keep_text else None,
            text=provider_text.text(text, self._redactor_in_use()) if text and self._keep_text else None,
            tool_calls=self._tool_calls(self._redactor_in_use()) if self._tools and self._keep_text else (),
            answer_ok=answer_ok,
            arrivals=self._arrivals(),
            chunks=self.chunks,
            pace=self._pace(),
            usage=self._usage,
            # The text of embeddings or of a list of models was not generated.
            estimated=self._estimated(call) if self._usage.output is None and self._dialect.streams else None,
            limits=measured,
            retry_after=retry_after,
            connection=connection,
            self_lag=self_lag,
        )

    def _classify(self, text: str) -> verdict.Verdict:
        """The outcome. The HTTP status comes first, then an error of the provider, of the transport, of the answer."""
        if self._status == 407:  # no endpoint says so (RFC 9110 §15.5.8)
            message = "through a proxy on the way: it answers 407 and wants a user and password"
            return verdict.Verdict(Outcome.CONNECT, message, reason=FailureReason.PROXY_LOGIN_REQUIRED)
        if self._status is not None and not self._succeeded():
            said = errors.read_error(self._status, bytes(self._body.data), self.call.target.quirks)
            self._provider_error = said
            return verdict.Verdict(said.outcome or classify.status(self._status), said.message, said.code)
        if self._provider_error is not None:
            said = self._provider_error
            return verdict.Verdict(said.outcome or Outcome.STREAM_ERROR, said.message, said.code)
        if self._failure is not None:
            outcome, message, reason = self._failure
            return verdict.Verdict(outcome, message, reason=reason)
        if (cut := self._truncation()) is not None:
            return cut
        assert self._end is not None  # noqa: S101 - result() has checked it
        ttft = None if self._first_token is None else self._first_token - self.started
        answer = Answer(text=text, latency=self._end - self.started, ttft=ttft, output_tokens=self._usage.output)
        return verdict.of_answer(
            answer,
            self.call.checks,
            finish=self._finish,
            refusal=self._refusal,
            answered=self._answered,
            reasoned=self._thoughts.chunks > 0,
            reasoning_tokens=self._usage.reasoning,
        )

    def _truncation(self) -> verdict.Verdict | None:
        """The verdict on a stream that ended cleanly in HTTP but too early in its dialect; None for a complete one."""
        body, stream = self._body, self._stream
        if stream is None and (body.kind is not None or not self._streaming):
            return None
        whole = self._finish is not None and (self._done or (self._dialect.finish_ends and body.cut is None))
        if whole and self._streaming:
            return None
        if stream is not None and not self._streaming:
            return verdict.Verdict(Outcome.MALFORMED, "an event stream, though none was asked for")
        return verdict.truncated(
            self.chunks,
            finish=self._finish,
            done=self._done,
            heard=self._heard or self.chunks > 0,
            came=self._bytes > 0,
            stray=None if stream is None else stream.stray,
            cut=body.cut,
        )

    def _request_id(self) -> str | None:
        for name in _REQUEST_ID_HEADERS:
            if (value := self._headers.get(name)) is not None:
                return provider_text.name(value, self._redactor_in_use())
        return self._redact(self._response_id)

    def _redact(self, value: str | None, known: Container[str] = ()) -> str | None:
        """A value chosen by the provider, without secrets: a gateway in debug mode may repeat the key anywhere."""
        return value if value is None or value in known else provider_text.name(value, self._redactor_in_use())

    def _redactor_in_use(self) -> Redactor:
        if self._redactor is None:
            key, secrets = self.call.target.api_key, self.call.target.secrets
            self._redactor = Redactor([*([key] if key else []), *secrets])
        return self._redactor
