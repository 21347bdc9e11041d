"""Judges the objectives of a load test (`aimon.objectives`) on its statistics.

An objective that can't be judged counts as not met: the run fails and says why.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from aimon.call.outcome import Outcome
from aimon.loadtests.statistics.censoring import same_bucket, values_needed
from aimon.loadtests.statistics.self_check import distorted
from aimon.objectives import MET, MISSED, NOT_JUDGED, Objective, parse

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from aimon.call.result import Result
    from aimon.loadtests.statistics.call_stats import CallStats
    from aimon.loadtests.statistics.censoring import Sample

__all__ = ["LAGGED", "MET", "MISSED", "NOT_JUDGED", "Objective", "good", "judge", "parse", "value", "values_needed"]

LAGGED = "the client's own lag is too large a part of it"
_NOTHING = "nothing was measured"


def value(objective: Objective, stats: CallStats, window: float) -> float | None:
    """A measured rate or share, in a load window of `window` seconds; None where nothing was measured."""
    if objective.measure in _RATES:
        # In a closed loop the window may hold calls of the warm-up only.
        return stats.served[_RATES[objective.measure]] / window if stats.served["sent"] and window > 0 else None
    if not stats.measured:
        return None
    return _SHARES[objective.measure](stats)


def judge(
    objectives: Sequence[Objective],
    stats: CallStats,
    window: float,
    *,
    by_name: Mapping[str, CallStats] | None = None,
    lost: int = 0,
    bottleneck: bool = False,
) -> list[dict[str, Any]]:
    """`{expr, value, met, verdict, at_least, why}` of each objective, in a load window of `window` seconds.

    For an objective on a time, the value is the percentile in the report; where censored calls leave it open it is
    None, and `at_least` is its lower bound. The verdict is on all calls (`censoring`), with the `lost` ones. If the
    client was the `bottleneck`, a value that it distorted gives no verdict on the endpoint. An objective that names a
    request is on the calls that `by_name` has under this name; `lost` ones could be any.
    """
    rows = []
    for objective in objectives:
        about = stats if objective.request is None else (by_name or {}).get(objective.request)
        if about is None:
            rows.append(_unheard(objective, by_name or {}))
            continue
        row = _judge(objective, about, window, lost)
        if bottleneck and objective.quantile is not None:
            _doubt(row, objective, about)
        rows.append(row)
    return rows


def _unheard(objective: Objective, by_name: Mapping[str, CallStats]) -> dict[str, Any]:
    """An objective on a request that was not made."""
    names = ", ".join(sorted(by_name)) or "no names, which the requests of scenarios have"
    return {
        "expr": objective.text,
        "value": None,
        "met": False,
        "verdict": NOT_JUDGED,
        "at_least": None,
        "why": f"no request was called {objective.request}; there were {names}",
    }


def _doubt(row: dict[str, Any], objective: Objective, stats: CallStats) -> None:
    """Withdraws a verdict that the client's own lag has caused."""
    assert objective.quantile is not None  # noqa: S101 - asked before
    if row["value"] is None or not distorted(stats, objective.measure, objective.quantile, row["value"]):
        return
    row["value"] = None
    # Lag lengthens all times but gaps: an objective met with lag is met without it.
    if row["verdict"] == MISSED or objective.measure == "itl":
        row |= {"met": False, "verdict": NOT_JUDGED}
    row["why"] = LAGGED


def _judge(objective: Objective, stats: CallStats, window: float, lost: int) -> dict[str, Any]:
    if objective.quantile is not None:
        found, least, verdict, why = _on_time(objective, objective.quantile, stats.sample(objective.measure, lost=lost))
    else:
        found = value(objective, stats, window)
        least, why = None, "" if found is not None else _NOTHING
        verdict = NOT_JUDGED if found is None else MET if objective.met(found) else MISSED
    return {
        "expr": objective.text,
        "value": found,
        "met": verdict == MET,
        "verdict": verdict,
        "at_least": least,
        "why": why or None,
    }


def _on_time(objective: Objective, share: float, sample: Sample) -> tuple[float | None, float | None, str, str]:
    verdict = sample.verdict(objective)
    why = []
    if verdict == NOT_JUDGED:
        why.append(_undecided(sample))
    if not sample.count:
        return None, None, verdict, "; ".join(why)
    low, high = sample.quantile(share)
    if verdict == MISSED and sample.open.late.count and not same_bucket(low, high):
        why.append(f"{sample.open.late.count} ran out of time")
    if verdict != NOT_JUDGED and sample.count < (least := values_needed(share)):
        why.append(f"{_name(share)} needs {least} values, and there are {sample.count}: the highest was judged")
    known = same_bucket(low, high)
    return high if known else None, None if known else low, verdict, "; ".join(why)


def _undecided(sample: Sample) -> str:
    unknown = sample.open.unknown + sample.missing + sample.open.cut.count
    total = sample.count + sample.open.unknown + sample.missing
    return f"{unknown} of {total} failed without such a time, and could change it" if total else _NOTHING


def _name(share: float) -> str:
    return f"P{share * 100:.6g}"


def good(objectives: Sequence[Objective], request: str | None = None) -> Callable[[Result], bool]:
    """Returns a function that tells whether a successful call meets every objective on a time, for goodput.

    The call's own value is compared with the threshold; for ITL, the mean of its gaps. Objectives that name a request
    are for the calls of this name.
    """
    timed = [
        (objective, _OF_RESULT[objective.measure])
        for objective in objectives
        if objective.quantile is not None and objective.request in (None, request)
    ]

    if not timed:
        return _any

    def check(result: Result) -> bool:
        return all((found := of(result)) is None or objective.met(found) for objective, of in timed)

    return check


def _any(_: Result) -> bool:
    return True


def _mean_gap(result: Result) -> float | None:
    arrivals = result.arrivals
    return arrivals.sum / arrivals.count if arrivals and arrivals.count else None


def _availability(stats: CallStats) -> float | None:
    counted = sum(count for name, count in stats.outcomes.items() if Outcome(name).counts_for_availability)
    return stats.ok / counted if counted else None


_OF_RESULT: dict[str, Callable[[Result], float | None]] = {
    "latency": lambda result: result.latency,
    "latency_from_schedule": lambda result: result.latency_from_schedule,
    "ttft": lambda result: result.ttft_connected,
    "first_output": lambda result: result.first_output_connected,
    "tpot": lambda result: result.tpot,
    "itl": _mean_gap,
}
_SHARES: dict[str, Callable[[CallStats], float | None]] = {
    "error_rate": lambda stats: 1 - stats.ok / stats.measured,
    "rate_limited": lambda stats: stats.outcomes[Outcome.RATE_LIMITED] / stats.measured,
    "availability": _availability,
}
_RATES = {"goodput": "good", "rate": "ok"}
