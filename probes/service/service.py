"""The service: builds its parts from the configuration, runs them, reloads the configuration, ends them in order."""

from __future__ import annotations

import asyncio
import signal
import sys
import time
from dataclasses import replace
from threading import Lock
from typing import TYPE_CHECKING

from aimon.probes.history.history import History
from aimon.probes.probe import Prober
from aimon.probes.publish.recorder import Recorder
from aimon.probes.scheduling.scheduler import Scheduler
from aimon.probes.service.context import ServiceContext, ServiceStatus
from aimon.probes.service.maintenance_clock import MaintenanceClock
from aimon.probes.service.metrics.self_metrics import gauges_of
from aimon.probes.service.observers import OBSERVERS
from aimon.probes.service.pushing import Pusher
from aimon.probes.service.recording import RecordingThread
from aimon.probes.service.web.app import application
from aimon.probes.service.web.on_demand import OnDemand
from aimon.probes.service.web.web_server import WebServer
from aimon.probes.state.live import LiveState

if TYPE_CHECKING:
    from collections.abc import Callable

    from aimon.call.result import Result
    from aimon.config.endpoint import Endpoint
    from aimon.probes.selection import Selection
    from aimon.probes.service.settings import Settings

# Seconds for which a thread keeps the interpreter while another waits for it; Python's own 5 ms would come on top of
# every system call of a probe while results are written or a page is made.
SWITCH_INTERVAL = 0.0005


class LoadError(Exception):
    """The configuration can't be used; the message says why, where, and what to write instead."""


class Service:
    """Probes and serves until SIGTERM or SIGINT.

    Args:
        load: reads the configuration; raises LoadError.
        settings: how to run.
        say: is told what operators should know.
    """

    def __init__(self, load: Callable[[], Selection], settings: Settings, *, say: Callable[[str], None]) -> None:
        self._load, self._settings, self._say = load, settings, say
        self._reader: History | None = None
        self._writer: History | None = None
        self._opening = Lock()
        self._reloading = asyncio.Lock()

    async def run(self) -> int:
        """Runs; returns how many results could not be recorded.

        Raises:
            LoadError: the configuration can't be used at the start.
            OSError: the address can't be had, or a certificate can't be read.
        """
        loop = asyncio.get_running_loop()
        self._loop = loop
        sys.setswitchinterval(SWITCH_INTERVAL)
        loop.add_signal_handler(signal.SIGHUP, lambda: None)  # until there is something to reload
        selection = self._load()
        now = time.time()
        self._maintenance = MaintenanceClock(selection)
        self._retention = selection.retention()
        self._state = LiveState(selection.monitored(), self._history)
        self._recorder = self._recorder_of(selection)
        if self._state.problem is not None:
            self._say(f"aimon: probing goes on without its history: {self._state.problem}")
        self._prober = self._prober_of(selection)
        self._scheduler = Scheduler(
            selection.endpoints,
            self._prober,
            self._take,
            concurrency=self._settings.concurrency,
            paused=lambda endpoint, at: endpoint.name in self._maintenance.names(at),
            recent=self._probed_lately(selection, now),
        )
        self._context = ServiceContext(
            selection=selection,
            state=self._state,
            maintenance=self._maintenance,
            history_path=self._settings.history,
            open_history=self._open_history,
            scheduler=self._scheduler,
            status=ServiceStatus(started_at=now, loaded_at=now),
            reload=self._reload_from_elsewhere,
            on_demand=OnDemand(self._scheduler, loop),
            redactor=lambda: self._prober.redactor,
        )
        observers = [make() for make in OBSERVERS]
        self._pusher = Pusher(lambda: self._recorder, lambda: gauges_of(self._context), self._say)
        self._recording = RecordingThread(self._recorder, self._state, observers, say=self._say)
        self._app = application(self._context, token=self._settings.token)
        server = WebServer(self._app, self._settings.host, self._settings.port, tls=self._settings.tls)
        self._recording.start(self._context)
        for number in (signal.SIGTERM, signal.SIGINT):
            loop.add_signal_handler(number, self.stop)
        loop.add_signal_handler(signal.SIGHUP, self._hang_up)
        pusher = asyncio.create_task(self._pusher.run()) if self._settings.gateway is not None else None
        with server:
            self._say(f"status page: {server.url}/, metrics: {server.url}/metrics")
            await self._scheduler.run()
            left = await asyncio.to_thread(self._recording.close)
            if pusher is not None:
                self._pusher.close()
                await pusher
        self._close_reader()  # before the writer, which puts the log's content into the file when it is the last
        self._state.close()
        return left

    def stop(self) -> None:
        """Starts no more probes; `run` returns when those under way have ended and are recorded."""
        if not self._context.status.draining:
            self._context.status.draining = True
            self._say("stopping: probes under way end first")
        self._scheduler.stop()

    async def reload(self) -> str | None:
        """Reads the configuration again; returns why the one before stays in use, None if it does not."""
        async with self._reloading:
            try:
                selection = await asyncio.to_thread(self._load)
            except LoadError as error:
                self._context.status.reload_error = str(error)
                self._say(f"the configuration before stays in use:\n{error}")
                return str(error)
            await self._adopt(selection)
            self._say("the configuration was read again")
            return None

    async def _adopt(self, selection: Selection) -> None:
        monitored = await asyncio.to_thread(selection.monitored)
        self._maintenance = MaintenanceClock(selection)
        self._retention = selection.retention()
        if self._writer is not None:
            self._writer.retention = self._retention
        self._recorder = self._recorder_of(selection)
        self._context = replace(self._context, selection=selection, maintenance=self._maintenance)
        self._recording.configure(self._recorder, monitored, self._context)
        self._prober = self._prober_of(selection)
        await self._scheduler.configure(selection.endpoints, self._prober)
        self._app.state.context = self._context
        status = self._context.status
        status.reload_error, status.loaded_at = None, time.time()

    async def _reload_from_elsewhere(self) -> str | None:
        """`reload`, for the web server's loop."""
        return await asyncio.wrap_future(asyncio.run_coroutine_threadsafe(self.reload(), self._loop))

    def _hang_up(self) -> None:
        self._reload_task = self._loop.create_task(self.reload())

    def _recorder_of(self, selection: Selection) -> Recorder:
        return Recorder(
            self._state,
            selection.prices,
            selection.region,
            selection.owner,
            selection.whole,
            self._settings.gateway,
            redactor=selection.redactor(),
        )

    def _prober_of(self, selection: Selection) -> Prober:
        return Prober(
            redactor=selection.redactor(),
            spent=lambda endpoint: self._state.spending.today(endpoint.name),
            key_files=selection.key_files(self._say),
        )

    async def _take(self, endpoint: Endpoint, result: Result) -> None:  # noqa: ARG002 - the scheduler's signature
        for priced in self._recorder.price([result]):
            self._state.spending.add(priced)
            self._recording.put(priced)
        self._pusher.note()

    def _probed_lately(self, selection: Selection, now: float) -> set[str]:
        """Endpoints that a process before this one has probed less than an interval ago."""
        found = set()
        for endpoint in selection.endpoints:
            known = self._state.endpoint(endpoint.identity)
            run_at = None if known is None else known.last.run_at
            if run_at is not None and 0 <= now - run_at < endpoint.interval:
                found.add(endpoint.name)
        return found

    def _in_maintenance(self, name: str, at: float) -> bool:
        return name in self._maintenance.names(at)  # of the configuration that is in use then

    def _history(self, read_only: bool) -> History:
        if not read_only:
            self._close_reader(only_outdated=True)  # it would keep the file's index open to be read only
        history = History(self._settings.history, read_only=read_only, retention=self._retention)
        if not read_only:
            # Of probes on demand: scheduled ones pause then.
            history.in_maintenance = self._in_maintenance
            self._writer = history
        return history

    def _open_history(self) -> History:
        self._close_reader(only_outdated=True)
        with self._opening:
            if self._reader is None:
                self._reader = self._history(True)
            return self._reader

    def _close_reader(self, *, only_outdated: bool = False) -> None:
        with self._opening:
            if self._reader is not None and (not only_outdated or self._reader.database.outdated):
                self._reader.close()
                self._reader = None
