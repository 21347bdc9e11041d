"""Runs a plan: sends stages to the workers, adds up their statistics, decides when to stop. Needs gevent."""

from __future__ import annotations

import time
from time import monotonic
from typing import TYPE_CHECKING, Any

from aimon.load_terms import ABORTED, COMPLETE, INCOMPLETE, SEARCHES
from aimon.loadtests.controller.progress_tracker import ProgressTracker
from aimon.loadtests.controller.step import Step, merge_names
from aimon.loadtests.protocol import totals_codec
from aimon.loadtests.protocol.stage import Stage
from aimon.loadtests.report.run_result import RunResult
from aimon.loadtests.statistics import slo
from aimon.loadtests.statistics.call_stats import CallStats
from aimon.loadtests.statistics.cpu_usage import CpuUsage
from aimon.loadtests.statistics.iteration_stats import IterationStats

if TYPE_CHECKING:
    from collections.abc import Callable

    from aimon.loadtests.controller.worker_pool import WorkerPool
    from aimon.loadtests.engine.schedule import Schedule
    from aimon.loadtests.protocol.first_iteration import FirstIteration
    from aimon.loadtests.protocol.plan import Plan
    from aimon.loadtests.protocol.progress import Progress
    from aimon.loadtests.protocol.stage import StatsDelta

_TICK = 0.5


class RunController:
    """Runs a plan.

    Args:
        plan: of the run.
        pool: the workers.
        on_progress: called once a second with the state of the run.

    Attributes:
        on_delta: called with the unix time at which the run began, and what happened at a worker since.
        run: the result so far.
        step: the statistics of the stage that is running.
    """

    def __init__(self, plan: Plan, pool: WorkerPool, on_progress: Callable[[Progress], None] | None = None) -> None:
        self.on_delta: Callable[[float, StatsDelta], None] | None = None
        self.plan = plan
        self.objectives = [slo.parse(text) for text in plan.slo]
        self._named = plan.scenario is not None
        self.run = RunResult(
            CallStats(slo.good(self.objectives)),
            objectives=self.objectives,
            notes=list(plan.notes),
            iterations=IterationStats() if self._named else None,
        )
        self._pool, self._on_progress = pool, on_progress
        self._counts_from = 0.0
        self._tracker = ProgressTracker(plan)
        self._stages = 0
        self._cpu_usage = CpuUsage()
        self._totals: dict[str, dict[str, Any]] = {}
        self._spent: dict[str, float] = {}
        self.step = Step(self.objectives, named=self._named)

    def execute(self) -> RunResult:
        """Runs the whole plan; ends early if a worker's AbortPolicy says so, or `stop` is called."""
        self.run.began = time.time()
        if self.run.ended != COMPLETE:
            return self.run
        first = self._pool.run_first()
        self.run.uncounted += first.calls
        self.run.spent, self.run.currency = first.cost or 0.0, first.currency
        self.run.workers = len(self._pool.workers)
        if first.why is not None:
            self.run.culprit = first.culprit
            self.stop(ABORTED, first.why)
        if self.run.ended != COMPLETE:
            return self.run
        until = self._pool.lead_time + self.plan.warmup
        self._counts_from = monotonic() + until
        self.run.began = time.time() + until
        try:
            if self.plan.profile in SEARCHES or self.plan.ladder:
                self._search(first)
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

    def _search(self, first: FirstIteration) -> None:
        from aimon.loadtests.controller import searches  # noqa: PLC0415 - most runs search nothing

        if self.plan.profile == "capacity":
            searches.search_capacity(self, first)
        elif self.plan.profile == "limits":
            searches.search_limits(self, first)
        else:
            searches.climb_ladder(self)

    def _follow_plan(self) -> None:
        plan = self.plan
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
                max_in_flight=plan.max_in_flight,
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
        counts, iterations = run.stats.counts, run.iterations
        # A closed loop makes its warm-up calls in addition; the first iteration belongs to no stage.
        closed = self.plan.schedule is None and self.plan.workload.trace is None
        if iterations is None:
            warm = 0 if closed else run.uncounted - 1
            known = run.stats.sent - counts["retried"] + counts["not_started"] + warm
        else:
            known = iterations.ended + iterations.not_started + (0 if closed else iterations.warmup)
        run.lost = max(0, expected - known)
        if run.lost:
            what = "calls" if iterations is None else "iterations"
            run.ended = INCOMPLETE
            run.why = f"{run.lost:,} of {expected:,} {what} were lost with a worker"

    @property
    def lead_time(self) -> float:
        """Seconds between sending a stage and its start."""
        return self._pool.lead_time

    def run_users(self, users: int) -> Step:
        """Runs a closed loop of so many users, for as long as the plan says."""
        plan = self.plan
        self._run_stage(
            Stage(
                number=self._next_number(),
                warmup=plan.warmup,
                run_offset=monotonic() + self._pool.lead_time - self._counts_from,
                users=users,
                requests=plan.requests,
                duration=plan.warmup + plan.duration if plan.requests is None else None,
            )
        )
        return self.step

    def run_schedule(self, schedule: Schedule, record: str, give_up: Callable[[], bool] | None = None) -> Step:
        """Runs an open loop, to its end or until `give_up` says that its outcome is clear."""
        self._run_stage(
            Stage(
                number=self._next_number(),
                run_offset=monotonic() + self._pool.lead_time - self._counts_from,
                schedule=schedule,
                record=record,
            ),
            give_up,
        )
        return self.step

    def _next_number(self) -> int:
        self._stages += 1
        return self._stages

    def _run_stage(self, stage: Stage, give_up: Callable[[], bool] | None = None) -> None:
        self.step = Step(self.objectives, named=self._named)
        self._tracker.start_stage(stage)
        self._pool.start(stage)
        while not self._pool.wait(_TICK):
            self._collect()
            if give_up is not None and give_up():
                self._pool.stop(cut=False)
                self.step.gave_up, give_up = True, None
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
        merge_names(run.by_name, delta.by_name)
        if run.iterations is not None and delta.iterations is not None:
            run.iterations.merge(delta.iterations)
        self.step.add(worker, delta)
        run.uncounted += delta.uncounted
        self._cpu_usage.add(worker, delta.cpu, delta.wall)
        run.cpu = self._cpu_usage.busiest
        run.blocks.add(max(0, int(monotonic() - self._counts_from)), delta.stats)
        self._tracker.add(worker, delta)
        self._spent[worker] = delta.spent
        # The worker that ran the first iteration includes it in what it has spent.
        run.spent = max(run.spent, sum(self._spent.values()))
        if delta.totals is not None:
            self._totals[worker] = delta.totals
        if delta.problem is not None:
            run.culprit = run.culprit or delta.culprit
            self.stop(ABORTED, delta.problem)
        if self.on_delta is not None:
            self.on_delta(run.began, delta)
