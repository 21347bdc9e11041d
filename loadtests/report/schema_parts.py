"""The parts of report.json about calls, iterations and concurrencies; the whole is in `schema`."""

from __future__ import annotations

from typing import Annotated

from msgspec import Meta, Struct

Count = Annotated[int, Meta(ge=0)]
Share = Annotated[float, Meta(ge=0, le=1)]
Seconds = Annotated[float, Meta(ge=0)]
Rate = Annotated[float, Meta(ge=0, description="Per second.")]
Buckets = Annotated[
    dict[Annotated[str, Meta(pattern="^[0-9]+$")], Count],
    Meta(description="How many values are in which bucket; those without are left out. See `distributions`."),
]


class Requests(Struct, forbid_unknown_fields=True):
    """How many calls there were; `sent` is the sum of `by_outcome`.

    Those with `prober_error` say nothing of the endpoint, and are in no rate and no objective.
    """

    sent: Count
    ok: Count
    by_outcome: dict[str, Count]
    not_started: Annotated[int, Meta(ge=0, description="Arrivals that could not start, since too many were under way.")]
    interrupted: Annotated[
        int, Meta(ge=0, description="Calls that the end of the run cut off: in no other number.")
    ] = 0
    resent: Annotated[int, Meta(ge=0, description="Sent again: a kept connection had been closed before.")] = 0
    stale: Annotated[
        int, Meta(ge=0, description="Of `prober_error`: met a kept connection that the server was resetting.")
    ] = 0


class Times(Struct, forbid_unknown_fields=True):
    """A kind of time, in seconds. Quantiles by nearest rank, over values and calls without an end.

    Null is what is not known: a key of `at_least` says above what it lies, one of `needs` how many values it takes.
    """

    mean: Seconds | None
    p50: Seconds | None
    p90: Seconds | None
    p95: Seconds | None
    p99: Seconds | None
    p999: Seconds | None
    max: Seconds | None
    count: Annotated[int, Meta(ge=0, description="Values: of successes, and of calls that ended while text came.")]
    censored: Annotated[int, Meta(ge=0, description="Calls (of `itl_s`: gaps) that were given up before an end.")] = 0
    at_least: Annotated[dict[str, Seconds], Meta(description="Lower bounds of what those leave open.")] = {}
    needs: Annotated[dict[str, Count], Meta(description="Values that a percentile takes, where there are fewer.")] = {}
    not_measured: Annotated[
        list[str], Meta(description="What the self-check knows to be the client's own making; null for that.")
    ] = []


class EstimatedTokens(Struct, forbid_unknown_fields=True):
    """All tokens, with estimates from the text (a token is four bytes) of the calls whose provider reported none."""

    calls: Annotated[int, Meta(ge=0, description="Of which the tokens are estimated.")]
    input: Count
    output: Count
    output_per_s: float | None


class Tokens(Struct, forbid_unknown_fields=True):
    """Of all calls, as the provider reported them; null where it reported none."""

    input: Count | None
    output: Count | None
    output_per_s: Annotated[float | None, Meta(description="Null, too, where any call had no usage.")]
    without_usage: Annotated[
        int, Meta(ge=0, description="Calls that succeeded or had text, and whose output tokens were not reported.")
    ] = 0
    estimated: Annotated[EstimatedTokens | None, Meta(description="Null where nothing had to be estimated.")] = None


class Tpot(Struct, forbid_unknown_fields=True):
    """Of how many successes the time per output token is known, and how. Empty counts: nothing was streamed."""

    told: Annotated[int, Meta(ge=0, description="By the provider's counts alone.")]
    estimated: Annotated[int, Meta(ge=0, description="With tokens shared out by the text that arrived.")]
    unknown: Annotated[dict[str, Count], Meta(description="Of how many it is not known, by the reason.")]
    tokens_per_chunk: Annotated[float | None, Meta(description="Visible ones, in the mean: what a gap stands for.")]


class LadderStep(Struct, forbid_unknown_fields=True):
    """One concurrency of a ladder. Rates are per second, times in seconds; null is not known."""

    concurrency: Annotated[int, Meta(ge=1)]
    duration_s: Annotated[float, Meta(ge=0, description="Of what counts.")]
    sent: Annotated[int, Meta(ge=0, description="Calls that ended.")]
    ok: Count
    iterations_per_s: Annotated[float | None, Meta(description="Without a scenario a call is an iteration.")]
    calls_per_s: Annotated[float | None, Meta(description="Successes.")]
    output_tokens_per_s: Annotated[float | None, Meta(description="Null, too, where any call had no usage.")]
    latency_mean_s: Annotated[float | None, Meta(description="Of an iteration; the knee is where power is greatest.")]
    latency_p50_s: Annotated[float | None, Meta(description="Of an iteration.")]
    latency_p95_s: Annotated[float | None, Meta(description="Of an iteration.")]
    ttft_p50_s: float | None
    ttft_p95_s: float | None
    tpot_p50_s: float | None
    met: Annotated[bool, Meta(description="Whether all objectives were met.")]
    why: Annotated[str, Meta(description="Which were not; empty where all were.")] = ""
    limited: Annotated[bool, Meta(description="The client could not keep up.")] = False


class Ladder(Struct, forbid_unknown_fields=True):
    """A ladder of closed loops, `--concurrency 1,2,4,8`."""

    steps: list[LadderStep]
    knee: Annotated[
        int | None, Meta(description="Concurrency of the greatest power, throughput / latency; null with a reason.")
    ]
    why: Annotated[str, Meta(description="Why there is no knee; empty where there is one.")] = ""


class Iterations(Struct, forbid_unknown_fields=True):
    """The iterations of a scenario: what a user does between two of its waits."""

    ended: Count
    ok: Annotated[int, Meta(ge=0, description="Every call of them succeeded.")]
    by_outcome: Annotated[
        dict[str, Count], Meta(description="`ok`, the outcome of the first call that failed, or `task_error`.")
    ]
    not_started: Annotated[int, Meta(ge=0, description="Arrivals that found too many under way.")]
    per_s: Annotated[float | None, Meta(description="Successes per second.")]
    duration_s: Annotated[Times | None, Meta(description="From the start of its first task to its end.")]
    latency_from_schedule_s: Annotated[Times | None, Meta(description="From when it was due to its end.")]
    errors: Annotated[
        dict[str, Count], Meta(description="Exceptions of the scenario's own code: what they say, and where.")
    ] = {}


class Named(Struct, forbid_unknown_fields=True):
    """The calls of a scenario under one request name. They add up to the whole."""

    name: str
    requests: Requests
    per_s: Annotated[float | None, Meta(description="Calls per second.")]
    latency_s: Times | None
    latency_from_schedule_s: Annotated[
        Times | None, Meta(description="Of an iteration's first call from when it was due; of others as `latency_s`.")
    ]
    connection_s: Times | None
    ttft_s: Times | None
    ttft_reasoning_s: Times | None
    itl_s: Times | None
    tpot_s: Times | None
    tpot: Tpot
    tokens: Tokens
    cost: Annotated[float | None, Meta(description="In the currency of `cost`.")]
    goodput: float | None
    first_output_s: Times | None = None
