"""Cumulative metrics as JSON values, to be sent to the process that exposes them."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

from aimon.metrics.definitions import family
from aimon.metrics.totals import HistogramSeries, Totals

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping


def dump(totals: Totals) -> dict[str, Any]:
    """Totals as JSON values, without loss. JSON has no infinity: the bound of the last bucket is null."""
    totals = totals.copy()
    owners = {(name, labels[0]) for name, series in totals.histograms.items() for labels in series}
    return {
        "counters": {name: list(series.items()) for name, series in totals.counters.items()},
        "histograms": {
            name: [[labels, histogram.sum, _buckets(histogram)] for labels, histogram in series.items()]
            for name, series in totals.histograms.items()
        },
        # Those of the family go without saying.
        "bounds": [
            [name, endpoint, bounds]
            for name, endpoint in sorted(owners)
            if (bounds := totals.bounds(name, endpoint)) != family(name).buckets
        ],
    }


def load(dumped: Mapping[str, Any]) -> Totals:
    """The inverse of `dump`, before or after the trip through JSON.

    Raises:
        KeyError, TypeError, ValueError: it is nothing that `dump` has made.
    """
    totals = Totals()
    for name, endpoint, bounds in dumped["bounds"]:
        totals.set_bounds(name, endpoint, tuple(bounds))
    for name, counters in dumped["counters"].items():
        totals.counters[name] = {tuple(labels): value for labels, value in counters}
    for name, histograms in dumped["histograms"].items():
        totals.histograms[name] = {
            tuple(labels): HistogramSeries({_bound(bound): count for bound, count in buckets}, total)
            for labels, total, buckets in histograms
        }
    return totals


def merge(parts: Iterable[Mapping[str, Any]]) -> Totals:
    """What several processes have dumped, as one: sums, exact where no bucket boundary was added on the way.

    Raises:
        KeyError, TypeError, ValueError: one of them is nothing that `dump` has made.
    """
    totals = Totals()
    for part in parts:
        totals.merge(load(part))
    return totals


def _buckets(histogram: HistogramSeries) -> list[tuple[float | None, float]]:
    return [(None if math.isinf(bound) else bound, count) for bound, count in histogram.counts.items()]


def _bound(value: float | None) -> float:
    return math.inf if value is None else value
