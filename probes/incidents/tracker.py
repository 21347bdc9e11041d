"""Turns recorded results into incidents, and incidents into notices.

The tracker reads what was recorded since it last looked, in the order in which it was recorded, and works out what that
changes (`aimon.probes.incidents.machine`). Changes, notices and how far it has come are written in one transaction.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final

from aimon.config.incident_policy import DEFAULT
from aimon.probes.incidents import announcing, machine, store
from aimon.probes.incidents.kinds import RULES, Kind, severity, signals
from aimon.probes.incidents.machine import NEW, Change, Track
from aimon.probes.incidents.store import Opening
from aimon.probes.notify import outbox

if TYPE_CHECKING:
    import sqlite3
    from collections.abc import Collection, Mapping, Sequence

    from aimon.config.channel import Channel
    from aimon.config.incident_policy import IncidentPolicy
    from aimon.probes.history.database import Database
    from aimon.probes.incidents.store import Row

_BATCH: Final = 5000
_PRUNE_EVERY: Final = 3600.0
_SETTLE_EVERY: Final = 60.0


@dataclass(frozen=True, slots=True)
class Watched:
    """An endpoint that is watched; `scope` is what it has in common with others that fail together with it."""

    name: str
    policy: IncidentPolicy = DEFAULT
    scope: str = ""


@dataclass(frozen=True, slots=True)
class Watch:
    """What is watched, and who is notified.

    Attributes:
        endpoints: by name: those whose results this tracker deals with.
        known: names of all endpoints in the configuration, also of those that another process probes; None: unknown.
        channels: where notices go.
    """

    endpoints: Mapping[str, Watched]
    known: Collection[str] | None = None
    channels: Sequence[Channel] = ()


@dataclass(slots=True)
class _Changes:
    """What a batch of results changes, to be written in one transaction."""

    tracks: dict[tuple[str, Kind], Track] = field(default_factory=dict)
    seen: dict[str, tuple[int, Row | None]] = field(default_factory=dict)
    steps: list[tuple[Row, Kind, Change, Track, str | None]] = field(default_factory=list)


class IncidentTracker:
    """Tracks the endpoints of a Watch in one history. Not safe for use from several threads at once.

    Args:
        database: the history's file, open for writing.
        watch: what is watched.

    Raises:
        HistoryError: the file can't be used; by every method, which can then be called again.
    """

    def __init__(self, database: Database, watch: Watch, *, now: float) -> None:
        self._database = database
        self._watch = watch
        store.prepare(database)
        outbox.prepare(database)
        self._tracks = store.tracks(database)
        self._cursors = store.cursors(database)
        self._position = self._begin()
        self._pruned_at = self._settled_at = now
        self._forget(now)

    def configure(self, watch: Watch, now: float) -> None:
        """Another configuration holds from now on; incidents of endpoints that it does not have are over."""
        before, self._watch = self._watch, watch
        if set(watch.endpoints) - set(before.endpoints):
            self._position = self._begin()
        self._forget(now)

    def process(self, now: float) -> int:
        """Deals with all results that were recorded since; returns how many."""
        count = 0
        while rows := store.results_after(self._database, self._position, _BATCH):
            mine = [row for row in rows if self._is_new(row)]
            if mine:
                changes = self._work_out(mine)
                with self._database.transaction() as connection:
                    self._write(connection, changes, now)
                self._tracks.update(changes.tracks)
                self._cursors.update({name: record for name, (record, _) in changes.seen.items()})
            self._position = rows[-1].record_id
            count += len(mine)
            if len(rows) < _BATCH:
                break
        return count

    def tick(self, now: float) -> None:
        """Deals with new results, and puts notices into the queue whose time has come."""
        self.process(now)
        due = self._database.query(
            "SELECT 1 FROM incident_groups WHERE resolved_at IS NULL AND announce_at IS NOT NULL LIMIT 1"
        )
        if due:
            with self._database.transaction() as connection:
                for group in store.due_groups(connection, now):
                    announcing.announce(connection, group, self._watch.channels, self._suspects(connection, group), now)
        if not 0 <= now - self._settled_at < _SETTLE_EVERY:
            self._settled_at = now
            self.settle()
        if not 0 <= now - self._pruned_at < _PRUNE_EVERY:
            self._pruned_at = now
            with self._database.transaction() as connection:
                store.prune(connection, now)
                outbox.prune(connection, now)

    def settle(self) -> None:
        """Notes how far it has come for endpoints without new results, too, so that the next start reads little."""
        behind = [name for name in self._watch.endpoints if self._cursors[name] < self._position]
        with self._database.transaction() as connection:
            for name in behind:
                store.note_cursor(connection, name, self._position, None)
        self._cursors.update(dict.fromkeys(behind, self._position))

    def _begin(self) -> int:
        """From where on results are read: what was recorded before an endpoint was first watched is not judged."""
        newest = store.newest(self._database)
        fresh = [name for name in self._watch.endpoints if name not in self._cursors]
        if fresh:
            with self._database.transaction() as connection:
                for name in fresh:
                    store.note_cursor(connection, name, newest, None)
            self._cursors.update(dict.fromkeys(fresh, newest))
        return min((self._cursors[name] for name in self._watch.endpoints), default=newest)

    def _is_new(self, row: Row) -> bool:
        return row.endpoint in self._watch.endpoints and row.record_id > self._cursors.get(row.endpoint, 0)

    def _work_out(self, rows: Sequence[Row]) -> _Changes:
        changes = _Changes()
        for row in rows:
            policy = self._watch.endpoints[row.endpoint].policy
            said = signals(policy, row.outcome, row.latency, row.ttft)
            for kind, bad in said.items():
                self._step(changes, row, policy, kind, bad=bad)
            _, before = changes.seen.get(row.endpoint, (0, None))
            changes.seen[row.endpoint] = (row.record_id, row if said else before)
        return changes

    def _step(self, changes: _Changes, row: Row, policy: IncidentPolicy, kind: Kind, *, bad: bool) -> None:
        rule = RULES[kind](policy)
        key = row.endpoint, kind
        before = changes.tracks.get(key) or self._tracks.get(key, NEW)
        outage = row.endpoint, Kind.OUTAGE
        if kind is Kind.UNRELIABLE and (changes.tracks.get(outage) or self._tracks.get(outage, NEW)).is_open:
            # What fails now and then has become an outage, which says more.
            if before.is_open:
                changes.steps.append((row, kind, Change.RESOLVED, before, "outage"))
            if before != machine.closed(before):
                changes.tracks[key] = machine.closed(before)
            return
        if rule is None:
            return
        after, change = machine.step(rule, before, bad=bad, at=row.started_at, planned=row.planned)
        if after != before:
            changes.tracks[key] = after
        if change is None and bad and after.is_open and kind is Kind.ACCOUNT:
            change = Change.WORSENED
        if change is not None:
            changes.steps.append((row, kind, change, after, None))

    def _write(self, connection: sqlite3.Connection, changes: _Changes, now: float) -> None:
        for row, kind, change, track, ended_by in changes.steps:
            watched = self._watch.endpoints[row.endpoint]
            at = row.started_at + row.latency
            if change is not Change.RESOLVED:
                opening = Opening(
                    row.endpoint, row.provider, row.model, row.region, kind,
                    severity(kind, watched.policy, row.outcome), track.flapping,
                    track.bad_since or at, at, row.outcome, row.error,
                )  # fmt: skip
                announce_at = now + watched.policy.group_wait
                if change is Change.OPENED:
                    store.open_incident(connection, opening, watched.scope, announce_at)
                else:
                    store.raise_severity(connection, opening, at, announce_at)
            else:
                ended = store.end_incident(connection, row.endpoint, kind, at, ended_by)
                self._tell_end(connection, ended, now, ended_by)
        for (endpoint, kind), track in changes.tracks.items():
            store.note_track(connection, endpoint, kind, track)
        for endpoint, (record_id, seen) in changes.seen.items():
            store.note_cursor(connection, endpoint, record_id, seen)

    def _tell_end(
        self, connection: sqlite3.Connection, ended: tuple[int, bool] | None, now: float, ended_by: str | None
    ) -> None:
        if ended is None:
            return
        group, over = ended
        if over:
            announcing.announce_end(connection, group, self._watch.channels, now, ended_by)
        else:
            announcing.announce_part(connection, group, self._watch.channels, now)

    def _forget(self, now: float) -> None:
        """Ends incidents that nobody watches any more, so that no page stays open for ever."""
        known = self._watch.known
        gone = [
            (endpoint, Kind(kind))
            for endpoint, kind in self._database.query("SELECT endpoint, kind FROM incidents WHERE resolved_at IS NULL")
            if kind in RULES and self._is_gone(endpoint, Kind(kind), known)
        ]
        if not gone:
            return
        with self._database.transaction() as connection:
            for endpoint, kind in gone:
                ended = store.end_incident(connection, endpoint, kind, now, "removed")
                self._tell_end(connection, ended, now, "removed")
                store.note_track(connection, endpoint, kind, NEW)
        self._tracks.update(dict.fromkeys(gone, NEW))

    def _is_gone(self, endpoint: str, kind: Kind, known: Collection[str] | None) -> bool:
        watched = self._watch.endpoints.get(endpoint)
        if watched is None:
            return known is not None and endpoint not in known
        return RULES[kind](watched.policy) is None

    def _suspects(self, connection: sqlite3.Connection, group: int) -> list[str]:
        """Endpoints of the same scope whose last result was as bad, though not often enough for an incident."""
        scope, kind = connection.execute("SELECT scope, kind FROM incident_groups WHERE id = ?", (group,)).fetchone()
        if kind != Kind.OUTAGE:
            return []
        return [
            name
            for name, watched in self._watch.endpoints.items()
            if watched.scope == scope
            and (track := self._tracks.get((name, Kind.OUTAGE), NEW)).recent[-1:] == (True,)
            and not track.is_open
        ]
