"""Quantiles of latency and TTFT over time, for charts: one point for each segment of an uptime bar."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, NamedTuple

from aimon.log_histogram import LogHistogram
from aimon.probes.history.queries.endpoint_ids import EACH, endpoint_ids, listed
from aimon.probes.history.queries.period import QUANTILES
from aimon.probes.history.queries.uptime import segment_starts
from aimon.probes.history.rollups import DAY, HOUR, SLOT, histogram_of

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping

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

    The sums of the hours that have passed are kept in memory (2 kB each), until something is recorded in one of them:
    to add up 24 histograms for each of a thousand endpoints takes a second.

    Raises:
        HistoryError: the history cannot be read.
    """
    ids = endpoint_ids(database, identities)
    hours = _Hours(int((now - DAY) // HOUR * HOUR), int(now // HOUR * HOUR))
    passed = _passed(database, ids, hours)
    present = _histograms(database, ids, hours.present, now)
    found = {}
    for number, identity in ids.items():
        latency, ttft = LogHistogram.load(passed[number].latency), LogHistogram.load(passed[number].ttft)
        if number in present:
            latency.merge(present[number][0].counts)
            ttft.merge(present[number][1].counts)
        found[identity] = Quantiles(latency.quantiles(QUANTILES), ttft.quantiles(QUANTILES))
    return {identity: found.get(identity) or Quantiles({}, {}) for identity in identities}


class _Hours(NamedTuple):
    """The begins of the first hour of a day and of the present one, which has not passed."""

    first: int
    present: int


class _Passed(NamedTuple):
    """The sums of the hours of a day that have passed, as they are stored.

    `mark` says what they are of: which hours, the last record in them, and how many results.
    """

    mark: tuple[_Hours, int, int]
    latency: str
    ttft: str


def _passed(database: Database, ids: Mapping[int, Identity], hours: _Hours) -> dict[int, _Passed]:
    known: dict[int, _Passed] = database.memory.setdefault("quantiles_of_a_day", {})
    rows = database.query(
        "SELECT endpoint_id, max(record_id), sum(total) "  # noqa: S608 - constants
        f"FROM {EACH} rollups ON endpoint_id = each.value AND seconds = :length "
        "AND start >= :first AND start < :present GROUP BY each.key",
        {"ids": listed(ids), "length": HOUR, **hours._asdict()},
    )
    marks = dict.fromkeys(ids, (hours, 0, 0)) | {number: (hours, *of) for number, *of in rows}
    outdated = [number for number, mark in marks.items() if number not in known or known[number].mark != mark]
    sums = _histograms(database, outdated, hours.first, math.nextafter(hours.present, 0)) if outdated else {}
    for number in outdated:
        latency, ttft = sums.get(number) or (LogHistogram(), LogHistogram())
        known[number] = _Passed(marks[number], latency.dump(), ttft.dump())
    return {number: known[number] for number in ids}


def _histograms(
    database: Database, ids: Collection[int], since: float, until: float
) -> dict[int, tuple[LogHistogram, LogHistogram]]:
    """Latency and TTFT of endpoints, of the hours that begin from `since` to `until`."""
    rows = database.query(
        "SELECT endpoint_id, latency, ttft "  # noqa: S608 - constants
        f"FROM {EACH} rollup_histograms ON endpoint_id = each.value AND seconds = :length "
        "AND start BETWEEN :since AND :until",
        {"ids": listed(ids), "length": HOUR, "since": since, "until": until},
    )
    found: dict[int, tuple[LogHistogram, LogHistogram]] = {}
    for number, latency, ttft in rows:
        latencies, ttfts = found.setdefault(number, (LogHistogram(), LogHistogram()))
        latencies.merge(histogram_of(latency).counts)
        ttfts.merge(histogram_of(ttft).counts)
    return found
