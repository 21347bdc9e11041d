"""The settings of a configured endpoint that metrics and state need."""

from __future__ import annotations

from types import MappingProxyType
from typing import TYPE_CHECKING, Self

import msgspec

from aimon.metrics.definitions import DURATION, TTFT

if TYPE_CHECKING:
    from collections.abc import Mapping

    from aimon.config.endpoint import Endpoint
    from aimon.metrics.totals import Identity

_NONE: Mapping[str, str] = MappingProxyType({})


class MonitoredEndpoint(msgspec.Struct, frozen=True):
    """One configured endpoint.

    Attributes:
        identity: its labels.
        interval: seconds between probes; None if not configured.
        currency: the reporting currency; None if its calls are not priced.
        priced: whether a price is known before any call; if not, the cost is unknown rather than 0.
        daily_budget: in that currency; None without one.
        latency_slo: latency objectives in seconds; each becomes a bucket boundary.
        ttft_slo: the same for the time to first token.
        labels: from the configuration, exposed by `aimon_endpoint_info`.
    """

    identity: Identity
    interval: float | None = None
    currency: str | None = None
    priced: bool = True
    daily_budget: float | None = None
    latency_slo: tuple[float, ...] = ()
    ttft_slo: tuple[float, ...] = ()
    labels: Mapping[str, str] = msgspec.field(default_factory=lambda: _NONE)

    @classmethod
    def of(cls, endpoint: Endpoint, currency: str, *, priced: bool = True) -> Self:
        """The settings of a configured endpoint; `currency` is the reporting currency."""
        slos: dict[str, list[float]] = {"latency": [], "ttft": []}
        for objective in endpoint.slo.objectives:
            slos.setdefault(objective.measure, []).append(objective.threshold)
        return cls(
            endpoint.identity,
            interval=endpoint.interval,
            currency=currency,
            priced=priced,
            daily_budget=None if endpoint.budget is None else endpoint.budget.per_day,
            latency_slo=tuple(slos["latency"]),
            ttft_slo=tuple(slos["ttft"]),
            labels=endpoint.labels,
        )

    @property
    def cost_currency(self) -> str | None:
        """The currency of its cost counter, which starts at 0; None without a known price."""
        return self.currency if self.priced else None

    @property
    def thresholds(self) -> dict[str, tuple[float, ...]]:
        """The bucket boundaries that the endpoint adds, by histogram family."""
        return {DURATION: self.latency_slo, TTFT: self.ttft_slo}
