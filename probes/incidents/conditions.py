"""Incidents of what is known at once, and not by a row of results: an empty account, a silent program."""

from __future__ import annotations

from typing import TYPE_CHECKING

from aimon.config.model.alerting import SEVERITIES
from aimon.probes.incidents import announcing, store
from aimon.probes.notify import outbox

if TYPE_CHECKING:
    import sqlite3
    from collections.abc import Collection, Mapping, Sequence

    from aimon.config.channel import Channel
    from aimon.probes.history.database import Database
    from aimon.probes.incidents.kinds import Kind
    from aimon.probes.incidents.store import Opening


def update(
    database: Database,
    kind: Kind,
    openings: Mapping[str, Opening],
    over: Collection[str],
    known: Collection[str],
    channels: Sequence[Channel],
    now: float,
) -> None:
    """Opens and ends the incidents of one kind, in one transaction; each has a notice of its own, at once.

    Args:
        database: the history's file.
        kind: the kind, of which nobody else opens incidents.
        openings: the incidents that must be open, by name. One that is open already stays as it is, unless its
            severity is higher now.
        over: names whose incident is over, if one is open.
        known: all names in the configuration; incidents of any other end as `removed`.
        channels: who is notified.
        now: unix time.

    Raises:
        HistoryError: the file can't be written; nothing of it was.
    """
    store.prepare(database)
    outbox.prepare(database)
    rows = database.query("SELECT endpoint, severity FROM incidents WHERE kind = ? AND resolved_at IS NULL", (kind,))
    severities = dict(rows)
    opened = set(severities)
    graver = {
        name
        for name in openings.keys() & opened
        if SEVERITIES.index(openings[name].severity) > SEVERITIES.index(severities[name])
    }
    changed = (openings.keys() - opened) | graver | (opened & set(over)) | (opened - set(known))
    if not changed:
        return
    with database.transaction() as connection:
        for name, opening in openings.items():
            if name not in opened:
                store.open_incident(connection, opening, f"{opening.provider or kind} ({name})", now)
            elif name in graver:
                store.raise_severity(connection, opening, now, now)
        for name in opened & set(over):
            _end(connection, kind, name, channels, now)
        for name in opened - set(known) - set(over):
            _end(connection, kind, name, channels, now, "removed")


def _end(
    connection: sqlite3.Connection,
    kind: Kind,
    name: str,
    channels: Sequence[Channel],
    now: float,
    by: str | None = None,
) -> None:
    ended = store.end_incident(connection, name, kind, now, by)
    if ended is not None and ended[1]:
        announcing.announce_end(connection, ended[0], channels, now, by)
