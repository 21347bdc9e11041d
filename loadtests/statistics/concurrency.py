"""Concurrency and throughput of each second of a run, and the interval in which concurrency was steady. Pure.

A call counts in every second in which it was under way, by the share of its duration: so throughput is right however
long calls are, and calls that start or end together cause no peaks.
"""

from __future__ import annotations

from math import floor, sqrt
from statistics import median
from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

# Minimum length of the steady interval, in seconds and as a share of the window.
LEAST_SECONDS, LEAST_SHARE = 3, 0.25
# Concurrency is steady within a tenth, or within the random variation of Poisson arrivals.
_WITHIN, _CHANCE, _DRIFT = 0.1, 2.5, 1.5
# Bound of that variation for few calls: a second with hardly any call is not steady.
_MOST = 0.75


class ConcurrencyTimeline:
    """Calls under way, successes and output tokens of each second.

    Attributes:
        seconds: by second of the run: mean number of calls under way, successes, output tokens.
    """

    def __init__(self) -> None:
        self.seconds: dict[int, list[float]] = {}

    def add(self, began: float, ended: float, ok: float, tokens: float) -> None:
        """Adds a call, with its start and end in seconds since counting began; the part before is ignored."""
        lasted = ended - began
        second = int(ended)
        if 0 <= second <= began:  # within one second, as most short calls
            row = self.seconds.get(second) or self.seconds.setdefault(second, [0.0, 0.0, 0.0])
            row[0] += lasted
            row[1] += ok
            row[2] += tokens
            return
        for second in range(max(0, floor(began)), floor(ended) + 1):
            inside = min(ended, second + 1) - max(began, second)
            part = inside / lasted if lasted > 0 else 1.0
            row = self.seconds.setdefault(second, [0.0, 0.0, 0.0])
            row[0] += inside
            row[1] += part * ok
            row[2] += part * tokens

    def merge(self, seconds: Mapping[int, Sequence[float]]) -> None:
        """Adds the seconds of another timeline."""
        for second, amounts in seconds.items():
            row = self.seconds.setdefault(second, [0.0, 0.0, 0.0])
            for k, amount in enumerate(amounts):
                row[k] += amount

    def row(self, second: int) -> Sequence[float]:
        """Concurrency, successes and output tokens of one second."""
        return self.seconds.get(second, (0.0, 0.0, 0.0))


class SteadyInterval(NamedTuple):
    """From second `start` up to `end`, with the mean number of calls under way."""

    start: int
    end: int
    in_flight: float


def steady_interval(in_flight: Sequence[float]) -> SteadyInterval | None:
    """The longest interval up to the end with steady concurrency; None if it is too short.

    Args:
        in_flight: concurrency of each second of the load window.
    """
    count = len(in_flight)
    least = max(LEAST_SECONDS, round(LEAST_SHARE * count))
    if count < least:
        return None
    usual = median(in_flight[-max(LEAST_SECONDS, count // 4) :])
    off = max(_WITHIN * usual, min(_CHANCE * sqrt(usual), _MOST * usual))
    start = count
    while start and abs(in_flight[start - 1] - usual) <= off:
        start -= 1
    # Concurrency was still rising.
    while start < count and usual - in_flight[start] > max(_WITHIN * usual, sqrt(usual)):
        start += 1
    while usual and count - start >= least:
        stretch = in_flight[start:]
        if _stays(stretch, usual):
            return SteadyInterval(start, count, sum(stretch) / len(stretch))
        start += 1
    return None


def _stays(stretch: Sequence[float], usual: float) -> bool:
    """Whether both halves agree within random variation."""
    half = len(stretch) // 2
    before, after = sum(stretch[:half]) / half, sum(stretch[half:]) / (len(stretch) - half)
    return abs(after - before) <= max(_WITHIN / 2 * usual, min(_DRIFT * sqrt(usual / half), 2 * _WITHIN * usual))
