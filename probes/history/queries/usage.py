"""What endpoints have used today and this month: money and tokens. Days and months are those of UTC, as in budgets."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from aimon.probes.history.queries.endpoint_ids import EACH, endpoint_ids, listed
from aimon.probes.history.retention import day
from aimon.probes.history.rollups import DAY

if TYPE_CHECKING:
    from collections.abc import Collection

    from aimon.metrics.totals import Identity
    from aimon.probes.history.database import Database


@dataclass(frozen=True, slots=True)
class Spent:
    """What an endpoint's probes have cost in one currency."""

    currency: str
    today: float
    month: float


@dataclass(frozen=True, slots=True)
class Tokens:
    """Tokens that the provider reported; None where some of the time is from before they were kept by day."""

    input: int | None
    output: int | None


@dataclass(frozen=True, slots=True)
class TokensUsed:
    """Tokens of an endpoint today and this month."""

    today: Tokens = Tokens(0, 0)
    month: Tokens = Tokens(0, 0)


def spent(database: Database, now: float) -> dict[str, tuple[Spent, ...]]:
    """What each endpoint's probes have cost, by its name; one that nothing was priced of is missing.

    Raises:
        HistoryError: the history cannot be read.
    """
    rows = database.query(
        "SELECT endpoint, currency, sum(amount) FILTER (WHERE day = :today), sum(amount) FROM spending "
        "WHERE day BETWEEN :first AND :today GROUP BY endpoint, currency ORDER BY endpoint, currency",
        {"today": day(now), "first": day(_month(now))},
    )
    found: dict[str, tuple[Spent, ...]] = {}
    for endpoint, currency, today, month in rows:
        found[endpoint] = (*found.get(endpoint, ()), Spent(currency, today or 0.0, month))
    return found


def tokens_used(database: Database, now: float, identities: Collection[Identity]) -> dict[Identity, TokensUsed]:
    """Tokens of these endpoints.

    Raises:
        HistoryError: the history cannot be read.
    """
    ids = endpoint_ids(database, identities)
    today = now // DAY * DAY
    rows = database.query(
        "SELECT endpoint_id, start = :today, "  # noqa: S608 - constants
        "CASE WHEN count(*) = count(input_tokens) THEN sum(input_tokens) END, "
        "CASE WHEN count(*) = count(output_tokens) THEN sum(output_tokens) END "
        f"FROM {EACH} rollups ON endpoint_id = each.value AND seconds = :day AND start BETWEEN :month AND :today "
        "GROUP BY each.key, start = :today",
        {"ids": listed(ids), "today": today, "day": DAY, "month": _month(now)},
    )
    days: dict[Identity, dict[bool, Tokens]] = {identity: {} for identity in identities}
    for number, is_today, *tokens in rows:
        days[ids[number]][bool(is_today)] = Tokens(*tokens)
    none = Tokens(0, 0)
    return {
        identity: TokensUsed(found.get(True, none), _added(found.get(True, none), found.get(False, none)))
        for identity, found in days.items()
    }


def _added(one: Tokens, other: Tokens) -> Tokens:
    return Tokens(
        None if one.input is None or other.input is None else one.input + other.input,
        None if one.output is None or other.output is None else one.output + other.output,
    )


def _month(now: float) -> float:
    return datetime.fromtimestamp(now, UTC).replace(day=1, hour=0, minute=0, second=0, microsecond=0).timestamp()
