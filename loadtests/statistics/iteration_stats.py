"""Statistics of a scenario's iterations: what a user does between two of its waits, with any number of calls."""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING, Any, Self

from aimon.call.outcome import Outcome
from aimon.loadtests.statistics.censoring import Censored, Sample
from aimon.loadtests.statistics.histogram import Histogram

if TYPE_CHECKING:
    from collections.abc import Mapping

TASK_ERROR = "task_error"
"""The outcome of an iteration whose own code raised an exception."""

SERIES = ("duration", "latency_from_schedule")
_MOST_ERRORS = 20
_OTHER_ERRORS = "other exceptions"


class IterationStats:
    """Statistics of iterations. Like CallStats it merges, and can be sent between processes.

    Attributes:
        outcomes: iterations by outcome: `ok`, that of the first call that failed, or TASK_ERROR.
        series: seconds of iterations that are `ok`, for each of SERIES: from the start of its first task, or from when
            it was due, to the end.
        served: iterations within the load window, in parts of iterations (see `CallStats.served`).
        warmup: iterations that do not count.
        not_started: arrivals that found too many iterations under way.
        errors: exceptions of the scenario's own code, by what they say and where; at most 20 different ones.
    """

    def __init__(self) -> None:
        self.outcomes: Counter[str] = Counter()
        self.series = {name: Histogram() for name in SERIES}
        self.served = {"sent": 0.0, "ok": 0.0}
        self.warmup = self.not_started = 0
        self.errors: Counter[str] = Counter()

    @property
    def ended(self) -> int:
        """Iterations that have ended, whatever their outcome."""
        return self.outcomes.total()

    @property
    def ok(self) -> int:
        """Iterations of which every call succeeded."""
        return self.outcomes[Outcome.OK]

    def observe(self, outcome: str, duration: float, latency_from_schedule: float, *, share: float = 1.0) -> None:
        """Counts one iteration.

        Args:
            outcome: `ok`, an outcome of a call, or TASK_ERROR.
            duration: in seconds.
            latency_from_schedule: in seconds.
            share: the part of it that counts in the load window, as for `CallStats.observe`.
        """
        self.outcomes[outcome] += 1
        self.served["sent"] += share
        if outcome == Outcome.OK:
            self.served["ok"] += share
            self.series["duration"].record(duration)
            self.series["latency_from_schedule"].record(latency_from_schedule)

    def note_error(self, what: str, count: int = 1) -> None:
        """Counts an exception of the scenario's own code."""
        known = what in self.errors or len(self.errors) < _MOST_ERRORS
        self.errors[what if known else _OTHER_ERRORS] += count

    def sample(self, name: str, *, lost: int = 0) -> Sample:
        """All that is known of one kind of time; that of iterations that failed or could not start is unknown."""
        return Sample(self.series[name], Censored(unknown=self.ended - self.ok), self.not_started + lost)

    def merge(self, other: IterationStats) -> None:
        """Adds the iterations of another."""
        self.outcomes.update(other.outcomes)
        for name, histogram in other.series.items():
            self.series[name].merge(histogram)
        for name, amount in other.served.items():
            self.served[name] += amount
        self.warmup += other.warmup
        self.not_started += other.not_started
        for what, count in other.errors.items():
            self.note_error(what, count)

    def dump(self) -> dict[str, Any]:
        """As JSON values, without loss."""
        return {
            "outcomes": dict(self.outcomes),
            "series": {name: histogram.dump() for name, histogram in self.series.items()},
            "served": self.served,
            "warmup": self.warmup,
            "not_started": self.not_started,
            "errors": dict(self.errors),
        }

    @classmethod
    def load(cls, dumped: Mapping[str, Any]) -> Self:
        """The inverse of `dump`."""
        stats = cls()
        stats.outcomes.update(dumped["outcomes"])
        stats.series = {name: Histogram.load(dumped["series"][name]) for name in SERIES}
        stats.served = {name: dumped["served"][name] for name in stats.served}
        stats.warmup, stats.not_started = dumped["warmup"], dumped["not_started"]
        stats.errors.update(dumped["errors"])
        return stats
