"""A worker's process: runs its master's stages, over Locust's worker runner, until the master releases it.

Importing this makes the standard library cooperative (gevent's monkey patches).
"""

from __future__ import annotations

import logging
import os
import signal
import socket
from time import monotonic
from typing import TYPE_CHECKING, Any

import gevent
import locust
from gevent.event import Event
from locust.env import Environment

from aimon import __version__, files
from aimon.config import ConfigError
from aimon.exit_codes import GOOD, INTERRUPTED, UNABLE
from aimon.load_terms import ABORTED
from aimon.loadtests.console import say
from aimon.loadtests.distributed.sockets import SecureSockets
from aimon.loadtests.distributed.worker_settings import worker_settings
from aimon.loadtests.load import open_load
from aimon.loadtests.locust_plugin.statistics import without_statistics
from aimon.loadtests.protocol import messages
from aimon.loadtests.protocol.stage import pack
from aimon.loadtests.report import build, save
from aimon.loadtests.report.run_result import RunResult
from aimon.loadtests.statistics import slo
from aimon.loadtests.statistics.call_stats import CallStats
from aimon.loadtests.worker.call_log import NAME, CallLog

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    import msgspec

    from aimon.loadtests.load import Load
    from aimon.loadtests.protocol.job import Job
    from aimon.loadtests.protocol.plan import Plan
    from aimon.loadtests.worker.worker import Worker

_REPORT_EVERY = 0.5
# Seconds; a master sends a heartbeat every second.
_SILENCE = 10.0
_LOOK = 0.5
# Failed handshakes, about seven a second: a proxy may answer for a master that has not started yet.
_SAY_AFTER, _GIVE_UP_AFTER = 10, 300


class WorkerProcess:
    """A worker under a master.

    Args:
        job: where the master is, and where this worker's own files are.
        sockets: the sockets to it.

    Raises:
        ConnectionError: no master answered for minutes.
    """

    def __init__(self, job: Job, sockets: SecureSockets) -> None:
        logging.getLogger("locust").setLevel(logging.ERROR)
        self._job, self._sockets = job, sockets
        self._heard = monotonic()
        self._worker: Worker | None = None
        self._log: CallLog | None = None
        self._plan: Plan | None = None
        self._folder: Path | None = None
        self._load: Load | None = None
        self._index = 0
        self._own = RunResult(CallStats())
        self._busy = Event()
        self._leaving = False
        environment = self._environment = Environment(events=locust.events)
        environment.events.heartbeat_received.add_listener(self._on_heartbeat)  # type: ignore[no-untyped-call]  # Locust's
        self._runner = without_statistics(environment, lambda: environment.create_worker_runner(job.host, job.port))
        for message, handle in (
            (messages.Configure, self._on_configure),
            (messages.RunFirst, self._on_run_first),
            (messages.StartStage, self._on_start_stage),
            (messages.Rebalance, self._on_rebalance),
            (messages.StopCalls, self._on_stop),
        ):
            self._handle(message, handle)

    def run(self) -> int:
        """Runs until the master releases this worker or is gone; returns the exit code."""
        self._send(messages.Register(version=__version__, host=socket.gethostname(), pid=os.getpid()))
        while self._runner.greenlet and not self._leaving:
            if self._busy.wait(_REPORT_EVERY) and self._worker is not None:
                self._worker.done.wait(_REPORT_EVERY)
                self._report(self._worker)
            if (why := self._lost_master()) is not None:
                return self._give_up(why)
        return self._leave() if self._leaving else self._finish()

    def leave(self) -> None:
        """Ends the calls under way, and disconnects."""
        self._leaving = True

    # Messages from the master

    def _handle(self, message: type[msgspec.Struct], handle: Callable[[Any], None]) -> None:
        def listen(msg: Any, **_: object) -> None:
            try:
                body = messages.decode(msg.data, message)
            except (ValueError, RecursionError):
                self._sockets.dropped += 1
            else:
                handle(body)

        # The first iteration waits for answers, and heartbeats must not wait for it.
        self._runner.register_message(messages.kind(message), listen, concurrent=message is messages.RunFirst)

    def _on_configure(self, configure: messages.Configure) -> None:
        self._index = configure.index
        try:
            plan, loaded, folder = worker_settings(self._job, configure.plan)
            self._plan, self._folder = plan, folder
            self._load = load = open_load(plan, loaded, self._environment)
            if plan.results and folder is not None:
                self._log = CallLog(folder / f"worker-{configure.index + 1}-{NAME}", mode=plan.out_mode)
            index, workers = configure.index, configure.workers
            self._worker = load.worker(plan, index=index, workers=workers, log=self._log)
        except OSError as error:
            self._send(messages.Ready(problem=files.problem(error)))
            return
        except (ConfigError, ValueError) as error:
            self._send(messages.Ready(problem=str(error)))
            return
        self._own.objectives = [slo.parse(text) for text in plan.slo]
        load.begin(self._worker.end)
        self._send(messages.Ready(model=load.model))

    def _on_run_first(self, _: messages.RunFirst) -> None:
        if self._worker is not None:
            self._send(messages.FirstDone(first=self._worker.run_first()))

    def _on_start_stage(self, start: messages.StartStage) -> None:
        if self._worker is not None:
            self._worker.start(start.stage, start.assignment)
            self._busy.set()

    def _on_rebalance(self, rebalance: messages.Rebalance) -> None:
        if self._worker is not None:
            self._worker.rebalance(rebalance.assignment)
            self._busy.set()

    def _on_stop(self, stop: messages.StopCalls) -> None:
        if self._worker is not None:
            self._worker.stop(cut=stop.cut)

    def _on_heartbeat(self, **_: object) -> None:
        self._heard = monotonic()

    # Messages to the master

    def _report(self, worker: Worker) -> None:
        said = worker.take_delta()
        if said.done:
            self._busy.clear()
        self._own.stats.merge(said.stats)
        self._own.elapsed += said.wall
        messages.send(self._runner, messages.STATS, pack(said))

    def _send(self, message: msgspec.Struct) -> None:
        messages.send(self._runner, messages.kind(type(message)), messages.encode(message))

    # The end

    def _lost_master(self) -> str | None:
        if _parent_ended(self._job):
            return "the master's process has ended"
        if monotonic() - self._heard > _SILENCE:
            return f"nothing was heard from the master for {_SILENCE:g} s"
        return None

    def _leave(self) -> int:
        if self._worker is not None:
            self._worker.stop(cut=True, why="the worker was stopped by a signal")
            self._worker.done.wait(_SILENCE)
            self._report(self._worker)
        self._finish()
        return INTERRUPTED

    def _give_up(self, why: str) -> int:
        """Ends the calls under way, and writes this worker's own report, since its master can't."""
        say(f"aimon loadtest: worker {self._index + 1}: {why}; the run ends here")
        worker, plan = self._worker, self._plan
        if worker is None or plan is None:
            return UNABLE
        worker.stop(cut=True, why=why)
        worker.done.wait(_SILENCE)
        last = worker.take_delta()
        own_run = self._own
        own_run.stats.merge(last.stats)
        own_run.elapsed += last.wall
        own_run.window = own_run.elapsed
        own_run.ended, own_run.why = ABORTED, f"{why}; these are the calls of worker {self._index + 1} alone"
        if self._folder is not None:
            assert self._load is not None  # noqa: S101 - it has made the worker
            built = build(own_run, plan, self._load.name, model=self._load.model)
            folder = self._folder / f"worker-{self._index + 1}"
            written, problems = save(built, folder, mode=plan.out_mode)
            for line in [f"written: {path}" for path in written] + [f"aimon loadtest: {each}" for each in problems]:
                say(line)
        self._finish()
        return UNABLE

    def _finish(self) -> int:
        if self._worker is not None:
            self._worker.close()
        if self._load is not None:
            self._load.end()
        problem = None if self._log is None else self._log.close()
        if problem is not None:
            say(f"aimon loadtest: {problem}")
        return GOOD if problem is None else UNABLE


def _parent_ended(job: Job) -> bool:
    """Whether the process that started this one has ended."""
    return job.parent is not None and os.getppid() != job.parent


def serve(job: Job) -> int:
    """Runs a worker until its master releases it; returns the exit code."""
    sockets = SecureSockets(job.token)
    # In a greenlet that a signal can kill: Locust tries to connect for minutes.
    connecting = gevent.spawn(WorkerProcess, job, sockets)
    handlers = [gevent.signal_handler(number, connecting.kill) for number in (signal.SIGINT, signal.SIGTERM)]
    if job.parent is None:
        say(f"aimon loadtest: looking for the master at {job.host}:{job.port}")
    told = False
    try:
        while not connecting.ready():
            connecting.join(_LOOK)
            if _parent_ended(job):
                # The master's process ended before the first heartbeat.
                return UNABLE
            if not told and (sockets.final or sockets.refused >= _SAY_AFTER):
                told = True
                say(f"aimon loadtest: {job.host}:{job.port} answers, and {_mismatch(job)}")
            if sockets.final or sockets.refused >= _GIVE_UP_AFTER:
                return UNABLE
        service = connecting.get()
    except ConnectionError:
        say(f"aimon loadtest: no master answers at {job.host}:{job.port}")
        return UNABLE
    for handler in handlers:
        handler.cancel()
    if not isinstance(service, WorkerProcess):
        return INTERRUPTED
    for number in (signal.SIGINT, signal.SIGTERM):
        gevent.signal_handler(number, service.leave)
    code = service.run()
    if sockets.dropped:
        say(f"aimon loadtest: messages dropped that no master would send: {sockets.dropped}")
    return code


def _mismatch(job: Job) -> str:
    if job.token is None:
        return "asks for a token, or is no master of aimon: add --token-file with the master's"
    return "does not know this worker's token, or is no master of aimon: give both the same --token-file"
