"""Whether a queue grows: the sign of a rate above capacity, long before any SLO is missed."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Sequence

# Standard errors by which a slope must exceed 0 to be growth: about one false positive in a thousand steps.
_SURE = 3.0
# Slope of half a percent of overload; slower growth is ignored.
_LEAST = 0.004
_FEWEST = 12
BATCHES = 8


class Trend(NamedTuple):
    """Growth of latency over time, in seconds per second.

    Attributes:
        slope: the growth.
        error: its standard error if there is no queue, and latencies don't depend on each other: what growth is
            held against.
        random_walk_error: its standard error if there is a queue, whose length is a random walk: the error of a
            capacity estimated from the slope.

    At a rate r above the capacity C, the backlog after t seconds is (r - C) t calls, which takes (r / C - 1) t
    seconds to serve: latency from schedule grows by r / C - 1 seconds per second, whatever its initial value (the
    fluid limit of a queue: L. Kleinrock, "Queueing Systems" vol. 2, chapter 2).
    """

    slope: float = 0.0
    error: float = math.inf
    random_walk_error: float = math.inf

    @property
    def growing(self) -> bool:
        """Whether latency grew significantly."""
        return self.slope > max(_LEAST, _SURE * self.error)


def trend(points: Sequence[tuple[float, float]]) -> Trend:
    """The trend of (scheduled, latency from schedule), in seconds, by least squares.

    The first fifth is ignored: calls wait only when all of the server's slots are taken.
    """
    late = sorted(points)[len(points) // 5 :]
    if len(late) < _FEWEST:
        return Trend()
    x, y = np.array(late).T
    x = x - x.mean()
    spread = float(x @ x)
    if spread == 0:
        return Trend()
    slope = float(x @ y) / spread
    rest = y - y.mean() - slope * x
    error = math.sqrt(float(rest @ rest) / (len(late) - 2) / spread)
    return Trend(slope, error, _random_walk_error(x, rest, spread))


def _random_walk_error(x: Any, rest: Any, spread: float) -> float:
    """The standard error of a least-squares slope whose residuals are a random walk, by batch means.

    The variance between means of successive batches is 2/3 of the walk's variance over a batch, which gives the
    variance of its steps; the slope is a weighted sum of these. The means average out the noise of single calls.
    """
    batches = [float(batch.mean()) for batch in np.array_split(rest, BATCHES)]
    moves = np.diff(batches)
    step = 1.5 * float(moves @ moves) / (BATCHES - 1) / (len(rest) / BATCHES)
    weights = np.cumsum(x[::-1])[::-1][1:] / spread
    return math.sqrt(step * float(weights @ weights))
