"""The values of the metrics: cumulative totals that can be stored, merged and exposed, and gauges.

prometheus_client's own instruments can't be restored from a store, which one-shot runs need, so the values are kept
here and `aimon.metrics.exposition` passes them to prometheus_client. Both classes may be used from
several threads: a scrape sees a consistent copy while calls are being observed.
"""

import math
from bisect import bisect_left
from collections.abc import Collection, Iterable, Iterator, Mapping
from threading import Lock
from typing import Final, NamedTuple, Self

from aimon.call.outcome import Fault, Outcome
from aimon.call.result import Result
from aimon.metrics.amounts import COUNTERS, amounts_of
from aimon.metrics.definitions import DURATION, REQUESTS, TPOT, TTFT, cost_family, family

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
_OK: Final = Outcome.OK
_NOT_MADE = frozenset(o for o in Outcome if o.fault is Fault.PROBER)
# Probes and load tests break off no call.
_NEVER_PROBED = frozenset((Outcome.CANCELLED,))
_BUCKETS = {name: family(name).buckets for name in (DURATION, TTFT, TPOT)}
_STATUSES = ("success", "error")


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
        names = COUNTERS if currency is None else (*COUNTERS, cost_family(currency).name)
        with self._lock:
            for name, values in (thresholds or {}).items():
                bounds = {*self.bounds(name, identity.endpoint), *(float(value) for value in values)}
                self.set_bounds(name, identity.endpoint, tuple(sorted(bounds)))
            for outcome, status_outcome in _STATUS_OUTCOME.items():
                if application or outcome not in _NEVER_PROBED:
                    self._count(REQUESTS, labels + status_outcome, 0)
            for name in names:
                self._count(name, labels, 0)
            for status in _STATUSES:
                self._histogram(DURATION, (*labels, status))
            for name in (TTFT, TPOT):
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
            self._count(REQUESTS, (*labels, status, value), 1)
            if outcome not in _NOT_MADE:
                self._observe(DURATION, (*labels, status), result.end)
            if outcome is _OK:
                if result.first_token is not None:
                    self._observe(TTFT, labels, result.first_token)
                if tpot is not None:
                    self._observe(TPOT, labels, tpot)
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
        try:
            self.counters[name][labels] += amount
        except KeyError:
            self.counters.setdefault(name, {})[labels] = 0.0 + amount

    def _observe(self, name: str, labels: Labels, value: float) -> None:
        bounds = self._bounds.get((name, labels[0])) or _BUCKETS[name]
        self._histogram(name, labels).observe(value, bounds)

    def _histogram(self, name: str, labels: Labels) -> HistogramSeries:
        try:
            return self.histograms[name][labels]
        except KeyError:
            histogram = self.histograms.setdefault(name, {})[labels] = HistogramSeries()
            return histogram


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
