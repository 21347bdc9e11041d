"""The readings of balances, in the history's file, and what follows from them: the rate of spending, the days left."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import pairwise
from typing import TYPE_CHECKING, Final

from aimon.probes.history import side_tables

if TYPE_CHECKING:
    import sqlite3
    from collections.abc import Iterable, Sequence

    from aimon.probes.history.database import Database

OWNER: Final = "balances"
_MIGRATIONS: Final = (
    (
        # `account`: a fingerprint of its key; `name`: of the first endpoint that uses it.
        """CREATE TABLE balances (
            account TEXT NOT NULL, currency TEXT NOT NULL, at REAL NOT NULL,
            name TEXT NOT NULL, provider TEXT NOT NULL, amount REAL NOT NULL,
            PRIMARY KEY (account, currency, at)
        ) WITHOUT ROWID""",
    ),
)
DAY: Final = 86_400.0
WINDOW: Final = 7 * DAY
# Less than that is no rate: a quiet night would make an account last for ever.
_SHORTEST: Final = 6 * 3600.0
_KEPT_FOR: Final = 35 * DAY


@dataclass(frozen=True, slots=True)
class Balance:
    """What is known of an account in one currency.

    Attributes:
        account: its fingerprint.
        name: the first endpoint that uses it.
        provider: who keeps it.
        currency: of the amounts.
        amount: what was left at `at`.
        at: unix time at which that was told.
        per_day: what was spent in a day, over the last week; None while less than six hours are known.
    """

    account: str
    name: str
    provider: str
    currency: str
    amount: float
    at: float
    per_day: float | None

    @property
    def days_left(self) -> float | None:
        """How long it lasts at that rate; None where there is no rate, or nothing is spent."""
        if self.amount <= 0:
            return 0.0
        return self.amount / self.per_day if self.per_day else None


def prepare(database: Database) -> None:
    """Makes the table where it is missing.

    Raises:
        HistoryError: it can't be made.
    """
    side_tables.prepare(database, OWNER, _MIGRATIONS)


def note(
    connection: sqlite3.Connection,
    account: str,
    name: str,
    provider: str,
    amounts: Iterable[tuple[str, float]],
    at: float,
) -> None:
    """Within a transaction: keeps a reading, and forgets those of more than a month ago."""
    rows = [(account, currency, at, name, provider, amount) for currency, amount in amounts]
    connection.executemany("INSERT OR REPLACE INTO balances VALUES (?, ?, ?, ?, ?, ?)", rows)
    connection.execute("DELETE FROM balances WHERE account = ? AND at < ?", (account, at - _KEPT_FOR))


def balances(database: Database, now: float, newer_than: float = 0.0) -> list[Balance]:
    """The latest balance of each account and currency.

    Args:
        database: the history's file, which may be open only to be read.
        now: unix time.
        newer_than: older ones are left out: what was told then may have been spent since.

    Raises:
        HistoryError: it can't be read.
    """
    if not side_tables.present(database, OWNER):
        return []
    rows = database.query(
        "SELECT account, currency, at, name, provider, amount FROM balances WHERE at >= ? AND at <= ? "
        "ORDER BY account, currency, at",
        (now - WINDOW, now + DAY),
    )
    readings: dict[tuple[str, str], list[tuple[float, str, str, float]]] = {}
    for account, currency, at, name, provider, amount in rows:
        readings.setdefault((account, currency), []).append((at, name, provider, amount))
    found = []
    for (account, currency), known in readings.items():
        at, name, provider, amount = known[-1]
        if at >= newer_than:
            rate = per_day([(at, amount) for at, _, _, amount in known])
            found.append(Balance(account, name, provider, currency, amount, at, rate))
    return found


def per_day(readings: Sequence[tuple[float, float]]) -> float | None:
    """What is spent in a day: the sum of what the balance fell by, over the time between first and last reading.

    What it rose by was paid in, and does not count. None below six hours.

    Args:
        readings: unix time and amount, in order.
    """
    if len(readings) < 2:
        return None
    length = readings[-1][0] - readings[0][0]
    if length < _SHORTEST:
        return None
    spent = sum(max(0.0, before - after) for (_, before), (_, after) in pairwise(readings))
    return spent / length * DAY
