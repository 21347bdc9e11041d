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


def value(objective: Objective, tally: Tally, window: float) -> float | None:
    """What was measured of it, in a load window of so many seconds; None where nothing was."""
    if objective.quantile is not None:
        return tally.series[objective.measure].quantile(objective.quantile)
    if objective.measure in _RATES:
        # In a closed loop all that the window saw may be calls which began in the warm-up.
        return tally.served[_RATES[objective.measure]] / window if tally.served["sent"] and window > 0 else None
    if not tally.sent:
        return None
    return _SHARES[objective.measure](tally)


def judge(objectives: Sequence[Objective], tally: Tally, window: float) -> list[dict[str, Any]]:
    """`{expr, value, met}` of each, in a load window of so many seconds."""
    values = [value(objective, tally, window) for objective in objectives]
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


def _availability(tally: Tally) -> float | None:
    counted = sum(count for name, count in tally.outcomes.items() if Outcome(name).counts_for_availability)
    return tally.ok / counted if counted else None


_OF_RESULT: dict[str, Callable[[Result], float | None]] = {
    "latency": lambda result: result.latency,
    "latency_from_schedule": lambda result: result.latency_from_schedule,
    "ttft": lambda result: result.ttft,
    "tpot": lambda result: result.tpot,
    "itl": _mean_gap,
}
_SHARES: dict[str, Callable[[Tally], float | None]] = {
    "error_rate": lambda tally: 1 - tally.ok / tally.sent,
    "rate_limited": lambda tally: tally.outcomes[Outcome.RATE_LIMITED] / tally.sent,
    "availability": _availability,
}
_RATES = {"goodput": "good", "rate": "ok"}
