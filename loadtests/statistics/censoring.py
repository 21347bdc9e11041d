"""Percentiles of times when some calls did not succeed.

Percentiles of successful calls alone flatter an endpoint that lets slow calls time out. So each call contributes to
each kind of time one of these:

    a value    the call succeeded; or text came before it failed, so that its time to first token is known; or it spent
               its limit on reasoning, so that its time to first output is
    late       the call timed out: at least as long as it lasted, and counted as longer than any objective
    cut        its stream broke off, or the client cut it: at least as long as it lasted
    unknown    it was refused, failed, or gave a wrong answer: nothing is known of the time that an answer takes

A late or cut call is a right-censored value (J. P. Klein, M. L. Moeschberger, "Survival Analysis", 2003,
section 3.2). With all of these at their bounds a percentile has its lowest possible value, with all of them
beyond every value its highest; where the two agree it is known. No estimator fills the gap: Kaplan and Meier's assumes
that censoring does not depend on the time, but a timeout censors the slow calls only.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, NamedTuple, Self

from aimon.call.outcome import Outcome
from aimon.loadtests.statistics.histogram import QUANTILES, Histogram
from aimon.objectives import MET, MISSED, NOT_JUDGED

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from aimon.call.result import Result
    from aimon.objectives import Objective

LATE = frozenset({Outcome.TIMEOUT_CONNECT, Outcome.TIMEOUT_TTFT, Outcome.TIMEOUT_TOTAL})
# For these a lower bound is known, if the request was sent.
_CUT = frozenset({Outcome.STREAM_TRUNCATED, Outcome.STREAM_ERROR, Outcome.PROBER_ERROR})


# Times that every call was to have, as far as it was streamed.
_ALWAYS = ("latency", "latency_from_schedule", "first_output", "ttft", "itl", "tpot")


@dataclass(slots=True)
class Censored:
    """The calls without a value of one kind of time: their lower bounds in seconds, and how many have none."""

    late: Histogram = field(default_factory=Histogram)
    cut: Histogram = field(default_factory=Histogram)
    unknown: int = 0

    @property
    def count(self) -> int:
        """Number of calls with a bound."""
        return self.late.count + self.cut.count

    def add(self, bound: float | None, *, late: bool) -> None:
        """Adds a call without a value."""
        if bound is None:
            self.unknown += 1
        else:
            (self.late if late else self.cut).record(bound)

    def merge(self, other: Censored) -> None:
        """Adds the calls of another."""
        self.late.merge(other.late)
        self.cut.merge(other.cut)
        self.unknown += other.unknown

    def dump(self) -> dict[str, Any]:
        """As JSON values, without loss."""
        return {"late": self.late.dump(), "cut": self.cut.dump(), "unknown": self.unknown}

    @classmethod
    def load(cls, dumped: Mapping[str, Any]) -> Self:
        """The inverse of `dump`."""
        return cls(Histogram.load(dumped["late"]), Histogram.load(dumped["cut"]), dumped["unknown"])


class FailedTimes(NamedTuple):
    """The times of a failed call by series: known values and lower bounds, in seconds.

    A bound of None means that nothing is known. `late` is whether the call timed out.
    """

    values: dict[str, float]
    bounds: dict[str, float | None]
    late: bool


def times_of_failed(result: Result) -> FailedTimes:
    """Times of a call that did not succeed, without the gaps between its chunks."""
    late = result.outcome in LATE
    if not late and (result.outcome not in _CUT or result.request_sent is None):
        if result.limit_spent_on_reasoning and result.first_output is not None:
            # It showed no text, but its first output came as that of any other call.
            bounds: dict[str, float | None] = {name: None for name in _ALWAYS if name != "first_output"}
            return FailedTimes({"first_output": max(0.0, result.first_output - result.set_up)}, bounds, late=False)
        return FailedTimes({}, dict.fromkeys(_ALWAYS), late=False)
    set_up = result.set_up
    known = {
        "ttft": result.first_token, "first_output": result.first_output, "first_reasoning": result.first_reasoning
    }  # fmt: skip
    values = {name: max(0.0, value - set_up) for name, value in known.items() if value is not None}
    bounds = {
        "latency": result.end,
        "latency_from_schedule": result.latency_from_schedule,
        # The unfinished last gap; nothing is known of the gaps of a call without text.
        "itl": None if result.last_token is None else max(0.0, result.end - result.last_token),
        # The number of tokens is unknown, and so is the time of one.
        "tpot": None,
    }
    if result.outcome is Outcome.TIMEOUT_CONNECT:
        bounds["set_up"] = result.end
    if result.first_token is None:
        bounds |= {name: max(0.0, result.end - set_up) for name in known if name not in values}
    return FailedTimes(values, bounds, late)


@dataclass(frozen=True, slots=True)
class Sample:
    """All that is known of one kind of time.

    Attributes:
        values: in seconds.
        open: the calls without a value.
        missing: number of further calls of which nothing is known.
    """

    values: Histogram
    open: Censored
    missing: int = 0

    @property
    def count(self) -> int:
        """Number of values and bounds."""
        return self.values.count + self.open.count

    def quantile(self, share: float) -> tuple[float, float]:
        """Lowest and highest possible quantile over values and bounds; the highest is infinite if it is unbounded.

        Raises:
            ValueError: there are no values and no bounds.
        """
        if not self.count:
            raise ValueError("a quantile of nothing")
        rank = _rank(share, self.count)
        return _together(self.values, self.open.late, self.open.cut).at_rank(rank), _beyond(self.values, rank)

    def known(self, share: float) -> float | None:
        """A percentile, or None where censored calls leave it open."""
        low, high = self.quantile(share) if self.count else (0.0, math.inf)
        return high if same_bucket(low, high) else None

    def verdict(self, objective: Objective) -> str:
        """Whether the percentile over all calls meets the objective, whatever the unknown times are.

        MET if it holds even if all unknown times were longer than any value. MISSED if it fails because calls timed
        out, or even if all other unknown times were as short as possible. NOT_JUDGED if those others decide.
        """
        assert objective.quantile is not None  # noqa: S101 - it is on a time
        unknown = self.open.unknown + self.missing
        total = self.count + unknown
        if not total:
            return NOT_JUDGED
        rank = _rank(objective.quantile, total)
        if objective.met(_beyond(self.values, rank)):
            return MET
        # Unknown times sort first, timeouts last.
        least = _beyond(_together(self.values, self.open.cut), rank - unknown)
        return NOT_JUDGED if objective.met(least) else MISSED


def values_needed(share: float) -> int:
    """How many values a percentile needs; with fewer it would be their maximum."""
    return round(1 / (1 - share)) if share < 1 else 1


def summary(sample: Sample, distorted: Callable[[str | float, float], bool] | None = None) -> dict[str, Any] | None:
    """Mean, usual percentiles and maximum; None where nothing was measured.

    A percentile of too few values is None, and `needs` has the required number. What censored calls leave open is None,
    and `at_least` has its lower bound. `not_measured` names what the client itself distorted.

    Args:
        sample: of one kind of time.
        distorted: tells whether the client itself distorted a column (a percentile's share, `mean` or `max`) of that
            value.
    """
    if not sample.count:
        return None
    together = _together(sample.values, sample.open.late, sample.open.cut)
    found: dict[str, Any] = {"mean": together.mean, "max": together.max}
    lacking: dict[str, int] = {}
    bounds: dict[str, float | None] = dict(found) if sample.open.count else {}
    for name, share in QUANTILES.items():
        low, high = sample.quantile(share)
        if sample.count < (least := values_needed(share)):
            lacking[name] = least
        elif not same_bucket(low, high):
            bounds[name] = low
        found[name] = high
    columns = ("mean", *QUANTILES, "max")
    shares: dict[str, str | float] = {"mean": "mean", "max": "max", **QUANTILES}
    known = [name for name in columns if name not in bounds and name not in lacking]
    false = [name for name in known if distorted is not None and distorted(shares[name], found[name])]
    return {
        **{name: found[name] if name in known and name not in false else None for name in columns},
        "count": sample.values.count,
        "censored": sample.open.count,
        "at_least": bounds,
        "needs": lacking,
        "not_measured": false,
    }


def same_bucket(low: float, high: float) -> bool:
    """Whether two bounds are in the same bucket of a histogram or in neighbouring ones."""
    return high <= low * 1.0101


def _rank(share: float, count: int) -> int:
    # Rounded, since 0.95 * 20 must give rank 19 and not 20.
    return max(1, math.ceil(round(share * count, 9)))


def _beyond(values: Histogram, rank: int) -> float:
    """The value of a rank if all other calls are beyond the values; 0 for a rank below 1."""
    if rank < 1:
        return 0.0
    return values.at_rank(rank) if rank <= values.count else math.inf


def _together(*parts: Histogram) -> Histogram:
    found = Histogram()
    for part in parts:
        found.merge(part)
    return found
