"""One call as it happens, without I/O: bytes and clock readings in, one Result out.

Every transport (asyncio probes, gevent load tests, a metered SDK client) drives the same Exchange:

    exchange = Exchange(call, dialect, started=clock(), started_at=time.time())
    exchange.connected(clock()); exchange.request_sent = clock()
    exchange.head(200, headers, clock())
    exchange.feed(chunk, arrived)      # until exchange.complete, or the body ends:
    exchange.close(clock())            # … cleanly,
    exchange.fail(Outcome.TLS, "…", clock())   # … or not
    result = exchange.result()

All times given to it are readings of one monotonic clock, in seconds.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import msgspec

from aimon import classify, limits, tokens, tpot
from aimon.checks import Answer
from aimon.containment import contained
from aimon.frame import TextStream
from aimon.inflate import InflateError, inflater
from aimon.outcome import Outcome
from aimon.redact import Redactor, bounded
from aimon.result import Arrivals, Connection, Pace, Result, Usage
from aimon.sse import EventTooLargeError

if TYPE_CHECKING:
    from collections.abc import Callable, Container, Mapping

    from aimon.call import Call
    from aimon.dialects import Delta, Dialect, ProviderError

MAX_ANSWER_BYTES = 16 << 20
MAX_ERROR_BYTES = 64 << 10
MAX_TEXT_CHARS = 64 << 10

_REQUEST_ID_HEADERS = ("x-request-id", "request-id", "apim-request-id", "x-amzn-requestid")
_NO_HEADERS: dict[str, str] = {}


class Exchange:
    """The state of one call between its start and its Result.

    Attributes:
        complete: nothing that may still arrive can change the Result; the transport should stop reading.
        gaps: seconds between successive visible arrivals.
    """

    __slots__ = (
        "_answered", "_body", "_bytes", "_clean_end", "_connected_at", "_delta_model", "_dialect", "_done",
        "_end", "_failure", "_finish", "_first_reasoning", "_first_token", "_headers", "_headers_at",
        "_inflate", "_last_token", "_provider_error", "_redactor", "_refusal", "_response_id", "_started_at",
        "_status", "_stream", "_streaming", "_text", "_text_chars", "_thoughts", "_usage", "_written_at", "call",
        "chunks", "complete", "connect", "dns", "gaps", "request_sent", "scheduled", "started", "tls",
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
    ) -> None:
        self.call = call
        self.started = started
        self.scheduled = started if scheduled is None else scheduled
        self.dns: float | None = None
        self.connect: float | None = None
        self.tls: float | None = None
        self.request_sent: float | None = None
        self.complete = False
        self.gaps: list[float] = []
        self.chunks = 0
        self._dialect = dialect
        self._redactor = redactor
        self._started_at = started_at
        self._connected_at: float | None = None
        self._headers_at: float | None = None
        self._first_reasoning: float | None = None
        self._first_token: float | None = None
        self._last_token: float | None = None
        self._written_at: float | None = None  # when the model said that it had finished
        self._thoughts = tpot.Thoughts()
        self._end: float | None = None
        self._status: int | None = None
        self._headers: Mapping[str, str] = _NO_HEADERS
        self._streaming = call.stream and dialect.streams
        self._inflate: Callable[[bytes], bytes] | None = None
        self._stream: TextStream | None = None
        self._body = bytearray()
        self._bytes = 0
        self._text: list[str] = []
        self._text_chars = 0
        self._usage = Usage()
        self._finish: str | None = None
        self._refusal = ""
        self._done = False
        self._answered = False
        self._clean_end = False
        self._delta_model: str | None = None
        self._response_id: str | None = None
        self._provider_error: ProviderError | None = None
        self._failure: tuple[Outcome, str] | None = None

    # What happens to it

    def connected(self, t: float) -> None:
        """There is a connection, new or warm: from here on the TTFT limit counts, not the connect limit."""
        self._connected_at = t

    def head(self, status: int, headers: Mapping[str, str], t: float) -> None:
        """The response head arrived. `headers` has lower-case names."""
        self._status = status
        self._headers = headers
        self._headers_at = t
        if headers.get("content-encoding", "identity") != "identity":
            try:
                self._inflate = inflater(headers["content-encoding"])
            except InflateError as error:
                self._stop(Outcome.MALFORMED, str(error), t)
        if not 200 <= status < 300:
            return
        content_type = headers.get("content-type", "")
        if "html" in content_type:
            self._stop(Outcome.MALFORMED, f"an HTML page instead of an answer ({content_type})", t)
        elif self._streaming and "json" not in content_type:
            self._stream = TextStream(self._dialect.read)

    def feed(self, chunk: bytes, t: float) -> None:
        """The next bytes of the body, which arrived at `t`."""
        if self.complete:
            return
        if self._inflate is not None:
            try:
                chunk = self._inflate(chunk)
            except InflateError as error:
                self._stop(Outcome.MALFORMED, str(error), t)
                return
        self._bytes += len(chunk)
        stream = self._stream
        if stream is None:
            self._feed_body(chunk, t)
            return
        if self._bytes > MAX_ANSWER_BYTES:
            self._stop(Outcome.MALFORMED, f"an answer of more than {MAX_ANSWER_BYTES >> 20} MiB", t)
            return
        if self._bytes <= 512:
            self._body += chunk  # the beginning, to show what came if it is no event stream
        try:
            for said in stream.feed(chunk):
                if isinstance(said, list):
                    self._show(said, t)
                else:
                    self._take(said, t)
        except (msgspec.MsgspecError, UnicodeDecodeError, EventTooLargeError, RecursionError) as error:
            self._stop(Outcome.MALFORMED, f"an event that can't be read: {error}", t)

    def close(self, t: float) -> None:
        """The body ended as HTTP says it should."""
        if self._end is not None:
            return
        self._end = t
        self._clean_end = True
        self.complete = True
        if self._succeeded() and self._stream is None:
            self._read_body(t)

    def fail(self, outcome: Outcome, error: str, t: float) -> None:
        """The transport could not go on: a network fault, a limit passed, the connection closed too early."""
        if self._end is None:
            self._stop(outcome, error, t)

    def deadline(self) -> tuple[float, Outcome]:
        """The next limit that applies: when (monotonic), and the outcome if nothing happens until then."""
        timeouts = self.call.timeouts
        total = self.started + timeouts.total
        if self._connected_at is None:
            first, outcome = self.started + timeouts.connect, Outcome.TIMEOUT_CONNECT
        elif self._streaming and self._first_token is None and not self._answered:
            first, outcome = self.started + timeouts.ttft, Outcome.TIMEOUT_TTFT
        else:
            return total, Outcome.TIMEOUT_TOTAL
        return (first, outcome) if first < total else (total, Outcome.TIMEOUT_TOTAL)

    @property
    def headed(self) -> bool:
        """Whether the head of an answer has arrived."""
        return self._status is not None

    # How events add up

    def _show(self, texts: list[str], t: float) -> None:
        """Visible text that arrived at once."""
        if self._first_token is None:
            self._first_token = t
        else:
            self.gaps.append(t - self._last_token)  # type: ignore[operator]  # set with the first token
        self._last_token = t
        count = len(texts)
        self.chunks += count
        if count > 1:
            self.gaps += [0.0] * (count - 1)
        if self._text_chars < MAX_TEXT_CHARS:
            self._text += texts
            self._text_chars += len(texts[0]) if count == 1 else sum(map(len, texts))

    def _take(self, delta: Delta, t: float) -> None:
        if delta.text:
            self._show([delta.text], t)
        elif delta.reasoning and self._first_reasoning is None:
            self._first_reasoning = t
        if delta.reasoning:
            after = self._first_token is not None and not delta.text
            self._thoughts = self._thoughts.more(delta.reasoning, after_text=after)
        if delta.refusal:
            self._refusal = (self._refusal + delta.refusal)[:MAX_TEXT_CHARS]
        if delta.finish is not None:
            self._finish = delta.finish
            self._written_at = t
        if delta.usage is not None:
            self._usage = _merge(self._usage, delta.usage)
        if delta.model is not None:
            self._delta_model = delta.model
        if delta.response_id is not None:
            self._response_id = delta.response_id
        if delta.answered:
            self._answered = True
        if delta.error is not None:
            self._provider_error = delta.error
            self._finish_at(t)
        elif delta.done:
            self._done = True
            self._finish_at(t)

    def _feed_body(self, chunk: bytes, t: float) -> None:
        if not self._succeeded():
            self._body += chunk[: MAX_ERROR_BYTES - len(self._body)]
        elif self._bytes > MAX_ANSWER_BYTES:
            self._stop(Outcome.MALFORMED, f"an answer of more than {MAX_ANSWER_BYTES >> 20} MiB", t)
        else:
            self._body += chunk

    def _read_body(self, t: float) -> None:
        try:
            delta = self._dialect.read_body(bytes(self._body))
        except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError) as error:
            self._failure = (Outcome.MALFORMED, f"a body that can't be read: {error}")
            return
        self._take(delta, t)
        # A body that arrives at once has no first token: its time would be the E2E under another name.
        self._first_token = self._last_token = self._first_reasoning = None

    def _succeeded(self) -> bool:
        return self._status is not None and 200 <= self._status < 300

    def _stop(self, outcome: Outcome, error: str, t: float) -> None:
        self._failure = (outcome, error)
        self._finish_at(t)

    def _finish_at(self, t: float) -> None:
        self._end = t
        self.complete = True

    # What it comes to

    def result(self, *, connection: Connection | None = None, self_lag: float | None = None) -> Result:
        """The Result. Call it once, after `close`, `fail`, or when `complete`.

        Raises:
            RuntimeError: the exchange is still going on.
        """
        if self._end is None:
            raise RuntimeError("the exchange has not ended: call close() or fail() first")
        call, target = self.call, self.call.target
        bare = Result(
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
            connection=connection,
            self_lag=self_lag,
        )
        return contained("judged", bare, self._judged, redactor=self._secrets())

    def _judged(self, bare: Result) -> Result:
        text = "".join(self._text)
        outcome, error, code, answer_ok = self._judge(text)
        started = self.started
        measured, retry_after = limits.read(self._headers, self._started_at + bare.end)
        if retry_after is None and self._provider_error is not None:
            retry_after = self._provider_error.retry_after
        return msgspec.structs.replace(
            bare,
            response_model=self._foreign(self._delta_model, (bare.model,)),
            dns=None if self.dns is None else self.dns - started,
            connect=None if self.connect is None else self.connect - started,
            tls=None if self.tls is None else self.tls - started,
            request_sent=None if self.request_sent is None else self.request_sent - started,
            headers=None if self._headers_at is None else self._headers_at - started,
            first_reasoning=None if self._first_reasoning is None else self._first_reasoning - started,
            first_token=None if self._first_token is None else self._first_token - started,
            last_token=None if self._last_token is None else self._last_token - started,
            outcome=outcome,
            status_code=self._status,
            error=error,
            error_code=None if code is None else self._say(code),
            finish_reason=self._foreign(self._finish, self._dialect.finishes),
            request_id=self._request_id(),
            text=self._secrets().text(text) if text else None,
            answer_ok=answer_ok,
            arrivals=Arrivals.of(self.gaps) if self.gaps else None,
            chunks=self.chunks,
            pace=self._pace(),
            usage=self._usage,
            estimated=self._estimated(),
            limits=measured,
            retry_after=retry_after,
        )

    def _pace(self) -> Pace | None:
        if self._first_token is None:
            return Pace(unknown=tpot.NOT_STREAMED) if self.chunks else None
        tool = (self._written_at or self._end or self._first_token) - self._first_token if self._answered else None
        return tpot.pace(self._text, self.gaps, self._usage, thoughts=self._thoughts, tool_until=tool)

    def _estimated(self) -> Usage | None:
        if not self._dialect.streams:  # what text there may be was not written by a model
            return None
        prompts = (message.content for message in self.call.messages)
        return tokens.estimate(self._usage, prompts, self._text, self.chunks, self._thoughts.size)

    def _judge(self, text: str) -> tuple[Outcome, str | None, str | None, bool | None]:
        """Outcome, error, provider's code, and whether the checks passed. What is known first wins."""
        if self._status == 407:  # no endpoint says so (RFC 9110 §15.5.8)
            return Outcome.CONNECT, "through a proxy on the way: it wants a user and password: 407", None, None
        if self._status is not None and not self._succeeded():
            said = self._dialect.read_error(self._status, bytes(self._body), self.call.target.quirks)
            self._provider_error = said
            outcome = said.outcome or classify.status(self._status)
            return outcome, self._say(said.message), said.code, None
        if self._provider_error is not None:
            said = self._provider_error
            return said.outcome or Outcome.STREAM_ERROR, self._say(said.message), said.code, None
        if self._failure is not None:
            outcome, error = self._failure
            return outcome, self._say(error), None, None
        if (cut := self._truncation()) is not None:
            return *cut, None, None
        return self._judge_answer(text)

    def _truncation(self) -> tuple[Outcome, str] | None:
        """Whether a stream that ended cleanly for HTTP ended too early for its dialect."""
        if self._stream is None or self._done or (self._dialect.finish_ends and self._finish is not None):
            return None
        if self._bytes and not self.chunks and self._first_reasoning is None and b"data:" not in self._body:
            start = bytes(self._body[:80]).decode(errors="replace")
            return Outcome.MALFORMED, self._say(f"not an event stream: {start!r}")
        return Outcome.STREAM_TRUNCATED, f"the stream ended after {self.chunks} chunks without its terminal event"

    def _judge_answer(self, text: str) -> tuple[Outcome, str | None, str | None, bool | None]:
        if self._refusal:
            return Outcome.REFUSAL, self._say(f"refused: {self._refusal}"), None, None
        finish = self._dialect.finishes.get(self._finish or "", Outcome.OK)
        if finish not in (Outcome.OK, Outcome.MAX_TOKENS_HIT):
            return finish, self._say(f"finish reason {self._finish}"), None, None
        cut = finish is Outcome.MAX_TOKENS_HIT
        if not text.strip() and not self._answered:
            if cut:
                return Outcome.MAX_TOKENS_HIT, "max_tokens was used up before any visible text", None, None
            return Outcome.EMPTY_ANSWER, "the answer is empty", None, None
        if not self.call.checks:
            return Outcome.OK, None, None, None
        answer = Answer(
            text=text,
            latency=self._end - self.started,  # type: ignore[operator]  # result() has checked it
            ttft=None if self._first_token is None else self._first_token - self.started,
            output_tokens=self._usage.output,
        )
        for check in self.call.checks:
            if (reason := check(answer)) is not None:
                wrong = Outcome.MAX_TOKENS_HIT if cut else Outcome.ANSWER_MISMATCH
                return wrong, self._say(reason), None, False
        return Outcome.OK, None, None, True

    def _request_id(self) -> str | None:
        for name in _REQUEST_ID_HEADERS:
            if (value := self._headers.get(name)) is not None:
                return bounded(self._secrets().text(value), 128)
        return self._foreign(self._response_id)

    def _foreign(self, value: str | None, known: Container[str] = ()) -> str | None:
        """What the provider chose to say, without secrets: a debugging gateway may repeat the key anywhere."""
        return value if value is None or value in known else self._secrets().text(value)

    def _secrets(self) -> Redactor:
        if self._redactor is None:
            key = self.call.target.api_key
            self._redactor = Redactor([key] if key else [])
        return self._redactor

    def _say(self, message: str) -> str:
        return self._secrets().line(message)


def _merge(known: Usage, new: Usage) -> Usage:
    """Field by field, what `new` knows over what was known: Anthropic splits usage over two events."""
    return Usage(
        known.input if new.input is None else new.input,
        known.output if new.output is None else new.output,
        known.cached_input if new.cached_input is None else new.cached_input,
        known.reasoning if new.reasoning is None else new.reasoning,
        new.source,
    )
