"""What pages, feeds and the API show of incidents: pure reads of the history, as frozen records.

Every function takes a Database, which may be open only to be read; of a file that no tracker has written to yet there
is nothing to tell. Times are unix time. All raise HistoryError where the file can't be read.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

from aimon.probes.history import side_tables
from aimon.probes.incidents import store
from aimon.probes.incidents.kinds import STATE_OF, Kind, State
from aimon.probes.incidents.store import Opening

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from aimon.probes.history.database import Database

# A prober that skips two runs may be late; one that skips three has stopped.
_MISSED: Final = 3
_SHORTEST: Final = 60.0
_AFTER: Final = (
    " {} (incidents.opened_at, incidents.id) < (SELECT opened_at, id FROM incidents AS last WHERE last.id = ?)"
)
_COLUMNS: Final = (
    "endpoint, provider, model, region, incidents.kind, severity, flapping, began_at, incidents.opened_at, outcome, "
    "error, incidents.id, incidents.resolved_at, ended_by, uid"
)


@dataclass(frozen=True, slots=True)
class Incident(Opening):
    """One incident.

    Attributes:
        id: its number.
        resolved_at: when it was over; None while it is open.
        ended_by: why it ended, if not by recovery: `outage` (it became one), `removed` (from the configuration).
        group: what it is told under, the same for incidents that were told together.
    """

    id: int
    resolved_at: float | None
    ended_by: str | None
    group: str

    @property
    def is_open(self) -> bool:
        """Whether it is not over."""
        return self.resolved_at is None

    def duration(self, now: float) -> float:
        """Seconds from its opening to its end, or to now."""
        return max(0.0, (now if self.resolved_at is None else self.resolved_at) - self.opened_at)


@dataclass(frozen=True, slots=True)
class Page:
    """Some of the incidents that were asked for, the newest first; `total`: how many there are in all."""

    incidents: tuple[Incident, ...]
    total: int


@dataclass(frozen=True, slots=True)
class Event:
    """An entry in an incident's timeline.

    `event`: opened, flapping, announced, resolved, outage or removed (as `ended_by`); of deliveries to a channel:
    delivered, refused, given_up. `detail`: the error, or the channel.
    """

    at: float
    event: str
    detail: str | None


@dataclass(frozen=True, slots=True)
class EndpointState:
    """How an endpoint is now; `since`: from when on, where an incident says so; `incidents`: those that are open."""

    endpoint: str
    state: State
    since: float | None
    incidents: tuple[Incident, ...]


def incidents(
    database: Database,
    *,
    endpoint: str | None = None,
    provider: str | None = None,
    kind: str | None = None,
    only_open: bool = False,
    since: float | None = None,
    until: float | None = None,
    limit: int = 50,
    before: int | None = None,
) -> Page:
    """Incidents that are open at some time between `since` and `until`, the newest first.

    Args:
        database: the history's file.
        endpoint: only its.
        provider: only its.
        kind: only of that kind.
        only_open: only those that are not over.
        since: unix time.
        until: unix time.
        limit: how many to give at the most.
        before: number of an incident: only those that come after it in this order. What opens meanwhile moves nothing.
    """
    if not side_tables.present(database, store.OWNER):
        return Page((), 0)
    wanted: dict[str, Any] = {
        "endpoint = ?": endpoint,
        "provider = ?": provider,
        "incidents.kind = ?": kind,
        "ifnull(incidents.resolved_at, 9e999) >= ?": since,
        "incidents.opened_at <= ?": until,
    }
    given = {condition: value for condition, value in wanted.items() if value is not None}
    conditions = [*given, *(["incidents.resolved_at IS NULL"] if only_open else [])]
    where = f"WHERE {' AND '.join(conditions)}" if conditions else ""
    source = f"FROM incidents JOIN incident_groups ON incident_groups.id = group_id {where}"
    [(total,)] = database.query(f"SELECT count(*) {source}", tuple(given.values()))
    rows = database.query(
        f"SELECT {_COLUMNS} {source}{_AFTER.format('AND' if where else 'WHERE') if before is not None else ''} "
        "ORDER BY incidents.opened_at DESC, incidents.id DESC LIMIT ?",
        (*given.values(), *(() if before is None else (before,)), limit),
    )
    return Page(tuple(_incident(row) for row in rows), int(total))


def incident(database: Database, number: int) -> Incident | None:
    """One incident; None where there is none of that number."""
    if not side_tables.present(database, store.OWNER):
        return None
    rows = database.query(
        f"SELECT {_COLUMNS} FROM incidents JOIN incident_groups ON incident_groups.id = group_id "  # noqa: S608 - constants
        "WHERE incidents.id = ?",
        (number,),
    )
    return _incident(rows[0]) if rows else None


def timeline(database: Database, number: int) -> tuple[Event, ...]:
    """What happened in an incident and who was told, in order."""
    if not side_tables.present(database, store.OWNER):
        return ()
    rows = database.query(
        "SELECT at, event, detail FROM incident_events WHERE incident_id = ? UNION ALL "
        "SELECT done_at, notices.state, notices.channel FROM notices "
        "JOIN incident_groups ON incident_groups.uid = notices.uid JOIN incidents ON group_id = incident_groups.id "
        "WHERE incidents.id = ? AND notices.state IN ('delivered', 'refused', 'given_up') AND done_at IS NOT NULL "
        "ORDER BY 1",
        (number, number),
    )
    return tuple(Event(at, event, detail) for at, event, detail in rows)


def states(
    database: Database, intervals: Mapping[str, float], now: float, *, planned: Sequence[str] = ()
) -> dict[str, EndpointState]:
    """How endpoints are now.

    Args:
        database: the history's file.
        intervals: the endpoints, with the seconds between their probes.
        now: unix time.
        planned: those in a maintenance window.
    """
    opened: dict[str, list[Incident]] = {}
    seen: dict[str, tuple[float | None, str | None]] = {}
    if side_tables.present(database, store.OWNER):
        for each in incidents(database, only_open=True, limit=-1).incidents:
            opened.setdefault(each.endpoint, []).append(each)
        rows = database.query("SELECT endpoint, seen_at, outcome FROM incident_cursors")
        seen = {name: (at, outcome) for name, at, outcome in rows}
    found = {}
    for name, interval in intervals.items():
        at, _ = seen.get(name, (None, None))
        quiet = math.inf if at is None else now - at
        theirs = tuple(opened.get(name, ()))
        found[name] = _state(name, theirs, stale=quiet > _MISSED * max(interval, _SHORTEST), planned=name in planned)
    return found


def _state(name: str, opened: tuple[Incident, ...], *, stale: bool, planned: bool) -> EndpointState:
    if planned:
        return EndpointState(name, State.MAINTENANCE, None, opened)
    if stale:
        return EndpointState(name, State.UNKNOWN, None, opened)
    for kind, state in STATE_OF.items():
        since = [each.opened_at for each in opened if each.kind is kind]
        if since:
            return EndpointState(name, state, min(since), opened)
    return EndpointState(name, State.UP, None, opened)


def _incident(row: tuple[Any, ...]) -> Incident:
    endpoint, provider, model, region, kind, severity, flapping, *rest = row
    return Incident(endpoint, provider, model, region, Kind(kind), severity, bool(flapping), *rest)
