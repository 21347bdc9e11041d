"""An endpoint's thresholds of incidents, with limits of time from its objectives."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from msgspec.structs import asdict

from aimon.config.incident_policy import DEFAULT, IncidentPolicy
from aimon.config.model.alerting import NEVER

if TYPE_CHECKING:
    from aimon.config.endpoint import Slo
    from aimon.config.model.config import EndpointSection
    from aimon.config.model.sections import Section

# A call above the median says nothing, and one above P90 little: of the objectives the highest percentile counts.
_LEAST_QUANTILE: Final = 0.9


def policy(written: EndpointSection, slo: Slo) -> IncidentPolicy:
    """The thresholds of an endpoint.

    Args:
        written: with the defaults filled in.
        slo: its objectives, resolved.
    """
    incident, degraded = _given(written.incident), _given(written.degraded)
    values: dict[str, Any] = {**asdict(DEFAULT), "latency": _limit(slo, "latency"), "ttft": _limit(slo, "ttft")}
    values |= incident
    values |= {name: value for name, value in degraded.items() if name != "resolve"}
    values["steady"] = degraded.get("resolve", DEFAULT.steady)
    for name in ("slow", "failures"):
        if values[name] == NEVER:
            values[name] = None
    return IncidentPolicy(**values)


def _given(section: Section) -> dict[str, Any]:
    return {name: value for name in section.KEYS if (value := getattr(section, name)) is not None}


def _limit(slo: Slo, measure: str) -> float | None:
    found = [o for o in slo.objectives if o.measure == measure and o.quantile >= _LEAST_QUANTILE]
    return max(found, key=lambda objective: objective.quantile).threshold if found else None
