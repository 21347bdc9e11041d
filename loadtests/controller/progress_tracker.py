"""The progress of a run, once a second: over the last seconds, and over the whole run. Pure."""

from __future__ import annotations

from collections import deque
from functools import partial
from heapq import nlargest
from typing import TYPE_CHECKING, NamedTuple

import msgspec

from aimon.load_terms import SEARCHES
from aimon.loadtests.protocol.progress import Progress, RequestProgress, Times
from aimon.loadtests.protocol.stage import Stage
from aimon.loadtests.statistics import slo
from aimon.loadtests.statistics.call_stats import CallStats
from aimon.loadtests.statistics.censoring import summary
from aimon.loadtests.statistics.cpu_usage import CpuUsage
from aimon.loadtests.statistics.self_check import check, distorted

if TYPE_CHECKING:
    from collections.abc import Mapping

    from aimon.loadtests.protocol.plan import Plan
    from aimon.loadtests.protocol.stage import StatsDelta
    from aimon.loadtests.report.run_result import RunResult

# What "now" means, in seconds: long enough for a percentile, short enough to see a change.
WINDOW = 10.0
_EVERY = 1.0
_LEAST = 0.1
_NONE = Times(p50=None, p95=None, p99=None, count=0)
_NAMES = 8  # a view has no room for more, and each costs some percentiles a second
_SERIES = ("latency", "latency_from_schedule", "ttft", "itl", "tpot")


class _Slice(NamedTuple):
    began: float
    ended: float
    stats: CallStats
    started: int
    cpu_usage: CpuUsage


class ProgressTracker:
    """Makes Progress records from the workers' statistics."""

    def __init__(self, plan: Plan) -> None:
        self._plan = plan
        self._stage = Stage(number=0)
        self._recent: deque[_Slice] = deque()
        self._now = CallStats()
        self._started: dict[str, int] = {}
        self._fresh = 0
        self._cpu_usage = CpuUsage()
        self._in_flight: dict[str, int] = {}
        self._looked: float | None = None
        self._notes: list[str] = []

    def start_stage(self, stage: Stage) -> None:
        """Starts another stage."""
        self._stage = stage
        self._started = {}
        if stage.number > 1:
            # The last seconds were at another rate.
            self._recent.clear()

    def add(self, worker: str, delta: StatsDelta) -> None:
        """Adds a worker's statistics."""
        self._now.merge(delta.stats)
        self._fresh += delta.started - self._started.get(worker, 0)
        self._started[worker] = delta.started
        self._in_flight[worker] = delta.in_flight
        self._cpu_usage.add(worker, delta.cpu, delta.wall)

    def progress(
        self, run: RunResult, now: float, workers: frozenset[str], notes: list[str], *, last: bool = False
    ) -> Progress | None:
        """A Progress, if a second has passed since the one before, or it is the last.

        Args:
            run: so far.
            now: seconds since counting began.
            workers: those connected; calls under way at others are lost.
            notes: messages for the user.
            last: whether it is the last one.
        """
        self._notes += notes
        if self._looked is None:
            self._looked = now
        if now - self._looked < _EVERY and not last:
            return None
        self._recent.append(_Slice(self._looked, now, self._now, self._fresh, self._cpu_usage))
        self._looked = now
        self._now, self._fresh, self._cpu_usage = CallStats(), 0, CpuUsage()
        while now - self._recent[0].ended >= WINDOW:
            self._recent.popleft()
        seconds = max(now - self._recent[0].began, _LEAST)
        recent = CallStats()
        for part in self._recent:
            recent.merge(part.stats)
        client = check(recent, CpuUsage(part.cpu_usage for part in self._recent).busiest)
        whole = bool(check(run.stats, run.cpu)["bottleneck"])
        told, self._notes = self._notes, []
        stage, plan = self._stage, self._plan
        return Progress(
            elapsed=now,
            duration=None if plan.requests is not None and not stage.is_open else plan.duration,
            phase=self._phase(now),
            asked=self._asked(self._recent[0].began, now),
            achieved=sum(part.started for part in self._recent) / seconds,
            in_flight=sum(self._in_flight.get(worker, 0) for worker in workers),
            users=stage.users or None,
            requests=plan.requests,
            sent=run.stats.sent,
            ok=run.stats.ok,
            outcomes=dict(run.stats.outcomes.most_common()),
            now=_times(recent, bottleneck=client["bottleneck"]),
            overall=_times(run.stats, bottleneck=whole),
            tokens_per_s=_tokens(recent, seconds),
            tokens_estimated=recent.usage.estimated,
            cost=None if (run.stats.currency or run.currency) is None else max(run.spent, run.stats.cost),
            currency=run.stats.currency or run.currency,
            client=client,
            workers=len(workers),
            slo=slo.judge(run.objectives, run.stats, self._window(run, now), by_name=run.by_name, bottleneck=whole),
            iterations=None if run.iterations is None else run.iterations.ended,
            by_name=_by_name(run.by_name, bottleneck=whole),
            notes=told,
            totals=run.totals,
        )

    def _window(self, run: RunResult, now: float) -> float:
        """The part of the load window whose calls have ended: those under way are in no number yet."""
        if self._plan.profile in SEARCHES or (self._plan.requests is not None and not self._stage.is_open):
            return max(0.0, now)
        pending = run.stats.series["latency"].mean or 0.0
        # Calls of a closed loop that are under way are half done, on average.
        return min(self._plan.duration, max(0.0, now - pending * (1.0 if self._stage.is_open else 0.5)))

    def _phase(self, now: float) -> str:
        if now < 0:
            return "warm-up"
        if self._plan.profile in SEARCHES:
            return f"{self._plan.profile}, step {self._stage.number}"
        return self._plan.profile

    def _asked(self, began: float, now: float) -> float | None:
        """The mean of the seconds that the rate achieved is of: beside a spike's peak it would look slow."""
        if (schedule := self._stage.schedule) is None:
            return None
        before, after = (schedule.due(at - self._stage.run_offset) for at in (began, now))
        return (after - before) / max(now - began, _LEAST)


def _tokens(recent: CallStats, seconds: float) -> float | None:
    """Of calls that have ended, whenever they began; None where nothing is known of them."""
    amounts = recent.usage.amounts
    return amounts["all_output"] / seconds if amounts["output_calls"] + amounts["estimated_calls"] else None


def _by_name(named: Mapping[str, CallStats], *, bottleneck: bool) -> list[RequestProgress]:
    most = sorted(nlargest(_NAMES, named, key=lambda name: named[name].sent))
    return [
        RequestProgress(
            name=name,
            sent=stats.sent,
            ok=stats.ok,
            latency=_series(stats, "latency", bottleneck=bottleneck),
            ttft=_series(stats, "ttft", bottleneck=bottleneck),
        )
        for name, stats in ((name, named[name]) for name in most)
    ]


def _times(stats: CallStats, *, bottleneck: bool) -> dict[str, Times]:
    return {name: _series(stats, name, bottleneck=bottleneck) for name in _SERIES}


def _series(stats: CallStats, name: str, *, bottleneck: bool) -> Times:
    found = summary(stats.sample(name), partial(distorted, stats, name) if bottleneck else None)
    return _NONE if found is None else msgspec.convert(found, Times)
