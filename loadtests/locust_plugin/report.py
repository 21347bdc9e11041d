"""aimon's own report of what the AIUsers of a locustfile did, in one process or in Locust's workers.

from aimon.loadtests import AIUser, keep_report

keep_report("report", slo=["ttft_p95<2s", "error_rate<1%"])
"""

from __future__ import annotations

import time
from collections import defaultdict
from pathlib import Path
from time import monotonic
from typing import TYPE_CHECKING, Any

import gevent
import locust
import msgspec
from locust.runners import MasterRunner, WorkerRunner

from aimon.call.containment import isolated
from aimon.call.result import Result
from aimon.loadtests import report
from aimon.loadtests.console import say
from aimon.loadtests.distributed import messages
from aimon.loadtests.protocol.plan import Plan
from aimon.loadtests.report.run_result import INTERRUPTED, RunResult
from aimon.loadtests.statistics import slo as objectives
from aimon.loadtests.statistics.call_stats import CallStats
from aimon.loadtests.statistics.cpu_usage import CpuUsage
from aimon.metrics.totals import amounts_of

if TYPE_CHECKING:
    from collections.abc import Sequence

    from locust.env import Environment
    from locust.runners import Runner

PROFILE = "locust"
_KIND = "aimon_counted"
_EVERY = 1.0
# What Locust may take to end a test whose time is up, in seconds.
_LEEWAY = 1.0


def keep_report(folder: str | Path, *, slo: Sequence[str] = ()) -> None:
    """Has report.json, report.md and report.html written for each endpoint, to a folder of its name, as a test ends.

    Call it in the locustfile, once. Under a Locust master, the master writes what its workers have counted; every
    test replaces the files of the one before. Where an objective is not met, Locust's exit code is 1.

    Args:
        folder: where those folders will be.
        slo: objectives, as `aimon loadtest --slo` takes them.

    Raises:
        ValueError: an objective makes no sense; says what to write instead.
    """
    keeper = _Keeper(Path(folder), slo)
    events = locust.events
    for hook, listener in (
        (events.init, keeper.on_init),
        (events.test_start, keeper.on_start),
        (events.request, keeper.on_request),
        (events.test_stop, keeper.on_stop),
        (events.quitting, keeper.on_quitting),
    ):
        hook.add_listener(listener)  # type: ignore[no-untyped-call]  # Locust's


class _Counted(msgspec.Struct):
    """What a process has counted since it last told, as a message: tallies by endpoint, and seconds of work."""

    stats_by_endpoint: dict[str, dict[str, Any]]
    models: dict[str, str]
    cpu: float
    wall: float


class _Keeper:
    """Listens to Locust's events, in a worker, in its master or in a process that is alone."""

    def __init__(self, folder: Path, slo: Sequence[str]) -> None:
        self._folder, self._slo = folder, list(slo)
        self._objectives = [objectives.parse(text) for text in slo]
        self._runner: Runner | None = None
        self._environment: Environment | None = None
        self._teller: gevent.Greenlet[[], None] | None = None
        self._renew()

    def _renew(self) -> None:
        self._began, self._clock = time.time(), monotonic()
        self._elapsed: float | None = None
        self._fresh: defaultdict[str, CallStats] = defaultdict(self._stats)
        self._models: dict[str, str] = {}
        self._told_at, self._told_cpu = monotonic(), time.process_time()
        # Of all processes
        self._runs: dict[str, RunResult] = {}
        self._cpu_usage = CpuUsage()
        self._processes: set[str] = set()
        self._unwritten = True

    def _stats(self) -> CallStats:
        return CallStats(objectives.good(self._objectives))

    # Locust's events

    def on_init(self, environment: Environment, runner: Runner, **_: object) -> None:
        """The process knows what it is."""
        self._environment, self._runner = environment, runner
        if isinstance(runner, MasterRunner):
            runner.register_message(_KIND, self._on_counted)

    def on_start(self, **_: object) -> None:
        """A test begins."""
        self._renew()
        if not isinstance(self._runner, MasterRunner):
            self._teller = gevent.spawn(self._tell_regularly)

    def on_request(self, context: dict[str, Any], **_: object) -> None:
        """Something was called: by an AIUser, or by whom else there is in the locustfile."""
        result = context.get("result")
        if isinstance(result, Result):
            self._models[result.endpoint] = result.model
            with isolated(result.endpoint, "counted"):
                amounts_of(result)
                self._fresh[result.endpoint].observe(result, self._began, gaps=context.get("gaps"))

    def on_stop(self, **_: object) -> None:
        """All users have stopped, but the master may not yet have heard of all they did."""
        self._elapsed = monotonic() - self._clock
        if self._teller is not None:
            self._teller.kill()
            self._tell()
        if not isinstance(self._runner, WorkerRunner):
            self._write()

    def on_quitting(self, **_: object) -> None:
        """The process is about to end. Locust calls its first listeners last, and the master's own has waited."""
        if isinstance(self._runner, MasterRunner) and self._unwritten and self._runs:
            self._write()

    # From process to process

    def _tell_regularly(self) -> None:
        while True:
            gevent.sleep(_EVERY)
            self._tell()

    def _tell(self) -> None:
        """Hands over what was counted since the last time."""
        now, cpu = monotonic(), time.process_time()
        counted = _Counted(
            {endpoint: stats.dump() for endpoint, stats in self._fresh.items()},
            dict(self._models),
            cpu - self._told_cpu,
            now - self._told_at,
        )
        self._told_at, self._told_cpu = now, cpu
        self._fresh.clear()
        if isinstance(self._runner, WorkerRunner):
            messages.send(self._runner, _KIND, messages.encode(counted))
        else:
            self._take("", counted)

    def _on_counted(self, msg: Any, **_: object) -> None:
        self._take(msg.node_id, messages.decode(msg.data, _Counted))

    def _take(self, worker: str, counted: _Counted) -> None:
        self._cpu_usage.add(worker, counted.cpu, counted.wall)
        self._processes.add(worker)
        self._models |= counted.models
        for endpoint, dumped in counted.stats_by_endpoint.items():
            run = self._runs.get(endpoint)
            if run is None:
                run = self._runs[endpoint] = RunResult(self._stats(), objectives=self._objectives)
            stats = CallStats.load(dumped)
            run.stats.merge(stats)
            run.blocks.add(int(monotonic() - self._clock), stats)
        self._unwritten = self._unwritten or bool(counted.stats_by_endpoint)

    # What comes of it

    def _write(self) -> None:
        elapsed = self._elapsed or monotonic() - self._clock
        for endpoint, run in self._runs.items():
            run.began, run.elapsed, run.window = self._began, elapsed, elapsed
            run.cpu, run.workers = self._cpu_usage.busiest, len(self._processes)
            self._judge_end(run, elapsed)
            plan = Plan(endpoint=endpoint, profile=PROFILE, duration=elapsed, slo=self._slo, out=str(self._folder))
            built = report.build(run, plan, endpoint, model=self._models[endpoint])
            written, problems = report.save(built, self._folder / endpoint)
            for line in [f"written: {path}" for path in written] + problems:
                say(line)
            missed = not all(row["met"] for row in built["slo"])
            if missed:
                say(f"{endpoint}: {report.verdict(built)}")
            if missed or problems:
                environment = self._environment
                assert environment is not None  # noqa: S101 - there is no test without one
                environment.process_exit_code = max(environment.process_exit_code or 0, 3 if problems else 1)
        self._unwritten = False

    def _judge_end(self, run: RunResult, elapsed: float) -> None:
        """A test that was to last longer was interrupted."""
        options = self._environment and self._environment.parsed_options
        planned = getattr(options, "run_time", None)
        if planned and elapsed < planned - _LEEWAY:
            run.ended, run.why = INTERRUPTED, f"it was stopped after {elapsed:.0f} of {planned} s"
