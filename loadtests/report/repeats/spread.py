"""What several runs of one load test measured: for each measure median, range, variation and a confidence interval."""

from __future__ import annotations

import math
from statistics import fmean, median, stdev
from typing import TYPE_CHECKING, Any

import msgspec

from aimon.loadtests.report.text.summary import verdict
from aimon.loadtests.report.text.times import COLUMN_TITLES, TITLES, schedule_key

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

VERSION = 1
CONFIDENCE = 0.95
TIME, RATE, SHARE, MONEY = "time", "rate", "share", "money"
# Quantiles 0.975 of Student's t with 1 to 30 degrees of freedom: M. Abramowitz and I. Stegun, "Handbook of Mathematical
# Functions", table 26.10.
_STUDENT = (
    *(12.706, 4.303, 3.182, 2.776, 2.571, 2.447, 2.365, 2.306, 2.262, 2.228),
    *(2.201, 2.179, 2.160, 2.145, 2.131, 2.120, 2.110, 2.101, 2.093, 2.086),
    *(2.080, 2.074, 2.069, 2.064, 2.060, 2.056, 2.052, 2.048, 2.045, 2.042),
)
_NORMAL = 1.959964
_PERCENTILES = ("p50", "p95", "p99")


class Measured(msgspec.Struct, forbid_unknown_fields=True):
    """One measure over the runs.

    Attributes:
        name: the key of report.json, with its unit; `title` is for people, `kind` is time, rate, share or money.
        values: one for each run, in their order; None where the run could not tell.
        variation: the coefficient of variation, sample standard deviation / mean.
        interval: of the mean, with 95 % confidence, by Student's t; None with fewer than two values.
    """

    name: str
    title: str
    kind: str
    values: list[float | None]
    median: float
    min: float
    max: float
    mean: float
    variation: float | None
    interval: tuple[float, float] | None


class Run(msgspec.Struct, forbid_unknown_fields=True):
    """One of the runs; `folder` is relative to repeat.json, None if nothing was written."""

    number: int
    folder: str | None
    started_at: float
    verdict: str
    ended: str
    suspect: bool


class Kept(msgspec.Struct, forbid_unknown_fields=True):
    """In how many of the runs an objective was met."""

    expr: str
    met: int
    missed: int
    not_judged: int


class Spread(msgspec.Struct, forbid_unknown_fields=True):
    """repeat.json: the runs, their measures and objectives. `why` says why there are fewer runs than `planned`."""

    version: int
    aimon: str
    endpoint: str
    model: str | None
    profile: str
    planned: int
    why: str | None
    currency: str | None
    runs: list[Run]
    measures: list[Measured]
    objectives: list[Kept]
    config: dict[str, Any]


def spread(
    reports: Sequence[Mapping[str, Any]], *, planned: int, why: str | None, folders: Sequence[str | None]
) -> Spread:
    """Adds up runs of one load test.

    Args:
        reports: values of report.json, in the order of the runs; at least one.
        planned: how many runs there should have been.
        why: what ended the series early; None if nothing did.
        folders: where each run's report is.
    """
    first = reports[0]
    found: dict[str, tuple[str, str, list[float | None]]] = {}
    for place, report in enumerate(reports):
        for name, title, kind, value in _measures(report):
            values = found.setdefault(name, (title, kind, [None] * len(reports)))[2]
            values[place] = value
    cost = first["cost"]
    return Spread(
        version=VERSION,
        aimon=first["aimon"],
        endpoint=first["endpoint"],
        model=first["model"],
        profile=first["profile"],
        planned=planned,
        why=why,
        currency=None if cost is None else cost["currency"],
        runs=[_run(k, *each) for k, each in enumerate(zip(reports, folders, strict=True), start=1)],
        measures=[each for name, parts in found.items() if (each := _measured(name, *parts)) is not None],
        objectives=[_kept(expr, reports) for expr in dict.fromkeys(row["expr"] for row in first["slo"])],
        config={key: value for key, value in first["config"].items() if key != "out"},
    )


def _run(number: int, report: Mapping[str, Any], folder: str | None) -> Run:
    return Run(
        number=number,
        folder=folder,
        started_at=report["started_at"],
        verdict=verdict(dict(report)),
        ended=report["ended"]["how"],
        suspect=report["client"]["bottleneck"],
    )


def _kept(expr: str, reports: Sequence[Mapping[str, Any]]) -> Kept:
    said = [row["verdict"] for report in reports for row in report["slo"] if row["expr"] == expr]
    return Kept(expr=expr, met=said.count("met"), missed=said.count("missed"), not_judged=said.count("not judged"))


def _measures(report: Mapping[str, Any]) -> Iterator[tuple[str, str, str, float | None]]:
    """Name, title, kind and value of each measure of a run; those that its kind of run can't have are left out."""
    if (capacity := report["capacity"]) is not None:
        yield "capacity_per_s", "Capacity", RATE, capacity["rate"]
    if (limits := report["limits"]) is not None:
        yield "limit_requests_per_s", "Limit of requests per second", RATE, limits["requests_per_s"]
        yield "limit_tokens_per_min", "Limit of tokens per minute", RATE, limits["tokens_per_min"]
    if (ladder := report["ladder"]) is not None:
        for step in ladder["steps"]:
            at = f"at concurrency {step['concurrency']}"
            yield f"calls_per_s_{step['concurrency']}", f"Successes per second {at}", RATE, step["calls_per_s"]
            yield f"latency_p95_s_{step['concurrency']}", f"Latency P95 {at}", TIME, step["latency_p95_s"]
    yield from _whole_run(report)


def _whole_run(report: Mapping[str, Any]) -> Iterator[tuple[str, str, str, float | None]]:
    """Measures of all calls; a search and a ladder have no rate of their own."""
    requests, achieved = report["requests"], report["rate"]["achieved"]
    sent = requests["sent"]
    searched = any(report[key] is not None for key in ("capacity", "limits", "ladder"))
    if not searched:
        if (iterations := report["iterations"]) is not None:
            yield "iterations_per_s", "Iterations per second", RATE, iterations["per_s"]
            achieved = sent / report["window_s"] if report["window_s"] else None
        yield "ok_per_s", "Successes per second", RATE, achieved and sent and achieved * requests["ok"] / sent
        if report["slo"]:
            yield "goodput_per_s", "Goodput", RATE, report["goodput"]
    yield "error_rate", "Error rate", SHARE, 1 - requests["ok"] / sent if sent else None
    if searched:
        return
    for key in (schedule_key(report), "ttft_s", "tpot_s"):
        if (times := report[key]) is not None:
            for column in _PERCENTILES:
                yield f"{key[:-2]}_{column}_s", f"{TITLES[key]} {COLUMN_TITLES[column]}", TIME, times[column]
    yield "output_tokens_per_s", "Output tokens per second", RATE, report["tokens"]["output_per_s"]
    if (cost := report["cost"]) is not None and sent and cost["counted"] is not None:
        yield "cost_per_1000", "Cost of 1,000 calls", MONEY, 1000 * cost["counted"] / sent


def _measured(name: str, title: str, kind: str, values: list[float | None]) -> Measured | None:
    known = [value for value in values if value is not None]
    if not known:
        return None
    mean = fmean(known)
    error = stdev(known) if len(known) > 1 else None
    reach = None if error is None else student(len(known) - 1) * error / math.sqrt(len(known))
    return Measured(
        name=name,
        title=title,
        kind=kind,
        values=values,
        median=median(known),
        min=min(known),
        max=max(known),
        mean=mean,
        variation=None if error is None or not mean else error / abs(mean),
        interval=None if reach is None else (mean - reach, mean + reach),
    )


def student(freedom: int) -> float:
    """The quantile 0.975 of Student's t; from 31 degrees of freedom on by Cornish and Fisher's expansion (26.7.5)."""
    if freedom <= len(_STUDENT):
        return _STUDENT[freedom - 1]
    z = _NORMAL
    return z + (z**3 + z) / (4 * freedom) + (5 * z**5 + 16 * z**3 + 3 * z) / (96 * freedom**2)
