"""The format of report.json, version 1, and its reader. docs/report.schema.json is generated from these structs."""
# ruff: noqa: TC001 - msgspec reads the annotations

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any, Literal

import msgspec
from msgspec import Meta, Struct

from aimon.loadtests.report.schema_parts import (
    Buckets,
    Count,
    Iterations,
    Ladder,
    Named,
    Rate,
    Requests,
    Seconds,
    Times,
    Tokens,
    Tpot,
)

if TYPE_CHECKING:
    from pathlib import Path

VERSION = 1
NAME = "report.json"
# Written into the file, so that it documents itself.
FORMULA = "bucket i counts values above unit_s * gamma^(i-1) and up to unit_s * gamma^i; bucket 0 all up to unit_s"


class ReportError(ValueError):
    """A file can't be read as a report; the message names it and the reason."""


class Ended(Struct, forbid_unknown_fields=True):
    """How the run ended, and which calls are in no other number."""

    how: Literal["complete", "incomplete", "interrupted", "aborted"]
    why: Annotated[str | None, Meta(description="Null for `complete`.")]
    uncounted: Annotated[int, Meta(ge=0, description="The first call and those of the warm-up.")]
    lost: Annotated[int, Meta(ge=0, description="Calls of a lost worker, whose outcome is unknown.")]
    outcome: Annotated[str | None, Meta(description="Outcome of the call for which the run was aborted.")] = None
    status_code: Annotated[int | None, Meta(description="HTTP status of that call.")] = None
    failure_reason: Annotated[str | None, Meta(description="Why the transport of that call failed.")] = None


class RatePoint(Struct, forbid_unknown_fields=True):
    """A point of the scheduled rate, which is linear between points."""

    at_s: Seconds
    rate: Rate


class AskedAndAchieved(Struct, forbid_unknown_fields=True):
    """Calls (or iterations, see `of`) started per second, over the seconds in which calls were started."""

    asked: Annotated[float | None, Meta(description="Null in a closed loop and in a search.")]
    achieved: float | None
    schedule: Annotated[list[RatePoint], Meta(description="The scheduled rate over time; empty if `asked` is null.")]
    of: Annotated[Literal["calls", "iterations"], Meta(description="What is counted; iterations for a scenario.")] = (
        "calls"
    )


class Cost(Struct, forbid_unknown_fields=True):
    """Cost of all calls whose cost is known, including the first call and the warm-up."""

    amount: float
    currency: str
    unpriced: Annotated[int, Meta(ge=0, description="Successes of unknown cost.")]
    estimated: Annotated[int, Meta(ge=0, description="Calls included with estimated tokens.")] = 0
    counted: Annotated[float | None, Meta(description="Cost of the counted calls.")] = None


class Slo(Struct, forbid_unknown_fields=True):
    """An objective; one that could not be judged is not met."""

    expr: str
    value: Annotated[float | None, Meta(description="Null if unknown; see `at_least`.")]
    met: bool
    verdict: Literal["met", "missed", "not judged", ""] = ""
    at_least: Annotated[float | None, Meta(description="Lower bound of the value, if calls did not end.")] = None
    why: Annotated[str | None, Meta(description="The reason of the verdict.")] = None


class Client(Struct, forbid_unknown_fields=True):
    """The self-check: if the client was the bottleneck, the report describes the client, not the endpoint."""

    bottleneck: bool
    reasons: list[str]
    lag_p99_s: Annotated[float | None, Meta(description="P99 of the delay of the client's event loop.")]
    start_lateness_p99_s: Annotated[float | None, Meta(description="P99 of the delay of starts of calls.")]
    cpu: Annotated[float, Meta(ge=0, description="Share of a core that the busiest worker used.")]


class Step(Struct, forbid_unknown_fields=True):
    """One rate that a search for the capacity tried."""

    rate: Rate
    served: Annotated[float, Meta(description="Successes per second.")]
    met: Annotated[bool, Meta(description="Whether the offered load was served and all objectives were met.")]
    trend: Annotated[float | None, Meta(description="Growth of latency from schedule, in seconds per second.")]
    why: str
    limited: Annotated[bool, Meta(description="The client could not keep up.")]
    held: bool
    latency_p50_s: Annotated[float | None, Meta(description="From schedule.")] = None
    latency_p95_s: Annotated[float | None, Meta(description="From schedule.")] = None
    limit: Annotated[str, Meta(description="The limiting factor; empty if the rate was held.")] = ""


class Capacity(Struct, forbid_unknown_fields=True):
    """What `--profile capacity` found, per second (calls, or a scenario's iterations): `low` was held, `high` not."""

    rate: float | None
    low: float | None
    high: float | None
    why: str
    steps: list[Step]
    interval: Annotated[
        tuple[float, float] | None,
        Meta(
            description="95 % confidence interval from the steps beyond the capacity; `rate` was held, and may be "
            "below it. Null without such a step."
        ),
    ] = None
    limit: Annotated[
        str | None, Meta(description="What limited the search, and above which rate; null without a limit.")
    ] = None


class Limits(Struct, forbid_unknown_fields=True):
    """Results of `--profile limits`."""

    requests_per_s: float | None
    tokens_per_min: float | None
    evidence: dict[str, Any]


class SteadyTimes(Struct, forbid_unknown_fields=True):
    """Times of the calls that ended in the steady part, in seconds; null if there are too few."""

    p50: float | None
    p95: float | None
    p99: float | None
    count: Count


class Steady(Struct, forbid_unknown_fields=True):
    """The part of the load window with level concurrency; null if there was none."""

    why: Annotated[str | None, Meta(description="Why there is no such part, or no times of it.")]
    start_s: Count | None
    seconds: Count | None
    in_flight: Annotated[float | None, Meta(description="Mean number of calls in flight.")]
    ok_per_s: Annotated[
        float | None, Meta(description="Successes per second, weighted by the share of their time in it.")
    ]
    output_tokens_per_s: Annotated[float | None, Meta(description="Also null if any call had no usage.")]
    times: Annotated[dict[str, SteadyTimes], Meta(description="By the names of times in this file.")]


class Second(Struct, forbid_unknown_fields=True):
    """Counts of one second; second 0 is the first that is counted."""

    second: Count
    sent: Annotated[int, Meta(ge=0, description="Calls that started.")]
    ended: Count
    ok: Annotated[int, Meta(ge=0, description="Successes that ended.")]
    output_tokens: Count


class Series(Struct, forbid_unknown_fields=True):
    """A histogram of a block of time."""

    buckets: Buckets
    censored: Annotated[int, Meta(ge=0, description="Calls that were cut off before their end; in no bucket.")] = 0


class Block(Struct, forbid_unknown_fields=True):
    """The calls that ended in one of at most 64 blocks of the run. The series are those of `distributions`."""

    start_s: Count
    seconds: Annotated[int, Meta(ge=1)]
    sent: Annotated[int, Meta(ge=0, description="Calls that ended, with any outcome.")]
    ok: Count
    outcomes: dict[str, Count]
    output_tokens: Count
    cost: float
    series: dict[str, Series]


class Distribution(Struct, forbid_unknown_fields=True):
    """All values of a series, in seconds."""

    count: Count
    sum_s: float
    min_s: float
    max_s: float
    buckets: Buckets
    censored: Annotated[int, Meta(ge=0, description="Calls that were cut off before their end; in no bucket.")] = 0


class Distributions(Struct, forbid_unknown_fields=True):
    """Histograms of the whole run, with buckets that grow by a constant factor."""

    unit_s: float
    gamma: float
    formula: Annotated[str, Meta(description="The bounds of each bucket.")]
    series: dict[str, Distribution]


class Report(Struct, forbid_unknown_fields=True):
    """A load test. Times are in seconds; values without data are null."""

    version: Literal[1]
    aimon: Annotated[str, Meta(description="The version that wrote it.")]
    endpoint: str
    model: str | None
    profile: str
    started_at: Annotated[float, Meta(description="Unix time after the warm-up.")]
    duration_s: Annotated[float, Meta(ge=0, description="Until the end of the last call.")]
    window_s: Annotated[
        float, Meta(ge=0, description="The time under load, by which rates, goodput and tokens per second are divided.")
    ]
    ended: Ended
    requests: Requests
    rate: AskedAndAchieved
    latency_s: Annotated[Times | None, Meta(description="From the start of a call to its end.")]
    latency_from_schedule_s: Annotated[
        Times | None, Meta(description="From the scheduled start of a call to its end: includes time in the queue.")
    ]
    connection_s: Annotated[
        Times | None,
        Meta(description="Name resolution, TCP and TLS of new connections: part of latency, not of TTFT."),
    ]
    ttft_s: Annotated[
        Times | None,
        Meta(description="From the start of a call, or the end of its connection set-up, to its text."),
    ]
    ttft_reasoning_s: Annotated[Times | None, Meta(description="From the same time to the first reasoning.")]
    itl_s: Annotated[
        Times | None,
        Meta(description="Gaps between chunks as they arrive; a chunk may carry several tokens."),
    ]
    tpot_s: Annotated[
        Times | None,
        Meta(description="Time per visible token after the first, by token counts, independent of chunks"),
    ]
    tpot: Tpot
    tokens: Tokens
    cost: Cost | None
    goodput: Annotated[float | None, Meta(description="Calls per second that met every objective on times.")]
    slo: list[Slo]
    client: Client
    capacity: Capacity | None
    limits: Limits | None
    workers: Annotated[int, Meta(ge=0, description="The highest number of concurrent worker processes.")]
    notes: Annotated[list[str], Meta(description="Events during the run, such as the loss of a worker.")]
    config: Annotated[dict[str, Any], Meta(description="The options of the run.")]
    steady: Steady
    seconds: list[Second]
    blocks: Annotated[list[Block], Meta(max_length=64)]
    distributions: Distributions
    scenario: Annotated[str | None, Meta(description="The scenario: a file or a name, and the user classes.")] = None
    iterations: Annotated[Iterations | None, Meta(description="Null without a scenario.")] = None
    by_name: Annotated[list[Named], Meta(description="By request name, in order; empty without a scenario.")] = []
    first_output_s: Annotated[
        Times | None,
        Meta(description="From the start of `ttft_s` to the first output of any kind: reasoning, text or a tool call"),
    ] = None
    ladder: Annotated[Ladder | None, Meta(description="Null unless the run is a ladder of concurrencies.")] = None


def read(path: Path) -> Report:
    """The report in a file, or in a folder.

    Raises:
        ReportError: there is no such file, or it is not a report.
    """
    file = path / NAME if path.is_dir() else path
    try:
        data = file.read_bytes()
    except OSError as error:
        raise ReportError(f"{file}: {error.strerror}: give a {NAME}, or a folder that holds one") from error
    try:
        version = msgspec.json.decode(data, type=_Versioned).version
        if version != VERSION:
            raise ReportError(f"{file}: version {version}, and this aimon reads version {VERSION}")
        return msgspec.json.decode(data, type=Report)
    except msgspec.MsgspecError as error:
        raise ReportError(f"{file}: no report of aimon loadtest --out or --json: {error}") from error


class _Versioned(Struct):
    version: int


def json_schema(of: type[Struct] = Report, title: str = "Report of aimon loadtest") -> str:
    """The JSON Schema of report.json, or of another file of a load test, draft 2020-12."""
    schema = {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "title": title,
        **msgspec.json.schema(of),
    }
    return msgspec.json.format(msgspec.json.encode(schema)).decode() + "\n"
