"""Account balances in the service: asked for in a thread of its own, kept and judged on the recording thread."""

from __future__ import annotations

import logging
import time
from threading import Lock, Thread
from typing import TYPE_CHECKING

from aimon.config.model import currency as currencies
from aimon.probes.balance import ledger
from aimon.probes.balance.accounts import Account, UnknownBalanceError, accounts, ask
from aimon.probes.history.database import HistoryError
from aimon.probes.incidents import conditions
from aimon.probes.incidents.kinds import Kind
from aimon.probes.incidents.store import Opening
from aimon.probes.notify import sentences

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from aimon.call.result import Result
    from aimon.config import Config
    from aimon.probes.balance.ledger import Balance
    from aimon.probes.balance.providers import Amounts
    from aimon.probes.history.database import Database
    from aimon.probes.service.context import ServiceContext

_LOG = logging.getLogger(__name__)
# An incident is over once there is a quarter more than what opened it, so that it does not come and go.
_ENOUGH = 1.25


class BalanceObserver:
    """Asks for balances, keeps them, and opens an incident before an account runs out."""

    def __init__(self) -> None:
        self._context: ServiceContext | None = None
        self._accounts: tuple[Account, ...] = ()
        self._asked_at: float | None = None
        self._asking: Thread | None = None
        self._lock = Lock()
        self._told: list[tuple[Account, Amounts]] = []
        self._reported: dict[str, str] = {}
        self._unchecked = True

    def configure(self, context: ServiceContext) -> None:
        """The accounts of the configuration are asked for from now on."""
        self._context = context
        config = context.selection.config
        wanted = config is not None and config.balance.enabled
        self._accounts = accounts(context.endpoints) if wanted else ()
        self._asked_at = None
        self._unchecked = True

    def observe(self, results: Sequence[Result]) -> None:
        """Results say nothing of a balance."""

    def tick(self, now: float) -> None:
        """Asks where it is time, keeps what was told, and judges it."""
        context = self._context
        if context is None or context.selection.config is None or context.database is None:
            return
        with self._lock:
            told, self._told = self._told, []
        try:
            if told:
                _keep(context.database, told, now)
            if told or self._unchecked:
                self._judge(context, context.database, context.selection.config, now)
                self._unchecked = False
        except HistoryError:  # which the page and aimon_history_available tell
            self._unchecked = True
        interval = context.selection.config.balance.interval
        due = self._asked_at is None or time.monotonic() - self._asked_at >= interval
        if self._accounts and due and (self._asking is None or not self._asking.is_alive()):
            self._asked_at = time.monotonic()
            self._asking = Thread(target=self._ask, args=(self._accounts,), name="aimon-balances", daemon=True)
            self._asking.start()

    def close(self) -> None:
        """What is being asked for is left."""

    def _ask(self, wanted: Sequence[Account]) -> None:
        for account in wanted:
            try:
                amounts = ask(account)
            except UnknownBalanceError as error:
                if self._reported.get(account.id) != str(error):
                    self._reported[account.id] = str(error)
                    _LOG.warning("aimon: the balance of %s is unknown: %s", account.name, error)
                continue
            self._reported.pop(account.id, None)
            with self._lock:
                self._told.append((account, amounts))

    def _judge(self, context: ServiceContext, database: Database, config: Config, now: float) -> None:
        mine = {account.id: account for account in self._accounts}
        known = [each for each in ledger.balances(database, now) if each.account in mine]
        low = {each.account: each for each in known if is_low(each, config)}
        enough = {each.account for each in known if not is_low(each, config, _ENOUGH)} - low.keys()
        conditions.update(
            database,
            Kind.BALANCE,
            {mine[account].name: _opening(mine[account], balance, now) for account, balance in low.items()},
            [mine[account].name for account in enough],
            [each.name for each in config.endpoints] if config.balance.enabled else [],
            context.selection.channels,
            now,
        )


def is_low(balance: Balance, config: Config, factor: float = 1.0) -> bool:
    """Whether a balance is below what the configuration asks for, times a factor."""
    wanted = config.balance
    days = balance.days_left
    if days is not None and days * ledger.DAY < wanted.days * factor:
        return True
    if wanted.amount is None:
        return False
    rates: Mapping[str, float] = currencies.rates(config)
    if balance.currency not in rates:
        return False
    left = balance.amount * rates[balance.currency]
    return left < currencies.converted(wanted.amount, config) * factor


def _keep(database: Database, told: Sequence[tuple[Account, Amounts]], now: float) -> None:
    ledger.prepare(database)
    with database.transaction() as connection:
        for account, amounts in told:
            ledger.note(connection, account.id, account.name, account.provider, amounts.items(), now)


def _opening(account: Account, balance: Balance, now: float) -> Opening:
    return Opening(
        account.name, account.provider, account.model, account.region, Kind.BALANCE,
        "critical" if balance.amount <= 0 else "warning", False, now, now, None,
        sentences.left(balance.amount, balance.currency, balance.days_left),
    )  # fmt: skip
