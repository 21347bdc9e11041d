"""The data of a report's charts, from the values of report.json."""

from __future__ import annotations

import math
from collections import Counter
from itertools import accumulate
from statistics import median
from typing import TYPE_CHECKING, Any, NamedTuple

from aimon.loadtests.statistics.censoring import values_needed

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

_BINS, _FEWEST_BINS = 56, 12
_POINTS = 120
# Of a chart of percentiles over time.
_FEWEST_STRETCHES = 12


class Bin(NamedTuple):
    """The number of values from `low` to `high` seconds."""

    low: float
    high: float
    number: int


class ChartPoint(NamedTuple):
    """Values at one moment; `at` is in seconds since counting began, None is a gap."""

    at: float
    values: tuple[float | None, ...]


def quantile(buckets: Mapping[str, int], share: float, *, unit: float, gamma: float, censored: int = 0) -> float | None:
    """Quantile by nearest rank, as Histogram.quantile without its exact ends; None if unknown.

    The `censored` values count as larger than all others.
    """
    total = sum(buckets.values()) + censored
    rank = max(1, math.ceil(round(share * total, 9)))
    risen = 0
    for i in sorted(map(int, buckets)):
        risen += buckets[str(i)]
        if risen >= rank:
            return unit * 2 * gamma**i / (gamma + 1) if i else unit
    return None


def bins(report: dict[str, Any], series: str) -> tuple[list[Bin], int]:
    """Histogram bins of equal width on a logarithmic axis, and the number of values outside of them.

    Outside are at most the fastest 1 %, which may be chunks read together, and the slowest 0.1 %: outliers would
    compress the chart.
    """
    shapes = report["distributions"]
    buckets = {int(i): count for i, count in shapes["series"][series]["buckets"].items()}
    unit, gamma = shapes["unit_s"], shapes["gamma"]
    least, most = _between(buckets, 0.01, 0.001)
    step = max(1, math.ceil((most - least + 1) / _BINS))
    # A minimum width, where all values are nearly the same.
    lacking = max(0, _FEWEST_BINS - math.ceil((most - least + 1) / step))
    first = max(0, least - lacking // 2 * step)
    starts = range(first, most + lacking * step // 2 + 1, step)
    counts = [sum(buckets.get(i, 0) for i in range(start, start + step)) for start in starts]
    found = [
        Bin(unit * gamma ** (start - 1), unit * gamma ** (start + step - 1), count)
        for start, count in zip(starts, counts, strict=True)
    ]
    return found, sum(buckets.values()) - sum(counts)


def _between(buckets: Mapping[int, int], fastest: float, slowest: float) -> tuple[int, int]:
    """First and last bucket without these shares of values at the ends."""
    total, places = sum(buckets.values()), sorted(buckets)
    return _first(buckets, places, fastest * total), _first(buckets, places[::-1], slowest * total)


def _first(buckets: Mapping[int, int], places: Sequence[int], allowed: float) -> int:
    passed = accumulate(buckets[place] for place in places)
    return next(place for place, number in zip(places, passed, strict=True) if number > allowed)


class Stretch(NamedTuple):
    """The values of a series in neighbouring blocks. Times are in seconds since counting began."""

    start: float
    end: float
    buckets: Counter[str]
    censored: int

    @property
    def calls(self) -> int:
        """Number of values and of calls without an end."""
        return self.buckets.total() + self.censored


def over_time(report: dict[str, Any], series: str, shares: Sequence[float]) -> list[tuple[Stretch, ChartPoint]]:
    """Quantiles of the calls that ended in each stretch of the run.

    A stretch is as many blocks as it takes for the highest of the quantiles to be known, or for the next one, as long
    as at least _FEWEST_STRETCHES are left.
    """
    blocks, shapes = report["blocks"], report["distributions"]
    most = max(1, len(blocks) // _FEWEST_STRETCHES)
    candidates = [_stretches(blocks, series, together) for together in range(1, most + 1)]
    enough = (
        stretches
        for share in sorted(shares, reverse=True)
        for stretches in candidates
        if typical_count(stretches) >= values_needed(share)
    )
    chosen = next(enough, candidates[0])
    scale = {"unit": shapes["unit_s"], "gamma": shapes["gamma"]}
    return [
        (
            each,
            ChartPoint(
                (each.start + each.end) / 2,
                tuple(quantile(each.buckets, share, censored=each.censored, **scale) for share in shares),
            ),
        )
        for each in chosen
    ]


def _stretches(blocks: Sequence[Mapping[str, Any]], series: str, together: int) -> list[Stretch]:
    found = []
    for first in range(0, len(blocks), together):
        part = blocks[first : first + together]
        held = [block["series"][series] for block in part if series in block["series"]]
        buckets: Counter[str] = Counter()
        for each in held:
            buckets.update(each["buckets"])
        end = part[-1]["start_s"] + part[-1]["seconds"]
        found.append(Stretch(part[0]["start_s"], end, buckets, sum(each.get("censored", 0) for each in held)))
    return found


def typical_count(stretches: Sequence[Stretch]) -> int:
    """Median number of calls over the stretches that have any."""
    return int(median([each.calls for each in stretches if each.calls] or [0]))


def per_second(report: dict[str, Any], names: Sequence[str]) -> list[ChartPoint]:
    """Counts per second, averaged over intervals so that there are at most _POINTS points."""
    rows = {row["second"]: row for row in report["seconds"]}
    if not rows:
        return []
    points = []
    for start, end in stretches(report):
        found = [rows[second] for second in range(start, end) if second in rows]
        points.append(
            ChartPoint((start + end) / 2, tuple(sum(row[name] for row in found) / (end - start) for name in names))
        )
    return points


def stretches(report: dict[str, Any]) -> list[tuple[int, int]]:
    """First and last second of each point of `per_second`."""
    # The last second is incomplete, and would look like a drop.
    seconds = max(1, int(report["duration_s"]))
    width = max(1, math.ceil(seconds / _POINTS))
    return [(start, min(start + width, seconds)) for start in range(0, seconds, width)]


def asked(report: Mapping[str, Any]) -> list[ChartPoint]:
    """The scheduled rate, at the points where it changes."""
    points = report["rate"]["schedule"]
    return [ChartPoint(point["at_s"], (point["rate"],)) for point in points]


def at(points: Sequence[ChartPoint], moment: float) -> float | None:
    """The value of a line of one column at a moment; None outside of it. Where it jumps, the value after."""
    for before, after in zip(reversed(points[:-1]), reversed(points[1:]), strict=True):
        low, high = before.values[0], after.values[0]
        if before.at <= moment <= after.at and low is not None and high is not None:
            part = (moment - before.at) / (after.at - before.at) if after.at > before.at else 1.0
            return low + part * (high - low)
    return None


def failures(report: dict[str, Any]) -> dict[str, list[float]]:
    """For each outcome but ok, calls per second in each block; the most frequent first."""
    names = [name for name in report["requests"]["by_outcome"] if name != "ok"]
    return {
        name: [block["outcomes"].get(name, 0) / block["seconds"] for block in report["blocks"]]
        for name in sorted(names, key=lambda name: -report["requests"]["by_outcome"][name])
    }


def unbroken(points: Sequence[ChartPoint], column: int) -> list[list[tuple[float, float]]]:
    """The segments of a line between its gaps."""
    stretches: list[list[tuple[float, float]]] = [[]]
    for at, values in points:
        if (value := values[column]) is not None:
            stretches[-1].append((at, value))
        elif stretches[-1]:
            stretches.append([])
    return [stretch for stretch in stretches if stretch]
