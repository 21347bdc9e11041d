"""Compares two reports: which differences are statistically significant, and whether the runs are comparable."""

from __future__ import annotations

import math
from enum import StrEnum
from typing import TYPE_CHECKING

import msgspec
import numpy as np

from aimon.load_terms import ABORTED, COMPLETE, SEARCHES
from aimon.loadtests.report.comparison.bootstrap import CONFIDENCE, simultaneous
from aimon.loadtests.report.comparison.comparability import different_load, reservations
from aimon.loadtests.report.comparison.samples import (
    MEASURES,
    MONEY,
    RATE,
    RESAMPLES,
    SHARE,
    THROUGHPUT,
    TIME,
    Measure,
    Sample,
    samples,
)

if TYPE_CHECKING:
    from aimon.loadtests.report.comparison.bootstrap import Floats
    from aimon.loadtests.report.schema import Report

TOLERANCE = 0.05
SEED = 20_110
# The width of a histogram bucket: smaller changes may be rounding to buckets.
_RESOLUTION = 0.01
# Relative error of a search for limits.
_LIMITS_ERROR = 0.05


class Verdict(StrEnum):
    """The verdict on one measure, or on all."""

    WORSE = "worse"
    BETTER = "better"
    WITHIN = "within tolerance"
    UNSHOWN = "no difference shown"
    LITTLE = "too little data"


class Row(msgspec.Struct, forbid_unknown_fields=True):
    """One measure.

    Attributes:
        name: name of the measure; `title` is for people, `kind` is time (seconds), rate (per second), share or money.
        base: the value in the base run, `new` that in the new run; None where it was not measured.
        change: new / base - 1; of shares, new - base.
        low: lower end of the change's confidence interval; `high` is its upper end. All intervals of a table hold at
            once.
        verdict: on this measure.
        why: why there is too little data.
    """

    name: str
    title: str
    kind: str
    base: float | None
    new: float | None
    change: float | None
    low: float | None
    high: float | None
    verdict: Verdict
    why: str = ""


class Comparison(msgspec.Struct, forbid_unknown_fields=True):
    """The comparison of two runs.

    Attributes:
        base: file of the first, `new` of the second.
        confidence: that all intervals hold at once.
        resamples: number of bootstrap resamples.
        tolerance: the smallest change that matters, as a share of the base.
        reservations: why they may not be comparable.
        rows: one for each measure.
        verdict: overall: worse if any row is.
        currency: of costs; None without them.
        why: the reason for the verdict, if no row gave it.
    """

    base: str
    new: str
    confidence: float
    resamples: int
    tolerance: float
    reservations: list[str]
    rows: list[Row]
    verdict: Verdict
    currency: str | None = None
    why: str = ""


def compare(
    base: Report,
    new: Report,
    *,
    names: tuple[str, str],
    tolerance: float = TOLERANCE,
    resamples: int = RESAMPLES,
    seed: int = SEED,
) -> Comparison:
    """Compares two runs; the same reports and seed give the same numbers.

    Args:
        base: the earlier run.
        new: the run that may be worse.
        names: names of both, for people.
        tolerance: the smallest change that matters, as a share of the base.
        resamples: number of bootstrap resamples.
        seed: seed of the resamples.

    Raises:
        ValueError: the kinds of the runs can't be compared.
    """
    kinds = {report.profile if report.profile in SEARCHES else "" for report in (base, new)}
    if len(kinds) > 1:
        raise ValueError(
            f"{names[0]} is of profile {base.profile} and {names[1]} of {new.profile}: a search chooses its own load, "
            "and can be compared with nothing but a search of its kind"
        )
    rows = (
        _compare_searches(base, new, tolerance)
        if kinds != {""}
        else _compare_loads(base, new, tolerance, resamples, seed)
    )
    aborted = new.ended.how == ABORTED and base.ended.how == COMPLETE
    money = {report.cost.currency for report in (base, new) if report.cost is not None}
    return Comparison(
        base=names[0],
        new=names[1],
        confidence=CONFIDENCE,
        resamples=resamples,
        tolerance=tolerance,
        reservations=reservations(base, new, names),
        rows=rows,
        verdict=Verdict.WORSE if aborted else _overall(rows),
        currency=money.pop() if len(money) == 1 else None,
        why=f"{names[1]} was aborted: {new.ended.why}" if aborted else "",
    )


def _overall(rows: list[Row]) -> Verdict:
    verdicts = {row.verdict for row in rows}
    order = (Verdict.WORSE, Verdict.BETTER, Verdict.UNSHOWN, Verdict.WITHIN)
    return next((verdict for verdict in order if verdict in verdicts), Verdict.LITTLE)


# Runs under a given load


def _compare_loads(base: Report, new: Report, tolerance: float, resamples: int, seed: int) -> list[Row]:
    before, after, freedom = samples(base, new, seed, resamples)
    told = [measure for measure in MEASURES if _why_not_comparable(measure, base, new, before, after) == ""]
    intervals = {}
    if told:
        differences = np.column_stack([_difference(measure, before, after) for measure in told])
        found = simultaneous(differences, freedom)
        intervals = dict(zip([measure.name for measure in told], found, strict=True))
    rows = []
    for measure in MEASURES:
        one, other = before.values.get(measure.name), after.values.get(measure.name)
        if (why := _why_not_comparable(measure, base, new, before, after)) is None:
            continue
        if measure.name in intervals and one is not None and other is not None:
            rows.append(_row(measure, one, other, intervals[measure.name], tolerance))
        else:
            rows.append(_row_without_interval(measure, one, other, why))
    return rows


def _why_not_comparable(measure: Measure, base: Report, new: Report, before: Sample, after: Sample) -> str | None:
    """Why a measure can't be compared; empty if it can, None if neither run has it."""
    name = measure.name
    if not any(name in known for found in (before, after) for known in (found.values, found.lacking)):
        return None
    for who, found in (("the base", before), ("the new run", after)):
        if name in found.lacking:
            return f"{who}: {found.lacking[name]}"
        if name not in found.values:
            return f"not measured in {who}"
    if name in THROUGHPUT and different_load(base, new):
        return "not the same load was asked of both"
    if measure.kind == MONEY and base.cost and new.cost and base.cost.currency != new.cost.currency:
        return f"{base.cost.currency} and {new.cost.currency}"
    return ""


def _difference(measure: Measure, before: Sample, after: Sample) -> Floats:
    one, other = before.values[measure.name], after.values[measure.name]
    # Differences of logarithms, so that no interval goes below zero.
    apart = other - one if measure.kind == SHARE else math.log(other / one)
    return apart + after.errors[measure.name] - before.errors[measure.name]


def _row(measure: Measure, base: float, new: float, interval: tuple[float, float], tolerance: float) -> Row:
    if measure.kind == SHARE:
        change, low, high = new - base, *interval
    else:
        change, low, high = new / base - 1, math.expm1(interval[0]), math.expm1(interval[1])
    matters = max(tolerance, _RESOLUTION) if measure.kind == TIME else tolerance
    verdict = judge(base, new, low, high, more_is_better=measure.more_is_better, tolerance=matters)
    return Row(measure.name, measure.title, measure.kind, base, new, change, low, high, verdict)


def judge(
    base: float, new: float, low: float | None, high: float | None, *, more_is_better: bool, tolerance: float
) -> Verdict:
    """The verdict on a change whose interval goes from `low` to `high`; None is no bound."""
    rose, fell = low is not None and low > 0, high is not None and high < 0
    if not rose and not fell:
        return Verdict.UNSHOWN
    if abs(new - base) < tolerance * abs(base):
        return Verdict.WITHIN
    return Verdict.BETTER if rose == more_is_better else Verdict.WORSE


def _row_without_interval(measure: Measure, base: float | None, new: float | None, why: str) -> Row:
    change = None
    if base is not None and new is not None:
        change = new - base if measure.kind == SHARE else new / base - 1
    return Row(measure.name, measure.title, measure.kind, base, new, change, None, None, Verdict.LITTLE, why)


# Searches


def _compare_searches(base: Report, new: Report, tolerance: float) -> list[Row]:
    rows = []
    if base.capacity is not None and new.capacity is not None:
        one, other = base.capacity, new.capacity
        rows.append(_bracket_row("capacity_per_s", "Capacity", (one.low, one.high), (other.low, other.high), tolerance))
    if base.limits is not None and new.limits is not None:
        for name, title in (
            ("requests_per_s", "Limit of requests per second"),
            ("tokens_per_min", "Limit of tokens per minute"),
        ):
            brackets = [_limit_bracket(getattr(report.limits, name)) for report in (base, new)]
            if any(low is not None for low, _ in brackets):
                rows.append(_bracket_row(f"limit_{name}", title, brackets[0], brackets[1], tolerance))
    return rows


Bracket = tuple[float | None, float | None]


def _limit_bracket(value: float | None) -> Bracket:
    return (None, None) if value is None else (value, value * (1 + _LIMITS_ERROR))


def _bracket_row(name: str, title: str, before: Bracket, after: Bracket, tolerance: float) -> Row:
    """Compares brackets from a rate that was held to one that was not; unknown without a rate that was held."""
    (one, above), (other, over) = before, after
    if one is None or other is None:
        who = "the base" if one is None else "the new run"
        return Row(name, title, RATE, one, other, None, None, None, Verdict.LITTLE, f"not found in {who}")
    low = None if above is None else other / above - 1
    high = None if over is None else over / one - 1
    verdict = judge(one, other, low, high, more_is_better=True, tolerance=tolerance)
    return Row(name, title, RATE, one, other, other / one - 1, low, high, verdict)
