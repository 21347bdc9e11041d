"""One run: calls are started as the plan says, counted, and guarded. Needs gevent, so a process of its own."""

from __future__ import annotations

import time
from time import monotonic
from typing import TYPE_CHECKING

import gevent

from aimon.loadtests.engine.pacing import ClosedLoop, OpenLoop
from aimon.loadtests.engine.process import settle
from aimon.loadtests.engine.schedule import CONSTANT, Phase, Schedule
from aimon.loadtests.record import ABORTED, COMPLETE, Run
from aimon.loadtests.search import capacity, limits
from aimon.loadtests.search.trend import trend
from aimon.loadtests.selfcheck import check
from aimon.loadtests.statistics import slo
from aimon.loadtests.statistics.tally import Tally
from aimon.outcome import Outcome

if TYPE_CHECKING:
    from collections.abc import Callable

    from aimon.call import Call
    from aimon.loadtests.engine.client import Client
    from aimon.loadtests.guard import Guard
    from aimon.loadtests.plan import Plan
    from aimon.pricing import PriceBook
    from aimon.result import Result

MAX_IN_FLIGHT = 20_000
# A step of a capacity search lasts as long as these many calls take to start, within these bounds (seconds).
_STEP_CALLS, _STEP_LEAST, _STEP_MOST = 80, 5.0, 20.0
_STEP_LOOK = 0.5
# Growth that needs no second look.
_PLAIN_GROWTH = 0.2
_TOLERATED_ERRORS = slo.parse("error_rate<1%")


class Session:
    """Carries out a plan with a client.

    Attributes:
        run: what came of it so far.
    """

    def __init__(self, plan: Plan, client: Client, make: Callable[[], Call], prices: PriceBook, guard: Guard) -> None:
        self.objectives = [slo.parse(text) for text in plan.slo]
        self.run = Run(Tally(slo.good(self.objectives)), objectives=self.objectives)
        self._plan, self._client, self._make, self._prices, self._guard = plan, client, make, prices, guard
        self._counts_from = 0.0
        self._pace: OpenLoop | ClosedLoop | None = None
        self._points: list[tuple[float, float]] = []
        self._calls: list[tuple[float, Result]] | None = None
        self._step: Tally | None = None

    @property
    def in_flight(self) -> int:
        """Calls under way."""
        return self._client.in_flight

    def perform(self) -> Run:
        """Does it all; returns early where the guard says so, or `stop` was called."""
        first = self._prices.cost(self._client.perform(self._make()))
        self.run.uncounted += 1
        self.run.began = time.time()
        if self.run.ended == COMPLETE and (why := self._guard.first(first)):
            self.run.ended, self.run.why = ABORTED, why
        if self.run.ended != COMPLETE:
            return self.run
        settle()
        began, cpu = monotonic(), time.process_time()
        self._counts_from = began + self._plan.warmup
        self.run.began = time.time() + self._plan.warmup
        try:
            if self._plan.profile == "capacity":
                self._search(first)
            elif self._plan.profile == "limits":
                self._seek_limits(first)
            elif (schedule := self._plan.schedule) is not None:
                self._open(schedule, began)
            else:
                self._closed()
        finally:
            now = monotonic()
            self.run.elapsed = max(0.0, now - self._counts_from)
            self.run.window = self.run.window or self.run.elapsed
            self.run.cpu = (time.process_time() - cpu) / max(1e-9, now - began)
        return self.run

    def stop(self, how: str, why: str, *, cut: bool = False) -> None:
        """Starts no more calls; with `cut`, ends those under way, too, as prober errors."""
        if self.run.ended == COMPLETE:
            self.run.ended, self.run.why = how, why
            self.run.window = max(0.0, monotonic() - self._counts_from)
        if self._pace is not None:
            self._pace.stop()
        if cut:
            self._client.close()

    def _open(self, schedule: Schedule, began: float) -> None:
        pace = self._pace = OpenLoop(schedule.offsets(), self._begin, max_in_flight=MAX_IN_FLIGHT)
        pace.start(began)
        pace.wait()
        self.run.tally.counts["not_started"] += pace.not_started
        self.run.window = self.run.window or schedule.duration - self._plan.warmup

    def _closed(self) -> None:
        plan = self._plan
        users = plan.concurrency or 1
        left = plan.requests
        ends = monotonic() + plan.warmup + plan.duration

        def turn() -> bool:
            nonlocal left
            now = monotonic()
            if left == 0 or (left is None and now >= ends):
                return False
            if left is not None and now >= self._counts_from:
                left -= 1
            self._begin(None, now)
            return True

        # Users who start together march in step for ever; over a tenth of a second they do not.
        pace = self._pace = ClosedLoop(turn, users, ramp=min(plan.warmup or 0.1, 5.0))
        pace.start()
        pace.wait()

    def _begin(self, scheduled: float | None, now: float | None = None) -> None:
        result = self._prices.cost(self._client.perform(self._make(), scheduled=scheduled))
        due = scheduled if scheduled is not None else now
        if due is not None and due < self._counts_from:
            self.run.uncounted += 1
        else:
            self.run.tally.observe(result, self.run.began)
            if self._calls is not None and scheduled is not None:
                self._calls.append((scheduled, result))
            if self._step is not None and scheduled is not None:
                self._step.observe(result, self.run.began)
                if result.outcome is Outcome.OK:
                    self._points.append((scheduled, result.latency_from_schedule))
        if (why := self._guard.told(result, in_flight=self._client.in_flight)) is not None:
            self.stop(ABORTED, why)

    def _search(self, first: Result) -> None:
        found = self.run.capacity = capacity.Capacity()
        ends = monotonic() + self._plan.duration
        search = capacity.search(self._plan.rate or max(1.0, 2 / first.latency), found=found)
        rate = next(search)
        while self.run.ended == COMPLETE:
            if monotonic() >= ends:
                found.why = "the time was up before low and high were close: give it a longer --duration"
                return
            step = self._try(rate)
            if self.run.ended != COMPLETE:
                return
            try:
                rate = search.send(step)
            except StopIteration:
                return

    def _seek_limits(self, first: Result) -> None:
        found = self.run.limits = limits.AccountLimits()
        ends = monotonic() + self._plan.duration
        search = limits.search(self._plan.rate or max(1.0, 1 / first.latency), found=found)
        rate = next(search)
        while self.run.ended == COMPLETE:
            left = ends - monotonic()
            if left <= 0:
                found.evidence = {"why": "the time was up before a 429: give it a longer --duration"}
                return
            self._calls = []
            seconds = min(max(_STEP_CALLS / rate, _STEP_LEAST), _STEP_MOST, left)
            schedule = Schedule((Phase(seconds, rate),), CONSTANT)
            pace = self._pace = OpenLoop(schedule.offsets(), self._begin, max_in_flight=MAX_IN_FLIGHT)
            pace.start()
            pace.wait()
            self.run.tally.counts["not_started"] += pace.not_started
            try:
                rate = search.send(self._calls)
            except StopIteration:
                return

    def _try(self, rate: float) -> capacity.Step:
        seconds = min(max(_STEP_CALLS / rate, _STEP_LEAST), _STEP_MOST)
        tally = self._step = Tally(slo.good(self.objectives))
        points = self._points = []
        pace = self._pace = OpenLoop(
            # Even distances: what latency grows by is then the queue's doing and not that of chance.
            Schedule((Phase(seconds, rate),), CONSTANT).offsets(),
            self._begin,
            max_in_flight=MAX_IN_FLIGHT,
        )
        began, cpu = monotonic(), time.process_time()
        pace.start()
        watch = gevent.spawn(_give_up, pace, points, began + seconds)
        pace.wait()
        watch.kill()
        elapsed = monotonic() - began
        tally.counts["not_started"] += pace.not_started
        self.run.tally.counts["not_started"] += pace.not_started
        client = check(tally, (time.process_time() - cpu) / elapsed)
        judged = slo.judge(self.objectives or [_TOLERATED_ERRORS], tally, elapsed)
        missed = [f"{row['expr']} was {row['value']}" for row in judged if not row["met"]]
        found = trend(points)
        if found.growing:
            missed.append(f"latency grew by {found.slope:.3g} s each second")
        return capacity.Step(
            rate,
            tally.ok / elapsed,
            met=all(row["met"] for row in judged),
            trend=found,
            why="; ".join(missed),
            limited=bool(client["bottleneck"]) and client["cpu"] > 0.92,
        )


def _give_up(pace: OpenLoop, points: list[tuple[float, float]], ends: float) -> None:
    """Ends a step whose latency grows so fast that more of it would only be paid for."""
    while monotonic() < ends:
        gevent.sleep(_STEP_LOOK)
        found = trend(points)
        if found.growing and found.slope - 3 * found.error > _PLAIN_GROWTH:
            pace.stop()
            return
