"""Incidents and notifications in the service; called with results and times, on the recording thread."""

from __future__ import annotations

import logging
import time
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from aimon.probes.history.database import HistoryError
from aimon.probes.incidents import announcements
from aimon.probes.incidents.tracker import IncidentTracker, Watch, Watched
from aimon.probes.notify.dispatcher import Dispatcher

if TYPE_CHECKING:
    from collections.abc import Sequence

    from aimon.call.result import Result
    from aimon.config.endpoint import Endpoint
    from aimon.probes.history.database import Database
    from aimon.probes.service.context import ServiceContext

_LOG = logging.getLogger(__name__)
_NO_PROVIDER = "custom"


class IncidentObserver:
    """Tracks incidents while the history can be written, and delivers notices.

    A tracker belongs to one open file: it is made anew when the service opens another one, and after a failure.
    """

    def __init__(self) -> None:
        self._context: ServiceContext | None = None
        self._tracker: IncidentTracker | None = None
        self._database: Database | None = None
        self._dispatcher: Dispatcher | None = None
        self._problem = ""

    def configure(self, context: ServiceContext) -> None:
        """Endpoints, thresholds and channels of the configuration hold from now on."""
        self._context = context
        # The next tick makes another tracker, which ends the incidents of endpoints that are gone.
        self._tracker = None
        if self._dispatcher is not None:
            self._dispatcher.configure(context.selection.channels)

    def observe(self, results: Sequence[Result]) -> None:
        """Leaves it to the next tick, which reads from the history what has been recorded, one transaction for all."""

    def tick(self, now: float) -> None:
        """Tracks the recorded results, and queues the notices that are due."""
        context = self._context
        if context is None or context.database is None:
            self._tracker = None
            return
        try:
            tracker = self._ready(context, context.database, now)
            tracker.tick(now)
            context.maintenance.asked = announcements.maintenances(context.database, since=now)
        except HistoryError as error:
            self._tracker = None  # what it knows may be ahead of what was written
            self._report(str(error))
            return
        self._problem = ""
        if self._dispatcher is not None:
            self._dispatcher.wake()

    def close(self) -> None:
        """Ends deliveries; what is not delivered stays in the queue."""
        try:
            if self._tracker is not None and self._context is not None and self._context.database is not None:
                self._tracker.tick(self._now())
                self._tracker.settle()
        except HistoryError as error:
            self._report(str(error))
        finally:
            if self._dispatcher is not None:
                self._dispatcher.close()

    def _report(self, problem: str) -> None:
        """Says once that incidents wait for the history."""
        if problem != self._problem:
            self._problem = problem
            _LOG.warning("aimon: incidents wait until the history can be written: %s", problem)

    def _now(self) -> float:
        return time.time() if self._context is None else self._context.clock()

    def _ready(self, context: ServiceContext, database: Database, now: float) -> IncidentTracker:
        if self._tracker is None or self._database is not database:
            self._tracker = IncidentTracker(database, watch(context), now=now)
            self._database = database
            if context.selection.config is not None:
                announcements.configure(database, context.selection.config, now)
        if self._dispatcher is None:
            # Only now there are tables to read from.
            self._dispatcher = Dispatcher(context.history_path, clock=context.clock)
            self._dispatcher.configure(context.selection.channels)
        return self._tracker


def watch(context: ServiceContext) -> Watch:
    """What the configuration in use watches, and who is notified."""
    selection = context.selection
    endpoints = {each.name: Watched(each.name, each.incidents, _scope(each)) for each in selection.endpoints}
    written = () if selection.config is None else selection.config.endpoints
    return Watch(endpoints, {*endpoints, *(each.name for each in written)}, selection.channels)


def _scope(endpoint: Endpoint) -> str:
    """What endpoints have in common that fail together: the provider, or the host of one without a preset."""
    provider = endpoint.target.provider
    return urlsplit(endpoint.target.base_url).hostname or provider if provider == _NO_PROVIDER else provider
