"""Incidents, notifications, programs that report in and account balances as metrics."""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING, Final

from aimon.metrics import definitions
from aimon.probes.balance import ledger
from aimon.probes.heartbeats.state import HeartbeatState, heartbeats
from aimon.probes.incidents import reader
from aimon.probes.notify.deliveries import channel_states

if TYPE_CHECKING:
    from aimon.metrics.totals import Gauges
    from aimon.probes.heartbeats.state import Heartbeat
    from aimon.probes.history.database import Database
    from aimon.probes.service.context import ServiceContext

# A balance that was not told for so many intervals is not known any more.
_MISSED: Final = 3


def add_incidents(gauges: Gauges, context: ServiceContext) -> None:
    """Adds them to gauges.

    Raises:
        HistoryError: they can't be read; those that were read before are added.
    """
    database = context.open_history().database
    opened = Counter(each.endpoint for each in reader.incidents(database, only_open=True, limit=-1).incidents)
    for endpoint in context.endpoints:
        gauges.set(definitions.INCIDENTS_OPEN, opened[endpoint.name], **endpoint.identity.labels)
    for state in channel_states(database, context.selection.channels):
        gauges.set(definitions.NOTIFICATIONS_WAITING, state.waiting, channel=state.name)
        if state.working is not None:
            gauges.set(definitions.CHANNEL_WORKING, float(state.working), channel=state.name)
    for heartbeat in heartbeats(database, context.heartbeats, context.clock()):
        _add_heartbeat(gauges, heartbeat)
    _add_balances(gauges, context, database)


def _add_heartbeat(gauges: Gauges, heartbeat: Heartbeat) -> None:
    if heartbeat.state is HeartbeatState.UNKNOWN or heartbeat.last_at is None or heartbeat.due_at is None:
        return
    gauges.set(definitions.HEARTBEAT_UP, float(heartbeat.state is HeartbeatState.UP), heartbeat=heartbeat.name)
    gauges.set(definitions.HEARTBEAT_LAST, heartbeat.last_at, heartbeat=heartbeat.name)
    gauges.set(definitions.HEARTBEAT_DUE, heartbeat.due_at, heartbeat=heartbeat.name)


def _add_balances(gauges: Gauges, context: ServiceContext, database: Database) -> None:
    config = context.selection.config
    if config is None or not config.balance.enabled:
        return
    now = context.clock()
    for balance in ledger.balances(database, now, newer_than=now - _MISSED * config.balance.interval):
        labels = {"provider": balance.provider, "account": balance.name, "currency": balance.currency}
        gauges.set(definitions.ACCOUNT_BALANCE, balance.amount, **labels)
        gauges.set(definitions.ACCOUNT_TIMESTAMP, balance.at, **labels)
        if balance.days_left is not None:
            gauges.set(definitions.ACCOUNT_REMAINING, balance.days_left * ledger.DAY, **labels)
