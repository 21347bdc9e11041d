"""The state of a process that runs for weeks and is scraped every few seconds: in memory, and written to the history.

The history is read at the start. After that each recorded result is also counted in memory, so that a scrape reads no
file, and a restart never finds less than was shown. While the history is unusable, results are queued
(`aimon.probes.state.guarded`): totals do not change, and gauges are updated.
"""

from __future__ import annotations

import time
from collections import deque
from threading import Lock
from typing import TYPE_CHECKING

from aimon.call.containment import isolated
from aimon.metrics import scrape_text
from aimon.metrics.totals import Gauges, Identity, Totals
from aimon.probes.history.database import HistoryError, UnstorableError
from aimon.probes.history.history import Last
from aimon.probes.history.windows import WINDOWS, Window, is_due, keep_windows, kept_windows, windows
from aimon.probes.state.gauges import endpoint_gauges, last_of, window_gauges
from aimon.probes.state.guarded import GuardedState
from aimon.probes.state.spending import Spending
from aimon.probes.state.state import MemoryState

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from contextlib import AbstractContextManager

    from aimon.call.result import Result
    from aimon.metrics.scrape_text import Parts
    from aimon.probes.history.database import Database
    from aimon.probes.history.history import History
    from aimon.probes.state.monitored import MonitoredEndpoint

# Minimum seconds between two computations of an endpoint's windows.
WINDOWS_EVERY = 30.0
# Seconds after a scrape during which each new result updates the text for the next scrape.
_SCRAPED_LATELY = 120.0


class LiveEndpoint:
    """The state of one endpoint in memory.

    Attributes:
        monitored: its configuration.
        totals: of its recorded results.
        last: its last probe and last success.
        windows: its figures in the standard windows, by their lengths; some may not be computed yet.
        changed: whether its text is outdated.
    """

    __slots__ = ("_text", "_windows_text", "changed", "last", "looked_at", "monitored", "totals", "windows")

    def __init__(self, monitored: MonitoredEndpoint, totals: Totals, last: Last) -> None:
        self.monitored = monitored
        self.totals, self.last = totals, last
        self.windows: dict[float, Window] = {}
        self.looked_at = 0.0
        self.changed = True
        self._text: Parts = {}
        self._windows_text: Parts | None = None

    def set_windows(self, found: Sequence[Window], now: float) -> None:
        """Sets windows that were computed at that time."""
        self.windows.update({window.seconds: window for window in found})
        self.looked_at = now
        self._windows_text = None

    def text(self, spent: float) -> tuple[Parts, Parts]:
        """Its samples as text, formatted again if something has changed."""
        if self.changed:
            self._text = scrape_text.parts(self.totals, endpoint_gauges(self.monitored, self.last, spent=spent))
            self.changed = False
        if self._windows_text is None:
            labels = self.monitored.identity.labels
            self._windows_text = scrape_text.parts(None, window_gauges(labels, self.windows.values()))
        return self._text, self._windows_text


class _Unseen(MemoryState):
    """Keeps nothing: the results of this process are in its LiveEndpoints."""

    def record(self, results: Sequence[Result]) -> None:
        """Does nothing."""


class LiveState:
    """See the module's docstring. `record`, `configure` and `upkeep` are for one thread; the rest is thread-safe.

    Args:
        monitored: the endpoints.
        open_history: opens the history, only to read it if that is True; raises HistoryError.
        clock: returns the Unix time.

    Attributes:
        spending: today's spending; results are added before they are recorded.
    """

    cumulative = True

    def __init__(
        self,
        monitored: Sequence[MonitoredEndpoint],
        open_history: Callable[[bool], History],
        *,
        clock: Callable[[], float] = time.time,
    ) -> None:
        self.spending = Spending(clock)
        self._open_history, self._clock = open_history, clock
        self._lock = Lock()
        self._guarded = GuardedState(monitored, open_history, None, seen=_Unseen(monitored))
        self._endpoints: dict[Identity, LiveEndpoint] = {}
        self._due: deque[Identity] = deque()
        self._scraped = 0.0
        self._behind = False
        self._load(monitored)

    @property
    def database(self) -> Database | None:
        """The history's database, while it is usable."""
        return self._guarded.database

    @property
    def problem(self) -> str | None:
        """Why the history was unusable at the last attempt; None if it was usable."""
        return self._guarded.problem

    @property
    def waiting(self) -> int:
        """The number of results that are not recorded yet."""
        return self._guarded.waiting

    @property
    def dropped(self) -> int:
        """The number of results discarded because the queue was full."""
        return self._guarded.dropped

    def record(self, results: Sequence[Result]) -> None:
        """Appends to the history, and counts the appended results.

        Raises:
            HistoryError: it failed; all of them stay queued.
            UnstorableError: one of them can't be stored; none of them is queued.
        """
        try:
            self._guarded.record(results)
        except UnstorableError:  # the recorder retries with replacements
            raise
        except HistoryError:
            self._behind = True
            self._note(results, counted=False)
            raise
        if self._behind:
            self._behind = False
            self._note(results, counted=False)
            self._load([endpoint.monitored for endpoint in self._endpoints.values()])
        else:
            self._note(results, counted=True)

    def configure(self, monitored: Sequence[MonitoredEndpoint]) -> None:
        """Replaces the monitored endpoints; queued results stay queued."""
        before = self._guarded
        self._guarded = GuardedState(monitored, self._open_history, None, seen=_Unseen(monitored))
        self._guarded.take_over(before)
        before.close()
        self._load(monitored)

    def upkeep(self, seconds: float) -> None:
        """Computes windows that are due, and prepares the text of the next scrape, for about that many seconds.

        Raises:
            HistoryError: the history can't be read or written.
        """
        end = time.monotonic() + seconds
        if time.monotonic() - self._scraped < _SCRAPED_LATELY:
            for endpoint in list(self._endpoints.values()):
                if endpoint.changed:
                    self._text(endpoint)
                    if time.monotonic() >= end:
                        break
        self._compute_windows(end)

    def parts(self) -> list[Parts]:
        """The samples of all endpoints."""
        self._scraped = time.monotonic()
        found: list[Parts] = []
        for endpoint in list(self._endpoints.values()):
            with isolated(endpoint.monitored.identity.endpoint, "published"):
                found += self._text(endpoint)
        return found

    def endpoint(self, identity: Identity) -> LiveEndpoint | None:
        """The state of one endpoint, for reading."""
        return self._endpoints.get(identity)

    def totals(self) -> Totals:
        """The totals of all endpoints."""
        totals = Totals()
        for endpoint in list(self._endpoints.values()):
            totals.merge(endpoint.totals)
        return totals

    def gauges(self, now: float) -> Gauges:  # noqa: ARG002 - what is in memory is of now
        """The gauges of all endpoints."""
        gauges = Gauges()
        for endpoint in list(self._endpoints.values()):
            spent = self.spending.today(endpoint.monitored.identity.endpoint)
            gauges.update(endpoint_gauges(endpoint.monitored, endpoint.last, endpoint.windows.values(), spent))
        return gauges

    def spent_today(self, monitored: MonitoredEndpoint, now: float) -> float:  # noqa: ARG002 - as above
        """The cost of the endpoint's probes since 00:00 UTC."""
        return self.spending.today(monitored.identity.endpoint)

    def sole_pusher(self) -> AbstractContextManager[None]:
        """Holds the history's push lock, while the history is usable."""
        return self._guarded.sole_pusher()

    def close(self) -> None:
        """Closes the history."""
        self._guarded.close()

    def _text(self, endpoint: LiveEndpoint) -> tuple[Parts, Parts]:
        with self._lock:
            return endpoint.text(self.spending.today(endpoint.monitored.identity.endpoint))

    def _note(self, results: Sequence[Result], *, counted: bool) -> None:
        now = self._clock()
        with self._lock:
            for result in results:
                endpoint = self._endpoints.get(Identity.of(result))
                if endpoint is not None:  # else the endpoint was removed during the probe
                    endpoint.last = last_of([result], endpoint.last, now)
                    endpoint.changed = True
                    if counted:
                        endpoint.totals.observe(result)

    def _load(self, monitored: Sequence[MonitoredEndpoint]) -> None:
        """Reads the history; values that can't be read stay unchanged."""
        try:
            history = self._guarded.history
            stored = history.totals([each.identity for each in monitored]).by_identity()
            kept = kept_windows(history)
            last = {each.identity: history.last(each.identity) for each in monitored}
            for each in monitored:
                self.spending.know(each.identity.endpoint, self._guarded.spent_today(each, self._clock()))
        except HistoryError:
            self._behind = True
            stored, kept, last = {}, {}, {}
        before, self._endpoints = self._endpoints, {}
        endpoints = {}
        for each in monitored:
            identity = each.identity
            known = before.get(identity) or LiveEndpoint(each, Totals(), Last())
            endpoint = LiveEndpoint(each, stored.get(identity) or known.totals, last.get(identity) or known.last)
            endpoint.windows = known.windows or dict(kept.get(identity, {}))
            endpoints[identity] = endpoint
        with self._lock:
            self._endpoints = endpoints
            self._due = deque(endpoints)

    def _compute_windows(self, end: float) -> None:
        now = self._clock()
        found: list[tuple[Identity, Window]] = []
        for _ in range(len(self._due)):
            if time.monotonic() >= end:
                break
            identity = self._due[0]
            self._due.rotate(-1)
            endpoint = self._endpoints[identity]
            if endpoint.last.run_at is None or abs(now - endpoint.looked_at) < WINDOWS_EVERY:
                continue
            lengths = [each for each in WINDOWS.values() if is_due(endpoint.windows.get(each), each, now, identity)]
            if lengths:
                fresh = windows(self._guarded.history, identity, now, lengths)
                with self._lock:
                    endpoint.set_windows(fresh, now)
                found += [(identity, window) for window in fresh]
        keep_windows(self._guarded.history, found)
