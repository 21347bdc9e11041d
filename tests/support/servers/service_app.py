"""The service's HTTP application in this process, with a real configuration and history; nothing probes."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any, cast

from aimon.cli.endpoints import Flags, select
from aimon.probes.history.history import History
from aimon.probes.service.context import ServiceContext, ServiceStatus
from aimon.probes.service.maintenance_clock import MaintenanceClock
from aimon.probes.service.web.app import application
from aimon.probes.state.live import LiveState

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from starlette.applications import Starlette

    from aimon.call.result import Result

NOW = 1_700_006_400.0

CONFIG = """
region: local
endpoints:
  - {name: qwen, preset: ollama, model: qwen-plus, slo: {latency_p95: 8s}}
  - {name: kimi, preset: ollama, model: kimi-k2, interval: 5m}
  - {name: never, preset: ollama, model: other}
heartbeats:
  - {name: nightly, every: 1h, grace: 10m, title: Nightly evaluation}
  - {name: guarded, every: 5m, token_file: "TOKEN_FILE"}
maintenance:
  - {title: Backup, endpoints: [kimi], cron: "0 3 * * 0", duration: 30m}
"""


class ServiceApp:
    """The application and what it works on.

    Args:
        folder: where the configuration and the history are written.
        token: what clients must know.
        config: the text of aimon.yaml.
        now: the unix time that it believes in at first.
        state: what it is told of recording; by default nothing is wrong.

    Attributes:
        app: the ASGI application.
        history: what it reads, open to be written.
        now: the unix time that it believes in.
        selection: of the configuration.
        context: what routes know.
        state: whether results can be recorded.
    """

    def __init__(
        self,
        folder: Path,
        *,
        token: str | None = None,
        config: str = CONFIG,
        now: float = NOW,
        state: Any = None,
    ) -> None:
        (folder / "token").write_text("beat-it\n")
        file = folder / "aimon.yaml"
        file.write_text(config.replace("TOKEN_FILE", str(folder / "token")))
        self.now = now
        self.selection = select([], file, Flags(), lenient=True)
        path = folder / "history.db"
        self.history = History(path, clock=lambda: self.now)
        self.history.database.query("PRAGMA synchronous = OFF")
        for monitored in self.selection.monitored(published=False):
            self.history.declare(monitored.identity, thresholds=monitored.thresholds)
        self._reader = History(path, read_only=True)
        self.state: Any = state or LiveState([], lambda read_only: History(path, read_only=read_only))
        unused = cast("Any", None)
        self.context = ServiceContext(
            selection=self.selection,
            state=self.state,
            maintenance=MaintenanceClock(self.selection),
            history_path=path,
            open_history=lambda: self._reader,
            scheduler=unused,
            status=ServiceStatus(now, now),
            reload=unused,
            on_demand=unused,
            redactor=self.selection.redactor,
            clock=lambda: self.now,
        )
        self.app: Starlette = application(self.context, token=token)

    def identities(self) -> dict[str, Any]:
        """The labels of the endpoints, by name."""
        return {endpoint.name: endpoint.identity for endpoint in self.selection.endpoints}

    def append(self, results: Sequence[Result]) -> None:
        """Records results."""
        self.history.append(results)

    def break_history(self, open_history: Any) -> None:
        """Makes the history unreadable: `open_history` is called instead."""
        self.app.state.context = replace(self.context, open_history=open_history)

    def close(self) -> None:
        """Closes the history."""
        for opened in (self.history, self._reader, self.state):
            opened.close()
