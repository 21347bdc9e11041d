"""How endpoints are now, and what the page and the API say of each beside that; many endpoints at once."""

from __future__ import annotations

import json
from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING, NamedTuple

from aimon.call.outcome import Fault, Outcome
from aimon.metrics.totals import Identity
from aimon.probes.history.history import AHEAD
from aimon.probes.history.queries.series import Quantiles, quantiles_of_a_day
from aimon.probes.history.queries.uptime import Uptime, uptimes
from aimon.probes.history.queries.usage import Spent, TokensUsed, spent, tokens_used
from aimon.probes.history.records import decoded

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from aimon.call.result import Result
    from aimon.probes.history.database import Database

# As in aimon.probes.history.endpoint_status: one that skips three runs has stopped.
_MISSED = 3
_SHORTEST_GAP = 60.0
_NOT_MADE = tuple(outcome.value for outcome in Outcome if outcome.fault is Fault.PROBER)


class State(StrEnum):
    """How an endpoint is by its last probe alone; incidents know of several."""

    UP = "up"
    DOWN = "down"
    """A fault of the network or the provider."""
    REFUSED = "refused"
    """A fault of the account or the configuration: the provider works, and refuses these calls."""
    PAUSED = "paused"
    """Its budget of today is spent."""
    SILENT = "silent"
    """It was not probed for three times its interval."""
    UNKNOWN = "unknown"
    """It was never probed, or its last probe is recorded in the future."""


@dataclass(frozen=True, slots=True)
class Overview:
    """One endpoint.

    Attributes:
        identity: its labels.
        state: how it is.
        last_run_at: unix time at which its last probe ended.
        last_success_at: the same of the last one that succeeded.
        last: the last probe that was made, with its phases, limits and certificate; None where that was long ago.
        uptime: over 24h, 7d, 30d and 90d.
        quantiles: over the last day.
        spent: today and this month, by currency; empty where nothing was priced.
        tokens: today and this month.
    """

    identity: Identity
    state: State
    last_run_at: float | None
    last_success_at: float | None
    last: Result | None
    uptime: Mapping[str, Uptime]
    quantiles: Quantiles
    spent: tuple[Spent, ...]
    tokens: TokensUsed

    @property
    def certificate_expiry(self) -> float | None:
        """Unix time; None where the last probe saw no certificate."""
        return None if self.last is None or self.last.connection is None else self.last.connection.certificate_expiry

    @property
    def headroom(self) -> dict[str, float]:
        """What is left of the rate limits, as a share: of `requests` and `tokens`, where the provider says so."""
        limits = None if self.last is None else self.last.limits
        if limits is None:
            return {}
        pairs = {
            "requests": (limits.requests_remaining, limits.requests_limit),
            "tokens": (limits.tokens_remaining, limits.tokens_limit),
        }
        return {kind: left / limit for kind, (left, limit) in pairs.items() if left is not None and limit}


def overviews(database: Database, now: float, intervals: Mapping[Identity, float]) -> list[Overview]:
    """How these endpoints are.

    Args:
        database: the history's.
        now: unix time.
        intervals: the endpoints, with the seconds between their probes.

    Raises:
        HistoryError: the history cannot be read.
    """
    identities = tuple(intervals)
    latest = _latest(database, identities)
    uptime, quantiles = uptimes(database, now, identities), quantiles_of_a_day(database, now, identities)
    money, tokens = spent(database, now), tokens_used(database, now, identities)
    return [
        Overview(
            identity,
            _state(found, now, interval),
            found.run_at,
            found.success_at,
            found.made,
            uptime[identity],
            quantiles[identity],
            money.get(identity.endpoint, ()),
            tokens[identity],
        )
        for identity, interval in intervals.items()
        for found in (latest.get(identity, _NEVER),)
    ]


class Glance(NamedTuple):
    """How an endpoint is, and when it was last probed: unix time at which its last probe and success ended."""

    state: State
    last_run_at: float | None
    last_success_at: float | None


def glances(database: Database, now: float, intervals: Mapping[Identity, float]) -> dict[Identity, Glance]:
    """How these endpoints are, and nothing else: for many of them, of which a page shows some.

    Args:
        database: the history's.
        now: unix time.
        intervals: the endpoints, with the seconds between their probes.

    Raises:
        HistoryError: the history cannot be read.
    """
    latest = _latest(database, tuple(intervals), in_full=False)
    return {
        identity: Glance(_state(found, now, interval), found.run_at, found.success_at)
        for identity, interval in intervals.items()
        for found in (latest.get(identity, _NEVER),)
    }


@dataclass(frozen=True, slots=True)
class _Latest:
    run_at: float | None = None
    success_at: float | None = None
    outcome: str | None = None
    made_outcome: str | None = None
    made: Result | None = None


_NEVER = _Latest()


def _latest(database: Database, identities: Sequence[Identity], *, in_full: bool = True) -> dict[Identity, _Latest]:
    newest = "SELECT {} FROM results WHERE endpoint_id = endpoints.id {} ORDER BY record_id DESC LIMIT 1"
    made = "AND outcome NOT IN (?1, ?2)"
    record = f"(SELECT record FROM records WHERE id = ({newest.format('record_id', made)}))"  # noqa: S608 - constants
    rows = database.query(
        "SELECT endpoint, model, provider, region, last_run_at, last_success_at, "  # noqa: S608 - constants
        f"({newest.format('outcome', '')}), ({newest.format('outcome', made)}), {record if in_full else 'NULL'} "
        "FROM endpoints WHERE endpoint IN (SELECT value FROM json_each(?3))",
        (*_NOT_MADE, json.dumps([identity.endpoint for identity in identities])),
    )
    wanted = set(identities)
    return {
        identity: _Latest(run_at, success_at, outcome, made_outcome, decoded(identity, record) if record else None)
        for *labels, run_at, success_at, outcome, made_outcome, record in rows
        if (identity := Identity(*labels)) in wanted
    }


def _state(latest: _Latest, now: float, interval: float) -> State:
    if latest.run_at is None or latest.run_at > now + AHEAD:
        return State.UNKNOWN
    if now - latest.run_at > _MISSED * max(interval, _SHORTEST_GAP):
        return State.SILENT
    if latest.outcome == Outcome.BUDGET_SKIPPED:
        return State.PAUSED
    try:
        fault = None if latest.made_outcome is None else Outcome(latest.made_outcome).fault
    except ValueError:
        return State.UNKNOWN
    if latest.made_outcome is None:
        return State.UNKNOWN
    if fault is None:
        return State.UP
    return State.DOWN if fault in (Fault.NETWORK, Fault.PROVIDER) else State.REFUSED
