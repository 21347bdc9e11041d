"""The values of the metrics: cumulative totals that can be stored, merged and exposed, and gauges.

prometheus_client's own instruments can't be restored from a store, which one-shot runs need, so the values are kept
here and `aimon.metrics.exposition` passes them to prometheus_client. Both classes may be used from
several threads: a scrape sees a consistent copy while calls are being observed.
"""

import math
from bisect import bisect_left
from collections.abc import Collection, Iterable, Iterator, Mapping
from http import HTTPStatus
from threading import Lock
from typing import Final, NamedTuple, Self

from aimon.call.failure import FailureReason
from aimon.call.outcome import Fault, Outcome
from aimon.call.result import Result, Source, Usage
from aimon.metrics import definitions
from aimon.metrics.definitions import cost_family, family

Labels = tuple[str, ...]  # values, in the order of the family's label names


class Identity(NamedTuple):
    """The labels that all metrics of an endpoint have."""

    endpoint: str
    model: str
    provider: str
    region: str

    @classmethod
    def of(cls, result: Result) -> Self:
        """The identity of the call's endpoint."""
        return cls(result.endpoint, result.model, result.provider, result.region)

    @property
    def labels(self) -> dict[str, str]:
        """As label names and values."""
        return self._asdict()


class HistogramSeries:
    """Counts by bucket, and the sum of the observed values.

    `counts` maps an upper bound to the number of values in its own bucket (not cumulative), so histograms with
    different boundaries merge without loss: `cumulative` adds a bucket whose boundary was removed to the next one.
    A boundary added later counts the values observed from then on; earlier values stay in the bucket above it.
    """

    __slots__ = ("counts", "sum")

    def __init__(self, counts: dict[float, float] | None = None, total: float = 0.0) -> None:
        self.counts: dict[float, float] = {} if counts is None else counts
        self.sum = total

    def observe(self, value: float, bounds: tuple[float, ...]) -> None:
        """Counts a value in the first bucket whose upper bound is at least the value."""
        i = bisect_left(bounds, value)
        bound = bounds[i] if i < len(bounds) else math.inf
        self.counts[bound] = self.counts.get(bound, 0) + 1
        self.sum += value

    def merge(self, other: "HistogramSeries") -> None:
        """Adds another's counts."""
        for bound, count in other.counts.items():
            self.counts[bound] = self.counts.get(bound, 0) + count
        self.sum += other.sum

    def cumulative(self, bounds: tuple[float, ...]) -> list[tuple[float, float]]:
        """(upper bound, number of values up to it) for each bound and infinity."""
        ends = (*bounds, math.inf)
        own = [0.0] * len(ends)
        for bound, count in self.counts.items():
            own[bisect_left(ends, bound)] += count
        total = 0.0
        return [(end, total := total + count) for end, count in zip(ends, own, strict=True)]

    def __eq__(self, other: object) -> bool:
        return isinstance(other, HistogramSeries) and (other.counts, other.sum) == (self.counts, self.sum)

    __hash__ = None  # type: ignore[assignment]  # it changes

    def __repr__(self) -> str:
        return f"HistogramSeries({self.counts}, {self.sum})"

    def copy(self) -> "HistogramSeries":
        """An independent copy."""
        return HistogramSeries(self.counts.copy(), self.sum)


# Precomputed: enum attribute access would be most of the cost of counting a call.
_STATUS_OUTCOME: dict[Outcome, tuple[str, str]] = {o: (o.status, o.value) for o in Outcome}
_NOT_MADE = frozenset(o for o in Outcome if o.fault is Fault.PROBER)
# Probes and load tests break off no call.
_NEVER_PROBED = frozenset((Outcome.CANCELLED,))
_STATUSES = ("success", "error")
# Amounts up to here need no closer look.
_PLAIN: Final = 1 << 53
_ESTIMATED_TOKENS = (
    (definitions.INPUT_TOKENS, definitions.ESTIMATED_INPUT_TOKENS, "input"),
    (definitions.OUTPUT_TOKENS, definitions.ESTIMATED_OUTPUT_TOKENS, "output"),
)


class Totals:
    """Cumulative counters and histograms by family and label values. Calls are added only by `observe`.

    `counters` and `histograms` are for storing and restoring totals; read a live instance through `copy`.
    """

    def __init__(self) -> None:
        self.counters: dict[str, dict[Labels, float]] = {}
        self.histograms: dict[str, dict[Labels, HistogramSeries]] = {}
        self._bounds: dict[tuple[str, str], tuple[float, ...]] = {}
        self._lock = Lock()

    def declare(
        self,
        identity: Identity,
        *,
        currency: str | None = None,
        thresholds: Mapping[str, Iterable[float]] | None = None,
        application: bool = False,
    ) -> None:
        """Creates the endpoint's series at 0, so that its first failure is an increase.

        Args:
            identity: the endpoint.
            currency: the reporting currency, if the price of its calls is known; an unknown cost is not a cost of 0.
            thresholds: additional bucket boundaries in seconds, by histogram family.
            application: whether its calls are an application's, which may cancel them.
        """
        labels = tuple(identity)
        names = [*(name for name, _ in _reported(Usage())), *(name for _, name, _ in _ESTIMATED_TOKENS)]
        names += [definitions.PRICED_CALLS, definitions.UNPRICED_CALLS]
        if currency is not None:
            names.append(cost_family(currency).name)
        with self._lock:
            for name, values in (thresholds or {}).items():
                bounds = {*self.bounds(name, identity.endpoint), *(float(value) for value in values)}
                self.set_bounds(name, identity.endpoint, tuple(sorted(bounds)))
            for outcome, status_outcome in _STATUS_OUTCOME.items():
                if application or outcome not in _NEVER_PROBED:
                    self._count(definitions.REQUESTS, labels + status_outcome, 0)
            for name in names:
                self._count(name, labels, 0)
            for status in _STATUSES:
                self._histogram(definitions.DURATION, (*labels, status))
            for name in (definitions.TTFT, definitions.TPOT):
                self._histogram(name, labels)

    def observe(self, result: Result) -> None:
        """Counts one call.

        Duration is observed for every call that was made, by status; TTFT and TPOT only for successful calls, so that
        no percentile mixes failures with successes.

        Raises:
            ValueError, OverflowError: one of its numbers can't be counted; then nothing of the call was.
        """
        outcome = result.outcome
        labels = (result.endpoint, result.model, result.provider, result.region)
        status, value = _STATUS_OUTCOME[outcome]
        amounts, tpot = amounts_of(result), result.tpot
        with self._lock:
            self._count(definitions.REQUESTS, (*labels, status, value), 1)
            if outcome not in _NOT_MADE:
                self._observe(definitions.DURATION, (*labels, status), result.end)
            if outcome is Outcome.OK:
                if result.first_token is not None:
                    self._observe(definitions.TTFT, labels, result.first_token)
                if tpot is not None:
                    self._observe(definitions.TPOT, labels, tpot)
            for name, amount in amounts:
                self._count(name, labels, amount)

    def add(self, name: str, labels: Labels, amount: float = 1) -> None:
        """Adds to a counter that is about no call."""
        with self._lock:
            self._count(name, labels, amount)

    def bounds(self, name: str, endpoint: str) -> tuple[float, ...]:
        """The bucket boundaries of an endpoint's histogram: the family's and the endpoint's own thresholds."""
        return self._bounds.get((name, endpoint)) or family(name).buckets

    def set_bounds(self, name: str, endpoint: str, bounds: tuple[float, ...]) -> None:
        """Sets the bucket boundaries of an endpoint's histogram, in ascending order."""
        self._bounds[name, endpoint] = bounds

    def merge(self, other: "Totals") -> None:
        """Adds other totals and takes their boundaries."""
        theirs = other.copy()
        with self._lock:
            for key, bounds in theirs._bounds.items():  # noqa: SLF001 - the same class
                self._bounds[key] = tuple(sorted({*self.bounds(*key), *bounds}))
            for name, series in theirs.counters.items():
                for labels, value in series.items():
                    self._count(name, labels, value)
            for name, histograms in theirs.histograms.items():
                for labels, histogram in histograms.items():
                    self._histogram(name, labels).merge(histogram)

    def copy(self) -> "Totals":
        """A consistent, independent copy."""
        twin = Totals()
        with self._lock:
            twin.counters = {name: series.copy() for name, series in self.counters.items()}
            twin.histograms = {
                name: {labels: histogram.copy() for labels, histogram in series.items()}
                for name, series in self.histograms.items()
            }
            twin._bounds = self._bounds.copy()
        return twin

    def empty(self) -> "Totals":
        """Totals with the same boundaries and no counts."""
        twin = Totals()
        twin._bounds = self._bounds.copy()
        return twin

    def only(self, identities: Collection[Identity]) -> "Totals":
        """A copy with only the series of these endpoints."""
        twin = self.copy()
        twin.counters = {
            name: {labels: value for labels, value in series.items() if labels[:4] in identities}
            for name, series in twin.counters.items()
        }
        twin.histograms = {
            name: {labels: value for labels, value in series.items() if labels[:4] in identities}
            for name, series in twin.histograms.items()
        }
        return twin

    def by_identity(self) -> dict[Identity, "Totals"]:
        """Copies with the series of one endpoint each."""
        whole = self.copy()
        found: dict[Identity, Totals] = {}

        def own(labels: Labels) -> Totals:
            identity = Identity(*labels[:4])
            if identity not in found:
                found[identity] = Totals()
            return found[identity]

        for name, series in whole.counters.items():
            for labels, value in series.items():
                own(labels).counters.setdefault(name, {})[labels] = value
        for name, histograms in whole.histograms.items():
            for labels, histogram in histograms.items():
                own(labels).histograms.setdefault(name, {})[labels] = histogram
        for identity, part in found.items():
            for name in part.histograms:
                part.set_bounds(name, identity.endpoint, whole.bounds(name, identity.endpoint))
        return found

    def _count(self, name: str, labels: Labels, amount: float) -> None:
        series = self.counters.get(name)
        if series is None:
            series = self.counters[name] = {}
        series[labels] = series.get(labels, 0.0) + amount

    def _observe(self, name: str, labels: Labels, value: float) -> None:
        self._histogram(name, labels).observe(value, self.bounds(name, labels[0]))

    def _histogram(self, name: str, labels: Labels) -> HistogramSeries:
        series = self.histograms.get(name)
        if series is None:
            series = self.histograms[name] = {}
        histogram = series.get(labels)
        if histogram is None:
            histogram = series[labels] = HistogramSeries()
        return histogram


def amounts_of(result: Result) -> list[tuple[str, float]]:
    """Tokens and cost of a call, by counter, and whether its cost is known.

    Raises:
        ValueError, OverflowError: a number is negative, or too large for a counter.
    """
    amounts: list[tuple[str, float]] = [(name, count) for name, count in _reported(result.usage) if count is not None]
    if result.estimated is not None:
        amounts += _estimated(result.usage, result.estimated)
    if result.cost is not None and result.currency is not None:
        amounts += [(cost_family(result.currency).name, result.cost), (definitions.PRICED_CALLS, 1)]
    elif _may_be_charged(result):
        amounts.append((definitions.UNPRICED_CALLS, 1))
    for name, amount in amounts:
        if not 0 <= float(amount) < math.inf:
            raise ValueError(f"{name} can't grow by {amount}")
    return amounts


def check_amounts(result: Result) -> None:
    """Whether the amounts of a call can be counted, for one that is not.

    Raises:
        ValueError, OverflowError: as `amounts_of`.
    """
    usage, cost = result.usage, result.cost
    read, written, cached, thought = usage.input, usage.output, usage.cached_input, usage.reasoning
    if (
        result.estimated is None
        and (read is None or 0 <= read <= _PLAIN)
        and (written is None or 0 <= written <= _PLAIN)
        and (cached is None or 0 <= cached <= _PLAIN)
        and (thought is None or 0 <= thought <= _PLAIN)
        and (cost is None or 0 <= cost <= _PLAIN)
    ):
        return
    amounts_of(result)


def _reported(usage: Usage) -> tuple[tuple[str, int | None], ...]:
    return (
        (definitions.INPUT_TOKENS, usage.input),
        (definitions.OUTPUT_TOKENS, usage.output),
        (definitions.CACHED_INPUT_TOKENS, usage.cached_input),
        (definitions.REASONING_TOKENS, usage.reasoning),
    )


def _estimated(reported: Usage, estimated: Usage) -> Iterator[tuple[str, float]]:
    """Estimated tokens, counted as tokens and as their estimated part; without counts reported as implausible."""
    for name, part, field in _ESTIMATED_TOKENS:
        tokens = getattr(estimated, field)
        if tokens is not None and getattr(reported, field) is None and field not in (reported.implausible or ()):
            yield name, tokens
            yield part, tokens


def _may_be_charged(result: Result) -> bool:
    """Whether the provider received the request and did not refuse it; a model list is free."""
    if result.operation == "models":
        return False
    if result.request_sent is None and (result.source is not Source.APP or not _sent_by_application(result)):
        return False
    return result.status_code is None or result.status_code < HTTPStatus.BAD_REQUEST


# Before any answer: what says that an application's request had been sent. No transport but ours tells when it was.
_AFTER_SENDING = frozenset((Outcome.TIMEOUT_TTFT, Outcome.TIMEOUT_TOTAL, Outcome.CANCELLED))
_BROKEN_OFF = frozenset((FailureReason.CLOSED, FailureReason.BROKEN, FailureReason.RESET, FailureReason.NOT_HTTP))


def _sent_by_application(result: Result) -> bool:
    answered = result.status_code is not None or result.outcome is Outcome.OK
    return answered or result.outcome in _AFTER_SENDING or result.failure_reason in _BROKEN_OFF


class Gauge(NamedTuple):
    """One sample of a gauge family."""

    name: str
    labels: tuple[tuple[str, str], ...]
    value: float


class Gauges:
    """The current values of gauges."""

    def __init__(self) -> None:
        self._values: dict[tuple[str, tuple[tuple[str, str], ...]], float] = {}
        self._lock = Lock()

    def set(self, name: str, value: float, /, **labels: str) -> None:
        """Sets a series to a value.

        Raises:
            KeyError: no such family.
            ValueError: the labels are not the family's.
            OverflowError: the value is too large for a float.
        """
        key, number = _gauge_key(name, labels), float(value)
        with self._lock:
            self._values[key] = number

    def get(self, name: str, /, **labels: str) -> float | None:
        """The value of a series, or None."""
        with self._lock:
            return self._values.get(_gauge_key(name, labels))

    def update(self, other: "Gauges") -> None:
        """Copies the values of other gauges."""
        values = {(gauge.name, gauge.labels): gauge.value for gauge in other}
        with self._lock:
            self._values.update(values)

    def __iter__(self) -> Iterator[Gauge]:
        with self._lock:
            items = list(self._values.items())
        return (Gauge(name, labels, value) for (name, labels), value in items)


def _gauge_key(name: str, labels: dict[str, str]) -> tuple[str, tuple[tuple[str, str], ...]]:
    described = family(name)
    own = described.labels
    extra = () if len(labels) == len(own) else tuple(sorted(labels.keys() - set(own)))
    if not labels.keys() >= set(own) or (extra and not described.extensible):
        raise ValueError(f"{name} has the labels {', '.join(own)}, not {', '.join(labels)}")
    return name, tuple((label, labels[label]) for label in (*own, *extra))
