"""Reads back what earlier runs pushed to a Pushgateway."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import msgspec

from aimon.metrics.definitions import COST_PREFIX, find
from aimon.metrics.push_error import PushError
from aimon.metrics.totals import HistogramSeries, Identity, Totals
from aimon.security.redact import bounded

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping

    from aimon.metrics.definitions import Family
    from aimon.metrics.pushgateway import Gateway


class Held(msgspec.Struct, frozen=True):
    """The totals of endpoints in a Pushgateway, and their gauges that have no further labels."""

    totals: Totals = msgspec.field(default_factory=Totals)
    gauges: dict[Identity, dict[str, float]] = msgspec.field(default_factory=dict)


def read_back(gateway: Gateway, job: str, identities: Collection[Identity] | None = None) -> Held:
    """What the groups of a job hold of these endpoints, or of all.

    Raises:
        PushError: the gateway can't be read, or the server is not a Pushgateway.
    """
    from aimon.metrics import pushgateway  # noqa: PLC0415 - start-up: most runs push nothing

    held = Held()
    try:
        for group in pushgateway.read(gateway):
            if group["labels"].get("job") != job:
                continue
            for name, content in group.items():
                described = find(name)
                if described is not None and content["type"] == described.kind.upper():
                    _take(held, described, content["metrics"], identities)
    except (KeyError, TypeError, ValueError, AttributeError) as error:
        raise PushError(
            f"{gateway.url} answers in a way that no known Pushgateway does ({bounded(repr(error), 100)}): "
            "check the address"
        ) from error
    return held


def _take(
    held: Held, described: Family, metrics: list[Mapping[str, Any]], identities: Collection[Identity] | None
) -> None:
    for metric in metrics:
        # The gateway omits empty labels.
        labels = tuple(metric["labels"].get(label, "") for label in described.labels)
        identity = Identity(*labels[:4]) if len(labels) >= len(Identity._fields) else None
        if identities is not None and identity not in identities:
            continue
        if described.name.startswith(COST_PREFIX) and not float(metric["value"]):
            continue  # earlier versions pushed 0 for an unknown price
        if described.kind == "counter":
            held.totals.counters.setdefault(described.name, {})[labels] = float(metric["value"])
        elif described.kind == "histogram":
            held.totals.histograms.setdefault(described.name, {})[labels] = _histogram(metric)
        elif identity is not None and labels == identity:
            held.gauges.setdefault(identity, {})[described.name] = float(metric["value"])


def _histogram(metric: Mapping[str, Any]) -> HistogramSeries:
    counts: dict[float, float] = {}
    below = 0.0
    for bound, count in sorted((float(bound), float(count)) for bound, count in metric["buckets"].items()):
        counts[bound] = count - below
        below = count
    return HistogramSeries(counts, float(metric["sum"]))
