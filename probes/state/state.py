"""Where cumulative totals are stored between one-shot runs: `--state sqlite`, `gateway` or `none`.

A run that pushed only its own counts would push 1, 1, 1: always a rate of 0. So a run adds to the counts of the runs
before it:

    sqlite   in the history on disk. The next push includes the results of a failed push.
    gateway  in the Pushgateway itself, for machines without a disk: the groups are read back, added to and
             replaced. If the gateway can't be read, nothing is written: counters that start over would look like
             a reset, and the whole total would be counted again once the old value is back. The counts of such
             a run are lost. There is no lock between writers, so run one at a time per endpoint.
    none     not stored: only gauges are pushed, no counters.
"""

from __future__ import annotations

import time
from collections import defaultdict
from contextlib import AbstractContextManager, nullcontext
from typing import TYPE_CHECKING, Protocol

from aimon.call.containment import isolated
from aimon.metrics import definitions
from aimon.metrics.push_error import PushError
from aimon.metrics.totals import Gauges, Identity, Totals
from aimon.probes.history.database import HistoryError
from aimon.probes.history.history import History, Last
from aimon.probes.history.retention import day
from aimon.probes.history.windows import windows_at_intervals
from aimon.probes.state.gauges import believed, endpoint_gauges, last_of

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from aimon.call.result import Result
    from aimon.metrics.pushgateway import Gateway
    from aimon.probes.history.database import Database
    from aimon.probes.state.monitored import MonitoredEndpoint
    from aimon.probes.state.pushgateway_snapshot import PushgatewaySnapshot

PUSH_LOCK_TIMEOUT = 60.0  # seconds
JOB = "aimon-probe"
PUBLISHED = "published"
"""Names this step in error messages of `aimon.call.containment`."""


class State(Protocol):
    """The data of earlier runs that a run needs.

    `cumulative` says whether totals outlive the process; if not, they may be scraped and must not be pushed.
    `database` can store other durable data, if there is one. `problem` says why the durable state is unusable, and
    `waiting` is the number of results that are queued until it is usable.
    """

    cumulative: bool

    @property
    def database(self) -> Database | None: ...  # noqa: D102 - above

    @property
    def problem(self) -> str | None: ...  # noqa: D102 - above

    @property
    def waiting(self) -> int: ...  # noqa: D102 - above

    def record(self, results: Sequence[Result]) -> None:
        """Counts results; durably, if the state is durable."""

    def totals(self) -> Totals:
        """The totals of all runs in the state."""

    def gauges(self, now: float) -> Gauges:
        """The gauges of the endpoints with results in the state."""

    def spent_today(self, monitored: MonitoredEndpoint, now: float) -> float:
        """The cost of the endpoint's probes since 00:00 UTC."""

    def sole_pusher(self) -> AbstractContextManager[None]:
        """Excludes other processes that share the state while totals are read and pushed."""

    def close(self) -> None:
        """Closes the state."""


class SqliteState:
    """Totals in the history on disk. `aimon.probes.state.guarded` handles an unusable history."""

    cumulative = True
    problem: str | None = None
    waiting = 0

    def __init__(self, monitored: Sequence[MonitoredEndpoint], history: History) -> None:
        self._monitored = monitored
        self.history = history
        self.database: Database | None = history.database
        for each in monitored:
            history.declare(each.identity, currency=each.cost_currency, thresholds=each.thresholds)

    def record(self, results: Sequence[Result]) -> None:
        """Appends to the history. Raises HistoryError if that fails."""
        self.history.append(results)

    def totals(self) -> Totals:
        """The totals of the monitored endpoints, of all runs."""
        return self.history.totals([monitored.identity for monitored in self._monitored])

    def gauges(self, now: float) -> Gauges:
        """The gauges of all monitored endpoints, windows included."""
        gauges = Gauges()
        last: dict[Identity, Last] = {}
        for monitored in self._monitored:
            with isolated(monitored.identity.endpoint, PUBLISHED, but=HistoryError):
                last[monitored.identity] = self.history.last(monitored.identity)
        probed = [identity for identity, latest in last.items() if latest.run_at is not None]
        windows = windows_at_intervals(self.history, probed, now)
        for monitored in self._monitored:
            identity = monitored.identity
            if identity in last:
                with isolated(identity.endpoint, PUBLISHED, but=HistoryError):
                    spent = self.spent_today(monitored, now)
                    gauges.update(endpoint_gauges(monitored, last[identity], windows.get(identity, ()), spent))
        return gauges

    def spent_today(self, monitored: MonitoredEndpoint, now: float) -> float:
        """From the history, in the endpoint's currency."""
        if monitored.currency is None:
            return 0.0
        return self.history.spent_today(monitored.identity.endpoint, monitored.currency, now)

    def sole_pusher(self) -> AbstractContextManager[None]:
        """Holds the history's push lock."""
        return self.history.database.sole_pusher(PUSH_LOCK_TIMEOUT)

    def close(self) -> None:
        """Closes the history."""
        self.history.close()


class MemoryState:
    """Totals of this process only."""

    cumulative = False
    database: Database | None = None
    problem: str | None = None
    waiting = 0

    def __init__(self, monitored: Sequence[MonitoredEndpoint], *, clock: Callable[[], float] = time.time) -> None:
        self._monitored = monitored
        self._clock = clock
        self._totals = Totals()
        self._last: dict[Identity, Last] = {}
        self._spent: defaultdict[tuple[str, str], float] = defaultdict(float)
        for each in monitored:
            self._totals.declare(each.identity, currency=each.cost_currency, thresholds=each.thresholds)

    def record(self, results: Sequence[Result]) -> None:
        """Keeps them in memory."""
        counted = self._totals.empty()
        for result in results:
            counted.observe(result)
        # A result that can't be counted has raised by now, so either all are counted or none.
        self._totals.merge(counted)
        for result in results:
            identity = Identity.of(result)
            self._last[identity] = last_of([result], self._last.get(identity) or self._before(identity), self._clock())
            self._spent[result.endpoint, day(result.started_at)] += result.cost or 0.0

    def identities(self) -> set[Identity]:
        """The endpoints with results in this process."""
        return set(self._last)

    def totals(self) -> Totals:
        """The totals of this process."""
        return self._totals.copy()

    def gauges(self, now: float) -> Gauges:
        """The gauges of the endpoints that this process has probed, without windows."""
        gauges = Gauges()
        for monitored in self._monitored:
            last = self._last.get(monitored.identity)
            if last is not None:
                with isolated(monitored.identity.endpoint, PUBLISHED, but=PushError):
                    gauges.update(endpoint_gauges(monitored, last, spent=self.spent_today(monitored, now)))
        return gauges

    def spent_today(self, monitored: MonitoredEndpoint, now: float) -> float:
        """The spending of this process."""
        return self._spent[monitored.identity.endpoint, day(now)]

    def sole_pusher(self) -> AbstractContextManager[None]:
        """No lock: nothing is shared."""
        return nullcontext()

    def close(self) -> None:
        """Does nothing."""

    def _before(self, identity: Identity) -> Last:  # noqa: ARG002 - a process of its own knows of none
        return Last()


class GatewayState(MemoryState):
    """Totals in the Pushgateway: its values when this process first read them, plus the counts since.

    They are read once: afterwards this process is the only writer. Each push is absolute, so a push with unknown result
    can be repeated.
    """

    cumulative = True

    def __init__(
        self, monitored: Sequence[MonitoredEndpoint], gateway: Gateway, *, clock: Callable[[], float] = time.time
    ) -> None:
        super().__init__(monitored, clock=clock)
        self._gateway = gateway
        self._held: PushgatewaySnapshot | None = None

    def totals(self) -> Totals:
        """The gateway's totals plus the counts since, for the endpoints that this process pushes.

        It pushes those that it has probed, and those missing in the gateway, which start at 0. It has no gauges of
        others, and a push without them would delete them.

        Raises:
            PushError: the gateway can't be read.
        """
        own = self._own()
        totals = self._totals.only(own)
        totals.merge(self._read().totals.only(own))
        return totals

    def gauges(self, now: float) -> Gauges:
        """The gauges in memory, with the last success from the gateway. Raises PushError."""
        own = self._own()
        gauges = Gauges()
        for monitored in self._monitored:
            if monitored.identity in own:
                last = self._last.get(monitored.identity, Last())
                with isolated(monitored.identity.endpoint, PUBLISHED, but=PushError):
                    gauges.update(endpoint_gauges(monitored, last, spent=self.spent_today(monitored, now)))
        return gauges

    def spent_today(self, monitored: MonitoredEndpoint, now: float) -> float:
        """From the budget gauge in the gateway, if its last run was today. Raises PushError."""
        held = self._read().gauges.get(monitored.identity, {})
        before = 0.0
        # A last run on a later day had a wrong clock; its value is still the best estimate for today.
        if monitored.daily_budget and day(held.get(definitions.PROBE_LAST_RUN, 0.0)) >= day(now):
            before = held.get(definitions.PROBE_BUDGET_SPENT, 0.0) * monitored.daily_budget
        return before + super().spent_today(monitored, now)

    def _own(self) -> set[Identity]:
        held = self._read().gauges.keys()
        return {each.identity for each in self._monitored if each.identity in self._last or each.identity not in held}

    def _read(self) -> PushgatewaySnapshot:
        if self._held is None:
            # Imported here, since only this state needs the gateway before the probes.
            from aimon.probes.state.pushgateway_snapshot import read_back  # noqa: PLC0415

            self._held = read_back(self._gateway, JOB, {monitored.identity for monitored in self._monitored})
            for identity, last in list(self._last.items()):
                success_at = last.success_at or self._before(identity).success_at
                self._last[identity] = last._replace(success_at=success_at)
        return self._held

    def _before(self, identity: Identity) -> Last:
        if self._held is None:
            return Last()
        held = self._held.gauges.get(identity, {}).get(definitions.PROBE_LAST_SUCCESS)
        return Last(success_at=believed(held, self._clock()))
