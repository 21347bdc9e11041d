"""Which rules there are: the static default set, and that of a configuration."""

from __future__ import annotations

from typing import TYPE_CHECKING

from aimon.config.endpoint import LatencyObjective
from aimon.config.resolution.defaults import effective
from aimon.config.resolution.resolver import slo_of
from aimon.config.resolution.schedule import timing
from aimon.dashboards.rules import burn, guide, probing, recording, traffic
from aimon.dashboards.rules.document import Group
from aimon.dashboards.rules.thresholds import Thresholds

if TYPE_CHECKING:
    from aimon.config import Config
    from aimon.dashboards.rules.document import Alert

AVAILABILITY = 0.995
LATENCY = LatencyObjective("latency", 0.99, 10.0)


def default(currency: str = "CNY", limits: Thresholds | None = None) -> list[Group]:
    """The set for people without a configuration: every endpoint is held to 99.5 %, and to 99 % within 10 s."""
    return [
        *_common(currency, limits or Thresholds()),
        burn.slow_calls(LATENCY),
        Group("aimon-slo", (*burn.availability(AVAILABILITY), *burn.latency(LATENCY))),
    ]


def for_config(config: Config, limits: Thresholds | None = None) -> list[Group]:
    """The set of a configuration: its currency, and the objectives that each of its endpoints has.

    Neither keys nor other variables are needed.
    """
    groups = _common(config.currency, limits or Thresholds())
    for written in config.endpoints:
        endpoint = effective(config, written)
        interval, _ = timing(endpoint.interval or config.defaults.interval, config.timezone)
        slo = slo_of(endpoint.slo)
        alerts: list[Alert] = []
        if slo.availability is not None:
            alerts += burn.availability(slo.availability, endpoint=endpoint.name, interval=interval)
        for objective in slo.objectives:
            groups.append(burn.slow_calls(objective, endpoint=endpoint.name))
            alerts += burn.latency(objective, endpoint=endpoint.name, interval=interval)
        if alerts:
            groups.append(Group(f"aimon-slo-{endpoint.name}", tuple(alerts)))
    return groups


def _common(currency: str, limits: Thresholds) -> list[Group]:
    return [
        recording.sli(),
        recording.cost(currency),
        recording.aliases(currency),
        guide.group(limits, currency),
        Group("aimon-traffic", traffic.alerts(limits, currency)),
        Group("aimon-probing", probing.alerts(limits)),
    ]
