"""Collects what the report of a locustfile is made of: in a worker, in the master or in a single process."""

from __future__ import annotations

import time
from collections import Counter, defaultdict
from time import monotonic
from typing import TYPE_CHECKING, Any

import gevent
import msgspec
from locust.runners import STATE_MISSING, MasterRunner, WorkerRunner

from aimon.call.containment import isolated
from aimon.call.result import Result
from aimon.exit_codes import FAILED, UNABLE
from aimon.load_terms import INCOMPLETE, INTERRUPTED
from aimon.loadtests.console import say
from aimon.loadtests.protocol import messages
from aimon.loadtests.protocol.plan import Plan
from aimon.loadtests.report import build, save, verdict
from aimon.loadtests.report.run_result import RunResult
from aimon.loadtests.statistics import slo as objectives
from aimon.loadtests.statistics.call_stats import CallStats
from aimon.loadtests.statistics.cpu_usage import CpuUsage
from aimon.metrics.amounts import check_amounts

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from locust.env import Environment
    from locust.runners import Runner

PROFILE = "locust"
_MESSAGE = "aimon_counted"
_END = "aimon_end"
_INTERVAL = 1.0
# Seconds that Locust may take to end a test after its run time.
_END_TOLERANCE = 1.0
# Seconds that a worker gets for its last message, after the --stop-timeout that its users have.
_PATIENCE = 10.0
_HEALING = 5.0
_LOOK = 0.05


class _StatsMessage(msgspec.Struct):
    """Message of a worker: statistics by endpoint since its last message, with CPU and wall-clock seconds.

    Attributes:
        uncounted: calls of the ramp, by endpoint, where they are left out.
        last: nothing follows in this test.
    """

    stats_by_endpoint: dict[str, dict[str, Any]]
    models: dict[str, str]
    uncounted: dict[str, int]
    cpu: float
    wall: float
    last: bool = False


class Collector:
    """Collects statistics from Locust's events, and writes the reports when a test ends.

    Args:
        folder: parent of the endpoints' folders.
        slo: objectives, as text.
        leave_out_ramp: calls that began before all users were there are in no number.
    """

    def __init__(self, folder: Path, slo: Sequence[str], *, leave_out_ramp: bool) -> None:
        self._folder, self._slo = folder, list(slo)
        self._leave_out_ramp = leave_out_ramp
        self._objectives = [objectives.parse(text) for text in slo]
        self._runner: Runner | None = None
        self._environment: Environment | None = None
        self._sender: gevent.Greenlet[[], None] | None = None
        self._reset()

    def _reset(self) -> None:
        self._began, self._clock = time.time(), monotonic()
        # Seconds after the start of the test: when all users were there, when it was to end, when it had ended.
        self._ramp: float | None = None if self._leave_out_ramp else 0.0
        self._stopped: float | None = None
        self._elapsed: float | None = None
        self._fresh: defaultdict[str, CallStats] = defaultdict(self._stats)
        self._models: dict[str, str] = {}
        self._uncounted: Counter[str] = Counter()
        self._sent_at, self._sent_cpu = monotonic(), time.process_time()
        # Over all processes
        self._runs: dict[str, RunResult] = {}
        self._cpu_usage = CpuUsage()
        self._processes: set[str] = set()
        self._expected: set[str] = set()
        self._finished: set[str] = set()
        self._unwritten = True

    def _stats(self) -> CallStats:
        return CallStats(objectives.good(self._objectives))

    # Locust's events

    def on_init(self, environment: Environment, runner: Runner, **_: object) -> None:
        """The process has its role: master, worker or single."""
        self._environment, self._runner = environment, runner
        # Locust's timer counts from the time that the loop knows, which is as old as all that was done since.
        gevent.get_hub().loop.update_now()
        self._initialised = monotonic()
        if isinstance(runner, MasterRunner):
            runner.register_message(_MESSAGE, self._on_counted)
        elif isinstance(runner, WorkerRunner):
            # Users may take long to stop, and heartbeats must not wait for them.
            runner.register_message(_END, self._on_end, concurrent=True)

    def on_start(self, **_: object) -> None:
        """A test starts."""
        self._reset()
        if isinstance(self._runner, MasterRunner):
            self._expected = {each.id for each in self._runner.clients.all}
        else:
            self._sender = gevent.spawn(self._send_regularly)

    def on_request(self, context: dict[str, Any], **_: object) -> None:
        """A request of an AIUser, or of another user class of the locustfile."""
        result = context.get("result")
        if isinstance(result, Result):
            self._models[result.endpoint] = result.model
            if self._leave_out_ramp and (self._ramp is None or result.started_at < self._began + self._ramp):
                self._uncounted[result.endpoint] += 1
                return
            with isolated(result.endpoint, "counted"):
                check_amounts(result)
                self._fresh[result.endpoint].observe(
                    result, self._began + (self._ramp or 0.0), gaps=context.get("gaps")
                )

    def on_spawned(self, **_: object) -> None:
        """All users are there; later changes of their number are no ramp."""
        if self._ramp is None:
            self._ramp = monotonic() - self._clock

    def on_stopping(self, **_: object) -> None:
        """The test is to end; its users may have calls under way."""
        self._stopped = monotonic() - self._clock

    def on_stop(self, **_: object) -> None:
        """All users of this process have stopped."""
        if isinstance(self._runner, MasterRunner):
            self._end_workers(self._runner)
        self._elapsed = monotonic() - self._clock
        if self._sender is not None:
            self._sender.kill()
            self._send(last=True)
        if not isinstance(self._runner, WorkerRunner):
            self._write()

    def on_quitting(self, **_: object) -> None:
        """The process ends. Locust calls its first listeners last: by now the master has waited for its workers."""
        if isinstance(self._runner, MasterRunner) and self._unwritten and self._runs:
            self._write()

    # Messages between processes

    def _end_workers(self, master: MasterRunner) -> None:
        """Has the workers end now, and waits: Locust waits half a second, however long their users take to stop."""
        # One that is missed may have been killed, or be too busy for heartbeats.
        healed_by = monotonic() + _HEALING

        def going_on() -> list[str]:
            unfinished = [each for each in master.clients.all if each.id not in self._finished]
            return [each.id for each in unfinished if each.state != STATE_MISSING or monotonic() < healed_by]

        for worker in going_on():
            messages.send(master, _END, b"", worker)
        ends = monotonic() + master.environment.stop_timeout + _PATIENCE
        while going_on() and monotonic() < ends:
            gevent.sleep(_LOOK)

    def _on_end(self, **_: object) -> None:
        assert self._runner is not None  # noqa: S101 - it has received the message
        self._runner.stop()
        if self._sender is None:  # it never had users
            self._send(last=True)

    def _send_regularly(self) -> None:
        while True:
            gevent.sleep(_INTERVAL)
            self._send()

    def _send(self, *, last: bool = False) -> None:
        """Sends the statistics since the last time to the master, or keeps them in a single process."""
        now, cpu = monotonic(), time.process_time()
        counted = _StatsMessage(
            {endpoint: stats.dump() for endpoint, stats in self._fresh.items()},
            dict(self._models),
            dict(self._uncounted),
            cpu - self._sent_cpu,
            now - self._sent_at,
            last,
        )
        self._sent_at, self._sent_cpu = now, cpu
        self._fresh.clear()
        self._uncounted.clear()
        if isinstance(self._runner, WorkerRunner):
            messages.send(self._runner, _MESSAGE, messages.encode(counted))
        else:
            self._take("", counted)

    def _on_counted(self, msg: Any, **_: object) -> None:
        self._take(msg.node_id, messages.decode(msg.data, _StatsMessage))

    def _take(self, worker: str, counted: _StatsMessage) -> None:
        self._cpu_usage.add(worker, counted.cpu, counted.wall)
        self._processes.add(worker)
        if counted.last:
            self._finished.add(worker)
        self._models |= counted.models
        for endpoint, count in counted.uncounted.items():
            self._run(endpoint).uncounted += count
        for endpoint, dumped in counted.stats_by_endpoint.items():
            run, stats = self._run(endpoint), CallStats.load(dumped)
            run.stats.merge(stats)
            run.blocks.add(int(max(0.0, monotonic() - self._clock - (self._ramp or 0.0))), stats)
        self._unwritten = self._unwritten or bool(counted.stats_by_endpoint or counted.uncounted)

    def _run(self, endpoint: str) -> RunResult:
        run = self._runs.get(endpoint)
        if run is None:
            run = self._runs[endpoint] = RunResult(self._stats(), objectives=self._objectives)
        return run

    # The report

    def _write(self) -> None:
        elapsed = self._elapsed or monotonic() - self._clock
        for endpoint, run in self._runs.items():
            ramp = elapsed if self._ramp is None else self._ramp
            run.began, run.elapsed, run.window = self._began + ramp, elapsed - ramp, elapsed - ramp
            run.cpu, run.workers = self._cpu_usage.busiest, len(self._processes)
            self._judge_end(run, elapsed)
            plan = Plan(endpoint=endpoint, profile=PROFILE, duration=run.elapsed, slo=self._slo, out=str(self._folder))
            built = build(run, plan, endpoint, model=self._models[endpoint])
            written, problems = save(built, self._folder / endpoint)
            for line in [f"written: {path}" for path in written] + problems:
                say(line)
            missed = not all(row["met"] for row in built["slo"])
            if missed:
                say(f"{endpoint}: {verdict(built)}")
            incomplete = run.ended == INCOMPLETE
            if incomplete:
                say(f"{endpoint}: Incomplete: {run.why}")
            if missed or problems or incomplete:
                environment = self._environment
                assert environment is not None  # noqa: S101 - there is no test without one
                code = UNABLE if problems or incomplete else FAILED
                environment.process_exit_code = max(environment.process_exit_code or 0, code)
        self._unwritten = False

    def _judge_end(self, run: RunResult, elapsed: float) -> None:
        """Marks a test that ended before its run time, and one of whose calls not all are known."""
        if lost := (self._expected | self._processes) - self._finished:
            workers = "a worker" if len(lost) == 1 else f"{len(lost)} workers"
            run.ended, run.why = INCOMPLETE, f"{workers} did not tell of the last calls, which are in no number"
        if self._ramp is None:
            run.ended, run.why = INTERRUPTED, "it ended before all users were there, and the ramp is left out"
        options = self._environment and self._environment.parsed_options
        planned = getattr(options, "run_time", None)
        # Without the web page Locust's timer starts before the test does, which on a busy machine is much later.
        delay = self._clock - self._initialised if getattr(options, "headless", False) else 0.0
        stopped = elapsed if self._stopped is None else self._stopped
        if planned and delay + stopped < planned - _END_TOLERANCE:
            run.ended, run.why = INTERRUPTED, f"it was stopped after {stopped:.0f} of {planned} s"
