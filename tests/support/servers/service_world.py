"""The service's application in memory: tests fill its history and move its clock."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Self

from starlette.testclient import TestClient

from aimon.call.outcome import Outcome
from aimon.cli.endpoints import Flags, select
from aimon.probes.history.history import History
from aimon.probes.incidents import announcements
from aimon.probes.incidents.observer import watch
from aimon.probes.incidents.tracker import IncidentTracker
from aimon.probes.service.app import application
from aimon.probes.service.context import ServiceContext, ServiceStatus
from aimon.probes.service.maintenance_clock import MaintenanceClock
from results import a_result

if TYPE_CHECKING:
    from pathlib import Path

T0 = 1_764_331_200.0
"""2025-11-28 12:00 UTC."""


class Unrecorded:
    """What a page asks the service's state: whether results can be recorded."""

    problem: str | None = None
    waiting = 0
    database = None


class ServiceWorld:
    """Endpoints of a configuration, with results that the test makes up.

    Args:
        folder: where the configuration and the history are written.
        config: the text of aimon.yaml.
    """

    def __init__(self, folder: Path, config: str) -> None:
        self.now = T0
        path = folder / "aimon.yaml"
        path.write_text(config, encoding="utf-8")
        self.selection = select([], path, Flags(), lenient=True)
        self.history = History(folder / "history.db")
        self.state = Unrecorded()
        self.context = ServiceContext(
            selection=self.selection,
            state=self.state,  # type: ignore[arg-type]  # all that pages ask of it
            maintenance=MaintenanceClock(self.selection),
            history_path=folder / "history.db",
            open_history=lambda: self.history,
            scheduler=None,  # type: ignore[arg-type]  # no page asks it
            status=ServiceStatus(T0, T0),
            reload=None,  # type: ignore[arg-type]  # likewise
            on_demand=None,  # type: ignore[arg-type]  # likewise
            redactor=self.selection.redactor,
            clock=lambda: self.now,
        )
        self.tracker = IncidentTracker(self.history.database, watch(self.context), now=self.now)
        if self.selection.config is not None:
            announcements.configure(self.history.database, self.selection.config, self.now)
        self.client = TestClient(application(self.context))

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.client.close()
        self.history.close()

    def probe(self, name: str, outcome: Outcome = Outcome.OK, *, after: float = 60.0, **changes: Any) -> None:
        """Records a result, `after` seconds after the one before."""
        self.now += after
        identity = next(each.identity for each in self.selection.endpoints if each.name == name)
        self.history.append([a_result(outcome, identity, **({"started_at": self.now, "end": 0.5} | changes))])
        self.tracker.tick(self.now)

    def get(self, path: str, **headers: str) -> str:
        """The body of an answer, which must have the status 200."""
        answer = self.client.get(path, headers=headers)
        assert answer.status_code == 200, answer.text
        return answer.text
