"""Concurrency and throughput of each second of a run, and the part of it in which concurrency was level. Pure.

A call counts in the seconds in which it was under way, by the part of its time that lies in each: so the successes of a
stretch are known however long calls are, and calls that begin or end together make no peaks.
"""

from __future__ import annotations

from math import floor, sqrt
from statistics import median
from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

# A level part is at least so long, in seconds and as a share of the window.
LEAST_SECONDS, LEAST_SHARE = 3, 0.25
# Concurrency is level within a tenth, or within what the chance of random arrivals makes of it.
_WITHIN, _CHANCE, _DRIFT = 0.1, 2.5, 1.5
# Of few calls chance makes much; but a second with hardly any is part of no level.
_MOST = 0.75


class ConcurrencyTimeline:
    """What was going on in each second.

    Attributes:
        seconds: by second of the run, the mean number of calls under way, and the successes and output tokens that came
            of it.
    """

    def __init__(self) -> None:
        self.seconds: dict[int, list[float]] = {}

    def add(self, began: float, ended: float, ok: float, tokens: float) -> None:
        """Adds a call that was under way between two moments, in seconds since counting began; earlier is left out."""
        lasted = ended - began
        second = int(ended)
        if 0 <= second <= began:  # nearly all quick calls
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
        """Adds another's seconds."""
        for second, amounts in seconds.items():
            row = self.seconds.setdefault(second, [0.0, 0.0, 0.0])
            for k, amount in enumerate(amounts):
                row[k] += amount

    def row(self, second: int) -> Sequence[float]:
        """Concurrency, successes and tokens of one second."""
        return self.seconds.get(second, (0.0, 0.0, 0.0))


class SteadyInterval(NamedTuple):
    """From one second up to another, and the mean number of calls under way."""

    start: int
    end: int
    in_flight: float


def steady_interval(in_flight: Sequence[float]) -> SteadyInterval | None:
    """The longest stretch up to the end in which concurrency was level; None if it was not for long enough.

    Args:
        in_flight: of each second of the load window.
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
    # Calls were still filling up.
    while start < count and usual - in_flight[start] > max(_WITHIN * usual, sqrt(usual)):
        start += 1
    while usual and count - start >= least:
        stretch = in_flight[start:]
        if _stays(stretch, usual):
            return SteadyInterval(start, count, sum(stretch) / len(stretch))
        start += 1
    return None


def _stays(stretch: Sequence[float], usual: float) -> bool:
    """Whether it neither rises nor falls by more than chance makes of it."""
    half = len(stretch) // 2
    before, after = sum(stretch[:half]) / half, sum(stretch[half:]) / (len(stretch) - half)
    return abs(after - before) <= max(_WITHIN / 2 * usual, min(_DRIFT * sqrt(usual / half), 2 * _WITHIN * usual))
