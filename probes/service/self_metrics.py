"""What the service says of itself to Prometheus."""

from __future__ import annotations

from typing import TYPE_CHECKING

from aimon import __version__
from aimon.metrics import definitions
from aimon.metrics.totals import Gauges

if TYPE_CHECKING:
    from aimon.probes.service.context import ServiceContext


def self_metrics(context: ServiceContext) -> Gauges:
    """The gauges of the scheduler, the configuration and the history."""
    gauges = Gauges()
    gauges.set(definitions.BUILD_INFO, 1, version=__version__)
    under_way = context.scheduler.under_way
    for endpoint in context.endpoints:
        gauges.set(definitions.IN_FLIGHT, float(endpoint.name in under_way), **endpoint.identity.labels)
    gauges.set(definitions.SCHEDULER_HEARTBEAT, context.scheduler.heartbeat)
    gauges.set(definitions.SCHEDULER_LAG, context.scheduler.lag)
    status = context.status
    gauges.set(definitions.CONFIG_RELOAD_SUCCESSFUL, float(status.reload_error is None))
    gauges.set(definitions.CONFIG_LOADED, status.loaded_at)
    gauges.set(definitions.HISTORY_AVAILABLE, float(context.history_problem is None))
    gauges.set(definitions.RESULTS_WAITING, context.state.waiting)
    return gauges
