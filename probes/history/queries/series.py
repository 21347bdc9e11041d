"""Quantiles of latency and TTFT over time, for charts: one point for each segment of an uptime bar."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from aimon.log_histogram import LogHistogram
from aimon.probes.history.queries.endpoint_ids import EACH, endpoint_ids, listed
from aimon.probes.history.queries.period import QUANTILES
from aimon.probes.history.queries.uptime import segment_starts
from aimon.probes.history.rollups import DAY, HOUR, SLOT, histogram_of

if TYPE_CHECKING:
    from collections.abc import Collection

    from aimon.metrics.totals import Identity
    from aimon.probes.history.database import Database

# The longest roll-ups with histograms of which the segments of each window are made.
_PARTS = {"24h": SLOT, "7d": SLOT, "30d": HOUR, "90d": DAY}


@dataclass(frozen=True, slots=True)
class Point:
    """Successes of one segment. A quantile, in seconds, is missing where there are too few of them for it.

    Attributes:
        since: the segment's begin (unix time).
        until: its end.
        count: number of successes.
        latency: E2E seconds by share, such as 0.95.
        ttft: seconds to the first visible text.
    """

    since: float
    until: float
    count: int
    latency: dict[float, float]
    ttft: dict[float, float]


def series(database: Database, identity: Identity, window: str, now: float) -> tuple[Point, ...]:
    """P50, P95 and P99 in each of the 90 segments of a window, the oldest first.

    Raises:
        KeyError: there is no such window.
        HistoryError: the history cannot be read.
    """
    starts = segment_starts(window, now)
    length = starts.step
    latency: dict[int, LogHistogram] = {start: LogHistogram() for start in starts}
    ttft: dict[int, LogHistogram] = {start: LogHistogram() for start in starts}
    rows = database.query(
        "SELECT start, latency, ttft FROM rollup_histograms JOIN endpoints ON id = endpoint_id "
        "WHERE (endpoint, model, provider, region) = (?, ?, ?, ?) AND seconds = ? AND start BETWEEN ? AND ?",
        (*identity, _PARTS[window], starts[0], now),
    )
    for start, latencies, ttfts in rows:
        segment = start // length * length
        latency[segment].merge(histogram_of(latencies).counts)
        ttft[segment].merge(histogram_of(ttfts).counts)
    return tuple(
        Point(
            start,
            start + length,
            latency[start].count,
            latency[start].quantiles(QUANTILES),
            ttft[start].quantiles(QUANTILES),
        )
        for start in starts
    )


@dataclass(frozen=True, slots=True)
class Quantiles:
    """P50, P95 and P99 of successes, in seconds by share; one is missing where there are too few of them for it."""

    latency: dict[float, float]
    ttft: dict[float, float]


def quantiles_of_a_day(database: Database, now: float, identities: Collection[Identity]) -> dict[Identity, Quantiles]:
    """Quantiles over the last day, of many endpoints at once. The day begins on the hour.

    Raises:
        HistoryError: the history cannot be read.
    """
    ids = endpoint_ids(database, identities)
    rows = database.query(
        "SELECT endpoint_id, latency, ttft "  # noqa: S608 - constants
        f"FROM {EACH} rollup_histograms ON endpoint_id = each.value AND seconds = :length "
        "AND start BETWEEN :since AND :now",
        {"ids": listed(ids), "length": HOUR, "since": (now - DAY) // HOUR * HOUR, "now": now},
    )
    found = {identity: (LogHistogram(), LogHistogram()) for identity in identities}
    for number, latency, ttft in rows:
        latencies, ttfts = found[ids[number]]
        latencies.merge(histogram_of(latency).counts)
        ttfts.merge(histogram_of(ttft).counts)
    return {
        identity: Quantiles(latencies.quantiles(QUANTILES), ttfts.quantiles(QUANTILES))
        for identity, (latencies, ttfts) in found.items()
    }
