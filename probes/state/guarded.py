"""A state whose history may be unusable (full, locked, damaged, read-only); probing continues without it.

Results that can't be recorded are queued, and recorded with later ones. Meanwhile gauges show the results of this
process. Totals show only recorded results: counting in memory would make counters fall once the history is usable
again. If the totals can't be read, the Pushgateway keeps its values, and other outputs have none.
"""

from __future__ import annotations

import time
from contextlib import AbstractContextManager, nullcontext, suppress
from threading import RLock
from typing import TYPE_CHECKING

from aimon.call.containment import isolated
from aimon.metrics.push_error import PushError
from aimon.metrics.totals import Gauges, Identity, Totals
from aimon.probes.history.database import HistoryError, LostFileError, UnstorableError
from aimon.probes.state.pushgateway_snapshot import PushgatewaySnapshot, read_back
from aimon.probes.state.state import JOB, MemoryState, SqliteState

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from aimon.call.result import Result
    from aimon.metrics.pushgateway import Gateway
    from aimon.probes.history.database import Database
    from aimon.probes.history.history import History, Last
    from aimon.probes.state.monitored import MonitoredEndpoint

_MOST_WAITING = 10_000
# Seconds after a failure without a new attempt: each attempt on a locked file blocks a thread for half a minute.
_PAUSE = 10.0


class GuardedState:
    """Like SqliteState while the history is usable; see the module's docstring.

    Args:
        monitored: the endpoints.
        open_history: opens the history, only to read it if that is True; raises HistoryError. Tried again at each
            `record`.
        gateway: the Pushgateway from which totals may be read back.
        seen: keeps the results of this process, for gauges while the history is unusable.

    Attributes:
        problem: why the history was unusable at the last attempt; None if it was usable.
        dropped: number of results discarded because the queue was full.
    """

    cumulative = True

    def __init__(
        self,
        monitored: Sequence[MonitoredEndpoint],
        open_history: Callable[[bool], History],
        gateway: Gateway | None,
        *,
        seen: MemoryState | None = None,
    ) -> None:
        self.problem: str | None = None
        self.dropped = 0
        self._monitored = monitored
        self._open_history = open_history
        self._gateway = gateway
        self._held: PushgatewaySnapshot | None = None
        self._lock = RLock()
        self._not_before = 0.0
        self._waiting: list[Result] = []
        self._seen = seen or Seen(monitored, self._last_known)
        self._kept: SqliteState | None = None
        self._read: SqliteState | None = None
        with suppress(HistoryError):
            self._state()

    @property
    def waiting(self) -> int:
        """The number of results that are not recorded yet."""
        return len(self._waiting)

    @property
    def database(self) -> Database | None:
        """The history's database, while it is usable."""
        return self._kept.database if self._kept is not None and self.problem is None else None

    @property
    def history(self) -> History:
        """The history, at least for reading. Raises HistoryError while it is unusable."""
        return self._reader().history

    def take_over(self, before: GuardedState) -> None:
        """Takes the queued results of another state, so that a reload of the configuration loses none."""
        self._waiting = [*before._waiting, *self._waiting]
        self.dropped += before.dropped
        if self._waiting and self.problem is None:
            self.problem = before.problem

    def record(self, results: Sequence[Result]) -> None:
        """Appends the queued results and these to the history.

        Raises:
            HistoryError: it failed; all of them stay queued.
            UnstorableError: one of them can't be stored; none of them is queued.
        """
        with self._lock:
            if results and self.problem is not None and time.monotonic() < self._not_before:
                self._keep_waiting(results, self.problem)
                raise HistoryError(self.problem)
            try:
                state = self._state()
                self._record_waiting(state)
                state.record(results)
            except UnstorableError:
                raise
            except HistoryError as error:
                if isinstance(error, LostFileError):
                    self._reopen()
                self._keep_waiting(results, str(error))
                raise
            self._seen.record(results)
            self.problem = None

    def totals(self) -> Totals:
        """The recorded totals; if they can't be read, the gateway's."""
        try:
            return self._reader().totals()
        except HistoryError as error:
            self.problem = str(error)
            return self._read_back().totals.only(self._seen.identities())

    def gauges(self, now: float) -> Gauges:
        """From the history; for endpoints with queued results, from the results of this process."""
        try:
            gauges = self._reader().gauges(now)
        except HistoryError as error:
            self.problem = str(error)
            gauges = Gauges()
        if self.problem is not None:
            gauges.update(self._seen.gauges(now))
        return gauges

    def spent_today(self, monitored: MonitoredEndpoint, now: float) -> float:
        """From the history; without it, the spending of this process."""
        try:
            spent = self._reader().spent_today(monitored, now)
        except HistoryError as error:
            self.problem = str(error)
            return self._seen.spent_today(monitored, now)
        return spent + sum(each.cost or 0.0 for each in self._waiting if each.endpoint == monitored.identity.endpoint)

    def sole_pusher(self) -> AbstractContextManager[None]:
        """Holds the history's push lock, while the history is usable."""
        return nullcontext() if self._kept is None or self.problem is not None else self._kept.sole_pusher()

    def close(self) -> None:
        """Closes the history."""
        for state in (self._kept, self._read):
            if state is not None:
                state.close()

    def _reader(self) -> SqliteState:
        if self._kept is not None:
            return self._kept
        if self._read is None:
            self._read = SqliteState(self._monitored, self._open_history(True))
        return self._read

    def _state(self) -> SqliteState:
        if self._kept is not None and self._kept.history.database.outdated:
            self._reopen()
        if self._kept is None:
            if self._read is not None and self._read.history.database.outdated:
                self._read.close()
                self._read = None
            try:
                self._kept = SqliteState(self._monitored, self._open_history(False))
            except HistoryError as error:
                self.problem = str(error)
                raise
        return self._kept

    def _reopen(self) -> None:
        """Has the file opened anew at the next attempt."""
        if self._kept is not None:
            self._kept.close()
            self._kept = None

    def _keep_waiting(self, results: Sequence[Result], why: str) -> None:
        if self.problem is None or time.monotonic() >= self._not_before:
            self._not_before = time.monotonic() + _PAUSE
        self.problem = why
        self._seen.record(results)
        self._waiting += results
        self.dropped += max(0, len(self._waiting) - _MOST_WAITING)
        del self._waiting[:-_MOST_WAITING]

    def _record_waiting(self, state: SqliteState) -> None:
        if not self._waiting:
            return
        try:
            state.record(self._waiting)
        except UnstorableError:
            for result in self._waiting:  # one Result is the cause
                with isolated(result.endpoint, "recorded"):
                    state.record([result])
        self._waiting.clear()

    def _last_known(self, identity: Identity) -> Last:
        with suppress(HistoryError):
            return self._reader().history.last(identity)
        return self._read_back().last(identity)

    def _read_back(self) -> PushgatewaySnapshot:
        if self._held is None:
            self._held = PushgatewaySnapshot()
            if self._gateway is not None:
                with suppress(PushError):  # the push itself reports it
                    self._held = read_back(self._gateway, JOB, {monitored.identity for monitored in self._monitored})
        return self._held


class Seen(MemoryState):
    """The results of this process, added to the known state at its start."""

    def __init__(self, monitored: Sequence[MonitoredEndpoint], before: Callable[[Identity], Last]) -> None:
        super().__init__(monitored)
        self._known_before = before

    def _before(self, identity: Identity) -> Last:
        return self._known_before(identity)
