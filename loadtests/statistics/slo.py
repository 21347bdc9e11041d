"""Objectives of a load test (`aimon.objectives`), judged on what was counted."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from aimon.objectives import Objective, parse
from aimon.outcome import Outcome

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from aimon.loadtests.statistics.tally import Tally
    from aimon.result import Result

__all__ = ["Objective", "good", "judge", "parse", "value"]


def value(objective: Objective, tally: Tally, duration: float) -> float | None:
    """What was measured of it over `duration` seconds; None where nothing was."""
    if objective.quantile is not None:
        return tally.series[objective.measure].quantile(objective.quantile)
    if not tally.sent or duration <= 0:
        return None
    return _MEASURES[objective.measure](tally, duration)


def judge(objectives: Sequence[Objective], tally: Tally, duration: float) -> list[dict[str, Any]]:
    """`{expr, value, met}` of each."""
    values = [value(objective, tally, duration) for objective in objectives]
    return [
        {"expr": objective.text, "value": found, "met": objective.met(found)}
        for objective, found in zip(objectives, values, strict=True)
    ]


def good(objectives: Sequence[Objective]) -> Callable[[Result], bool]:
    """Whether one successful call meets every objective that speaks of a call's time: what goodput counts.

    A quantile's threshold holds for the call; ITL, of which a call has many, is held against its mean.
    """
    timed = [(objective, _OF_RESULT[objective.measure]) for objective in objectives if objective.quantile is not None]

    def check(result: Result) -> bool:
        return all((found := of(result)) is None or objective.met(found) for objective, of in timed)

    return check


def needs(quantile: float) -> int:
    """How many values a percentile takes; with fewer it would just be the highest of them."""
    return round(1 / (1 - quantile)) if quantile < 1 else 1


def _mean_gap(result: Result) -> float | None:
    arrivals = result.arrivals
    return arrivals.sum / arrivals.count if arrivals and arrivals.count else None


def _availability(tally: Tally, _: float) -> float | None:
    counted = sum(count for name, count in tally.outcomes.items() if Outcome(name).counts_for_availability)
    return tally.ok / counted if counted else None


_OF_RESULT: dict[str, Callable[[Result], float | None]] = {
    "latency": lambda result: result.latency,
    "latency_from_schedule": lambda result: result.latency_from_schedule,
    "ttft": lambda result: result.ttft,
    "tpot": lambda result: result.tpot,
    "itl": _mean_gap,
}
_MEASURES: dict[str, Callable[[Tally, float], float | None]] = {
    "error_rate": lambda tally, _: 1 - tally.ok / tally.sent,
    "rate_limited": lambda tally, _: tally.outcomes[Outcome.RATE_LIMITED] / tally.sent,
    "availability": _availability,
    "goodput": lambda tally, duration: tally.counts["good"] / duration,
    "rate": lambda tally, duration: tally.ok / duration,
}
