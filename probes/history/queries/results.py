"""Single results: filtered and by the page, and the last failures in full."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from aimon.call.outcome import Outcome
from aimon.metrics.totals import Identity
from aimon.probes.history.records import decoded

if TYPE_CHECKING:
    from collections.abc import Collection

    from aimon.call.result import Result
    from aimon.probes.history.database import Database

SCANNED = 50_000
"""How many records a page looks at; one without a match is empty, and says where to go on."""

_OUTCOMES = frozenset(outcome.value for outcome in Outcome)


@dataclass(frozen=True, slots=True)
class StoredResult:
    """One result as it is kept.

    Attributes:
        id: its record, which only grows.
        identity: its endpoint.
        started_at: unix time.
        outcome: of the call.
        latency: E2E seconds.
        ttft: seconds; None where there was no text.
        planned: whether it was in a maintenance window.
        full: all of it, while that is kept.
    """

    id: int
    identity: Identity
    started_at: float
    outcome: Outcome
    latency: float
    ttft: float | None
    planned: bool
    full: Result | None


@dataclass(frozen=True, slots=True)
class ResultFilter:
    """Which results are wanted; None stands for all.

    Attributes:
        endpoint: of this name.
        outcomes: one of these.
        since: started then or later (unix time).
        until: started then or before.
    """

    endpoint: str | None = None
    outcomes: frozenset[Outcome] | None = None
    since: float | None = None
    until: float | None = None


def results(
    database: Database, wanted: ResultFilter, *, limit: int, before: int | None = None
) -> tuple[list[StoredResult], int | None]:
    """A page of results, those that were recorded last first.

    Args:
        database: the history's.
        wanted: which of them.
        limit: how many at the most.
        before: only records before this one: what the page before gave.

    Returns:
        The page, and where the next one begins; None if there is none.

    Raises:
        HistoryError: the history cannot be read.
    """
    [(oldest, newest)] = database.query("SELECT min(record_id), max(record_id) FROM results")
    if oldest is None:
        return [], None
    top = newest + 1 if before is None else min(before, newest + 1)
    bottom = max(oldest, top - SCANNED)
    conditions = {
        "endpoint = :endpoint": wanted.endpoint,
        "started_at >= :since": wanted.since,
        "started_at <= :until": wanted.until,
    }
    chosen = [condition for condition, value in conditions.items() if value is not None]
    if wanted.outcomes is not None:
        chosen.append(f"outcome IN ({', '.join(repr(outcome.value) for outcome in sorted(wanted.outcomes))})")
    rows = database.query(
        f"SELECT {_COLUMNS} WHERE {' AND '.join(['record_id >= :bottom', 'record_id < :top', *chosen])} "
        "ORDER BY record_id DESC LIMIT :limit",
        {
            "bottom": bottom,
            "top": top,
            "limit": limit,
            "endpoint": wanted.endpoint,
            "since": wanted.since,
            "until": wanted.until,
        },
    )
    following = int(rows[-1][0]) if len(rows) == limit else bottom
    return _stored(rows), following if following > oldest else None


def last_failures(database: Database, identity: Identity, count: int) -> list[StoredResult]:
    """The failures of an endpoint that were recorded last, the newest first; a skipped probe is none.

    Raises:
        HistoryError: the history cannot be read.
    """
    rows = database.query(
        f"SELECT {_COLUMNS} WHERE (endpoint, model, provider, region) = (?, ?, ?, ?) AND outcome NOT IN (?, ?) "
        "ORDER BY record_id DESC LIMIT ?",
        (*identity, Outcome.OK.value, Outcome.BUDGET_SKIPPED.value, count),
    )
    return _stored(rows)


_COLUMNS = (
    "record_id, endpoint, model, provider, region, started_at, outcome, latency, ttft, planned, record "
    "FROM endpoints JOIN results ON endpoint_id = endpoints.id LEFT JOIN records ON records.id = record_id"
)


def _stored(rows: Collection[tuple[object, ...]]) -> list[StoredResult]:
    found = []
    for record_id, endpoint, model, provider, region, started_at, outcome, latency, ttft, planned, record in rows:
        identity = Identity(str(endpoint), str(model), str(provider), str(region))
        full = decoded(identity, record) if isinstance(record, str) else None
        if outcome in _OUTCOMES and isinstance(started_at, float) and isinstance(latency, float):
            found.append(
                StoredResult(
                    int(str(record_id)),
                    identity,
                    started_at,
                    Outcome(str(outcome)),
                    latency,
                    ttft if isinstance(ttft, float) else None,
                    bool(planned),
                    full,
                )
            )
    return found
