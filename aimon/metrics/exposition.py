"""Exposes the metrics: as the text of a scrape, as a textfile, as the bodies of a push.

The only module that imports prometheus_client, and only when called: the import takes as long as a probe.
The text is always Prometheus' own format 0.0.4, never OpenMetrics: its bucket labels would read `le="1.0"`
where the Pushgateway and node_exporter write `le="1"`, so one bucket would become two series.
"""

from __future__ import annotations

from collections import defaultdict
from typing import TYPE_CHECKING

from aimon import files
from aimon.call.containment import isolated
from aimon.metrics.definitions import FAMILIES, Family, family
from aimon.metrics.totals import Gauges, Totals

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator
    from pathlib import Path

    from prometheus_client.metrics_core import Metric

CONTENT_TYPE = "text/plain; version=0.0.4; charset=utf-8"

Grouping = tuple[tuple[str, str], ...]
"""The labels that name a group of the Pushgateway, `job` first."""


class Exposition:
    """A prometheus_client collector of totals and gauges, as they are at each scrape.

    Register one in an application's own registry to expose aimon's metrics beside its own.
    """

    def __init__(self, totals: Totals | None, gauges: Gauges | None = None) -> None:
        self._totals = totals
        self._gauges = gauges

    def collect(self) -> Iterator[Metric]:
        """Yields the families that have series, in the order of the table."""
        found: dict[str, Metric] = {}
        totals = Totals() if self._totals is None else self._totals.copy()
        for name, counters in totals.counters.items():
            found[name] = _counter(family(name), counters.items())
        for name in totals.histograms:
            found[name] = _histogram(family(name), totals)
        for gauge in self._gauges or ():
            metric = found.get(gauge.name)
            if metric is None:
                metric = found[gauge.name] = _empty_gauge(family(gauge.name))
            metric.add_sample(gauge.name, dict(gauge.labels), gauge.value)
        order = [*FAMILIES, *(found.keys() - FAMILIES.keys())]
        return (found[name] for name in order if name in found)


def render(totals: Totals | None, gauges: Gauges | None = None) -> tuple[bytes, str]:
    """The text of a scrape and its content type."""
    from prometheus_client.exposition import generate_latest  # noqa: PLC0415 - see the module's docstring

    return generate_latest(Exposition(totals, gauges)), CONTENT_TYPE


def textfile(path: Path, totals: Totals | None, gauges: Gauges | None = None) -> None:
    """Writes the metrics for node_exporter's textfile collector: atomically, readable by all users.

    Raises:
        ValueError: the name does not end in `.prom`: node_exporter reads no other files.
        OSError: the file cannot be written.
    """
    if path.suffix != ".prom":
        raise ValueError(f"{path}: node_exporter reads only files that end in .prom: write {path.stem}.prom")
    body, _ = render(totals, gauges)
    files.write(path, body, mode=files.EVERYBODY)


def push_bodies(totals: Totals | None, gauges: Gauges | None, *, job: str, region: str) -> dict[Grouping, bytes]:
    """The bodies to push, by group: one for each endpoint and one for metrics without an endpoint.

    An endpoint's group is {job, region, endpoint}; the rest goes into {job, region}. The bodies repeat the
    labels of their group, so the gateway adds no labels of its own.
    """
    parts: defaultdict[Grouping, tuple[Totals, Gauges]] = defaultdict(lambda: (Totals(), Gauges()))
    everything = Totals() if totals is None else totals.copy()
    for name, counters in everything.counters.items():
        for labels, value in counters.items():
            part, _ = parts[_grouping(job, region, family(name), labels)]
            part.counters.setdefault(name, {})[labels] = value
    for name, histograms in everything.histograms.items():
        for labels, histogram in histograms.items():
            part, _ = parts[_grouping(job, region, family(name), labels)]
            part.histograms.setdefault(name, {})[labels] = histogram
            part.set_bounds(name, labels[0], everything.bounds(name, labels[0]))
    for gauge in gauges or ():
        _, own = parts[_grouping(job, region, family(gauge.name), tuple(value for _, value in gauge.labels))]
        own.set(gauge.name, gauge.value, **dict(gauge.labels))
    bodies = {}
    for grouping, (counted, shown) in parts.items():
        with isolated(dict(grouping).get("endpoint", ""), "published"):
            bodies[grouping] = render(counted, shown)[0]
    return bodies


def endpoint_grouping(job: str, region: str, endpoint: str) -> Grouping:
    """The group of one endpoint's metrics."""
    return (("job", job), ("region", region), ("endpoint", endpoint))


def _grouping(job: str, region: str, described: Family, labels: tuple[str, ...]) -> Grouping:
    own = dict(zip(described.labels, labels, strict=False))
    if "endpoint" in own:
        return endpoint_grouping(job, own["region"], own["endpoint"])
    return (("job", job), ("region", region))


def _counter(described: Family, series: Iterable[tuple[tuple[str, ...], float]]) -> Metric:
    from prometheus_client.metrics_core import CounterMetricFamily  # noqa: PLC0415 - see the module's docstring

    metric = CounterMetricFamily(described.name, described.help, labels=described.labels)
    for labels, value in series:
        metric.add_metric(labels, value)
    return metric


def _histogram(described: Family, totals: Totals) -> Metric:
    from prometheus_client.metrics_core import HistogramMetricFamily  # noqa: PLC0415 - see the module's docstring

    metric = HistogramMetricFamily(described.name, described.help, labels=described.labels)
    for labels, histogram in totals.histograms[described.name].items():
        buckets = histogram.cumulative(totals.bounds(described.name, labels[0]))
        metric.add_metric(labels, [(_bound(end), count) for end, count in buckets], histogram.sum)
    return metric


def _empty_gauge(described: Family) -> Metric:
    from prometheus_client.metrics_core import GaugeMetricFamily  # noqa: PLC0415 - see the module's docstring

    return GaugeMetricFamily(described.name, described.help, labels=described.labels)


def _bound(value: float) -> str:
    # The float format of Go, and so of the Pushgateway and node_exporter: 1, not 1.0.
    if value == float("inf"):
        return "+Inf"
    return repr(value).removesuffix(".0")
