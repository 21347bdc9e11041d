"""The measures of a report, and their sampling errors."""

from __future__ import annotations

import math
from collections import Counter
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from aimon.formatting import format_duration
from aimon.load_terms import COMPLETE
from aimon.loadtests.report.comparison import bootstrap
from aimon.loadtests.report.schema import Block, Series

if TYPE_CHECKING:
    from collections.abc import Sequence

    from aimon.loadtests.report.comparison.bootstrap import Floats, Resamples
    from aimon.loadtests.report.schema import Report

RESAMPLES = 4000
# With fewer blocks their correlation can't be estimated.
FEWEST_BLOCKS = 10
FEWEST_CALLS = 50
# Minimum number of values above a percentile; with fewer it depends on single calls.
_BEYOND = 5

# Bucket for censored calls, beyond any measured time, and an upper bound of measured times in seconds.
_FARTHEST = "3000"
_LONGEST = 1e6

TIME, RATE, SHARE, MONEY = "time", "rate", "share", "money"


class Measure(NamedTuple):
    """A measure to compare.

    Attributes:
        name: name in JSON.
        title: name for people.
        kind: TIME in seconds, RATE per second, SHARE from 0 to 1, or MONEY.
        more_is_better: whether a higher value is the better one.
        series: series of a TIME; `quantile` is the percentile as a share.
    """

    name: str
    title: str
    kind: str
    more_is_better: bool = False
    series: str = ""
    quantile: float = 0.0


def _percentiles(name: str, title: str, series: str) -> list[Measure]:
    return [
        Measure(f"{name}_p{percent}_s", f"{title} P{percent}", TIME, series=series, quantile=percent / 100)
        for percent in (50, 95, 99)
    ]


MEASURES = (
    Measure("ok_per_s", "Successes per second", RATE, more_is_better=True),
    Measure("error_rate", "Error rate", SHARE),
    *_percentiles("latency_from_schedule", "Latency from schedule", "latency_from_schedule"),
    *_percentiles("ttft", "Time to first token", "ttft"),
    *_percentiles("tpot", "Time per output token", "tpot"),
    Measure("output_tokens_per_s", "Output tokens per second", RATE, more_is_better=True),
    Measure("cost_per_1000", "Cost of 1,000 calls", MONEY),
)
# Measures that depend on the offered load.
THROUGHPUT = frozenset({"ok_per_s", "output_tokens_per_s"})


@dataclass(slots=True)
class Sample:
    """The measures of a run, by name.

    Attributes:
        values: in seconds, per second, as a share, or in the report's currency; missing if not measured.
        errors: differences of the resamples, relative to the value; for SHARE, absolute.
        lacking: why there is too little data for an error.
    """

    values: dict[str, float] = field(default_factory=dict)
    errors: dict[str, Floats] = field(default_factory=dict)
    lacking: dict[str, str] = field(default_factory=dict)


def samples(base: Report, new: Report, seed: int, resamples: int) -> tuple[Sample, Sample, float]:
    """The measures of two runs, and the degrees of freedom of their difference; the same seed gives the same samples.

    If both had the same varying load at the same times, the same blocks of both are drawn together, so that its effect
    on both cancels out. Otherwise each run is resampled by itself.
    """
    one, other = base.blocks, new.blocks
    if not one or not other:
        return Sample(), Sample(), 1.0
    if _moves_alike(base, new):
        one, other = _aligned(one, other)
        apart = [_filled(after - before) for before, after in zip(_levels(one), _levels(other), strict=True)]
        together = bootstrap.draw(apart, resamples, [seed])
        return _sample(base, one, together), _sample(new, other, together), together.freedom
    before, after = (
        bootstrap.draw([_filled(level) for level in _levels(blocks)], resamples, [seed, k])
        for k, blocks in enumerate((one, other))
    )
    return _sample(base, one, before), _sample(new, other, after), before.freedom + after.freedom


def _moves_alike(base: Report, new: Report) -> bool:
    moves = len({point.rate for point in base.rate.schedule}) > 1
    return moves and base.rate.schedule == new.rate.schedule and {base.ended.how, new.ended.how} == {COMPLETE}


def _sample(report: Report, blocks: Sequence[Block], drawn: Resamples) -> Sample:
    found = Sample()
    with np.errstate(divide="ignore", invalid="ignore"):
        resampled = _rates(report, blocks, drawn.drawn) | _times(report, blocks, drawn.drawn)
        for measure in MEASURES:
            if (values := resampled.get(measure.name)) is not None:
                if measure.kind == TIME and (why := _why_unknown(report, measure, float(values[0]))):
                    found.lacking[measure.name] = why
                    continue
                found.values[measure.name] = float(values[0])
                found.errors[measure.name] = drawn.errors(values if measure.kind == SHARE else values / values[0])
                if why := _too_little(report, measure):
                    found.lacking[measure.name] = why
    return found


def _why_unknown(report: Report, measure: Measure, value: float) -> str:
    """Why a percentile is unknown; empty if it is known."""
    times = getattr(report, f"{measure.series}_s")
    column = f"p{measure.quantile * 100:.0f}"
    if times is not None and column in times.not_measured:
        return "not measured, the client was too late"
    if value < _LONGEST:
        return ""
    least = None if times is None else times.at_least.get(column)
    return (
        "calls without an end leave it open" if least is None else f"> {format_duration(least)}, since calls had no end"
    )


def _aligned(one: Sequence[Block], other: Sequence[Block]) -> tuple[list[Block], list[Block]]:
    """Both in blocks of the same times; the run that ended earlier gets empty blocks at its end."""
    seconds = max(one[0].seconds, other[0].seconds)
    count = max(math.ceil((blocks[-1].start_s + blocks[-1].seconds) / seconds) for blocks in (one, other))
    first, second = (_stretched(blocks, seconds, count) for blocks in (one, other))
    return first, second


def _stretched(blocks: Sequence[Block], seconds: int, count: int) -> list[Block]:
    found = [
        Block(start_s=k * seconds, seconds=seconds, sent=0, ok=0, outcomes={}, output_tokens=0, cost=0.0, series={})
        for k in range(count)
    ]
    for block in blocks:
        into = found[block.start_s // seconds]
        into.sent += block.sent
        into.ok += block.ok
        into.output_tokens += block.output_tokens
        into.cost += block.cost
        for name, series in block.series.items():
            buckets = Counter(into.series[name].buckets) if name in into.series else Counter()
            censored = series.censored + (into.series[name].censored if name in into.series else 0)
            into.series[name] = Series(buckets=buckets + Counter(series.buckets), censored=censored)
    return found


def _too_little(report: Report, measure: Measure) -> str:
    busy = sum(block.sent > 0 for block in report.blocks)
    if busy < FEWEST_BLOCKS:
        return f"calls ended in {busy} stretches of time, and it takes {FEWEST_BLOCKS}"
    if measure.kind != TIME:
        few = report.requests.sent < FEWEST_CALLS
        return f"{report.requests.sent} calls, and it takes {FEWEST_CALLS}" if few else ""
    count = report.distributions.series[measure.series].count
    least = round(_BEYOND / (1 - measure.quantile))
    return f"{count} values, and it takes {least}" if count < max(least, FEWEST_CALLS) else ""


def _levels(blocks: Sequence[Block]) -> list[Floats]:
    """Latency level and success rate of each block; NaN where no call ended."""
    slow = [_mean_bucket(block) for block in blocks]
    good = [block.ok / block.sent if block.sent else np.nan for block in blocks]
    return [np.array(slow, np.float64), np.array(good, np.float64)]


def _filled(level: Floats) -> Floats:
    known = level[~np.isnan(level)]
    return np.where(np.isnan(level), known.mean() if len(known) else 0.0, level)


def _mean_bucket(block: Block) -> float:
    series = block.series.get("latency_from_schedule")
    if series is None or not series.buckets:
        return float("nan")
    return sum(int(i) * count for i, count in series.buckets.items()) / sum(series.buckets.values())


def _rates(report: Report, blocks: Sequence[Block], drawn: Floats) -> dict[str, Floats]:
    achieved, sent = report.rate.achieved, report.requests.sent
    if report.rate.of == "iterations":
        # What is compared are calls.
        achieved = sent / report.window_s if report.window_s else None
    if not achieved or not sent:
        return {}
    ended = drawn @ np.array([block.sent for block in blocks], np.float64)
    # The number of arrivals of a schedule is fixed by its rate, whatever the seed.
    scheduled = report.rate.asked is not None and report.rate.of == "calls"
    rate = np.array([achieved]) if scheduled else _started(report, blocks, drawn, sent / achieved)
    good = (drawn @ np.array([block.ok for block in blocks], np.float64)) / ended
    tokens = (drawn @ np.array([block.output_tokens for block in blocks], np.float64)) / ended
    found = {"ok_per_s": rate * good, "error_rate": 1 - good}
    if report.tokens.output_per_s is not None or not report.tokens.without_usage:
        found["output_tokens_per_s"] = rate * tokens
    if report.cost is not None:
        found["cost_per_1000"] = 1000 * (drawn @ np.array([block.cost for block in blocks])) / ended
    return {name: values for name, values in found.items() if name == "error_rate" or values[0] > 0}


def _started(report: Report, blocks: Sequence[Block], drawn: Floats, window: float) -> Floats:
    """Calls started per second, within the load window: calls may end after it."""
    lasted = np.array([min(max(window - block.start_s, 0.0), block.seconds) for block in blocks])
    started = np.zeros(len(blocks))
    for second in report.seconds:
        started[min(second.second // blocks[0].seconds, len(blocks) - 1)] += second.sent
    rate: Floats = (drawn @ started) / (drawn @ lasted)
    return rate


def _times(report: Report, blocks: Sequence[Block], drawn: Floats) -> dict[str, Floats]:
    shapes = report.distributions
    found: dict[str, Floats] = {}
    for series in {measure.series: None for measure in MEASURES if measure.series}:
        if series not in shapes.series:
            continue
        measures = [measure for measure in MEASURES if measure.series == series]
        buckets = [_with_censored(block.series[series]) if series in block.series else {} for block in blocks]
        columns = bootstrap.quantiles(
            buckets,
            drawn,
            [measure.quantile for measure in measures],
            unit=shapes.unit_s,
            gamma=shapes.gamma,
        )
        found |= {measure.name: columns[:, k] for k, measure in enumerate(measures)}
    return found


def _with_censored(series: Series) -> dict[str, int]:
    """The buckets, with censored calls beyond all values."""
    return {**series.buckets, _FARTHEST: series.censored} if series.censored else series.buckets
