"""Reads what the meter of this process has counted."""

from __future__ import annotations

import gc
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from aimon.metering import default
from aimon.metrics import definitions

if TYPE_CHECKING:
    from aimon.call.result import Result


@dataclass
class Metered:
    """The calls that were metered."""

    results: list[Result] = field(default_factory=list)

    def outcomes(self) -> dict[str, float]:
        """How many calls had each outcome."""
        if any(self.gauge(definitions.IN_FLIGHT)):
            gc.collect()  # calls that were thrown away
        found: dict[str, float] = {}
        for labels, count in self.counter(definitions.REQUESTS).items():
            if count:
                found[labels[-1]] = found.get(labels[-1], 0) + count
        return found

    def counter(self, name: str) -> dict[tuple[str, ...], float]:
        """A counter, by the values of its labels."""
        totals, _ = default.meter().snapshot()
        return totals.counters.get(name, {})

    def total(self, name: str) -> float:
        """A counter, over all of its series."""
        return sum(self.counter(name).values())

    def gauge(self, name: str) -> list[float]:
        """The values of a gauge."""
        _, gauges = default.meter().snapshot()
        return [gauge.value for gauge in gauges if gauge.name == name]

    @property
    def faults(self) -> float:
        """Faults of the metering itself."""
        return self.total(definitions.INTERNAL_ERRORS)
