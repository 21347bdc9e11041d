"""Everything that a load test counts of its calls, as one record that merges and travels between processes.

A refusal that comes back in a millisecond must not flatter a percentile, nor a deadline that ended the slow calls: so
what failed is counted by its outcome, and by what is known of the time it would have taken (`censoring`).
"""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING, Any, Self

from aimon.call.outcome import Fault, Outcome
from aimon.call.result import GAP_BASE, GAP_BUCKETS_PER_OCTAVE
from aimon.loadtests.statistics.censoring import Censored, Sample, times_of_failed
from aimon.loadtests.statistics.concurrency import ConcurrencyTimeline
from aimon.loadtests.statistics.histogram import Histogram
from aimon.loadtests.statistics.token_usage import TokenUsage, output_tokens
from aimon.loadtests.statistics.tpot_coverage import TpotCoverage

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping

    from aimon.call.result import Result

SERIES = (
    "latency",
    "latency_from_schedule",
    "first_reasoning",
    "ttft",
    "itl",
    "tpot",
    "set_up",
    "lag",
    "start_lateness",
)
# What only an answer has that comes in pieces.
_STREAMED = frozenset({"first_reasoning", "ttft", "itl", "tpot"})
_SECOND = ("sent", "ended", "ok", "output_tokens")
_OWN_FAULTS = tuple(outcome for outcome in Outcome if outcome.fault is Fault.PROBER)
_SERVED = ("sent", "ok", "good")
_COUNTS = ("output_tokens", "good", "not_started", "unpriced", "interrupted", "resent", "stale")


class CallStats:
    """Counts of calls.

    Attributes:
        outcomes: how many calls had which outcome; their sum is what was sent. Those with a fault of the prober never
            tested the endpoint, and are in no other number but `counts`.
        series: a histogram of seconds for each of SERIES. Those of the calls hold what was measured: of successes,
            and of the calls that ended while text came; `lag` and `start_lateness` are the client's own.
        open: by series, the calls of which that time is not known, or only how long it was at least.
        counts: output tokens (reported or estimated), calls that met every objective on one call (`good`), arrivals
            that could not start (`not_started`), successes whose cost is not known (`unpriced`), calls that the end of
            the run cut off (`interrupted`, in no outcome), requests that were sent again since a kept connection had
            been closed before (`resent`), and those that met one which was just being reset (`stale`).
        cost: of all calls whose cost is known, in `currency`.
        served: what the window saw of `sent`, `ok` and `good` calls. Throughput and goodput divide it by the window's
            length; see `observe` for what a call counts in it.
        usage: tokens, and how much is known of them.
        flow: concurrency and throughput of each second.
        pace: how many calls have no time per output token, by the reason, and what chunks held.
        last_due: when the last call was due, in seconds since the run began.
        seconds: by second of the run: calls sent, ended and ok, and output tokens.
    """

    def __init__(self, good: Callable[[Result], bool] = lambda _: True) -> None:
        self.outcomes: Counter[str] = Counter()
        self.series = {name: Histogram() for name in SERIES}
        self.open: dict[str, Censored] = {}
        self.counts: Counter[str] = Counter(dict.fromkeys(_COUNTS, 0))
        self.served = dict.fromkeys(_SERVED, 0.0)
        self.usage = TokenUsage()
        self.tpot_coverage = TpotCoverage()
        self.concurrency = ConcurrencyTimeline()
        self.last_due = 0.0
        self.cost = 0.0
        self.currency: str | None = None
        self.seconds: dict[int, dict[str, int]] = {}
        self._good = good

    @property
    def sent(self) -> int:
        """Calls that were made, whatever came of them."""
        return self.outcomes.total()

    @property
    def ok(self) -> int:
        """Calls that succeeded."""
        return self.outcomes[Outcome.OK]

    @property
    def unmeasured(self) -> int:
        """Calls that failed on this side: they say nothing of the endpoint."""
        return sum(self.outcomes[outcome] for outcome in _OWN_FAULTS)

    @property
    def measured(self) -> int:
        """Calls that tested the endpoint: what shares are taken of."""
        return self.sent - self.unmeasured

    def observe(
        self,
        result: Result,
        began: float,
        *,
        gaps: Iterable[float] | None = None,
        share: float = 1.0,
        again: bool = False,
    ) -> None:
        """Counts one call.

        Args:
            result: the call.
            began: unix time at which the run began.
            share: how much of the call the window saw: 1 in an open loop, where a call belongs to the window in which
                it was due; in a closed one the part of its time that lies in the window.
            gaps: between its arrivals, in seconds (`Client.gaps`); without them they are taken from
                `result.arrivals`, whose buckets make a gap's quantile good to 2.2 %.
            again: it was made again, as the endpoint had asked: it is later than its schedule, and that on purpose.
        """
        self.outcomes[result.outcome.value] += 1
        if result.connection is not None:
            self.counts["resent"] += result.connection.resent
            self.counts["stale"] += result.connection.stale
        if result.fault is Fault.PROBER:
            return
        series, counts = self.series, self.counts
        if not again:
            series["start_lateness"].record(max(0.0, -result.scheduled))
        if result.self_lag is not None:
            series["lag"].record(max(0.0, result.self_lag))
        tokens = output_tokens(result)
        self.usage.observe(result)
        counts["output_tokens"] += tokens
        if result.cost is not None:
            self.cost += result.cost
            self.currency = result.currency
        if (set_up := result.set_up) > 0:
            series["set_up"].record(set_up)
        offset = result.started_at - began
        self.last_due = max(self.last_due, offset + result.scheduled)
        self._second(offset)["sent"] += 1
        ended = self._second(offset + result.end)
        ended["ended"] += 1
        ended["output_tokens"] += tokens
        if result.outcome is Outcome.OK:
            ended["ok"] += 1
            counts["unpriced"] += result.cost is None
            counts["good"] += self._good(result)
            self._time(result, gaps, set_up)
        else:
            self.time_failed(result, gaps)
        self.serve(result, began, share)

    def serve(self, result: Result, began: float, share: float) -> None:
        """Adds to concurrency and throughput alone what the run saw of a call, as of one that began in the warm-up."""
        offset, ok = result.started_at - began, result.outcome is Outcome.OK
        self.concurrency.add(offset, offset + result.end, float(ok), output_tokens(result))
        if share <= 0:
            return
        served = self.served
        served["sent"] += share
        self.usage.serve(result, share)
        if ok:
            served["ok"] += share
            served["good"] += share * self._good(result)

    def _time(self, result: Result, gaps: Iterable[float] | None, set_up: float) -> None:
        series = self.series
        series["latency"].record(result.end)
        series["latency_from_schedule"].record(result.latency_from_schedule)
        if result.first_reasoning is not None:
            series["first_reasoning"].record(max(0.0, result.first_reasoning - set_up))
        if result.first_token is not None:
            series["ttft"].record(max(0.0, result.first_token - set_up))
        if (tpot := result.tpot) is not None:
            series["tpot"].record(tpot)
        elif result.first_token is not None:
            self._open("tpot").add(None, late=False)
        self.tpot_coverage.observe(result)
        self._gaps(result, gaps)

    def time_failed(self, result: Result, gaps: Iterable[float] | None) -> None:
        """Adds to the times alone what is known of a call that did not succeed."""
        known = times_of_failed(result)
        for name, value in known.values.items():
            self.series[name].record(value)
        for name, bound in known.bounds.items():
            self._open(name).add(bound, late=known.late)
        if known.bounds["itl"] is not None:
            self._gaps(result, gaps)

    def _gaps(self, result: Result, gaps: Iterable[float] | None) -> None:
        series = self.series["itl"]
        if gaps is not None:
            series.record_all(gaps)
        elif (arrivals := result.arrivals) is not None:
            middles = {_middle(i): count for i, count in arrivals.buckets.items()}
            series.record_many(middles, total=arrivals.sum, largest=arrivals.max)

    def sample(self, name: str, *, lost: int = 0) -> Sample:
        """All that is known of one kind of time.

        Arrivals that could not start, calls that failed on this side, and the `lost` ones are of unknown time.
        """
        values, found = self.series[name], self.open.get(name, Censored())
        if self.ok and not values.count and name in _STREAMED:
            # Answers that have no such time, as those that don't stream: it is no part of the others either.
            return Sample(values, Censored())
        unknown, missing = found.unknown, self.counts["not_started"] + self.unmeasured + lost
        if name == "itl":
            # A call without gaps weighs as much as one that has some.
            each = -(-values.count // max(1, self.series["ttft"].count))
            unknown, missing = unknown * each, missing * each
        return Sample(values, Censored(found.late, found.cut, unknown), missing)

    def merge(self, other: CallStats) -> None:
        """Adds another's calls.

        Raises:
            ValueError: both have costs, in different currencies.
        """
        if self.currency and other.currency and self.currency != other.currency:
            raise ValueError(f"costs in {self.currency} and in {other.currency} have no sum")
        self.currency = self.currency or other.currency
        self.cost += other.cost
        self.outcomes.update(other.outcomes)
        self.counts.update(other.counts)
        for name, amount in other.served.items():
            self.served[name] += amount
        self.usage.merge(other.usage.amounts)
        self.tpot_coverage.merge(other.tpot_coverage.dump())
        self.concurrency.merge(other.concurrency.seconds)
        self.last_due = max(self.last_due, other.last_due)
        for name, histogram in other.series.items():
            self.series[name].merge(histogram)
        for name, found in other.open.items():
            self._open(name).merge(found)
        for second, counts in other.seconds.items():
            own = self._second(second)
            for name, count in counts.items():
                own[name] += count

    def dump(self) -> dict[str, Any]:
        """As JSON values, without loss."""
        return {
            "outcomes": dict(self.outcomes),
            "series": {name: histogram.dump() for name, histogram in self.series.items()},
            "open": {name: found.dump() for name, found in self.open.items()},
            "counts": dict(self.counts),
            "served": self.served,
            "usage": self.usage.amounts,
            "tpot_coverage": self.tpot_coverage.dump(),
            "concurrency": self.concurrency.seconds,
            "last_due": self.last_due,
            "cost": self.cost,
            "currency": self.currency,
            "seconds": self.seconds,
        }

    @classmethod
    def load(cls, dumped: Mapping[str, Any]) -> Self:
        """The inverse of `dump`; keys may have become text on the way, as JSON's do."""
        stats = cls()
        stats.outcomes.update(dumped["outcomes"])
        stats.counts.update(dumped["counts"])
        stats.served.update(dumped["served"])
        stats.series = {name: Histogram.load(series) for name, series in dumped["series"].items()}
        stats.usage.merge(dumped["usage"])
        stats.tpot_coverage.merge(dumped["tpot_coverage"])
        stats.concurrency.merge({int(second): row for second, row in dumped["concurrency"].items()})
        stats.last_due = dumped["last_due"]
        stats.open = {name: Censored.load(found) for name, found in dumped["open"].items()}
        stats.cost, stats.currency = dumped["cost"], dumped["currency"]
        stats.seconds = {int(second): dict(counts) for second, counts in dumped["seconds"].items()}
        return stats

    def _open(self, name: str) -> Censored:
        if (found := self.open.get(name)) is None:
            found = self.open[name] = Censored()
        return found

    def _second(self, offset: float) -> dict[str, int]:
        second = max(0, int(offset))
        if (counts := self.seconds.get(second)) is None:
            counts = self.seconds[second] = dict.fromkeys(_SECOND, 0)
        return counts


def share_within(began: float, ended: float, opens: float, closes: float) -> float:
    """The part of a call's time that lies in a window; of a call without length 1 or 0. All by one clock."""
    if ended <= began:
        return float(opens <= began < closes)
    return max(0.0, min(ended, closes) - max(began, opens)) / (ended - began)


def _middle(bucket: int) -> float:
    return float(GAP_BASE * 2 ** ((bucket - 0.5) / GAP_BUCKETS_PER_OCTAVE)) if bucket else GAP_BASE
