"""The cumulative metrics of a run before its first call."""

from __future__ import annotations

from typing import TYPE_CHECKING

from aimon.metrics.totals import Totals

if TYPE_CHECKING:
    from collections.abc import Iterable

    from aimon.config.endpoint import Endpoint
    from aimon.pricing import PriceBook


def declared(endpoints: Iterable[tuple[Endpoint, PriceBook]]) -> Totals:
    """Metrics in which the endpoints' series are there from the beginning, at 0."""
    totals = Totals()
    for endpoint, prices in endpoints:
        target = endpoint.target
        priced = prices.knows(target.provider, target.model, endpoint.name)
        totals.declare(endpoint.identity, currency=prices.currency if priced else None)
    return totals
