"""The highest rate that is served: doubling until it is not, then closing in.

A rate is held if what was offered was served, the objectives were met, and latency did not grow (`held`). Beyond
capacity the growth itself tells the capacity, r / (1 + slope), and where 429s are the limit, what came through between
them does; so the search goes there and not to the middle: it ends after a few steps whatever rate it began with.
"""

from __future__ import annotations

import math
from dataclasses import asdict, dataclass, field
from typing import TYPE_CHECKING, Any, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Generator

    from aimon.loadtests.search.latency_trend import Trend

TOLERANCE = 0.04
_GROWTH = 2.0
# How far beside an estimate the next rate lies: on its near side, so that both ends close in.
_ASIDE = 0.015
# A rate this far above what 429s let through is refused soon, however large the burst that the limit allows.
_REFUSED = 1.5
# Student's t at 95 % with as many degrees of freedom as the error has (trend.BATCHES - 1).
_T95 = 2.365


class RateLimitEstimate(NamedTuple):
    """What came through between 429s, in successes per second, and by how much that may be off."""

    per_s: float
    error: float


@dataclass(frozen=True, slots=True)
class Step:
    """What a step at one rate showed.

    Attributes:
        rate: calls per second asked for.
        served: successes per second.
        met: whether what was offered was served, and all objectives were met.
        trend: how latency from schedule went.
        why: what was wrong, for people; empty if nothing was.
        limited: the client, and not the endpoint, was what could not keep up.
        latency_p50_s: from schedule, in seconds; `latency_p95_s` likewise. None without successes.
        limit: the name of what stood in the way: an outcome, an objective, or growing latency.
        refusal: what came through between 429s; None where they were not the limit, or too little came through.
    """

    rate: float
    served: float
    met: bool
    trend: Trend
    why: str = ""
    limited: bool = False
    latency_p50_s: float | None = None
    latency_p95_s: float | None = None
    limit: str = ""
    refusal: RateLimitEstimate | None = None

    @property
    def held(self) -> bool:
        """Whether the endpoint held this rate."""
        return self.met and not self.trend.growing

    @property
    def estimate(self) -> float | None:
        """The capacity that 429s or the growth of the latency tell; None where neither does."""
        if self.refusal is not None:
            return self.refusal.per_s
        return self.rate / (1 + self.trend.slope) if self.trend.growing else None

    @property
    def error(self) -> float | None:
        """The standard error of the estimate."""
        if self.refusal is not None:
            return self.refusal.error
        return self.rate * self.trend.random_walk_error / (1 + self.trend.slope) ** 2 if self.trend.growing else None


@dataclass(slots=True)
class Capacity:
    """What a search found: the capacity lies from `low` (held) to `high` (not held); None is not known."""

    low: float | None = None
    high: float | None = None
    why: str = ""
    steps: list[Step] = field(default_factory=list)

    @property
    def rate(self) -> float | None:
        """The highest rate that was held."""
        return self.low

    @property
    def interval(self) -> tuple[float, float] | None:
        """95 % confidence that the capacity lies between, by the steps beyond it; None where they don't tell.

        Of the steps beyond capacity the one with the least error tells it best: they are nearly the same measurement
        once the search is close, so that a mean of them would look surer than it is.
        """
        known = [(step.error, step.estimate) for step in self.steps if step.error is not None and step.error < math.inf]
        if not known:
            return None
        error, estimate = min(known, key=lambda pair: pair[0] or 0.0)
        assert error is not None  # noqa: S101 - those with an error have an estimate
        assert estimate is not None  # noqa: S101
        return max(0.0, estimate - _T95 * error), estimate + _T95 * error

    @property
    def limit(self) -> str | None:
        """What ended it, and above which rate; None where nothing was in the way."""
        step = min((step for step in self.steps if not step.held), key=lambda step: step.rate, default=None)
        if step is None or not step.limit:
            return None
        if self.low is None:
            return f"{step.limit} at {step.rate:.3g}/s already"
        above = self.low if step.refusal is None else step.refusal.per_s
        return f"{step.limit} above {above:.3g}/s"

    def as_dict(self) -> dict[str, Any]:
        """As JSON values."""
        steps = [_told(step) for step in self.steps]
        interval = None if self.interval is None else list(self.interval)
        found = {"rate": self.rate, "low": self.low, "high": self.high, "interval": interval}
        return {**found, "why": self.why, "limit": self.limit, "steps": steps}


def _told(step: Step) -> dict[str, Any]:
    found = asdict(step) | {"held": step.held, "trend": step.trend.slope}
    del found["refusal"]
    return found


def search(
    start: float, *, most: float = 1e5, most_steps: int = 20, found: Capacity | None = None
) -> Generator[float, Step, Capacity]:
    """Yields the next rate to try, is sent what came of it, and returns the capacity.

    Args:
        start: the first rate, per second.
        most: no rate above this one is tried.
        most_steps: after so many steps it returns what it knows.
        found: filled as the search goes on, for whoever ends it early.
    """
    found = Capacity() if found is None else found
    rate = min(start, most)
    estimates: list[float] = []
    while len(found.steps) < most_steps:
        step = yield rate
        found.steps.append(step)
        if step.held:
            found.low = max(found.low or 0.0, rate)
        elif step.limited:
            found.why = f"the client could not keep up at {rate:g}/s: the endpoint may be able to do more"
            return found
        else:
            found.high = rate if found.high is None else min(found.high, rate)
            if (estimate := step.estimate) is not None:
                estimates.append(estimate)
        if found.low is not None and found.low >= most:
            found.why = f"{most:g}/s, the highest rate that was allowed, was held"
            return found
        if _close(found):
            return found
        rate = min(_next(found, estimates, start), most)
        if rate < start / 1e4:
            break
    found.why = "it was not held at any rate" if found.low is None else "it ended before low and high were close"
    return found


def _close(found: Capacity) -> bool:
    if found.low is None or found.high is None:
        return False
    # What is a little above a limit comes through as long as its burst lasts: no step there would tell anything.
    refused = [step.refusal.per_s for step in found.steps if step.refusal is not None]
    return found.high <= found.low * (1 + TOLERANCE) or bool(refused and abs(found.low / refused[-1] - 1) <= TOLERANCE)


def _next(found: Capacity, estimates: list[float], start: float) -> float:
    low, high = found.low, found.high
    if high is None:
        return (low or start) * _GROWTH
    refusal = found.steps[-1].refusal
    if refusal is not None and (low or 0.0) < _REFUSED * refusal.per_s < high / (1 + TOLERANCE):
        return _REFUSED * refusal.per_s
    inside = [estimate for estimate in estimates if (low or 0.0) < estimate < high]
    if inside:
        # The latest was measured nearest to the capacity.
        estimate = inside[-1]
        below, above = estimate * (1 - _ASIDE), estimate * (1 + _ASIDE)
        if low is None or below > low * (1 + _ASIDE / 2):
            return below
        if above < high * (1 - _ASIDE / 2):
            return above
    return high / _GROWTH if low is None else (low * high) ** 0.5
