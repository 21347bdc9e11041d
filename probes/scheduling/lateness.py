"""By how much probes start late, as a histogram."""

from __future__ import annotations

from aimon.metrics.definitions import SCHEDULER_LATENESS, family
from aimon.metrics.totals import HistogramSeries

_BOUNDS = family(SCHEDULER_LATENESS).buckets


class Lateness:
    """Seconds from the time at which a probe was due to its start.

    Attributes:
        starts: how many there were.
        series: the histogram.
    """

    def __init__(self) -> None:
        self.starts = 0
        self.series = HistogramSeries()

    def observe(self, seconds: float) -> float:
        """Counts one start; returns the seconds, which are never below 0."""
        late = max(0.0, seconds)
        self.starts += 1
        self.series.observe(late, _BOUNDS)
        return late
