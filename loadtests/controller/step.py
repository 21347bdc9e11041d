"""What happened in one stage, or in a whole run: the sums of the workers' statistics. Needs no gevent."""

from __future__ import annotations

from typing import TYPE_CHECKING

from aimon.loadtests.statistics import slo
from aimon.loadtests.statistics.call_stats import CallStats
from aimon.loadtests.statistics.cpu_usage import CpuUsage
from aimon.loadtests.statistics.iteration_stats import IterationStats

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from aimon.loadtests.protocol.stage import StatsDelta
    from aimon.loadtests.statistics.observation import CallObservation, LatencyPoint
    from aimon.loadtests.statistics.slo import Objective


class Step:
    """Sums of StatsDeltas since the start of a stage.

    Args:
        objectives: of the run.
        named: whether a scenario names its calls and counts iterations.

    Attributes:
        stats: of all calls; `by_name` by the name of their request, `iterations` of the scenario.
        points: the successful calls or iterations of a search; `seen` are the others.
        cpu_usage: of the workers.
        gave_up: the stage was ended early, since its outcome was clear.
    """

    def __init__(self, objectives: Sequence[Objective], *, named: bool) -> None:
        self._objectives = objectives
        self.stats = CallStats(slo.good(objectives))
        self.by_name: dict[str, CallStats] = {}
        self.iterations = IterationStats() if named else None
        self.points: list[LatencyPoint] = []
        self.seen: list[CallObservation] = []
        self.cpu_usage = CpuUsage()
        self.gave_up = False

    def add(self, worker: str, delta: StatsDelta) -> None:
        """Adds a worker's statistics."""
        self.stats.merge(delta.stats)
        merge_names(self.by_name, delta.by_name)
        if self.iterations is not None and delta.iterations is not None:
            self.iterations.merge(delta.iterations)
        self.points += delta.points
        self.seen += delta.seen
        self.cpu_usage.add(worker, delta.cpu, delta.wall)

    @property
    def ended(self) -> int:
        """Calls, or iterations of a scenario, that have ended."""
        return self.stats.sent if self.iterations is None else self.iterations.ended


def merge_names(into: dict[str, CallStats], parts: Mapping[str, CallStats]) -> None:
    """Adds statistics by name."""
    for name, stats in parts.items():
        if (known := into.get(name)) is None:
            known = into[name] = CallStats()
        known.merge(stats)
