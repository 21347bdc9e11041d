"""The profiles that choose their stages as they go: searches for capacity and limits, and the ladder. Needs gevent."""

from __future__ import annotations

from time import monotonic
from typing import TYPE_CHECKING, Protocol

import gevent

from aimon.formatting import format_number
from aimon.load_terms import COMPLETE, CONSTANT
from aimon.loadtests.engine.schedule import Phase, Schedule
from aimon.loadtests.protocol.stage import CALLS, POINTS
from aimon.loadtests.search import capacity, ladder, ladder_step, limits, step_verdict
from aimon.loadtests.search.latency_trend import trend
from aimon.loadtests.statistics import slo

if TYPE_CHECKING:
    from collections.abc import Callable

    from aimon.loadtests.controller.step import Step
    from aimon.loadtests.protocol.first_iteration import FirstIteration
    from aimon.loadtests.protocol.plan import Plan
    from aimon.loadtests.report.run_result import RunResult
    from aimon.loadtests.statistics.slo import Objective

# Seconds after a step that 429s ended: a second's worth of a limit is the least burst that providers allow.
_PAUSE_AFTER_429 = 1.5
# A step of a search lasts as long as these many iterations take to start, within these bounds (seconds).
_STEP_ITERATIONS, _STEP_LEAST, _STEP_MOST = 80, 5.0, 20.0
# Seconds of latency growth per second that end a step at once.
_CLEAR_GROWTH = 0.2
_MOST_RATE = 1e5


class StageRunner(Protocol):
    """Runs one stage after the other; a RunController.

    Attributes:
        plan: of the run, and its `objectives`.
        run: the result so far.
        lead_time: seconds between sending a stage and its start.
        step: of the stage that is running.
    """

    plan: Plan
    run: RunResult
    objectives: list[Objective]
    step: Step

    @property
    def lead_time(self) -> float:
        """See above."""

    def run_schedule(self, schedule: Schedule, record: str, give_up: Callable[[], bool] | None = None) -> Step:
        """Runs an open loop, to its end or until `give_up` says that its outcome is clear."""

    def run_users(self, users: int) -> Step:
        """Runs a closed loop of so many users, for as long as the plan says."""


def search_capacity(runner: StageRunner, first: FirstIteration) -> None:
    """Searches for the highest rate of iterations that is held."""
    plan, run = runner.plan, runner.run
    found = run.capacity = capacity.Capacity()
    ends = monotonic() + plan.duration
    start, most = plan.rate or max(1.0, 2 / max(first.seconds, 1e-3)), plan.max_rate or _MOST_RATE
    search = capacity.search(start, most=most, found=found)
    rate = next(search)
    while run.ended == COMPLETE:
        if monotonic() >= ends:
            found.why = "the time was up before low and high were close: give it a longer --duration"
            return
        step = _try(runner, rate)
        found.single_call = run.iterations is None or run.stats.sent <= run.iterations.ended
        if run.ended != COMPLETE:
            return
        if step.rate_limit is not None:
            # A limit that was just used up refuses the next call at any rate; let it recover.
            gevent.sleep(_PAUSE_AFTER_429)
        try:
            rate = search.send(step)
        except StopIteration:
            return


def _try(runner: StageRunner, rate: float) -> capacity.CapacityStep:
    began = monotonic() + runner.lead_time
    # Constant arrivals: growth of latency is then due to a queue, not to random bursts.
    schedule = Schedule((Phase(_step_duration(runner.objectives, rate), rate),), CONSTANT)

    def grows_clearly() -> bool:
        """Whether latency grows so clearly that the rest of the step would only cost money."""
        found = trend(runner.step.points)
        return found.growing and found.slope - 3 * found.error > _CLEAR_GROWTH

    step = runner.run_schedule(schedule, POINTS, grows_clearly)
    return step_verdict.judge(
        schedule,
        step.stats,
        iterations=step.iterations,
        by_name=step.by_name,
        objectives=runner.objectives,
        points=step.points,
        refused=step.seen,
        elapsed=monotonic() - began,
        cpu=step.cpu_usage.busiest,
        cut_short=step.gave_up,
    )


def _step_duration(objectives: list[Objective], rate: float) -> float:
    """Seconds in which as many iterations start as the percentiles of the objectives need, within bounds."""
    needed = [slo.values_needed(objective.quantile) for objective in objectives if objective.quantile is not None]
    return min(max(max(_STEP_ITERATIONS, *needed, 0) / rate, _STEP_LEAST), _STEP_MOST)


def search_limits(runner: StageRunner, first: FirstIteration) -> None:
    """Searches for the rate limits of the account."""
    plan, run = runner.plan, runner.run
    found = run.limits = limits.AccountLimits()
    ends = monotonic() + plan.duration
    start, most = plan.rate or max(1.0, 1 / max(first.seconds, 1e-3)), plan.max_rate or _MOST_RATE
    search = limits.search(start, most=most, found=found)
    rate = next(search)
    while run.ended == COMPLETE:
        left = ends - monotonic()
        if left <= 0:
            found.evidence = {"why": "the time was up before a 429: give it a longer --duration"}
            return
        schedule = Schedule((Phase(min(_step_duration(runner.objectives, rate), left), rate),), CONSTANT)
        step = runner.run_schedule(schedule, CALLS)
        if run.ended == COMPLETE and step.ended < step_verdict.SERVED * schedule.total:
            missing = schedule.total - step.ended
            what = "calls" if step.iterations is None else "iterations"
            found.evidence = {
                "why": f"{missing} of {schedule.total} {what} at {format_number(rate, 4)}/s were never made"
            }
            return
        try:
            rate = search.send(step.seen)
        except StopIteration:
            return


def climb_ladder(runner: StageRunner) -> None:
    """Runs the plan's ladder of concurrencies, the lowest first."""
    run = runner.run
    found = run.ladder = ladder.Ladder()
    run.window = 0.0
    for users in runner.plan.ladder:
        began = monotonic() + runner.lead_time + runner.plan.warmup
        step = runner.run_users(users)
        if run.ended != COMPLETE:
            return
        timed = runner.plan.requests is None
        window = runner.plan.duration if timed else monotonic() - began
        run.window += window
        found.steps.append(ladder_step.judge(users, step, runner.objectives, window))
