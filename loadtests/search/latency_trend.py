"""Whether a queue grows: the tell-tale of a rate above capacity, seen long before any SLO is missed."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Sequence

# Standard errors that a growth must be above to be one: about one false alarm in a thousand steps.
_SURE = 3.0
# Slower growth than this is under half a percent of overload.
_LEAST = 0.004
_FEWEST = 12
BATCHES = 8


class Trend(NamedTuple):
    """How latency goes over time, in seconds per second.

    Attributes:
        slope: the growth.
        error: its standard error if there is no queue, and latencies don't depend on each other: what growth is
            held against.
        wander: its standard error if there is one, whose length wanders with every call that is served sooner or
            later than the mean (a random walk): how well the slope tells the capacity.

    At a rate r above the capacity C, the backlog after t seconds is (r - C) t calls, which takes (r / C - 1) t
    seconds to serve: latency from schedule grows by r / C - 1 seconds per second, whatever it began at (the fluid
    limit of a queue: L. Kleinrock, "Queueing Systems" vol. 2, chapter 2).
    """

    slope: float = 0.0
    error: float = math.inf
    random_walk_error: float = math.inf

    @property
    def growing(self) -> bool:
        """Whether the latency grew beyond doubt."""
        return self.slope > max(_LEAST, _SURE * self.error)


def trend(points: Sequence[tuple[float, float]]) -> Trend:
    """The trend of (scheduled, latency from schedule), in seconds, by least squares.

    The first fifth is left out: an empty queue must fill all slots before anybody waits.
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
    """The standard error of a least-squares slope whose residuals are a random walk, in batches of them.

    Means of batches differ by 2/3 of what the walk goes in one: that tells its steps, of which the slope is a
    weighted sum. What single calls differ by is nearly gone from the means.
    """
    batches = [float(batch.mean()) for batch in np.array_split(rest, BATCHES)]
    moves = np.diff(batches)
    step = 1.5 * float(moves @ moves) / (BATCHES - 1) / (len(rest) / BATCHES)
    weights = np.cumsum(x[::-1])[::-1][1:] / spread
    return math.sqrt(step * float(weights @ weights))
