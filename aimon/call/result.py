"""A Result: the record of one call. Pricing, metrics, history and reports read Results and nothing else.

Raw marks are stored, everything else is derived from them. Durations are seconds; marks are offsets from
`started` on one monotonic clock and None where the call did not get that far.

Definitions
    TTFT   first_token - started: time to the first *visible* text. Role-only deltas, comments, pings and
           reasoning do not count (OpenTelemetry gen_ai.server.time_to_first_token; NVIDIA GenAI-Perf).
    Time to first output
           first_output - started: to the first output of any kind: reasoning, visible text, a refusal, a tool call, or
           sound. What a server's own time to first token counts for a model that thinks first.
    E2E    end - started.
    TPOT   time per visible token that came after the first arrival of text (`aimon.call.tpot`); where each chunk is one
           token (last_token - first_token) / (output tokens - 1).
    ITL    gaps between successive token arrivals (`arrivals`).
    Latency from schedule
           end - scheduled: what an open-loop test reports, so that a late start is not left out
           (coordinated omission: G. Tene, "How NOT to Measure Latency").
"""

import math
from enum import StrEnum

import msgspec

from aimon.call.failure import FailureReason
from aimon.call.outcome import Fault, Outcome
from aimon.call.tool_call import ToolCall


class Source(StrEnum):
    """What made the call."""

    PROBE = "probe"
    LOADTEST = "loadtest"
    APP = "app"


class Usage(msgspec.Struct, frozen=True, gc=False):
    """Token counts of one call. `reasoning` is part of `output`, `cached_input` is part of `input`.

    `implausible` names the counts that the provider reported and that can't be right (`dialects.usage`): they are
    None, and nothing is added up from them.
    """

    input: int | None = None
    output: int | None = None
    cached_input: int | None = None
    reasoning: int | None = None
    source: str = "none"  # reported (by the provider), estimated (by us: only in Result.estimated), none
    implausible: tuple[str, ...] | None = None


class Limits(msgspec.Struct, frozen=True, gc=False):
    """What the rate-limit headers allow; resets in seconds from now. None where the provider did not say."""

    requests_limit: int | None = None
    requests_remaining: int | None = None
    requests_reset: float | None = None
    tokens_limit: int | None = None
    tokens_remaining: int | None = None
    tokens_reset: float | None = None


class Connection(msgspec.Struct, frozen=True, gc=False):
    """The connection of a call.

    `cold`: made for this call. `stamped`: arrivals carry the kernel's time. `resent`: made because the server had
    closed a kept one before it can have seen anything of the request, which was then sent again. `stale`: a kept one
    that the server was just resetting, so that nobody can tell whether it saw the request; that was not sent again.
    """

    cold: bool = True
    http_version: str | None = None
    tls_version: str | None = None
    certificate_expiry: float | None = None  # unix time
    address: str | None = None
    stamped: bool = False
    resent: bool = False
    stale: bool = False


GAP_BASE = 1e-6
GAP_BUCKETS_PER_OCTAVE = 16


class Arrivals(msgspec.Struct, frozen=True, gc=False):
    """Gaps between successive visible arrivals of one stream, compactly.

    `buckets` maps i to the number of gaps in (GAP_BASE * 2^((i-1)/16), GAP_BASE * 2^(i/16)] seconds, with
    everything up to GAP_BASE in bucket 0: 4.4 % wide, so a quantile read from it is within 2.2 %.
    """

    count: int = 0
    sum: float = 0.0
    max: float = 0.0
    buckets: dict[int, int] = msgspec.field(default_factory=dict)

    @classmethod
    def of(cls, gaps: list[float]) -> "Arrivals":
        """Summarises gaps in seconds."""
        if not any(gaps):  # all chunks came in one read
            return cls(len(gaps), buckets={0: len(gaps)} if gaps else {})
        buckets: dict[int, int] = {}
        for gap in gaps:
            i = math.ceil(math.log2(gap / GAP_BASE) * GAP_BUCKETS_PER_OCTAVE) if gap > GAP_BASE else 0
            buckets[i] = buckets.get(i, 0) + 1
        return cls(len(gaps), math.fsum(gaps), max(gaps, default=0.0), buckets)


class Pace(msgspec.Struct, frozen=True, gc=False):
    """The pace of a stream's visible text after its first arrival: `tokens` in `seconds`.

    `visible`: tokens of all the visible text; 0 where a tool call's are among them. `estimated`: the tokens are shared
    out by the text that arrived, since nothing reports them. `unknown`: why there is no number.
    """

    seconds: float = 0.0
    tokens: float = 0.0
    visible: float = 0.0
    estimated: bool = False
    unknown: str | None = None

    @property
    def tpot(self) -> float | None:
        """Seconds per token; None where it is not known."""
        return self.seconds / self.tokens if self.unknown is None and self.tokens > 0 else None


class Result(msgspec.Struct, frozen=True, kw_only=True, gc=False):
    """One call: what was asked, what came back, when, and how it went."""

    # Identity
    endpoint: str
    provider: str
    model: str
    operation: str
    source: Source = Source.PROBE
    region: str = "local"
    canary: str | None = None
    response_model: str | None = None
    started_at: float  # wall clock, unix seconds

    # Marks: seconds since `started` on the monotonic clock
    scheduled: float = 0.0  # when it should have started: zero or negative
    dns: float | None = None
    connect: float | None = None
    tls: float | None = None
    request_sent: float | None = None
    headers: float | None = None
    first_output: float | None = None
    first_reasoning: float | None = None
    first_token: float | None = None
    last_token: float | None = None
    end: float

    # Answer
    outcome: Outcome
    status_code: int | None = None
    error: str | None = None  # redacted and bounded, for people
    failure_reason: FailureReason | None = None  # why the transport failed; None where it did not
    error_code: str | None = None  # the provider's own code: kept in history, never a label
    finish_reason: str | None = None
    request_id: str | None = None
    text: str | None = None
    tool_calls: tuple[ToolCall, ...] = ()  # where the text is kept, and the dialect reads them
    answer_ok: bool | None = None  # None where nothing was checked
    arrivals: Arrivals | None = None
    chunks: int = 0
    pace: Pace | None = None  # None where there was no stream of text

    # Usage and limits
    usage: Usage = Usage()
    estimated: Usage | None = None  # by the text, where `usage` lacks what was written
    cost: float | None = None
    currency: str | None = None
    price_source: str | None = None
    limits: Limits | None = None
    retry_after: float | None = None

    connection: Connection | None = None
    self_lag: float | None = None  # the client's own event-loop lag while this call ran

    @property
    def ok(self) -> bool:
        """Whether it succeeded."""
        return self.outcome is Outcome.OK

    @property
    def fault(self) -> Fault | None:
        """Who has to act; None for `ok` and `cancelled`."""
        return self.outcome.fault

    @property
    def latency(self) -> float:
        """E2E seconds."""
        return self.end

    @property
    def latency_from_schedule(self) -> float:
        """Seconds from the scheduled start to the end."""
        return self.end - self.scheduled

    @property
    def set_up(self) -> float:
        """Seconds that the new connection took; 0 on one that was kept."""
        if self.connection is None or not self.connection.cold:
            return 0.0
        return max((mark for mark in (self.dns, self.connect, self.tls) if mark is not None), default=0.0)

    @property
    def ttft(self) -> float | None:
        """Seconds to the first visible text."""
        return self.first_token

    @property
    def first_output_connected(self) -> float | None:
        """Seconds from when there was a connection to the first output of any kind."""
        return None if self.first_output is None else self.first_output - self.set_up

    @property
    def limit_spent_on_reasoning(self) -> bool:
        """Whether nothing visible came because the model thought until its limit, or to its end."""
        if self.outcome not in (Outcome.MAX_TOKENS_HIT, Outcome.EMPTY_ANSWER) or self.chunks:
            return False
        return self.first_reasoning is not None or bool(self.usage.reasoning)

    @property
    def ttft_connected(self) -> float | None:
        """Seconds from when there was a connection to the first visible text: what load tests report as TTFT."""
        return None if self.first_token is None else self.first_token - self.set_up

    @property
    def tpot(self) -> float | None:
        """Seconds per visible token after the first arrival of text; None where that is not known (`pace.unknown`)."""
        return None if self.pace is None else self.pace.tpot

    @property
    def phases(self) -> dict[str, float | None]:
        """Seconds spent in each phase: resolve, connect, tls, send, wait, first_token, transfer.

        A phase that the call never entered (TLS on a plain connection, DNS on a warm one) is None, and the
        next phase starts where the last known one ended, so the phases present add up to the E2E time.
        """
        marks = {
            "resolve": self.dns,
            "connect": self.connect,
            "tls": self.tls,
            "send": self.request_sent,
            "wait": self.headers,
            "first_token": self.first_token,
            "transfer": self.end if self.headers is not None else None,
        }
        phases: dict[str, float | None] = {}
        last = 0.0
        for name, mark in marks.items():
            phases[name] = None if mark is None else max(0.0, mark - last)
            last = last if mark is None else mark
        return phases
