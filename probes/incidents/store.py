"""What is kept of incidents, in the history's file.

The tracker reads recorded results in their order and writes, in one transaction, what they changed and how far it has
come. So a kill at any moment neither loses a change nor makes it twice: after it the same results are read again.
"""

from __future__ import annotations

import json
import os
from dataclasses import astuple, dataclass
from typing import TYPE_CHECKING, Final, NamedTuple

from aimon.config.model.alerting import SEVERITIES
from aimon.probes.history import side_tables
from aimon.probes.incidents.kinds import KNOWN, Kind
from aimon.probes.incidents.machine import NEW, Track

if TYPE_CHECKING:
    import sqlite3

    from aimon.probes.history.database import Database

OWNER: Final = "incidents"
_MIGRATIONS: Final = (
    (
        # How far the tracker has come with an endpoint, and its last result that says something.
        """CREATE TABLE incident_cursors (
            endpoint TEXT PRIMARY KEY, record_id INTEGER NOT NULL, seen_at REAL, outcome TEXT
        ) WITHOUT ROWID""",
        """CREATE TABLE incident_tracks (
            endpoint TEXT NOT NULL, kind TEXT NOT NULL, track TEXT NOT NULL, PRIMARY KEY (endpoint, kind)
        ) WITHOUT ROWID""",
        # Incidents of one kind and provider that were open together, for which there is one notice.
        # `announce_at`: when a notice is due; NULL: none is. `named`: endpoints that notices have named.
        """CREATE TABLE incident_groups (
            id INTEGER PRIMARY KEY AUTOINCREMENT, uid TEXT NOT NULL UNIQUE,
            scope TEXT NOT NULL, kind TEXT NOT NULL, opened_at REAL NOT NULL,
            announce_at REAL, announced_at REAL, resolved_at REAL, named TEXT NOT NULL DEFAULT '[]'
        )""",
        """CREATE TABLE incidents (
            id INTEGER PRIMARY KEY AUTOINCREMENT, group_id INTEGER NOT NULL REFERENCES incident_groups,
            endpoint TEXT NOT NULL, provider TEXT NOT NULL, model TEXT NOT NULL, region TEXT NOT NULL,
            kind TEXT NOT NULL, severity TEXT NOT NULL, flapping INTEGER NOT NULL,
            began_at REAL NOT NULL, opened_at REAL NOT NULL, resolved_at REAL, ended_by TEXT,
            outcome TEXT, error TEXT
        )""",
        "CREATE INDEX incidents_by_endpoint ON incidents (endpoint, opened_at)",
        "CREATE INDEX incidents_open ON incidents (resolved_at) WHERE resolved_at IS NULL",
        "CREATE UNIQUE INDEX incidents_once ON incidents (endpoint, kind) WHERE resolved_at IS NULL",
        """CREATE TABLE incident_events (
            id INTEGER PRIMARY KEY AUTOINCREMENT, incident_id INTEGER NOT NULL REFERENCES incidents,
            at REAL NOT NULL, event TEXT NOT NULL, detail TEXT
        )""",
        "CREATE INDEX incident_events_of ON incident_events (incident_id, id)",
        # From the configuration (`source` config, written anew at each load) and from the API.
        """CREATE TABLE announcements (
            id INTEGER PRIMARY KEY AUTOINCREMENT, source TEXT NOT NULL, title TEXT NOT NULL, text TEXT,
            severity TEXT NOT NULL, starts REAL, ends REAL, endpoints TEXT NOT NULL, created_at REAL NOT NULL
        )""",
        # Asked for through the API; those of the configuration are in the configuration.
        """CREATE TABLE maintenances (
            id INTEGER PRIMARY KEY AUTOINCREMENT, title TEXT NOT NULL,
            starts REAL NOT NULL, ends REAL NOT NULL, endpoints TEXT NOT NULL, created_at REAL NOT NULL
        )""",
    ),
    (
        # The severity of an incident before it rose, and when it rose.
        "ALTER TABLE incidents ADD COLUMN raised_from TEXT",
        "ALTER TABLE incidents ADD COLUMN raised_at REAL",
        # Kind and severity in the latest notice of a group.
        "ALTER TABLE incident_groups ADD COLUMN told_as TEXT",
    ),
)
# Longer than failures are kept, for who looks back over a year.
KEPT_FOR: Final = 400 * 86_400.0


class Row(NamedTuple):
    """A recorded result. `planned`: it was made in a maintenance window."""

    record_id: int
    endpoint: str
    provider: str
    model: str
    region: str
    started_at: float
    outcome: str
    latency: float
    ttft: float | None
    planned: bool
    record: str | None

    @property
    def error(self) -> str | None:
        """What went wrong, in words, redacted; None where that is not kept."""
        try:
            said = json.loads(self.record or "{}").get("error")
        except (ValueError, AttributeError):
            return None
        return said if isinstance(said, str) else None


@dataclass(frozen=True, slots=True)
class Opening:
    """What is known of an incident from its opening on; times are unix time.

    Attributes:
        endpoint: its endpoint, or its program.
        provider: of the endpoint, and so on; empty of a program.
        kind: what it is about; `state` is what that makes of its endpoint.
        severity: info, warning or critical.
        flapping: whether it was the third within an hour, or a later one.
        began_at: start of the first failure that led to it.
        opened_at: when it opened.
        outcome: of the probe that opened it; None where no probe did.
        error: its words, redacted.
    """

    endpoint: str
    provider: str
    model: str
    region: str
    kind: Kind
    severity: str
    flapping: bool
    began_at: float
    opened_at: float
    outcome: str | None
    error: str | None


def prepare(database: Database) -> None:
    """Makes the tables where they are missing.

    Raises:
        HistoryError: they can't be made.
    """
    side_tables.prepare(database, OWNER, _MIGRATIONS)


def cursors(database: Database) -> dict[str, int]:
    """The last result of each endpoint that the tracker has dealt with."""
    return {name: int(record) for name, record in database.query("SELECT endpoint, record_id FROM incident_cursors")}


def tracks(database: Database) -> dict[tuple[str, Kind], Track]:
    """All tracks; one that this version can't read is new."""
    found = {}
    for endpoint, kind, text in database.query("SELECT endpoint, kind, track FROM incident_tracks"):
        if kind in KNOWN:
            found[endpoint, Kind(kind)] = _track(text)
    return found


def newest(database: Database) -> int:
    """The number of the result that was recorded last; 0 without."""
    [(record_id,)] = database.query("SELECT ifnull(max(id), 0) FROM records")
    return int(record_id)


def results_after(database: Database, record_id: int, count: int) -> list[Row]:
    """The results that were recorded after one, in their order; `count` of them at the most."""
    planned = "planned" if _has_planned(database) else "0"
    rows = database.query(
        "SELECT record_id, endpoint, provider, model, region, started_at, outcome, latency, ttft, "  # noqa: S608 - a constant
        f"{planned}, CASE WHEN outcome = 'ok' THEN NULL ELSE record END "
        # Endpoint by endpoint: the index of results in the order of recording begins with it.
        "FROM endpoints CROSS JOIN results ON results.endpoint_id = endpoints.id AND record_id > ? "
        "LEFT JOIN records ON records.id = record_id ORDER BY record_id LIMIT ?",
        (record_id, count),
    )
    return [Row._make(row)._replace(planned=bool(row[9])) for row in rows]


def _has_planned(database: Database) -> bool:
    return any(name == "planned" for _, name, *_ in database.query("PRAGMA table_info(results)"))


def note_cursor(connection: sqlite3.Connection, endpoint: str, record_id: int, seen: Row | None) -> None:
    """Within a transaction: how far the tracker has come; `seen` is the last result that says something."""
    connection.execute(
        "INSERT INTO incident_cursors VALUES (?, ?, ?, ?) ON CONFLICT DO UPDATE SET record_id = excluded.record_id, "
        "seen_at = ifnull(excluded.seen_at, seen_at), outcome = ifnull(excluded.outcome, outcome)",
        (endpoint, record_id, seen and seen.started_at + seen.latency, seen and seen.outcome),
    )


def note_track(connection: sqlite3.Connection, endpoint: str, kind: Kind, track: Track) -> None:
    """Within a transaction: keeps a track."""
    text = json.dumps(
        [
            "".join("x" if bad else "." for bad in track.recent),
            *(track.good, track.is_open, track.flapping, track.openings, track.bad_since),
        ]
    )
    connection.execute("INSERT OR REPLACE INTO incident_tracks VALUES (?, ?, ?)", (endpoint, kind, text))


def _track(text: str) -> Track:
    try:
        recent, good, is_open, flapping, openings, since = json.loads(text)
        flags = tuple(mark == "x" for mark in recent)
        return Track(flags, int(good), bool(is_open), bool(flapping), tuple(map(float, openings)), since)
    except (ValueError, TypeError):
        return NEW


def open_incident(connection: sqlite3.Connection, opening: Opening, scope: str, announce_at: float) -> int:
    """Within a transaction: opens an incident, in the group of its scope and kind that is open, or in a new one.

    If an endpoint that was degraded, alone in its group, is down now, this group becomes the outage's: its notices are
    escalated. The next notice is due at `announce_at`, unless the endpoint was named before.
    """
    row = _open_group(connection, scope, opening.kind)
    if row is None and opening.kind is Kind.OUTAGE and _promote(connection, opening.endpoint, scope, announce_at):
        row = _open_group(connection, scope, opening.kind)
    if row is None:
        group = connection.execute(
            "INSERT INTO incident_groups (uid, scope, kind, opened_at, announce_at) VALUES (?, ?, ?, ?, ?)",
            (f"aimon-{os.urandom(8).hex()}", scope, opening.kind, opening.opened_at, announce_at),
        ).lastrowid
    else:
        group, named, announced_at = row
        if announced_at is not None and opening.endpoint not in json.loads(named):
            connection.execute(
                "UPDATE incident_groups SET announce_at = ifnull(announce_at, ?) WHERE id = ?", (announce_at, group)
            )
    number = connection.execute(
        "INSERT INTO incidents (group_id, endpoint, provider, model, region, kind, severity, flapping, "
        "began_at, opened_at, outcome, error) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
        (group, *astuple(opening)),
    ).lastrowid
    assert number is not None  # noqa: S101 - a row was inserted
    add_event(connection, number, opening.opened_at, "flapping" if opening.flapping else "opened", opening.error)
    return number


def _open_group(connection: sqlite3.Connection, scope: str, kind: Kind) -> tuple[int, str, float | None] | None:
    found: tuple[int, str, float | None] | None = connection.execute(
        "SELECT id, named, announced_at FROM incident_groups WHERE scope = ? AND kind = ? AND resolved_at IS NULL",
        (scope, kind),
    ).fetchone()
    return found


def _promote(connection: sqlite3.Connection, endpoint: str, scope: str, announce_at: float) -> bool:
    """Makes the group of a degraded endpoint one of outages, if no other endpoint is in it."""
    rows = connection.execute(
        "SELECT group_id, endpoint FROM incidents JOIN incident_groups ON incident_groups.id = group_id "
        "WHERE scope = ? AND incident_groups.kind = ? AND incidents.resolved_at IS NULL",
        (scope, Kind.UNRELIABLE),
    ).fetchall()
    if [name for _, name in rows] != [endpoint]:
        return False
    connection.execute(
        "UPDATE incident_groups SET kind = ?, announce_at = ifnull(announce_at, ?) WHERE id = ?",
        (Kind.OUTAGE, announce_at, rows[0][0]),
    )
    return True


def raise_severity(connection: sqlite3.Connection, opening: Opening, at: float, announce_at: float) -> None:
    """Within a transaction: gives an open incident the severity and the error of `opening`, if that is more severe.

    Channels that were notified get one update at `announce_at`.
    """
    row = connection.execute(
        "SELECT id, group_id, severity FROM incidents WHERE endpoint = ? AND kind = ? AND resolved_at IS NULL",
        (opening.endpoint, opening.kind),
    ).fetchone()
    if row is None or SEVERITIES.index(opening.severity) <= SEVERITIES.index(row[2]):
        return
    number, group, before = row
    connection.execute(
        "UPDATE incidents SET severity = ?, outcome = ?, error = ?, raised_from = ?, raised_at = ? WHERE id = ?",
        (opening.severity, opening.outcome, opening.error, before, at, number),
    )
    add_event(connection, number, at, "raised", opening.error)
    connection.execute(
        "UPDATE incident_groups SET announce_at = ifnull(announce_at, ?) WHERE id = ?", (announce_at, group)
    )


def end_incident(
    connection: sqlite3.Connection, endpoint: str, kind: Kind, at: float, ended_by: str | None = None
) -> tuple[int, bool] | None:
    """Within a transaction: ends an open incident.

    Returns:
        Its group, and whether that is over, too, since no other of it is open; None where no incident was open.
    """
    row = connection.execute(
        "SELECT id, group_id, opened_at FROM incidents WHERE endpoint = ? AND kind = ? AND resolved_at IS NULL",
        (endpoint, kind),
    ).fetchone()
    if row is None:
        return None
    number, group, opened_at = row
    at = max(at, opened_at)
    connection.execute("UPDATE incidents SET resolved_at = ?, ended_by = ? WHERE id = ?", (at, ended_by, number))
    add_event(connection, number, at, ended_by or "resolved", None)
    [(left,)] = connection.execute(
        "SELECT count(*) FROM incidents WHERE group_id = ? AND resolved_at IS NULL", (group,)
    ).fetchall()
    if not left:
        connection.execute("UPDATE incident_groups SET resolved_at = ?, announce_at = NULL WHERE id = ?", (at, group))
    return int(group), not left


def add_event(connection: sqlite3.Connection, incident: int, at: float, event: str, detail: str | None) -> None:
    """Within a transaction: an entry in the timeline of an incident."""
    connection.execute(
        "INSERT INTO incident_events (incident_id, at, event, detail) VALUES (?, ?, ?, ?)",
        (incident, at, event, detail),
    )


def due_groups(connection: sqlite3.Connection, now: float) -> list[int]:
    """Within a transaction: groups whose notice is due.

    A notice far in the future is due, too: the clock was set back since.
    """
    rows = connection.execute(
        "SELECT id FROM incident_groups WHERE resolved_at IS NULL AND announce_at IS NOT NULL "
        "AND (announce_at <= ? OR opened_at > ?)",
        (now, now + 60),
    )
    return [int(number) for (number,) in rows]


def prune(connection: sqlite3.Connection, now: float) -> None:
    """Within a transaction: deletes incidents that ended long ago."""
    connection.execute(
        "DELETE FROM incident_events WHERE incident_id IN (SELECT id FROM incidents WHERE resolved_at < ?)",
        (now - KEPT_FOR,),
    )
    connection.execute("DELETE FROM incidents WHERE resolved_at < ?", (now - KEPT_FOR,))
    connection.execute(
        "DELETE FROM incident_groups WHERE resolved_at < ? AND id NOT IN (SELECT group_id FROM incidents)",
        (now - KEPT_FOR,),
    )
    connection.execute("DELETE FROM maintenances WHERE ends < ?", (now - KEPT_FOR,))
    connection.execute("DELETE FROM announcements WHERE ends < ?", (now - KEPT_FOR,))
