"""Retention: which records, figures and roll-ups the history deletes, and when.

Failures are kept longer than successes, since they are few and are what people come back for. Successes are kept in
full for a week, and as figures (time, outcome, latency, TTFT) for 35 days, which the longest exact window needs. After
that there are the roll-ups, which `aimon.probes.history.rollups` has written with the results. At one probe a minute,
an endpoint's history takes about 10 MB; `aimon.probes.history.size_limit` says what goes earlier where that is too
much.

The wall clock alone does not decide: one run with a clock that is a year ahead would delete everything. A history has a
clock of its own, which goes on while it is written to, and by a day at the most between two upkeeps. So a jump costs a
day of age, a history that was not written to has not aged, and what goes is old by both clocks. A result that is
stamped later than now has only the history's own.
"""

from __future__ import annotations

import math
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Self

import msgspec

from aimon.probes.history.rollups import LENGTHS

if TYPE_CHECKING:
    import sqlite3

    from aimon.config.model.storage import HistorySection

DAY = 86_400.0
# How long roll-ups of each length are kept; what a bar or a window needs and a little more.
_ROLLUPS = dict(zip(LENGTHS, (8 * DAY, 100 * DAY, 8 * DAY, 32 * DAY, math.inf), strict=True))


class Retention(msgspec.Struct, frozen=True, kw_only=True):
    """For how long what is kept: seconds, but for the last.

    Attributes:
        details: successes in full, with the text of the answer.
        results: successes as figures.
        failures: failures, in full.
        rollups: counts and histograms of a day; those of an hour are kept for 100 days at the most.
        max_size: bytes of the file.
    """

    details: float = 7 * DAY
    results: float = 35 * DAY
    failures: float = 180 * DAY
    rollups: float = 366 * DAY
    max_size: int = 1_000_000_000

    @classmethod
    def of(cls, written: HistorySection) -> Self:
        """As the configuration says."""
        return cls(
            details=written.details,
            results=written.results,
            failures=written.failures,
            rollups=written.rollups,
            max_size=written.max_size,
        )

    @property
    def longest(self) -> float:
        """For how long anything is kept."""
        return max(self.details, self.results, self.failures, self.rollups)


DEFAULT = Retention()
# This month and the days of the one before that a chart of 30 days shows.
_SPENDING = 35 * DAY
_EVERY = 3600.0
_LONGEST_STEP = DAY


def prune_if_due(connection: sqlite3.Connection, now: float, kept: Retention = DEFAULT) -> None:
    """Within a transaction that has added results: forgets what is old, about once an hour.

    Args:
        connection: of the history.
        now: unix time.
        kept: for how long.
    """
    last = connection.execute("SELECT lived, at FROM ages ORDER BY record_id DESC LIMIT 1").fetchone()
    before, at = (0.0, now - _EVERY) if last is None else last
    step = now - at
    if 0 <= step < _EVERY:
        return
    lived = before + min(max(step, 0.0), _LONGEST_STEP)
    connection.execute("INSERT OR REPLACE INTO ages SELECT ifnull(max(id), 0), ?, ? FROM records", (lived, now))
    figures, failures = _newest(connection, lived - kept.results), _newest(connection, lived - kept.failures)
    # From where the last upkeep ended: the figures do not say which records are already gone.
    details = _newest(connection, before - kept.details), _newest(connection, lived - kept.details)
    old = (
        "endpoint_id = ? AND record_id <= ? AND (started_at < ? OR started_at > ?) AND "
        "(outcome = 'ok' OR record_id <= ? AND (started_at < ? OR started_at > ?))"
    )
    delete_records = "DELETE FROM records WHERE id IN (SELECT record_id FROM results WHERE "
    for (endpoint_id,) in connection.execute("SELECT id FROM endpoints").fetchall():
        bounds = (endpoint_id, figures, now - kept.results, now, failures, now - kept.failures, now)
        if figures:
            connection.execute(f"{delete_records}{old})", bounds)
            connection.execute(f"DELETE FROM results WHERE {old}", bounds)  # noqa: S608 - constants
        thinned = "endpoint_id = ? AND record_id > ? AND record_id <= ? AND outcome = 'ok'"
        connection.execute(f"{delete_records}{thinned})", (endpoint_id, *details))
    _forget_rollups(connection, lived, now, kept)
    _forget_spending(connection, lived, now)
    connection.execute("DELETE FROM ages WHERE record_id < ?", (_newest(connection, lived - kept.longest),))


def day(at: float) -> str:
    """The day (UTC) of a unix time, as amounts are kept by."""
    return datetime.fromtimestamp(at, UTC).date().isoformat()


def _newest(connection: sqlite3.Connection, lived: float) -> int:
    """The last record that was there at an age of the history; 0 if there was none."""
    [(record_id,)] = connection.execute("SELECT ifnull(max(record_id), 0) FROM ages WHERE lived <= ?", (lived,))
    return int(record_id)


def _forget_rollups(connection: sqlite3.Connection, lived: float, now: float, kept: Retention) -> None:
    for length, longest in _ROLLUPS.items():
        seconds = min(longest, kept.rollups)
        last = _newest(connection, lived - seconds)
        if last:
            old = (length, last, now - seconds - length, now)
            which = "WHERE seconds = ? AND record_id <= ? AND (start < ? OR start > ?)"
            connection.execute(
                "DELETE FROM rollup_histograms WHERE (endpoint_id, seconds, start) IN "  # noqa: S608 - constants
                f"(SELECT endpoint_id, seconds, start FROM rollups {which})",
                old,
            )
            connection.execute(f"DELETE FROM rollups {which}", old)  # noqa: S608 - constants


def _forget_spending(connection: sqlite3.Connection, lived: float, now: float) -> None:
    """Forgets amounts of days that are old by both clocks: what was spent today must survive any jump."""
    [(at,)] = connection.execute("SELECT max(at) FROM ages WHERE lived <= ?", (lived - _SPENDING,))
    if at is not None:
        connection.execute("DELETE FROM spending WHERE day < ?", (day(min(at, now - _SPENDING)),))
