"""Search for the highest rate that an endpoint sustains: doubling until a step fails, then closing in.

A rate is held if the offered calls were served, the objectives were met, and latency did not grow (`step_verdict`).
Above the capacity the growth of latency gives an estimate of it, rate / (1 + slope); where 429s are the limit, the
throughput between them does. The search tries the estimate instead of bisecting, and so ends after a few steps whatever
rate it starts with.
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
# Relative distance of the next rate from an estimate, first below and then above, so that both bounds close in.
_ASIDE = 0.015
# This many times the rate between 429s soon meets 429s, however large a burst the limit allows.
_REFUSED = 1.5
# Student's t at 95 % with as many degrees of freedom as the error has (trend.BATCHES - 1).
_T95 = 2.365


class RateLimitEstimate(NamedTuple):
    """Throughput between 429s, in successes per second, and its standard error."""

    per_s: float
    error: float


@dataclass(frozen=True, slots=True)
class CapacityStep:
    """The result of a step at one rate.

    Attributes:
        rate: calls per second asked for.
        served: successes per second.
        met: whether the offered calls were served and all objectives met.
        trend: of latency from schedule.
        why: what failed, for people; empty if nothing did.
        limited: the client and not the endpoint could not keep up.
        latency_p50_s: from schedule, in seconds; `latency_p95_s` likewise. None without successes.
        limit: what failed: an outcome, an objective, or growing latency.
        rate_limit: throughput between 429s; None where they were not the limit, or too few calls succeeded.
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
    rate_limit: RateLimitEstimate | None = None

    @property
    def held(self) -> bool:
        """Whether the endpoint held this rate."""
        return self.met and not self.trend.growing

    @property
    def estimate(self) -> float | None:
        """The capacity estimated from 429s or from the growth of latency; None without either."""
        if self.rate_limit is not None:
            return self.rate_limit.per_s
        return self.rate / (1 + self.trend.slope) if self.trend.growing else None

    @property
    def error(self) -> float | None:
        """The standard error of the estimate."""
        if self.rate_limit is not None:
            return self.rate_limit.error
        return self.rate * self.trend.random_walk_error / (1 + self.trend.slope) ** 2 if self.trend.growing else None


@dataclass(slots=True)
class Capacity:
    """Result of a search: the capacity lies between `low` (held) and `high` (not held); None is unknown.

    Attributes:
        single_call: an iteration is one call. Of several calls the later ones wait, too, and latency grows by another
            law than the one that `interval` rests on.
    """

    low: float | None = None
    high: float | None = None
    why: str = ""
    steps: list[CapacityStep] = field(default_factory=list)
    single_call: bool = True

    @property
    def rate(self) -> float | None:
        """The highest rate that was held."""
        return self.low

    @property
    def interval(self) -> tuple[float, float] | None:
        """95 % confidence interval of the capacity, from the steps above it; None where they give none.

        Uses the estimate with the smallest error. Steps close to each other are nearly the same measurement, so a mean
        of them would understate the error.
        """
        known = [(step.error, step.estimate) for step in self.steps if step.error is not None and step.error < math.inf]
        if not known or not self.single_call:
            return None
        error, estimate = min(known, key=lambda pair: pair[0] or 0.0)
        assert error is not None  # noqa: S101 - those with an error have an estimate
        assert estimate is not None  # noqa: S101
        return max(0.0, estimate - _T95 * error), estimate + _T95 * error

    @property
    def limit(self) -> str | None:
        """What failed first, and above which rate; None where nothing failed."""
        step = min((step for step in self.steps if not step.held), key=lambda step: step.rate, default=None)
        if step is None or not step.limit:
            return None
        if self.low is None:
            return f"{step.limit} at {step.rate:.3g}/s already"
        above = self.low if step.rate_limit is None else step.rate_limit.per_s
        return f"{step.limit} above {above:.3g}/s"

    def as_dict(self) -> dict[str, Any]:
        """As JSON values."""
        steps = [_step_dict(step) for step in self.steps]
        interval = None if self.interval is None else list(self.interval)
        found = {"rate": self.rate, "low": self.low, "high": self.high, "interval": interval}
        return {**found, "why": self.why, "limit": self.limit, "steps": steps}


def _step_dict(step: CapacityStep) -> dict[str, Any]:
    found = asdict(step) | {"held": step.held, "trend": step.trend.slope}
    del found["rate_limit"]
    return found


def search(
    start: float, *, most: float = 1e5, most_steps: int = 20, found: Capacity | None = None
) -> Generator[float, CapacityStep, Capacity]:
    """Yields the next rate, is sent the CapacityStep at it, and returns the capacity.

    Args:
        start: the first rate, per second.
        most: the highest rate to try, per second.
        most_steps: the largest number of steps.
        found: updated after every step, for a caller that ends the search early.
    """
    found = Capacity() if found is None else found
    rate = min(start, most)
    estimates: list[float] = []
    while len(found.steps) < most_steps:
        step = yield rate
        found.steps.append(step)
        if step.held:
            found.low = max(found.low or 0.0, rate)
        elif step.limited and step.rate_limit is None:  # a 429 is the endpoint's, however late the client was
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
    # A rate slightly above a limit succeeds while the burst lasts: a step there would show nothing.
    limits = [step.rate_limit.per_s for step in found.steps if step.rate_limit is not None]
    return found.high <= found.low * (1 + TOLERANCE) or bool(limits and abs(found.low / limits[-1] - 1) <= TOLERANCE)


def _next(found: Capacity, estimates: list[float], start: float) -> float:
    low, high = found.low, found.high
    if high is None:
        return (low or start) * _GROWTH
    rate_limit = found.steps[-1].rate_limit
    if rate_limit is not None and (low or 0.0) < _REFUSED * rate_limit.per_s < high / (1 + TOLERANCE):
        return _REFUSED * rate_limit.per_s
    inside = [estimate for estimate in estimates if (low or 0.0) < estimate < high]
    if inside:
        # The latest step was nearest to the capacity.
        estimate = inside[-1]
        below, above = estimate * (1 - _ASIDE), estimate * (1 + _ASIDE)
        if low is None or below > low * (1 + _ASIDE / 2):
            return below
        if above < high * (1 - _ASIDE / 2):
            return above
    return high / _GROWTH if low is None else (low * high) ** 0.5
