"""Times of calls that did not end well: what is known of a percentile when some values are not.

A percentile of the calls that succeeded flatters an endpoint that lets the slow ones time out. So each call says of
each kind of time one of these:

    a value    it succeeded; or text came before it ended otherwise, which tells its time to first token
    late       it ran out of time: at least as long as it had lasted, and taken to be longer than any objective
    cut        its stream broke off, or it was cut by the client: at least as long as it had lasted
    unknown    it was refused, failed, or was wrong: nothing is known of the time that an answer would have taken

A late or a cut one is a value censored on the right (J. P. Klein, M. L. Moeschberger, "Survival Analysis", 2003,
section 3.2). With all of them at their bounds a percentile is as low as it can be, and with all of them beyond
everything it is as high; where the two agree it is known. No estimator is used between them (that of Kaplan and Meier
takes censoring to be independent of the time, and a deadline that is too short for the slow ones is not).
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
# Of these a time is known up to which no answer had come, if the request had gone out.
_CUT = frozenset({Outcome.STREAM_TRUNCATED, Outcome.STREAM_ERROR, Outcome.PROBER_ERROR})


@dataclass(slots=True)
class Censored:
    """The calls without a value, for one kind of time: bounds in seconds, and how many have none."""

    late: Histogram = field(default_factory=Histogram)
    cut: Histogram = field(default_factory=Histogram)
    unknown: int = 0

    @property
    def count(self) -> int:
        """How many have a bound."""
        return self.late.count + self.cut.count

    def add(self, bound: float | None, *, late: bool) -> None:
        """Counts a call."""
        if bound is None:
            self.unknown += 1
        else:
            (self.late if late else self.cut).record(bound)

    def merge(self, other: Censored) -> None:
        """Adds another's."""
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
    """What a call that failed tells, by series: the seconds that are known, and the bounds of those that are not.

    A bound of None is none at all. `late` says that the call ran out of time.
    """

    values: dict[str, float]
    bounds: dict[str, float | None]
    late: bool


def times_of_failed(result: Result) -> FailedTimes:
    """What a call that did not succeed tells, but for the gaps that it had."""
    late = result.outcome in LATE
    if not late and (result.outcome not in _CUT or result.request_sent is None):
        return FailedTimes({}, dict.fromkeys(("latency", "latency_from_schedule", "ttft", "itl", "tpot")), late=False)
    set_up = result.set_up
    known = {"ttft": result.first_token, "first_reasoning": result.first_reasoning}
    values = {name: max(0.0, value - set_up) for name, value in known.items() if value is not None}
    bounds = {
        "latency": result.end,
        "latency_from_schedule": result.latency_from_schedule,
        # The gap that was open when it ended; without text it would have had some, of which nothing is known.
        "itl": None if result.last_token is None else max(0.0, result.end - result.last_token),
        # How many tokens it would have had is not known, and so is no time of one.
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
        open: the calls without one.
        missing: how many more there are of which nothing is known.
    """

    values: Histogram
    open: Censored
    missing: int = 0

    @property
    def count(self) -> int:
        """Values and bounds."""
        return self.values.count + self.open.count

    def quantile(self, share: float) -> tuple[float, float]:
        """The least and the most that it can be, over values and bounds; infinite where there is no upper bound.

        Raises:
            ValueError: there are neither values nor bounds.
        """
        if not self.count:
            raise ValueError("a quantile of nothing")
        rank = _rank(share, self.count)
        return _together(self.values, self.open.late, self.open.cut).at_rank(rank), _beyond(self.values, rank)

    def known(self, share: float) -> float | None:
        """A percentile that is a number; None for one that is not."""
        low, high = self.quantile(share) if self.count else (0.0, math.inf)
        return high if same_bucket(low, high) else None

    def verdict(self, objective: Objective) -> str:
        """Whether the objective's percentile of all calls meets it, whatever the times that are not known.

        MET if it does even if all that is not known were beyond everything; MISSED if it may not, since calls ran
        out of time, or does not even if all others had been as quick as they can have been; NOT_JUDGED if only those
        others decide.
        """
        assert objective.quantile is not None  # noqa: S101 - it is on a time
        unknown = self.open.unknown + self.missing
        total = self.count + unknown
        if not total:
            return NOT_JUDGED
        rank = _rank(objective.quantile, total)
        if objective.met(_beyond(self.values, rank)):
            return MET
        # Those of unknown time come first, those that were late last.
        least = _beyond(_together(self.values, self.open.cut), rank - unknown)
        return NOT_JUDGED if objective.met(least) else MISSED


def values_needed(share: float) -> int:
    """How many values a percentile takes; with fewer it would just be the highest of them."""
    return round(1 / (1 - share)) if share < 1 else 1


def summary(sample: Sample, distorted: Callable[[str | float, float], bool] | None = None) -> dict[str, Any] | None:
    """The mean, the usual percentiles, the maximum; None where nothing was measured.

    A percentile that too few values support, and whatever the calls without an end leave open, is None: `needs` has
    how many it takes, and `at_least` the bound. `not_measured` names what is known to be of the client's own making.

    Args:
        sample: of one kind of time.
        distorted: tells whether a column (a percentile's share, `mean` or `max`) of some value is of the client's
            own making.
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
    """Whether two bounds are one number: the same bucket of a histogram, or neighbours."""
    return high <= low * 1.0101


def _rank(share: float, count: int) -> int:
    # Without the rounding errors of 0.95 * 20, which is a rank of 19 and not of 20.
    return max(1, math.ceil(round(share * count, 9)))


def _beyond(values: Histogram, rank: int) -> float:
    """The value of a rank if the others are beyond all of them; 0 for a rank before the first."""
    if rank < 1:
        return 0.0
    return values.at_rank(rank) if rank <= values.count else math.inf


def _together(*parts: Histogram) -> Histogram:
    found = Histogram()
    for part in parts:
        found.merge(part)
    return found
