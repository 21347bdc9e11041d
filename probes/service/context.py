"""What routes and observers know of the service: `request.app.state.context`.

Everything here may be used from any thread. Routes are plain functions (`def`, not `async def`): Starlette runs these
in threads, so that a query of the history delays neither other requests nor the scheduler, which has a loop and a
thread of its own.
"""

from __future__ import annotations

import time
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Sequence
    from pathlib import Path

    from aimon.config.endpoint import Endpoint
    from aimon.config.model.storage import HeartbeatSection
    from aimon.probes.history.database import Database
    from aimon.probes.history.history import History
    from aimon.probes.scheduling.scheduler import Scheduler
    from aimon.probes.selection import Selection
    from aimon.probes.service.maintenance_clock import MaintenanceClock
    from aimon.probes.service.web.on_demand import OnDemand
    from aimon.probes.state.live import LiveState
    from aimon.security.redact import Redactor


@dataclass(slots=True)
class ServiceStatus:
    """How the service itself is; written by its own threads, read by everybody.

    Attributes:
        started_at: unix time of its start.
        loaded_at: unix time at which the configuration in use was read.
        reload_error: why the last reload kept the configuration before; None if it did not.
        draining: whether it is ending: no more probes start.
    """

    started_at: float
    loaded_at: float
    reload_error: str | None = None
    draining: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class ServiceContext:
    """One configuration in use; a reload makes another context, so take it once for each request.

    Attributes:
        selection: the endpoints and what the configuration says of them.
        state: what was recorded, in memory: `state.endpoint(identity)` has an endpoint's totals, latest and windows. It
            knows why the history can't be used (`state.problem`), how many results wait for it
            (`state.waiting`), and its file while it can be written (`state.database`).
        maintenance: the configuration's windows, in which endpoints are not probed, and who is in one now.
        history_path: the history's file.
        open_history: the history, only to be read; the same object each time, do not close it. Raises HistoryError
            while it can't be read: say so on the page, and go on.
        scheduler: when each endpoint is probed.
        status: how the service itself is.
        reload: reads the configuration again; what is returned says why it was refused, None if it was not.
        on_demand: makes a probe when it is asked to.
        redactor: hides every secret that is known now.
        clock: tells unix time.
    """

    selection: Selection
    state: LiveState
    maintenance: MaintenanceClock
    history_path: Path
    open_history: Callable[[], History]
    scheduler: Scheduler
    status: ServiceStatus
    reload: Callable[[], Awaitable[str | None]]
    on_demand: OnDemand
    redactor: Callable[[], Redactor]
    clock: Callable[[], float] = field(default=time.time)

    @property
    def endpoints(self) -> tuple[Endpoint, ...]:
        """The configured endpoints, in the order of the file."""
        return self.selection.endpoints

    @property
    def heartbeats(self) -> Sequence[HeartbeatSection]:
        """The programs that report in, as configured; their names are none of endpoints."""
        return () if self.selection.config is None else self.selection.config.heartbeats

    @property
    def database(self) -> Database | None:
        """The history's file while it can be written, for tables beside its own; None while it can't."""
        return self.state.database

    @property
    def history_problem(self) -> str | None:
        """Why results can't be recorded at present, in a sentence; None if they can. They wait, and probing goes on."""
        return self.state.problem
