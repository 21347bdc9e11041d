"""The durable history of probes: every Result, and the cumulative totals that one-shot runs push.

`append` writes results and totals in one transaction, so that a kill at any moment neither loses nor doubles
a count. Results come redacted; keys are never in them.

Clocks are set, and jump. So the latest is what was recorded last, whatever its stamp says, and a time that is ahead of
now is not believed. `aimon.probes.history.retention` says what is forgotten.
"""

from __future__ import annotations

import json
import math
import time
from typing import TYPE_CHECKING, Any, NamedTuple, Self

from aimon.call.containment import isolated
from aimon.call.outcome import Fault, Outcome
from aimon.metrics.definitions import DURATION, IDENTITY, TTFT, find
from aimon.metrics.totals import HistogramSeries, Identity, Totals
from aimon.probes.history import rollups, size_limit
from aimon.probes.history.database import Database, default_path
from aimon.probes.history.file import schema
from aimon.probes.history.records import decoded, encoded
from aimon.probes.history.retention import DEFAULT, Retention, day, prune_if_due

if TYPE_CHECKING:
    import sqlite3
    from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
    from pathlib import Path

    from aimon.call.result import Result

# A stamp this far ahead is a clock that was set back since; a step of less is what NTP does.
AHEAD = 60.0
_OUTCOMES = frozenset(outcome.value for outcome in Outcome)
_NOT_MADE = tuple(outcome.value for outcome in Outcome if outcome.fault is Fault.PROBER)


class Sample(NamedTuple):
    """What statistics need of a stored result. `started_at` is unix time, the rest seconds."""

    started_at: float
    outcome: str
    latency: float
    ttft: float | None


class _Limits(NamedTuple):
    """Seconds that a success may take: the loosest objectives of its endpoint; infinite where it has none."""

    latency: float = math.inf
    ttft: float = math.inf

    def exceeded_by(self, result: Result) -> bool:
        """Whether a success took longer."""
        return result.outcome is Outcome.OK and (result.end > self.latency or (result.first_token or 0.0) > self.ttft)


_NO_LIMITS = _Limits()


class Last(NamedTuple):
    """The latest of an endpoint: when a probe last ended and last succeeded, and the last one that was made."""

    run_at: float | None = None
    success_at: float | None = None
    probe: Result | None = None


class History:
    """All that was probed, in one SQLite file.

    Attributes:
        unreadable: rows met so far that hold no result, and were left out.
        in_maintenance: asked of each result that is appended, with the name of its endpoint and its start (unix time):
            whether uptime leaves it out.
    """

    def __init__(
        self,
        path: Path | None = None,
        *,
        clock: Callable[[], float] = time.time,
        read_only: bool = False,
        retention: Retention = DEFAULT,
    ) -> None:
        """Opens the history at `path` (default: `default_path()`); `clock` tells unix time.

        With `read_only` nothing is made or changed, and the right to write is not needed.

        Raises:
            HistoryError: it cannot be opened.
        """
        self.database = Database(default_path() if path is None else path, read_only=read_only)
        self.unreadable = 0
        self.in_maintenance: Callable[[str, float], bool] = lambda _endpoint, _at: False
        self.retention = retention
        self._shape = Totals()
        self._slow: dict[Identity, _Limits] = {}
        self._clock = clock

    def close(self) -> None:
        """Closes the file."""
        self.database.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def declare(
        self,
        identity: Identity,
        *,
        currency: str | None = None,
        thresholds: Mapping[str, Iterable[float]] | None = None,
    ) -> None:
        """Says what is configured, as `Totals.declare` does: series at 0 and boundaries for what is appended."""
        self._shape.declare(identity, currency=currency, thresholds=thresholds)
        promised = {family: max(bounds, default=math.inf) for family, bounds in (thresholds or {}).items()}
        self._slow[identity] = _Limits(promised.get(DURATION, math.inf), promised.get(TTFT, math.inf))

    def append(self, results: Sequence[Result]) -> None:
        """Adds results and what they count, in one transaction.

        Raises:
            HistoryError: they could not be written; none of them was.
        """
        if not results:
            return
        counted = self._shape.empty()
        for result in results:
            counted.observe(result)
        with self.database.transaction() as connection:
            ids = {identity: _endpoint_id(connection, identity) for identity in map(Identity.of, results)}
            rollups.add(connection, [self._insert(connection, ids[Identity.of(result)], result) for result in results])
            connection.executemany(
                "INSERT INTO totals VALUES (?, ?, ?, ?, ?) ON CONFLICT DO UPDATE SET value = value + excluded.value",
                _totals_rows(counted, ids),
            )
            now = self._clock()
            for result in results:
                _note_latest(connection, ids[Identity.of(result)], result, now)
            connection.executemany(
                "INSERT INTO spending VALUES (?, ?, ?, ?) ON CONFLICT DO UPDATE SET amount = amount + excluded.amount",
                [
                    (result.endpoint, day(result.started_at), result.currency, result.cost)
                    for result in results
                    if result.cost is not None and result.currency is not None
                ],
            )
            prune_if_due(connection, now, self.retention)
            size_limit.enforce(connection, self.retention.max_size)

    def totals(self, identities: Iterable[Identity] | None = None) -> Totals:
        """The cumulative totals of these endpoints (default: all), of all runs so far.

        Raises:
            HistoryError: they cannot be read.
        """
        wanted = None if identities is None else set(identities)
        totals = self._shape.copy() if wanted is None else self._shape.only(wanted)
        stored = Totals()
        rows = self.database.query(
            f"SELECT {', '.join(IDENTITY)}, family, labels, part, value "  # noqa: S608 - constants
            "FROM totals JOIN endpoints ON endpoints.id = totals.endpoint_id"
        )
        for *identity, family, labels, part, value in rows:
            if wanted is None or Identity(*identity) in wanted:
                with isolated(identity[0], "published"):
                    _restore(stored, family, (*identity, *json.loads(labels)), part, float(value))
        totals.merge(stored)
        return totals

    def identities(self) -> list[Identity]:
        """Every endpoint that was ever probed, the most recently probed first."""
        rows = self.database.query(
            f"SELECT {', '.join(IDENTITY)} FROM endpoints ORDER BY last_run_at DESC"  # noqa: S608 - constants
        )
        return [Identity(*row) for row in rows if all(isinstance(value, str) for value in row)]

    def recent(self, identity: Identity, count: int) -> list[Result]:
        """The `count` results of an endpoint that were recorded last and are kept in full, in that order."""
        rows = self.database.query(
            "SELECT record FROM results JOIN records ON records.id = record_id "
            "WHERE endpoint_id = ? ORDER BY record_id DESC LIMIT ?",
            (self._id(identity), count),
        )
        return [found for (record,) in reversed(rows) if (found := self._result(identity, record)) is not None]

    def samples(self, identity: Identity, since: float, until: float = math.inf) -> list[Sample]:
        """What statistics need of an endpoint's results that started from `since` to `until` (unix time), in order.

        Those in a maintenance window are left out.
        """
        unplanned = "AND planned = 0 " if self.database.version >= schema.PLANNED_SINCE else ""
        rows = self.database.query(
            "SELECT started_at, outcome, latency, ttft FROM results "  # noqa: S608 - constants
            f"WHERE endpoint_id = ? AND started_at BETWEEN ? AND ? {unplanned}ORDER BY started_at",
            (self._id(identity), since, until),
        )
        return self._samples(rows)

    def latest(self, identity: Identity, count: int) -> list[Sample]:
        """The `count` results of an endpoint that were recorded last, however old, in that order."""
        rows = self.database.query(
            "SELECT started_at, outcome, latency, ttft FROM results "
            "WHERE endpoint_id = ? ORDER BY record_id DESC LIMIT ?",
            (self._id(identity), count),
        )
        return self._samples(reversed(rows))

    def ahead(self, identity: Identity, now: float) -> int:
        """How many results of an endpoint are recorded in the future: the clock was ahead then, or is behind now."""
        rows = self.database.query(
            "SELECT count(*) FROM results WHERE endpoint_id = ? AND started_at > ?", (self._id(identity), now + AHEAD)
        )
        return int(rows[0][0])

    def last(self, identity: Identity) -> Last:
        """The latest of an endpoint; all None if it was never probed."""
        times = self.database.query(
            "SELECT id, last_run_at, last_success_at FROM endpoints "
            "WHERE (endpoint, model, provider, region) = (?, ?, ?, ?)",
            identity,
        )
        if not times:
            return Last()
        [(endpoint_id, run_at, success_at)] = times
        records = self.database.query(
            "SELECT record FROM results JOIN records ON records.id = record_id "
            "WHERE endpoint_id = ? AND outcome NOT IN (?, ?) ORDER BY record_id DESC LIMIT 1",
            (endpoint_id, *_NOT_MADE),
        )
        probe = self._result(identity, records[0][0]) if records else None
        return Last(_number(run_at), _number(success_at), probe)

    def spent_today(self, endpoint: str, currency: str, now: float | None = None) -> float:
        """What an endpoint's probes have cost since 00:00 UTC."""
        rows = self.database.query(
            "SELECT amount FROM spending WHERE (endpoint, day, currency) = (?, ?, ?)",
            (endpoint, day(self._clock() if now is None else now), currency),
        )
        return (_number(rows[0][0]) or 0.0) if rows else 0.0

    def _insert(self, connection: sqlite3.Connection, endpoint_id: int, result: Result) -> rollups.Figures:
        record_id = connection.execute("INSERT INTO records (record) VALUES (?)", (encoded(result),)).lastrowid or 0
        figures = rollups.Figures(
            endpoint_id,
            record_id,
            result.started_at,
            result.outcome,
            result.end,
            result.first_token,
            self._slow.get(Identity.of(result), _NO_LIMITS).exceeded_by(result),
            self.in_maintenance(result.endpoint, result.started_at),
            result.usage.input or 0,
            result.usage.output or 0,
        )
        connection.execute(
            "INSERT INTO results (endpoint_id, started_at, record_id, outcome, latency, ttft, planned, slow) "
            "VALUES (?, ?, ?, ?, ?, ?, ?, ?)",
            (
                endpoint_id,
                result.started_at,
                record_id,
                result.outcome.value,
                result.end,
                result.first_token,
                figures.planned,
                figures.slow,
            ),
        )
        return figures

    def _samples(self, rows: Iterable[tuple[Any, ...]]) -> list[Sample]:
        samples = []
        for row in rows:
            sample = Sample._make(row)
            if sample.outcome in _OUTCOMES and _is_time(sample):
                samples.append(sample)
            else:
                self.unreadable += 1
        return samples

    def _result(self, identity: Identity, record: str) -> Result | None:
        found = decoded(identity, record)
        self.unreadable += found is None
        return found

    def _id(self, identity: Identity) -> int | None:
        rows = self.database.query(
            "SELECT id FROM endpoints WHERE (endpoint, model, provider, region) = (?, ?, ?, ?)", identity
        )
        return rows[0][0] if rows else None


def _endpoint_id(connection: sqlite3.Connection, identity: Identity) -> int:
    connection.execute(
        "INSERT INTO endpoints (endpoint, model, provider, region) VALUES (?, ?, ?, ?) ON CONFLICT DO NOTHING",
        identity,
    )
    row = connection.execute(
        "SELECT id FROM endpoints WHERE (endpoint, model, provider, region) = (?, ?, ?, ?)", identity
    ).fetchone()
    found: int = row[0]
    return found


def _note_latest(connection: sqlite3.Connection, endpoint_id: int, result: Result, now: float) -> None:
    """Notes when an endpoint last ran and succeeded; what is noted already and ahead of now is not believed."""
    times = {"id": endpoint_id, "now": now, "ended": min(result.started_at + result.end, now)}
    connection.execute(
        "UPDATE endpoints SET last_run_at = "
        "CASE WHEN last_run_at <= :now THEN max(last_run_at, :ended) ELSE :ended END WHERE id = :id",
        times,
    )
    if result.outcome is Outcome.OK:
        connection.execute(
            "UPDATE endpoints SET last_success_at = "
            "CASE WHEN last_success_at <= :now THEN max(last_success_at, :ended) ELSE :ended END WHERE id = :id",
            times,
        )
        return
    # The success before it, whose time can be believed.
    connection.execute(
        "UPDATE endpoints SET last_success_at = (SELECT max(started_at + latency) FROM results "
        "WHERE endpoint_id = :id AND outcome = 'ok' AND started_at + latency <= :now) "
        "WHERE id = :id AND last_success_at > :now",
        times,
    )


def _is_time(sample: Sample) -> bool:
    return (
        _number(sample.started_at) is not None
        and _number(sample.latency) is not None
        and (sample.ttft is None or _number(sample.ttft) is not None)
    )


def _number(value: object) -> float | None:
    """What is a number in the file; SQLite stores anything anywhere."""
    return float(value) if isinstance(value, int | float) and math.isfinite(value) else None


def _totals_rows(totals: Totals, ids: dict[Identity, int]) -> Iterator[tuple[int, str, str, str, float]]:
    for family, counters in totals.counters.items():
        for labels, value in counters.items():
            yield ids[Identity(*labels[:4])], family, json.dumps(labels[4:]), "", value
    for family, histograms in totals.histograms.items():
        for labels, histogram in histograms.items():
            key = ids[Identity(*labels[:4])], family, json.dumps(labels[4:])
            yield *key, "sum", histogram.sum
            for bound, count in histogram.counts.items():
                yield *key, repr(bound), count


def _restore(totals: Totals, family: str, labels: tuple[str, ...], part: str, value: float) -> None:
    if find(family) is None:  # counted by another version of aimon
        return
    if not part:
        totals.counters.setdefault(family, {})[labels] = value
        return
    histogram = totals.histograms.setdefault(family, {}).setdefault(labels, HistogramSeries())
    if part == "sum":
        histogram.sum = value
    else:
        histogram.counts[float(part)] = value
