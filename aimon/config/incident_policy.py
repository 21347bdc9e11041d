"""When an endpoint's failures are an incident, and when it is over: thresholds as the tracker uses them."""

from __future__ import annotations

from typing import Final, NamedTuple

import msgspec


class Threshold(NamedTuple):
    """Reached by `bad` bad results among the last `of` results that say something about the endpoint."""

    bad: int
    of: int

    def __str__(self) -> str:
        return f"{self.bad} of {self.of}"


_THREE_OF_FIVE: Final = Threshold(3, 5)
_THREE_OF_TWENTY: Final = Threshold(3, 20)


class IncidentPolicy(msgspec.Struct, frozen=True):
    """Thresholds of one endpoint. Durations are seconds.

    Attributes:
        open: failures after which an incident opens.
        resolve: successes in a row after which it is over.
        severity: of an outage: critical, warning or info.
        flapping: an incident that opens as often as this within an hour is flapping: it then takes more successes
            until it is over.
        group_wait: how long to wait for other endpoints of the same provider before the first notice.
        latency: a successful call that takes longer is slow; None: none is.
        ttft: one whose first visible text comes later is slow; None: none is.
        slow: slow calls after which the endpoint is degraded; None: never.
        failures: failures after which it is degraded, where they are too few for an incident of its own; None: never.
        steady: good results in a row after which it is degraded no more.
    """

    open: Threshold = _THREE_OF_FIVE
    resolve: int = 2
    severity: str = "critical"
    flapping: int = 3
    group_wait: float = 15.0
    latency: float | None = None
    ttft: float | None = None
    slow: Threshold | None = _THREE_OF_FIVE
    failures: Threshold | None = _THREE_OF_TWENTY
    steady: int = 5


DEFAULT: Final = IncidentPolicy()
