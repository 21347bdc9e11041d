"""How an endpoint is in one word: by its incidents, or if nobody can tell, why."""

from __future__ import annotations

from enum import StrEnum
from typing import TYPE_CHECKING, NamedTuple

from aimon.probes.history.queries.overview import Glance, State, glances
from aimon.probes.incidents.kinds import State as Status
from aimon.probes.incidents.reader import states

if TYPE_CHECKING:
    from collections.abc import Sequence

    from aimon.config.endpoint import Endpoint
    from aimon.metrics.totals import Identity
    from aimon.probes.service.context import ServiceContext


class Condition(StrEnum):
    """One word for an endpoint."""

    UP = "up"
    DEGRADED = "degraded"
    BLOCKED = "blocked"
    DOWN = "down"
    MAINTENANCE = "maintenance"
    PAUSED = "paused"
    UNKNOWN = "unknown"


_UNTOLD = {State.PAUSED: Condition.PAUSED, State.SILENT: Condition.UNKNOWN, State.UNKNOWN: Condition.UNKNOWN}


class Conditioned(NamedTuple):
    """An endpoint, and how it is."""

    identity: Identity
    glance: Glance
    condition: Condition


def conditions(context: ServiceContext, endpoints: Sequence[Endpoint], now: float) -> list[Conditioned]:
    """How endpoints are.

    An incident opens after several failures: until then an endpoint whose last probe failed is still up, if it ever
    was.

    Raises:
        HistoryError: the history cannot be read.
    """
    database = context.open_history().database
    intervals = {endpoint.name: endpoint.interval for endpoint in endpoints}
    by_incidents = states(database, intervals, now, planned=sorted(context.maintenance.names(now)))
    found = glances(database, now, {endpoint.identity: endpoint.interval for endpoint in endpoints})
    return [
        Conditioned(identity, glance, _condition(glance, by_incidents[identity.endpoint].state))
        for identity, glance in found.items()
    ]


def _condition(glance: Glance, status: Status) -> Condition:
    if status is Status.MAINTENANCE:
        return Condition.MAINTENANCE
    if glance.state in _UNTOLD:
        return _UNTOLD[glance.state]
    # Where none of its results was looked at yet, or none was a success, its last probe tells.
    if status is Status.UNKNOWN or (status is Status.UP and glance.last_success_at is None):
        by_probe = {State.UP: Condition.UP, State.DOWN: Condition.DOWN, State.REFUSED: Condition.BLOCKED}
        return by_probe[glance.state]
    return Condition(status.value)
