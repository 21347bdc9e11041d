"""Arrival times of an open loop: rates over time, turned into offsets from the start. Pure and reproducible.

A schedule has exactly as many arrivals as its rates ask for, so that the rate delivered can be compared with the
rate asked for without sampling noise. Random arrivals are a renewal process conditioned on that number: for Poisson
arrivals these are uniform points in order, whose gaps are exponential; others have gamma gaps, with a coefficient of
variation above one for bursts and below one for steadier arrivals. Where the rate changes, time is stretched so that
the rate is followed exactly (time rescaling: D. J. Daley and D. Vere-Jones, "An Introduction to the Theory of Point
Processes", theorem 7.4.I).
"""

from __future__ import annotations

import math
import random
from dataclasses import dataclass
from itertools import dropwhile, islice
from typing import TYPE_CHECKING

from aimon.load_terms import CONSTANT, GAMMA, POISSON

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

# Sums of rates and durations that mean a whole number miss it by rounding errors of this size.
_ROUNDING = 1e-9


@dataclass(frozen=True, slots=True)
class Phase:
    """A period in which the rate changes linearly from `start` to `end`.

    Attributes:
        duration: in seconds.
        start: arrivals per second at its beginning.
        end: arrivals per second at its end; `start` where it is None.
    """

    duration: float
    start: float
    end: float | None = None

    def __post_init__(self) -> None:
        """Validates the values.

        Raises:
            ValueError: a duration or rate is negative, infinite or not a number.
        """
        for name, value in (("duration", self.duration), ("rate", self.start), ("rate", self.end or 0.0)):
            if not (math.isfinite(value) and value >= 0):
                raise ValueError(f"a {name} of {value:g}: give a number from 0 on")

    @property
    def expected(self) -> float:
        """Arrivals in the whole phase."""
        return self.duration * (self.start + self._last) / 2

    def rate(self, offset: float) -> float:
        """Arrivals per second, `offset` seconds into the phase."""
        return self.start + (self._last - self.start) * offset / self.duration if self.duration else self.start

    def until(self, count: float) -> float:
        """Seconds into the phase at which `count` arrivals are due."""
        slope = (self._last - self.start) / self.duration if self.duration else 0.0
        # The root of start * t + slope * t² / 2 = count, in the form that loses no digits when the slope is small.
        root = math.sqrt(max(0.0, self.start * self.start + 2 * slope * count))
        return min(self.duration, 2 * count / (self.start + root)) if count else 0.0

    @property
    def _last(self) -> float:
        return self.start if self.end is None else self.end


@dataclass(frozen=True, slots=True)
class Schedule:
    """Arrivals at the rates of consecutive phases.

    Attributes:
        phases: in order.
        arrivals: `constant` (evenly spaced), `poisson`, or `gamma`.
        variation: coefficient of variation of gamma gaps.
        seed: the same seed gives the same arrivals, in every process.
    """

    phases: tuple[Phase, ...]
    arrivals: str = POISSON
    variation: float = 1.0
    seed: int = 0

    def __post_init__(self) -> None:
        """Validates the kind of arrivals.

        Raises:
            ValueError: `arrivals` or `variation` is invalid.
        """
        if self.arrivals not in (CONSTANT, POISSON, GAMMA):
            raise ValueError(f"arrivals {self.arrivals!r}: there are {CONSTANT}, {POISSON} and {GAMMA}")
        if not (math.isfinite(self.variation) and self.variation > 0):
            raise ValueError(f"a variation of {self.variation:g}: give a number above 0")

    @property
    def duration(self) -> float:
        """Seconds from the start of the first phase to the end of the last."""
        return math.fsum(phase.duration for phase in self.phases)

    @property
    def total(self) -> int:
        """How many arrivals there are."""
        return _whole(math.fsum(phase.expected for phase in self.phases))

    def rate(self, offset: float) -> float:
        """Arrivals per second asked for, `offset` seconds into the run; 0 outside of it."""
        for phase in self.phases:
            if 0 <= offset < phase.duration:
                return phase.rate(offset)
            offset -= phase.duration
        return 0.0

    def due(self, offset: float) -> float:
        """Arrivals that are due in the first `offset` seconds of the run, by the rates alone."""
        count = 0.0
        for phase in self.phases:
            inside = min(max(offset, 0.0), phase.duration)
            count += inside * (phase.start + phase.rate(inside)) / 2
            offset -= phase.duration
        return count

    def offsets(self) -> Iterator[float]:
        """Seconds from the start of the run to each arrival, in order."""
        shape = 1 / (self.variation * self.variation) if self.arrivals == GAMMA else 1.0
        source = None if self.arrivals == CONSTANT else random.Random(self.seed)
        began = due = 0.0
        served = 0
        for phase in self.phases:
            due += phase.expected
            count = _whole(due) - served
            # The phase may start in the middle of a gap between arrivals.
            first = served - (due - phase.expected)
            points = _even(first, count) if source is None else _scattered(source, phase.expected, count, shape)
            for point in points:
                yield began + phase.until(point)
            served += count
            began += phase.duration


def worker_share(offsets: Iterable[float], worker: int, workers: int, *, since: float = 0.0) -> Iterator[float]:
    """The arrivals of one worker. All workers together have each arrival of the schedule once.

    Args:
        offsets: of the whole schedule.
        worker: its number, from 0.
        workers: the number of workers.
        since: skips arrivals due earlier, for a worker that takes over in the middle of a run.

    Raises:
        ValueError: there is no such worker.
    """
    if not 0 <= worker < workers:
        raise ValueError(f"worker {worker} of {workers}: workers are numbered from 0")
    return dropwhile(lambda offset: offset < since, islice(offsets, worker, None, workers))


def _whole(count: float) -> int:
    # The first arrival is due at once, so a fraction of one counts as one.
    return math.ceil(count - _ROUNDING * max(1.0, count))


def _even(first: float, count: int) -> Iterator[float]:
    return (max(0.0, first + k) for k in range(count))


def _scattered(source: random.Random, length: float, count: int, shape: float) -> Iterator[float]:
    """`count` points in (0, length) whose gaps, with those at both ends, are gamma variates given their sum.

    Each gap is a beta-distributed part of what is left (the stick-breaking form of a Dirichlet variate), so that
    no more than one number is held at a time.
    """
    left = length
    for gaps in range(count, 0, -1):
        if shape == 1.0:
            left *= (1.0 - source.random()) ** (1.0 / gaps)
        else:
            left -= left * source.betavariate(shape, shape * gaps)
        yield length - left
