"""Runs a plan: sends stages to the workers, adds up their statistics, decides when to stop. Needs gevent."""

from __future__ import annotations

import time
from time import monotonic
from typing import TYPE_CHECKING, Any

import gevent

from aimon.call.outcome import Outcome
from aimon.load_terms import CONSTANT
from aimon.loadtests.controller.progress_tracker import ProgressTracker
from aimon.loadtests.engine.schedule import Phase, Schedule
from aimon.loadtests.protocol import totals_codec
from aimon.loadtests.protocol.stage import CALLS, POINTS, Stage
from aimon.loadtests.report.run_result import ABORTED, COMPLETE, INCOMPLETE, RunResult
from aimon.loadtests.search import capacity, limits, step_verdict
from aimon.loadtests.search.latency_trend import trend
from aimon.loadtests.statistics import slo
from aimon.loadtests.statistics.call_stats import CallStats
from aimon.loadtests.statistics.cpu_usage import CpuUsage

if TYPE_CHECKING:
    from collections.abc import Callable

    from aimon.call.result import Result
    from aimon.loadtests.controller.worker_pool import WorkerPool
    from aimon.loadtests.protocol.plan import Plan
    from aimon.loadtests.protocol.progress import Progress
    from aimon.loadtests.protocol.stage import StatsDelta
    from aimon.loadtests.statistics.observation import CallObservation, LatencyPoint

_TICK = 0.5
# Seconds after a step that 429s ended: a second's worth of a limit is the least burst that providers allow.
_PAUSE_AFTER_429 = 1.5
# A step of a search lasts as long as these many calls take to start, within these bounds (seconds).
_STEP_CALLS, _STEP_LEAST, _STEP_MOST = 80, 5.0, 20.0
# Seconds of latency growth per second that end a step at once.
_CLEAR_GROWTH = 0.2
_MOST_RATE = 1e5


class RunController:
    """Runs a plan.

    Args:
        plan: of the run.
        pool: the workers.
        on_progress: called once a second with the state of the run.

    Attributes:
        run: the result so far.
    """

    def __init__(self, plan: Plan, pool: WorkerPool, on_progress: Callable[[Progress], None] | None = None) -> None:
        self.objectives = [slo.parse(text) for text in plan.slo]
        self.run = RunResult(CallStats(slo.good(self.objectives)), objectives=self.objectives, notes=list(plan.notes))
        self._plan, self._pool, self._on_progress = plan, pool, on_progress
        self._counts_from = 0.0
        self._tracker = ProgressTracker(plan)
        self._stages = 0
        self._cpu_usage = CpuUsage()
        self._totals: dict[str, dict[str, Any]] = {}
        self._spent: dict[str, float] = {}
        # Of the stage that is running
        self._step = CallStats(slo.good(self.objectives))
        self._points: list[LatencyPoint] = []
        self._seen: list[CallObservation] = []
        self._step_cpu = CpuUsage()
        self._gave_up = False

    def execute(self) -> RunResult:
        """Runs the whole plan; ends early if a worker's AbortPolicy says so, or `stop` is called."""
        self.run.began = time.time()
        if self.run.ended != COMPLETE:
            return self.run
        first, why = self._pool.run_first_call()
        self.run.uncounted += 1
        self.run.spent, self.run.currency = first.cost or 0.0, first.currency
        self.run.workers = len(self._pool.workers)
        if why is not None:
            if first.outcome is not Outcome.OK:
                self.run.culprit = first.outcome.value, first.status_code, first.failure_reason
            self.stop(ABORTED, why)
        if self.run.ended != COMPLETE:
            return self.run
        until = self._pool.lead_time + self._plan.warmup
        self._counts_from = monotonic() + until
        self.run.began = time.time() + until
        try:
            if self._plan.profile == "capacity":
                self._search_capacity(first)
            elif self._plan.profile == "limits":
                self._search_limits(first)
            else:
                self._follow_plan()
        finally:
            self._collect(last=True)
            self.run.elapsed = max(0.0, monotonic() - self._counts_from)
            self.run.window = self.run.window or self.run.elapsed
        return self.run

    def stop(self, how: str, why: str, *, cut: bool = False) -> None:
        """Starts no more calls; with `cut`, ends those under way, too, as prober errors."""
        if self.run.ended == COMPLETE:
            self.run.ended, self.run.why = how, why
            self.run.window = max(0.0, monotonic() - self._counts_from) if self._counts_from else 0.0
        self._pool.stop(cut=cut)

    # Stages

    def _follow_plan(self) -> None:
        plan = self._plan
        schedule = plan.schedule
        replay = plan.workload.trace is not None
        closed = schedule is None and not replay
        self._run_stage(
            Stage(
                number=self._next_number(),
                warmup=plan.warmup,
                run_offset=-plan.warmup,
                schedule=schedule,
                replay=replay,
                users=(plan.concurrency or 1) if closed else 0,
                requests=plan.requests if closed else None,
                duration=plan.warmup + plan.duration if closed and plan.requests is None else None,
            )
        )
        if self.run.ended != COMPLETE:
            return
        if schedule is not None:
            self.run.window = schedule.duration - plan.warmup
        elif replay:
            self.run.window = self._replayed()
        elif plan.requests is None:
            self.run.window = plan.duration
        expected = plan.requests if schedule is None else schedule.total
        if expected is not None:
            self._account_for(expected)
        elif self._pool.lost_calls:
            self.run.lost = self._pool.lost_calls
            self.run.ended, self.run.why = INCOMPLETE, f"{self.run.lost:,} calls or more were lost with a worker"

    def _replayed(self) -> float:
        """The time that a trace's arrivals take: from the first to the last, and one mean gap after that."""
        stats = self.run.stats
        due, count = stats.last_due, stats.sent
        return due * count / (count - 1) if count > 1 else due

    def _account_for(self, expected: int) -> None:
        """Counts the calls of which no worker has reported an end."""
        run = self.run
        counts = run.stats.counts
        # A closed loop makes its warm-up calls in addition; the first call belongs to no stage.
        warm = 0 if self._plan.schedule is None and self._plan.workload.trace is None else run.uncounted - 1
        run.lost = max(0, expected - (run.stats.sent - counts["retried"] + counts["not_started"] + warm))
        if run.lost:
            run.ended = INCOMPLETE
            run.why = f"{run.lost:,} of {expected:,} calls were lost with a worker"

    def _run_schedule(self, schedule: Schedule, record: str, give_up: Callable[[], bool] | None = None) -> None:
        self._run_stage(
            Stage(
                number=self._next_number(),
                run_offset=monotonic() + self._pool.lead_time - self._counts_from,
                schedule=schedule,
                record=record,
            ),
            give_up,
        )

    def _next_number(self) -> int:
        self._stages += 1
        return self._stages

    def _run_stage(self, stage: Stage, give_up: Callable[[], bool] | None = None) -> None:
        self._step = CallStats(slo.good(self.objectives))
        self._points, self._seen, self._step_cpu = [], [], CpuUsage()
        self._gave_up = False
        self._tracker.start_stage(stage)
        self._pool.start(stage)
        while not self._pool.wait(_TICK):
            self._collect()
            if give_up is not None and give_up():
                self._pool.stop(cut=False)
                self._gave_up, give_up = True, None
        self._collect()
        if not self._pool.workers:
            self.stop(ABORTED, "the last worker was lost")

    # Reports

    def _collect(self, *, last: bool = False) -> None:
        notes = self._pool.notes()
        self.run.notes += notes
        self.run.workers = max(self.run.workers, len(self._pool.workers))
        for worker, delta in self._pool.deltas():
            self._add_delta(worker, delta)
        if self._totals:
            # Workers send cumulative totals: what a lost worker counted is kept, and nothing counts twice.
            self.run.totals = totals_codec.dump(totals_codec.merge(self._totals.values()))
        now = monotonic() - self._counts_from
        progress = self._tracker.progress(self.run, now, self._pool.workers, notes, last=last)
        if progress is not None and self._on_progress is not None:
            self._on_progress(progress)

    def _add_delta(self, worker: str, delta: StatsDelta) -> None:
        run = self.run
        run.stats.merge(delta.stats)
        self._step.merge(delta.stats)
        self._points += delta.points
        self._seen += delta.seen
        run.uncounted += delta.uncounted
        for usage in (self._cpu_usage, self._step_cpu):
            usage.add(worker, delta.cpu, delta.wall)
        run.cpu = self._cpu_usage.busiest
        run.blocks.add(max(0, int(monotonic() - self._counts_from)), delta.stats)
        self._tracker.add(worker, delta)
        self._spent[worker] = delta.spent
        # The worker that made the first call includes it in what it has spent.
        run.spent = max(run.spent, sum(self._spent.values()))
        if delta.totals is not None:
            self._totals[worker] = delta.totals
        if delta.problem is not None:
            run.culprit = run.culprit or delta.culprit
            self.stop(ABORTED, delta.problem)

    # Searches

    def _search_capacity(self, first: Result) -> None:
        found = self.run.capacity = capacity.Capacity()
        ends = monotonic() + self._plan.duration
        start, most = self._plan.rate or max(1.0, 2 / first.latency), self._plan.max_rate or _MOST_RATE
        search = capacity.search(start, most=most, found=found)
        rate = next(search)
        while self.run.ended == COMPLETE:
            if monotonic() >= ends:
                found.why = "the time was up before low and high were close: give it a longer --duration"
                return
            step = self._try(rate)
            if self.run.ended != COMPLETE:
                return
            if step.rate_limit is not None:
                # A limit that was just used up refuses the next call at any rate; let it recover.
                gevent.sleep(_PAUSE_AFTER_429)
            try:
                rate = search.send(step)
            except StopIteration:
                return

    def _try(self, rate: float) -> capacity.CapacityStep:
        began = monotonic() + self._pool.lead_time
        # Constant arrivals: growth of latency is then due to a queue, not to random bursts.
        schedule = Schedule((Phase(self._step_duration(rate), rate),), CONSTANT)
        self._run_schedule(schedule, POINTS, self._grows_clearly)
        return step_verdict.judge(
            schedule,
            self._step,
            objectives=self.objectives,
            points=self._points,
            refused=self._seen,
            elapsed=monotonic() - began,
            cpu=self._step_cpu.busiest,
            cut_short=self._gave_up,
        )

    def _step_duration(self, rate: float) -> float:
        """Seconds in which as many calls start as the percentiles of the objectives need, within bounds."""
        needed = [
            slo.values_needed(objective.quantile) for objective in self.objectives if objective.quantile is not None
        ]
        return min(max(max(_STEP_CALLS, *needed, 0) / rate, _STEP_LEAST), _STEP_MOST)

    def _grows_clearly(self) -> bool:
        """Whether latency grows so clearly that the rest of the step would only cost money."""
        found = trend(self._points)
        return found.growing and found.slope - 3 * found.error > _CLEAR_GROWTH

    def _search_limits(self, first: Result) -> None:
        found = self.run.limits = limits.AccountLimits()
        ends = monotonic() + self._plan.duration
        start, most = self._plan.rate or max(1.0, 1 / first.latency), self._plan.max_rate or _MOST_RATE
        search = limits.search(start, most=most, found=found)
        rate = next(search)
        while self.run.ended == COMPLETE:
            left = ends - monotonic()
            if left <= 0:
                found.evidence = {"why": "the time was up before a 429: give it a longer --duration"}
                return
            schedule = Schedule((Phase(min(self._step_duration(rate), left), rate),), CONSTANT)
            self._run_schedule(schedule, CALLS)
            if self.run.ended == COMPLETE and len(self._seen) < step_verdict.SERVED * schedule.total:
                missing = schedule.total - len(self._seen)
                found.evidence = {"why": f"{missing} of {schedule.total} calls at {rate:.4g}/s were never made"}
                return
            try:
                rate = search.send(self._seen)
            except StopIteration:
                return
