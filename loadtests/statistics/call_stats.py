"""All statistics of the calls of a load test, in one object that merges and can be sent between processes.

Neither an error returned within a millisecond nor a timeout that ends slow calls may flatter a percentile: failed calls
are counted by outcome, and by what is known of the time an answer would have taken (`censoring`).
"""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING, Any, Final, Self

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
    "first_output",
    "first_reasoning",
    "ttft",
    "itl",
    "tpot",
    "set_up",
    "lag",
    "start_lateness",
)
# Times that only streamed answers have.
_STREAMED = frozenset({"first_output", "first_reasoning", "ttft", "itl", "tpot"})
_SECOND = ("sent", "ended", "ok", "output_tokens")
_OWN_FAULTS = frozenset(outcome for outcome in Outcome if outcome.fault is Fault.PROBER)
# Attributes of an enumeration are slow to read.
_OK: Final = Outcome.OK
_NAMES: Final = {outcome: outcome.value for outcome in Outcome}
_SERVED = ("sent", "ok", "good")
_COUNTS = ("output_tokens", "good", "not_started", "unpriced", "interrupted", "resent", "stale")


class CallStats:
    """Statistics of calls.

    Attributes:
        outcomes: number of calls by outcome; their sum is the number sent. Calls that failed on the client's side did
            not test the endpoint, and are in no other number but `counts`.
        series: a histogram of seconds for each of SERIES, of successes and of calls that failed while text came;
            `lag` and `start_lateness` are the client's own.
        open: by series, the calls of which that time is unknown or has a lower bound only.
        counts: output tokens (reported or estimated), calls that met every objective on a single call (`good`),
            arrivals that could not start (`not_started`), successes of unknown cost (`unpriced`), calls cut off by the
            end of the run (`interrupted`, in no outcome), requests sent again because a kept-alive connection had been
            closed (`resent`), and requests that met such a connection being reset (`stale`). With `--exact-output`,
            answers as long as asked (`exact`) and shorter ones (`shorter`). Calls without visible text since reasoning
            took the limit (`thought_out`), and their reasoning tokens (`thought_out_tokens`).
        cost: of all calls whose cost is known, in `currency`.
        served: `sent`, `ok` and `good` calls within the load window, in parts of calls (see `observe`). Throughput and
            goodput are these divided by the window's length.
        usage: tokens, reported and estimated.
        flow: concurrency and throughput of each second.
        tpot_coverage: how many calls have a time per output token, and tokens per chunk.
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
        """Calls made, whatever their outcome."""
        return self.outcomes.total()

    @property
    def ok(self) -> int:
        """Calls that succeeded."""
        return self.outcomes[Outcome.OK]

    @property
    def unmeasured(self) -> int:
        """Calls that failed on the client's side: they say nothing of the endpoint."""
        return sum(self.outcomes[outcome] for outcome in _OWN_FAULTS)

    @property
    def measured(self) -> int:
        """Calls that tested the endpoint: the base of all shares."""
        return self.sent - self.unmeasured

    def observe(
        self,
        result: Result,
        began: float,
        *,
        gaps: Iterable[float] | None = None,
        share: float = 1.0,
        again: bool = False,
        waited: float = 0.0,
    ) -> None:
        """Counts one call.

        Args:
            result: the call.
            began: unix time at which the run began.
            share: the part of the call that counts in the load window: 1 in an open loop, where a call belongs to the
                window in which it was due; in a closed loop the share of its duration within the window.
            gaps: seconds between its chunks (`Client.gaps`); by default they come from `result.arrivals`, whose buckets
                give quantiles of gaps within 2.2 %.
            again: it was repeated after Retry-After: late on purpose, and no start lateness.
            waited: seconds of its lateness in which `--max-in-flight` let no call start: late on purpose, too.
        """
        outcome, series, counts = result.outcome, self.series, self.counts
        self.outcomes[_NAMES[outcome]] += 1
        connection = result.connection
        if connection is not None and (connection.resent or connection.stale):
            counts["resent"] += connection.resent
            counts["stale"] += connection.stale
        if outcome in _OWN_FAULTS:
            return
        if not again:
            series["start_lateness"].record(max(0.0, -result.scheduled - waited))
        if result.self_lag is not None:
            series["lag"].record(max(0.0, result.self_lag))
        tokens = output_tokens(result)
        self.usage.observe(result)
        counts["output_tokens"] += tokens
        if result.cost is not None:
            self.cost += result.cost
            self.currency = result.currency
        # Properties of a Result take longer than what they compute.
        set_up = result.set_up if connection is not None and connection.cold else 0.0
        if set_up > 0:
            series["set_up"].record(set_up)
        offset = result.started_at - began
        if (due := offset + result.scheduled) > self.last_due:
            self.last_due = due
        self._second(offset)["sent"] += 1
        ended = self._second(offset + result.end)
        ended["ended"] += 1
        ended["output_tokens"] += tokens
        good = False
        if outcome is _OK:
            good = self._good(result)
            ended["ok"] += 1
            counts["unpriced"] += result.cost is None
            counts["good"] += good
            self._time(result, gaps, set_up)
        else:
            self._observe_failed(result, gaps)
        self._serve(result, offset, share, tokens, good=good)

    def _observe_failed(self, result: Result, gaps: Iterable[float] | None) -> None:
        self.time_failed(result, gaps)
        if result.limit_spent_on_reasoning:
            self.counts["thought_out"] += 1
            self.counts["thought_out_tokens"] += result.usage.reasoning or 0

    def count_length(self, result: Result, asked: int) -> None:
        """Counts a success whose answer was to have `asked` tokens, by whether it has; where unknown, not at all."""
        if (tokens := result.usage.output) is not None:
            self.counts["exact" if tokens >= asked else "shorter"] += 1

    def serve(self, result: Result, began: float, share: float) -> None:
        """Adds a call to concurrency and throughput only, for instance one that began in the warm-up."""
        good = result.outcome is _OK and self._good(result)
        self._serve(result, result.started_at - began, share, output_tokens(result), good=good)

    def _serve(self, result: Result, offset: float, share: float, tokens: int, *, good: bool) -> None:
        ok = result.outcome is _OK
        self.concurrency.add(offset, offset + result.end, float(ok), tokens)
        if share <= 0:
            return
        served = self.served
        served["sent"] += share
        self.usage.serve(result, share, tokens)
        if ok:
            served["ok"] += share
            served["good"] += share * good

    def _time(self, result: Result, gaps: Iterable[float] | None, set_up: float) -> None:
        series = self.series
        series["latency"].record(result.end)
        series["latency_from_schedule"].record(result.end - result.scheduled)
        if result.first_output is not None:
            series["first_output"].record(max(0.0, result.first_output - set_up))
        if result.first_reasoning is not None:
            series["first_reasoning"].record(max(0.0, result.first_reasoning - set_up))
        if result.first_token is not None:
            series["ttft"].record(max(0.0, result.first_token - set_up))
        if (pace := result.pace) is not None and pace.unknown is None and (tpot := pace.tpot) is not None:
            series["tpot"].record(tpot)
        elif result.first_token is not None:
            self._open("tpot").add(None, late=False)
        self.tpot_coverage.observe(result)
        self._gaps(result, gaps)

    def time_failed(self, result: Result, gaps: Iterable[float] | None) -> None:
        """Adds what is known of the times of a failed call."""
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

        Arrivals that could not start, calls that failed on the client's side, and `lost` ones have unknown times.
        """
        values, found = self.series[name], self.open.get(name, Censored())
        if self.ok and not values.count and name in _STREAMED:
            # Successes without this time were not streamed: failed calls would have none either.
            return Sample(values, Censored())
        unknown, missing = found.unknown, self.counts["not_started"] + self.unmeasured + lost
        if name == "itl":
            # A call without gaps counts as many gaps as the mean call has.
            each = -(-values.count // max(1, self.series["ttft"].count))
            unknown, missing = unknown * each, missing * each
        return Sample(values, Censored(found.late, found.cut, unknown), missing)

    def merge(self, other: CallStats) -> None:
        """Adds the calls of another.

        Raises:
            ValueError: they have costs in different currencies.
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
        """The inverse of `dump`; keys may be strings, as in JSON."""
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
    """The share of a call's duration within a window; 1 or 0 for a call of no duration. All by the same clock."""
    if ended <= began:
        return float(opens <= began < closes)
    return max(0.0, min(ended, closes) - max(began, opens)) / (ended - began)


def _middle(bucket: int) -> float:
    return float(GAP_BASE * 2 ** ((bucket - 0.5) / GAP_BUCKETS_PER_OCTAVE)) if bucket else GAP_BASE
