"""A run over time: at most MOST intervals of equal length, however long it takes.

They show how percentiles moved, and comparisons resample them: calls that end near each other are correlated, so
single calls are no independent samples.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from aimon.loadtests.statistics.call_stats import CallStats

MOST = 64
SERIES = ("latency", "latency_from_schedule", "ttft", "tpot", "itl")


@dataclass(slots=True)
class Block:
    """The calls that ended in one interval of a run.

    Attributes:
        outcomes: number of calls by outcome.
        output_tokens: of all calls.
        cost: of the calls whose cost is known.
        series: for each of SERIES, the number of values by bucket of a Histogram.
        censored: for each of SERIES, the number of calls given up before their end.
    """

    outcomes: Counter[str] = field(default_factory=Counter)
    output_tokens: int = 0
    cost: float = 0.0
    series: dict[str, Counter[int]] = field(default_factory=lambda: {name: Counter() for name in SERIES})
    censored: Counter[str] = field(default_factory=Counter)

    def add(self, stats: CallStats) -> None:
        """Adds the calls of a CallStats."""
        self.outcomes.update(stats.outcomes)
        self.output_tokens += stats.counts["output_tokens"]
        self.cost += stats.cost
        for name, buckets in self.series.items():
            buckets.update(stats.series[name].dump()["buckets"])
            if (found := stats.open.get(name)) is not None:
                self.censored[name] += found.count

    def merge(self, other: Block) -> None:
        """Adds the calls of another block."""
        self.outcomes.update(other.outcomes)
        self.output_tokens += other.output_tokens
        self.cost += other.cost
        for name, buckets in self.series.items():
            buckets.update(other.series[name])
        self.censored.update(other.censored)

    def dump(self) -> dict[str, Any]:
        """As JSON values; empty series are omitted."""
        return {
            "sent": self.outcomes.total(),
            "ok": self.outcomes["ok"],
            "outcomes": dict(self.outcomes),
            "output_tokens": self.output_tokens,
            "cost": self.cost,
            "series": {
                name: {"buckets": {str(i): buckets[i] for i in sorted(buckets)}, "censored": self.censored[name]}
                for name, buckets in self.series.items()
                if buckets or self.censored[name]
            },
        }


class Blocks:
    """Consecutive intervals of a run. When there would be too many, neighbours are merged and all become twice as long.

    Attributes:
        seconds: length of each.
    """

    def __init__(self) -> None:
        self.seconds = 1
        self._blocks: list[Block] = []
        self._end = 0

    def add(self, second: int, stats: CallStats) -> None:
        """Counts the calls that ended in one second.

        Args:
            second: its number from the start of counting, 0; earlier ones count as 0.
            stats: those calls and no others; empty if none ended.
        """
        second = max(0, second)
        while second // self.seconds >= MOST:
            self._halve()
        place = second // self.seconds
        while len(self._blocks) <= place:
            self._blocks.append(Block())
        self._blocks[place].add(stats)
        self._end = max(self._end, second + 1)

    def dump(self) -> list[dict[str, Any]]:
        """As JSON values, in order of time; the last one ends with the run, and may be shorter."""
        starts = range(0, self._end, self.seconds)
        return [
            {"start_s": start, "seconds": min(self.seconds, self._end - start), **block.dump()}
            for start, block in zip(starts, self._blocks, strict=True)
        ]

    def _halve(self) -> None:
        for block, next_one in zip(self._blocks[::2], self._blocks[1::2], strict=False):
            block.merge(next_one)
        self._blocks = self._blocks[::2]
        self.seconds *= 2
