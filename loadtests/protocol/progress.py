"""The progress of a run, which its process sends once a second to the command that shows it. Needs no gevent."""

from __future__ import annotations

from typing import Any

import msgspec


class Times(msgspec.Struct, kw_only=True):
    """Percentiles of one kind of time, in seconds; None where they are not known, and why, as in report.json."""

    p50: float | None
    p95: float | None
    p99: float | None
    count: int
    at_least: dict[str, float] = {}
    needs: dict[str, int] = {}
    not_measured: list[str] = []


class RequestProgress(msgspec.Struct, kw_only=True):
    """The calls of one request name so far: ended, successful, and their times."""

    name: str
    sent: int
    ok: int
    latency: Times
    ttft: Times


class Progress(msgspec.Struct, kw_only=True):
    """The state of a run at one moment. Rates are per second, durations are seconds.

    Attributes:
        elapsed: since counting began; negative in the warm-up.
        duration: what `elapsed` will be at the end; None where a number of requests or a search decides.
        phase: the activity, for the user: `warm-up`, `steady`, `capacity, step 3`.
        asked: mean rate asked for over the same seconds as `achieved`; None in a closed loop.
        achieved: rate of calls started over the last seconds.
        in_flight: calls under way.
        users: streams that a closed loop keeps up; None in an open one.
        requests: calls that the run is to make; None where time decides.
        sent: calls that have ended and were counted, by `outcomes`; `ok` of them succeeded.
        now: times of the calls that ended in the last seconds, by series (latency, latency_from_schedule, ttft,
            itl, tpot); `overall` holds those of the whole run.
        tokens_per_s: output tokens over the last seconds; None where nothing is known of them.
        tokens_estimated: some of them by the text, since the provider reported none.
        cost: so far, in `currency`; None where no price is known.
        client: the self-check, as in report.json.
        workers: processes that are under load.
        slo: the objectives so far, as in report.json.
        notes: what has happened since the last line, such as the loss of a worker.
        iterations: of a scenario that have ended and were counted; None without one.
        by_name: of a scenario, its most frequent request names in alphabetical order; empty without one.
        totals: the cumulative metrics of all calls, if they were asked for; see `protocol.totals_codec`.
    """

    elapsed: float
    duration: float | None
    phase: str
    asked: float | None
    achieved: float
    in_flight: int
    users: int | None
    requests: int | None
    sent: int
    ok: int
    outcomes: dict[str, int]
    now: dict[str, Times]
    overall: dict[str, Times]
    tokens_per_s: float | None
    cost: float | None
    currency: str | None
    client: dict[str, Any]
    workers: int
    tokens_estimated: bool = False
    slo: list[dict[str, Any]] = []
    notes: list[str] = []
    iterations: int | None = None
    by_name: list[RequestProgress] = []
    totals: dict[str, Any] | None = None
