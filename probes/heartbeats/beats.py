"""What programs reported, in the history's file."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from aimon.probes.history.file import schema

if TYPE_CHECKING:
    from aimon.probes.history.database import Database

KEPT = 30_000
"""Beats of one name: 90 days of one every 5 minutes. By their number, since a clock may jump."""
LONGEST_MESSAGE = 1_000


class Beat(NamedTuple):
    """One report: when it came (unix time), whether all was well, and what it said."""

    at: float
    well: bool
    message: str | None


def record(database: Database, name: str, beat: Beat) -> None:
    """Adds a report.

    Raises:
        HistoryError: it can't be written.
    """
    message = None if beat.message is None else beat.message[:LONGEST_MESSAGE]
    with database.transaction() as connection:
        connection.execute(
            "INSERT INTO beats (name, at, well, message) VALUES (?, ?, ?, ?)", (name, beat.at, beat.well, message)
        )
        connection.execute(
            "DELETE FROM beats WHERE name = ?1 AND id <= "
            "(SELECT id FROM beats WHERE name = ?1 ORDER BY id DESC LIMIT 1 OFFSET ?2)",
            (name, KEPT),
        )


def latest(database: Database, names: list[str]) -> dict[str, Beat]:
    """The last report of each name; one that never reported is missing.

    Raises:
        HistoryError: the history cannot be read.
    """
    if database.version < schema.BEATS_SINCE:
        return {}
    found = {}
    for name in names:
        rows = database.query("SELECT at, well, message FROM beats WHERE name = ? ORDER BY id DESC LIMIT 1", (name,))
        if rows:
            at, well, message = rows[0]
            found[name] = Beat(at, bool(well), message)
    return found


def since(database: Database, name: str, begin: float) -> list[Beat]:
    """The reports of a name from `begin` on, and the one before; in the order in which they came.

    Raises:
        HistoryError: the history cannot be read.
    """
    if database.version < schema.BEATS_SINCE:
        return []
    rows = database.query(
        "SELECT at, well, message FROM beats WHERE name = ?1 AND id >= ifnull("
        "(SELECT max(id) FROM beats WHERE name = ?1 AND at < ?2), 0) ORDER BY id",
        (name, begin),
    )
    return [Beat(at, bool(well), message) for at, well, message in rows]
