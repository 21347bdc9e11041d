"""Announcements and maintenance: from the configuration and the API, kept in the history's file.

Announcements of the configuration are written anew whenever it is read; those of the API stay until they are deleted.
Maintenance of the configuration is in the configuration; what is asked for through the API is here.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from aimon.config.maintenance import unix_time
from aimon.config.time_zone import time_zone
from aimon.probes.history import side_tables
from aimon.probes.incidents import store

if TYPE_CHECKING:
    from collections.abc import Sequence

    from aimon.config.model.config import Config
    from aimon.probes.history.database import Database

CONFIGURED: Final = "config"
ASKED: Final = "api"


@dataclass(frozen=True, slots=True)
class Announcement:
    """What the page tells its readers. Times are unix time; `endpoints` is empty where it concerns all of them."""

    id: int
    source: str
    title: str
    text: str | None
    severity: str
    starts: float | None
    ends: float | None
    endpoints: tuple[str, ...]
    created_at: float

    def is_shown(self, now: float) -> bool:
        """Whether it is to be shown now."""
        return (self.starts is None or self.starts <= now) and (self.ends is None or now < self.ends)


@dataclass(frozen=True, slots=True)
class Maintenance:
    """A maintenance window that was asked for through the API. `endpoints` is empty where it concerns all of them."""

    id: int
    title: str
    starts: float
    ends: float
    endpoints: tuple[str, ...]
    created_at: float

    def covers(self, endpoint: str, at: float) -> bool:
        """Whether an endpoint is in it at a time."""
        return self.starts <= at < self.ends and (not self.endpoints or endpoint in self.endpoints)


def announcements(database: Database, now: float | None = None) -> tuple[Announcement, ...]:
    """All announcements, the newest first; only those that are to be shown at `now`, if that is given."""
    if not side_tables.present(database, store.OWNER):
        return ()
    rows = database.query(
        "SELECT id, source, title, text, severity, starts, ends, endpoints, created_at FROM announcements "
        "ORDER BY ifnull(starts, created_at) DESC, id DESC"
    )
    found = [
        Announcement(number, source, title, text, severity, starts, ends, tuple(json.loads(names)), at)
        for number, source, title, text, severity, starts, ends, names, at in rows
    ]
    return tuple(each for each in found if now is None or each.is_shown(now))


def announce(
    database: Database,
    title: str,
    *,
    now: float,
    text: str | None = None,
    severity: str = "info",
    starts: float | None = None,
    ends: float | None = None,
    endpoints: Sequence[str] = (),
) -> int:
    """Adds an announcement for the API; returns its number.

    Raises:
        HistoryError: it can't be written.
    """
    store.prepare(database)
    with database.transaction() as connection:
        number = connection.execute(
            _INSERT, (ASKED, title, text, severity, starts, ends, json.dumps(list(endpoints)), now)
        ).lastrowid
    return number or 0


def withdraw(database: Database, number: int) -> bool:
    """Deletes an announcement of the API; returns whether there was one.

    Raises:
        HistoryError: it can't be written.
    """
    store.prepare(database)
    with database.transaction() as connection:
        gone = connection.execute("DELETE FROM announcements WHERE id = ? AND source = ?", (number, ASKED)).rowcount
    return gone > 0


def configure(database: Database, config: Config, now: float) -> None:
    """Writes the announcements of the configuration in place of those that it had before; unchanged ones stay.

    Raises:
        HistoryError: they can't be written.
    """
    store.prepare(database)
    zone = time_zone(config.timezone)
    wanted = [
        (
            each.title,
            each.text,
            each.severity,
            None if each.start is None else unix_time(each.start, zone),
            None if each.end is None else unix_time(each.end, zone),
            json.dumps(list(each.endpoints)),
        )
        for each in config.announcements
    ]
    with database.transaction() as connection:
        rows = connection.execute(
            "SELECT id, title, text, severity, starts, ends, endpoints FROM announcements WHERE source = ?",
            (CONFIGURED,),
        ).fetchall()
        for number, *fields in rows:
            if tuple(fields) in wanted:
                wanted.remove(tuple(fields))
            else:
                connection.execute("DELETE FROM announcements WHERE id = ?", (number,))
        connection.executemany(_INSERT, [(CONFIGURED, *fields, now) for fields in wanted])


def maintenances(database: Database, since: float = 0.0) -> tuple[Maintenance, ...]:
    """The maintenance windows of the API that are not over at a time (default: all), the latest first."""
    if not side_tables.present(database, store.OWNER):
        return ()
    rows = database.query(
        "SELECT id, title, starts, ends, endpoints, created_at FROM maintenances WHERE ends > ? ORDER BY starts DESC",
        (since,),
    )
    return tuple(
        Maintenance(number, title, starts, ends, tuple(json.loads(endpoints)), at)
        for number, title, starts, ends, endpoints, at in rows
    )


def plan(
    database: Database, title: str, starts: float, ends: float, *, now: float, endpoints: Sequence[str] = ()
) -> int:
    """Adds a maintenance window for the API; returns its number.

    Raises:
        ValueError: it ends before it starts.
        HistoryError: it can't be written.
    """
    if ends <= starts:
        raise ValueError("a maintenance window must end after it starts")
    store.prepare(database)
    with database.transaction() as connection:
        number = connection.execute(
            "INSERT INTO maintenances (title, starts, ends, endpoints, created_at) VALUES (?, ?, ?, ?, ?)",
            (title, starts, ends, json.dumps(list(endpoints)), now),
        ).lastrowid
    return number or 0


def cancel(database: Database, number: int) -> bool:
    """Deletes a maintenance window of the API; returns whether there was one.

    Raises:
        HistoryError: it can't be written.
    """
    store.prepare(database)
    with database.transaction() as connection:
        return connection.execute("DELETE FROM maintenances WHERE id = ?", (number,)).rowcount > 0


_INSERT: Final = (
    "INSERT INTO announcements (source, title, text, severity, starts, ends, endpoints, created_at) "
    "VALUES (?, ?, ?, ?, ?, ?, ?, ?)"
)
