"""Whether a step held its rate: the offered calls were served, the objectives met, and no queue grew. Pure."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple, Self

from aimon.call.outcome import Outcome
from aimon.loadtests.search.capacity import CapacityStep, RateLimitEstimate
from aimon.loadtests.search.latency_trend import trend
from aimon.loadtests.search.limits import throughput_between_429s
from aimon.loadtests.statistics import slo
from aimon.loadtests.statistics.formatting import format_slo_value
from aimon.loadtests.statistics.observation import CallObservation
from aimon.loadtests.statistics.self_check import check

if TYPE_CHECKING:
    from collections import Counter
    from collections.abc import Mapping, Sequence

    from aimon.loadtests.engine.schedule import Schedule
    from aimon.loadtests.statistics.call_stats import CallStats
    from aimon.loadtests.statistics.iteration_stats import IterationStats
    from aimon.loadtests.statistics.observation import LatencyPoint
    from aimon.loadtests.statistics.slo import Objective

# Share of the offered calls that must succeed, besides the objectives.
SERVED = 0.99
GROWTH = "growing latency"
_NOT_STARTED = "calls that could not start"
_LOST = "calls that were lost"
# Share of a core above which the client and not the endpoint could not keep up: its own queues grow.
_BUSY = 0.92


class Served(NamedTuple):
    """What became of the calls of a step, or of a scenario's iterations."""

    outcomes: Counter[str]
    not_started: int

    @classmethod
    def of(cls, stats: CallStats, iterations: IterationStats | None) -> Self:
        """Iterations where there are any, else calls."""
        if iterations is None:
            return cls(stats.outcomes, stats.counts["not_started"])
        return cls(iterations.outcomes, iterations.not_started)

    @property
    def ok(self) -> int:
        """Those that succeeded."""
        return self.outcomes[Outcome.OK]

    @property
    def ended(self) -> int:
        """Those that ended, whatever their outcome."""
        return self.outcomes.total()

    def failures(self, offered: int) -> dict[str, int]:
        """What was not served, by outcome, the most frequent first; empty where enough was served."""
        if offered <= 0 or self.ok >= SERVED * offered:
            return {}
        found = {_name(outcome): count for outcome, count in self.outcomes.items() if outcome != Outcome.OK and count}
        if self.not_started:
            found[_NOT_STARTED] = self.not_started
        if (lost := offered - self.ended - self.not_started) > 0:
            found[_LOST] = lost
        return dict(sorted(found.items(), key=lambda pair: -pair[1]))


def _name(outcome: str) -> str:
    return "429" if outcome == Outcome.RATE_LIMITED else outcome


def judge(
    schedule: Schedule,
    stats: CallStats,
    *,
    objectives: Sequence[Objective],
    points: Sequence[LatencyPoint],
    refused: Sequence[CallObservation],
    elapsed: float,
    cpu: float,
    cut_short: bool = False,
    iterations: IterationStats | None = None,
    by_name: Mapping[str, CallStats] | None = None,
) -> CapacityStep:
    """Judges a step.

    Args:
        schedule: the offered load, at one rate.
        stats: statistics of the step.
        objectives: of the run; required besides SERVED and latency that does not grow.
        points: the successful calls.
        refused: the other calls.
        elapsed: seconds until the last call ended.
        cpu: share of a core that the client used.
        cut_short: the step ended before all calls were offered.
        iterations: of a scenario, which are offered, served and late in place of calls.
        by_name: statistics of a scenario's calls, for objectives that name a request.
    """
    served = Served.of(stats, iterations)
    offered = served.ended + served.not_started if cut_short else schedule.total
    seconds = min(schedule.duration, elapsed) if cut_short else schedule.duration
    found = trend(points)
    why, limit = [], ""
    if unserved := served.failures(offered):
        worst = ", ".join(f"{name} {count}" for name, count in unserved.items())
        what = "calls" if iterations is None else "iterations"
        why.append(f"{served.ok} of {offered} {what} were served ({worst})")
        limit = next(iter(unserved))
    client = check(stats, cpu)
    judged = slo.judge(objectives, stats, seconds, by_name=by_name, bottleneck=client["bottleneck"])
    missed = [row for row in judged if not row["met"]]
    why += [f"{row['expr']} was {format_slo_value(row)}" + (f" ({row['why']})" if row["why"] else "") for row in missed]
    if found.growing:
        why.append(f"latency grew by {found.slope:.3g} s each second")
    limit = limit or (GROWTH if found.growing else missed[0]["expr"] if missed else "")
    passed = None if "429" not in unserved else throughput_between_429s(_calls(points, refused))
    from_schedule = (iterations or stats).sample("latency_from_schedule")
    return CapacityStep(
        schedule.rate(0.0),
        # Without a queue as many calls end in a second as start; a growing queue must drain before throughput is
        # known.
        served.ok / (elapsed if found.growing else seconds),
        met=not missed and not unserved,
        trend=found,
        why="; ".join(why),
        limited=client["bottleneck"] and (cpu > _BUSY or any(row["why"] == slo.LAGGED for row in missed)),
        latency_p50_s=from_schedule.known(0.5),
        latency_p95_s=from_schedule.known(0.95),
        limit=limit,
        rate_limit=None if passed is None else RateLimitEstimate(passed.per_s, passed.per_s / passed.count),
    )


def _calls(points: Sequence[LatencyPoint], refused: Sequence[CallObservation]) -> list[CallObservation]:
    return [*refused, *(CallObservation(point.at, Outcome.OK, 0, None, None) for point in points)]
