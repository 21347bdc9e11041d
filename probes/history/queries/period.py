"""What an endpoint did between two times, from roll-ups and, at the edges, from results.

Counts are exact to the second where the results at both edges are still kept, otherwise to the hour. Quantiles are
nearest-rank, within 0.5 %, and withheld below 1 / (1 - q) values, like the exact ones of
`aimon.probes.history.windows`.
"""

from __future__ import annotations

import math
from collections import Counter
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from aimon.call.outcome import Outcome
from aimon.log_histogram import LogHistogram
from aimon.probes.history.file import schema
from aimon.probes.history.rollups import DAY, HOUR, failures_of, histogram_of

if TYPE_CHECKING:
    from aimon.metrics.totals import Identity
    from aimon.probes.history.database import Database

QUANTILES = (0.5, 0.95, 0.99)
IMPACT_OF_SLOW = 0.5
"""A success that took longer than the endpoint's objectives allow weighs half as much as a failure, as in Apdex."""

_KNOWN = frozenset(outcome.value for outcome in Outcome)
_COLUMNS = "total, planned, counted, ok, slow, failures, ifnull(latency, ''), ifnull(ttft, '')"


def availability(counted: int, ok: int, slow: int = 0) -> float | None:
    """Successes over `counted`, of which each slow one counts as half a failure; None if `counted` is 0."""
    return (ok - IMPACT_OF_SLOW * slow) / counted if counted else None


@dataclass(slots=True)
class Period:
    """What an endpoint did from `since` to `until` (unix time).

    Attributes:
        since: its begin.
        until: its end.
        total: number of results.
        planned: those in a maintenance window; the other numbers leave them out.
        counted: results that say something about the provider: successes, and faults of the network and the provider.
        ok: successes.
        slow: successes that took longer than each objective of the endpoint allows.
        failures: counts of the other outcomes.
        latency: E2E seconds of successes.
        ttft: seconds to their first visible text.
    """

    since: float
    until: float
    total: int = 0
    planned: int = 0
    counted: int = 0
    ok: int = 0
    slow: int = 0
    failures: Counter[str] = field(default_factory=Counter)
    latency: LogHistogram = field(default_factory=LogHistogram)
    ttft: LogHistogram = field(default_factory=LogHistogram)

    @property
    def availability(self) -> float | None:
        """Successes over `counted`; None if that is 0."""
        return availability(self.counted, self.ok)

    @property
    def weighted(self) -> float | None:
        """Availability in which a slow success counts as half a failure; None where availability is."""
        return availability(self.counted, self.ok, self.slow)

    @property
    def outcomes(self) -> dict[Outcome, int]:
        """Counts by outcome."""
        counts = {Outcome(name): count for name, count in self.failures.items() if name in _KNOWN}
        return ({Outcome.OK: self.ok} if self.ok else {}) | counts


def period(database: Database, identity: Identity, since: float, until: float) -> Period:
    """What an endpoint did from `since` to `until` (unix time), both included.

    Raises:
        HistoryError: the history cannot be read.
    """
    found = Period(since, until)
    rows = database.query("SELECT id FROM endpoints WHERE (endpoint, model, provider, region) = (?, ?, ?, ?)", identity)
    if not rows:
        return found
    endpoint_id = int(rows[0][0])
    first_hour, last_hour = math.ceil(since / HOUR) * HOUR, math.floor(until / HOUR) * HOUR
    if first_hour > last_hour or database.version < schema.PLANNED_SINCE:
        _add_results(database, endpoint_id, found, since, until)
        return found
    if since < first_hour:
        _add_edge(database, endpoint_id, found, first_hour - HOUR, since, math.nextafter(first_hour, 0))
    _add_rollups(database, endpoint_id, found, first_hour, last_hour)
    _add_edge(database, endpoint_id, found, last_hour, last_hour, until)
    return found


def _add_edge(database: Database, endpoint_id: int, found: Period, hour: int, since: float, until: float) -> None:
    """Adds a part of an hour: from its results, or if some of them are gone, the whole hour from its roll-up."""
    [(rolled, kept)] = database.query(
        "SELECT (SELECT total FROM rollups WHERE endpoint_id = :id AND seconds = :length AND start = :hour), "
        "(SELECT count(*) FROM results WHERE endpoint_id = :id AND started_at >= :hour AND started_at < :end)",
        {"id": endpoint_id, "length": HOUR, "hour": hour, "end": hour + HOUR},
    )
    if (rolled or 0) > kept:
        _add_rollups(database, endpoint_id, found, hour, hour + HOUR)
    else:
        _add_results(database, endpoint_id, found, since, until)


def _add_rollups(database: Database, endpoint_id: int, found: Period, since: int, until: int) -> None:
    """Adds whole hours: by the day where all of a day is among them."""
    first_day, last_day = math.ceil(since / DAY) * DAY, math.floor(until / DAY) * DAY
    if first_day > last_day:
        parts = [(HOUR, since, until)]
    else:
        parts = [(HOUR, since, first_day), (DAY, first_day, last_day), (HOUR, last_day, until)]
    for length, begin, end in parts:
        rows = database.query(
            f"SELECT {_COLUMNS} FROM rollups LEFT JOIN rollup_histograms USING (endpoint_id, seconds, start) "  # noqa: S608 - constants
            "WHERE endpoint_id = ? AND seconds = ? AND start >= ? AND start < ?",
            (endpoint_id, length, begin, end),
        )
        for row in rows:
            add_row(found, *row)


def add_row(
    found: Period, total: int, planned: int, counted: int, ok: int, slow: int, failures: str, latency: str, ttft: str
) -> None:
    """Adds a row of roll-ups to a period."""
    found.total += total
    found.planned += planned
    found.counted += counted
    found.ok += ok
    found.slow += slow
    if failures:
        found.failures.update(failures_of(failures))
    found.latency.merge(histogram_of(latency).counts)
    found.ttft.merge(histogram_of(ttft).counts)


def _add_results(database: Database, endpoint_id: int, found: Period, since: float, until: float) -> None:
    flags = "planned, slow" if database.version >= schema.PLANNED_SINCE else "0, 0"
    rows = database.query(
        f"SELECT outcome, latency, ttft, {flags} FROM results "  # noqa: S608 - constants
        "WHERE endpoint_id = ? AND started_at BETWEEN ? AND ?",
        (endpoint_id, since, until),
    )
    for name, latency, ttft, planned, slow in rows:
        if name not in _KNOWN:
            continue
        found.total += 1
        if planned:
            found.planned += 1
            continue
        outcome = Outcome(name)
        found.counted += outcome.counts_for_availability
        if outcome is not Outcome.OK:
            found.failures[name] += 1
            continue
        found.ok += 1
        found.slow += bool(slow)
        if isinstance(latency, float) and math.isfinite(latency):
            found.latency.record(latency)
        if isinstance(ttft, float) and math.isfinite(ttft):
            found.ttft.record(ttft)
