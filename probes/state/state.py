"""Where cumulative totals live between one-shot runs: `--state sqlite`, `gateway` or `none`.

A run that pushed what it alone has counted would push 1, 1, 1: a rate of 0, whatever happens. So a run adds to
what the runs before it counted:

    sqlite   in the history on disk. What a failed push did not deliver is in the next one.
    gateway  in the Pushgateway itself, for machines without a disk: the groups are read back, added to and
             replaced. A gateway that cannot be read is not written either: counters that start over would look
             like a reset, and the whole total would be counted again once the old value is back. What such
             a run counted is lost. Nothing orders several writers, so run one at a time per endpoint.
    none     nowhere: only gauges are pushed, and no counter pretends to be a total.
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
"""What is done to results here, in the words of `aimon.call.containment`."""


class State(Protocol):
    """What a run needs to know of the runs before it.

    `cumulative` says whether totals outlive the process; if not, they may be scraped and must not be pushed.
    `database` is where else something durable can be kept, if anywhere. `problem` says why the durable state can't be
    used, and `waiting` how many results wait for it to be usable.
    """

    cumulative: bool

    @property
    def database(self) -> Database | None: ...  # noqa: D102 - above

    @property
    def problem(self) -> str | None: ...  # noqa: D102 - above

    @property
    def waiting(self) -> int: ...  # noqa: D102 - above

    def record(self, results: Sequence[Result]) -> None:
        """Counts results, durably where the state is durable."""

    def totals(self) -> Totals:
        """The totals of all runs that the state knows of."""

    def gauges(self, now: float) -> Gauges:
        """The gauges of the endpoints that the state has results of."""

    def spent_today(self, monitored: MonitoredEndpoint, now: float) -> float:
        """What the endpoint's probes have cost since 00:00 UTC."""

    def sole_pusher(self) -> AbstractContextManager[None]:
        """Excludes other processes that share the state while totals are read and pushed."""

    def close(self) -> None:
        """Closes the state."""


class SqliteState:
    """Totals in the history on disk. See `aimon.probes.state.guarded` for what is done while it can't be used."""

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
        """Appends to the history. Raises HistoryError if that is impossible."""
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
    """Totals of this process alone."""

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
        # One that can't be counted has raised by now: all of them are, or none.
        self._totals.merge(counted)
        for result in results:
            identity = Identity.of(result)
            self._last[identity] = last_of([result], self._last.get(identity) or self._before(identity), self._clock())
            self._spent[result.endpoint, day(result.started_at)] += result.cost or 0.0

    def identities(self) -> set[Identity]:
        """The endpoints that this process has results of."""
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
        """What this process has spent."""
        return self._spent[monitored.identity.endpoint, day(now)]

    def sole_pusher(self) -> AbstractContextManager[None]:
        """No lock: nothing is shared."""
        return nullcontext()

    def close(self) -> None:
        """Does nothing."""

    def _before(self, identity: Identity) -> Last:  # noqa: ARG002 - a process of its own knows of none
        return Last()


class GatewayState(MemoryState):
    """Totals in the Pushgateway: what it held when this process first looked, and what was counted since.

    Read once: afterwards this process is the writer, so that each push is absolute and a push of which nobody
    knows whether it arrived can be repeated.
    """

    cumulative = True

    def __init__(
        self, monitored: Sequence[MonitoredEndpoint], gateway: Gateway, *, clock: Callable[[], float] = time.time
    ) -> None:
        super().__init__(monitored, clock=clock)
        self._gateway = gateway
        self._held: PushgatewaySnapshot | None = None

    def totals(self) -> Totals:
        """What the gateway held and what was counted since, of the endpoints that are this process' to push.

        These are those it has probed, and those that the gateway did not hold, which are born at 0. Of others
        it knows no gauges, and a push would delete those that are there.

        Raises:
            PushError: the gateway cannot be read.
        """
        own = self._own()
        totals = self._totals.only(own)
        totals.merge(self._read().totals.only(own))
        return totals

    def gauges(self, now: float) -> Gauges:
        """As in memory, with the last success that the gateway knows of. Raises PushError."""
        own = self._own()
        gauges = Gauges()
        for monitored in self._monitored:
            if monitored.identity in own:
                last = self._last.get(monitored.identity, Last())
                with isolated(monitored.identity.endpoint, PUBLISHED, but=PushError):
                    gauges.update(endpoint_gauges(monitored, last, spent=self.spent_today(monitored, now)))
        return gauges

    def spent_today(self, monitored: MonitoredEndpoint, now: float) -> float:
        """From the budget gauge that the gateway holds, if its last run was today. Raises PushError."""
        held = self._read().gauges.get(monitored.identity, {})
        before = 0.0
        # A last run on a later day was one by a wrong clock: what it held is still the best that is known of today.
        if monitored.daily_budget and day(held.get(definitions.PROBE_LAST_RUN, 0.0)) >= day(now):
            before = held.get(definitions.PROBE_BUDGET_SPENT, 0.0) * monitored.daily_budget
        return before + super().spent_today(monitored, now)

    def _own(self) -> set[Identity]:
        held = self._read().gauges.keys()
        return {each.identity for each in self._monitored if each.identity in self._last or each.identity not in held}

    def _read(self) -> PushgatewaySnapshot:
        if self._held is None:
            # Only this state needs the gateway before the probes are done, so only it pays for the import.
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
