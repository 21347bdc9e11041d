"""What the service says of itself to Prometheus."""

from __future__ import annotations

from contextlib import suppress
from typing import TYPE_CHECKING

from aimon import __version__
from aimon.metrics import definitions, scrape_text
from aimon.metrics.totals import Gauges, Totals
from aimon.probes.history.database import HistoryError
from aimon.probes.service.metrics.incident_metrics import add_incidents

if TYPE_CHECKING:
    from aimon.metrics.scrape_text import Parts
    from aimon.probes.service.context import ServiceContext


def self_metrics(context: ServiceContext) -> Parts:
    """The samples of the scheduler, the configuration and the history."""
    return scrape_text.parts(_totals(context), gauges_of(context))


def _totals(context: ServiceContext) -> Totals:
    totals, scheduler = Totals(), context.scheduler
    totals.counters = {
        definitions.SCHEDULER_MISSED: {(reason,): count for reason, count in scheduler.missed.copy().items()},
        definitions.CLOCK_JUMPS: {(): scheduler.jumps},
        definitions.RESULTS_DROPPED: {(): context.state.dropped},
    }
    totals.histograms = {definitions.SCHEDULER_LATENESS: {(): scheduler.lateness.series.copy()}}
    return totals


def gauges_of(context: ServiceContext) -> Gauges:
    """The gauges among them."""
    gauges = Gauges()
    gauges.set(definitions.BUILD_INFO, 1, version=__version__)
    under_way = context.scheduler.under_way.copy()
    maintained = context.maintenance.names(context.clock())
    for endpoint in context.endpoints:
        labels = endpoint.identity.labels
        gauges.set(definitions.IN_FLIGHT, float(endpoint.name in under_way), **labels)
        gauges.set(definitions.PROBE_MAINTENANCE, float(endpoint.name in maintained), **labels)
    gauges.set(definitions.SCHEDULER_HEARTBEAT, context.scheduler.heartbeat)
    gauges.set(definitions.SCHEDULER_LAG, context.scheduler.lag)
    status = context.status
    gauges.set(definitions.CONFIG_RELOAD_SUCCESSFUL, float(status.reload_error is None))
    gauges.set(definitions.CONFIG_LOADED, status.loaded_at)
    gauges.set(definitions.HISTORY_AVAILABLE, float(context.history_problem is None))
    gauges.set(definitions.RESULTS_WAITING, context.state.waiting)
    with suppress(HistoryError):  # which aimon_history_available tells
        add_incidents(gauges, context)
    return gauges
