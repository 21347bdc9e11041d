"""Retention: which records and figures the history deletes, and when.

Failures are kept for 180 days, since they are few and are what people come back for. Successes are kept in full for 7
days, and as figures (time, outcome, latency, TTFT) for 35, which the longest window needs: at one probe a minute, an
endpoint's history takes about 8 MB.

The wall clock alone does not decide: one run with a clock that is a year ahead would delete everything. A history has a
clock of its own, which goes on while it is written to, and by a day at the most between two upkeeps. So a jump costs a
day of age, a history that was not written to has not aged, and what goes is old by both clocks. A result that is
stamped later than now has only the history's own.
"""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import sqlite3

DAY = 86_400.0
DETAIL_RETENTION = 7 * DAY
RETENTION = 35 * DAY
FAILURE_RETENTION = 180 * DAY
_EVERY = 3600.0
_LONGEST_STEP = DAY


def prune_if_due(connection: sqlite3.Connection, now: float) -> None:
    """Within a transaction that has added results: forgets what is old, about once an hour.

    Args:
        connection: of the history.
        now: unix time.
    """
    last = connection.execute("SELECT lived, at FROM ages ORDER BY record_id DESC LIMIT 1").fetchone()
    before, at = (0.0, now - _EVERY) if last is None else last
    step = now - at
    if 0 <= step < _EVERY:
        return
    lived = before + min(max(step, 0.0), _LONGEST_STEP)
    connection.execute("INSERT OR REPLACE INTO ages SELECT ifnull(max(id), 0), ?, ? FROM records", (lived, now))
    figures, failures = _newest(connection, lived - RETENTION), _newest(connection, lived - FAILURE_RETENTION)
    # From where the last upkeep ended: the figures do not say which records are already gone.
    details = _newest(connection, before - DETAIL_RETENTION), _newest(connection, lived - DETAIL_RETENTION)
    old = (
        "endpoint_id = ? AND record_id <= ? AND (started_at < ? OR started_at > ?) AND "
        "(outcome = 'ok' OR record_id <= ? AND (started_at < ? OR started_at > ?))"
    )
    delete_records = "DELETE FROM records WHERE id IN (SELECT record_id FROM results WHERE "
    for (endpoint_id,) in connection.execute("SELECT id FROM endpoints").fetchall():
        bounds = (endpoint_id, figures, now - RETENTION, now, failures, now - FAILURE_RETENTION, now)
        if figures:
            connection.execute(f"{delete_records}{old})", bounds)
            connection.execute(f"DELETE FROM results WHERE {old}", bounds)  # noqa: S608 - constants
        thinned = "endpoint_id = ? AND record_id > ? AND record_id <= ? AND outcome = 'ok'"
        connection.execute(f"{delete_records}{thinned})", (endpoint_id, *details))
    _forget_spending(connection, lived, now)
    connection.execute("DELETE FROM ages WHERE record_id < ?", (failures,))


def day(at: float) -> str:
    """The day (UTC) of a unix time, as amounts are kept by."""
    return datetime.fromtimestamp(at, UTC).date().isoformat()


def _newest(connection: sqlite3.Connection, lived: float) -> int:
    """The last record that was there at an age of the history; 0 if there was none."""
    [(record_id,)] = connection.execute("SELECT ifnull(max(record_id), 0) FROM ages WHERE lived <= ?", (lived,))
    return int(record_id)


def _forget_spending(connection: sqlite3.Connection, lived: float, now: float) -> None:
    """Forgets amounts of days that are old by both clocks: what was spent today must survive any jump."""
    [(at,)] = connection.execute("SELECT max(at) FROM ages WHERE lived <= ?", (lived - RETENTION,))
    if at is not None:
        connection.execute("DELETE FROM spending WHERE day < ?", (day(min(at, now - RETENTION)),))
