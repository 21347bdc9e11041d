"""A service's application whose endpoints are probed by the test: its pages, its incidents, its clock."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Self

from starlette.testclient import TestClient

from aimon.call.outcome import Outcome
from aimon.probes.incidents import announcements
from aimon.probes.incidents.observer import watch
from aimon.probes.incidents.tracker import IncidentTracker
from results import a_result
from service_app import ServiceApp

if TYPE_CHECKING:
    from pathlib import Path

T0 = 1_764_331_200.0
"""2025-11-28 12:00 UTC."""


class Recording:
    """What a page asks the service's state: whether results can be recorded."""

    problem: str | None = None
    waiting = 0
    database = None

    def close(self) -> None:
        """Nothing is open."""


class ServiceWorld(ServiceApp):
    """Endpoints of a configuration, with results that the test makes up."""

    def __init__(self, folder: Path, config: str) -> None:
        super().__init__(folder, config=config, now=T0, state=Recording())
        self.tracker = IncidentTracker(self.history.database, watch(self.context), now=self.now)
        if self.selection.config is not None:
            announcements.configure(self.history.database, self.selection.config, self.now)
        self.client = TestClient(self.app)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.client.close()
        self.close()

    def probe(self, name: str, outcome: Outcome = Outcome.OK, *, after: float = 60.0, **changes: Any) -> None:
        """Records a result, `after` seconds after the one before."""
        self.now += after
        made = a_result(outcome, self.identities()[name], **({"started_at": self.now, "end": 0.5} | changes))
        self.append([made])
        self.tracker.tick(self.now)

    def get(self, path: str, **headers: str) -> str:
        """The body of an answer, which must have the status 200."""
        answer = self.client.get(path, headers=headers)
        assert answer.status_code == 200, answer.text
        return answer.text
