"""Whether a queue grows: the tell-tale of a rate above capacity, seen long before any SLO is missed."""

from __future__ import annotations

import math
from typing import NamedTuple

import numpy as np

# Standard errors that a growth must be above to be one: about one false alarm in a thousand steps.
_SURE = 3.0
# Slower growth than this is under half a percent of overload.
_LEAST = 0.004
_FEWEST = 12


class Trend(NamedTuple):
    """How latency goes over time, in seconds per second, with its standard error.

    At a rate r above the capacity C, the backlog after t seconds is (r - C) t calls, which takes (r / C - 1) t
    seconds to serve: latency from schedule grows by r / C - 1 seconds per second, whatever it began at (the fluid
    limit of a queue: L. Kleinrock, "Queueing Systems" vol. 2, chapter 2).
    """

    slope: float = 0.0
    error: float = math.inf

    @property
    def growing(self) -> bool:
        """Whether the latency grew beyond doubt."""
        return self.slope > max(_LEAST, _SURE * self.error)


def trend(points: list[tuple[float, float]]) -> Trend:
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
    return Trend(slope, math.sqrt(float(rest @ rest) / (len(late) - 2) / spread))
