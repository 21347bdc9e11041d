"""`/status.json`: the shape of Statuspage's summary.json (API v2), which aggregators of status pages read.

Its words know no endpoint of which nothing is known: there `status` is null, and `aimon_state` says why.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any
from urllib.parse import quote

from aimon.probes.incidents import announcements, reader
from aimon.probes.incidents.kinds import Kind
from aimon.probes.service.api.answers import moment
from aimon.probes.service.feeds.condition import Condition, conditions

if TYPE_CHECKING:
    from aimon.probes.incidents.reader import Incident
    from aimon.probes.service.context import ServiceContext

_STATUS: dict[Condition, str | None] = {
    Condition.UP: "operational",
    Condition.DEGRADED: "degraded_performance",
    Condition.BLOCKED: "partial_outage",
    Condition.DOWN: "major_outage",
    Condition.MAINTENANCE: "under_maintenance",
    Condition.PAUSED: None,
    Condition.UNKNOWN: None,
}
_IMPACT = {Kind.OUTAGE: "critical", Kind.HEARTBEAT: "critical", Kind.ACCOUNT: "major", Kind.CONFIG: "major"}
_DESCRIPTION = {
    "none": "All endpoints work",
    "minor": "Some endpoints are degraded",
    "major": "Some endpoints are down",
    "critical": "All endpoints are down",
    "maintenance": "Maintenance",
}


def status(context: ServiceContext, base: str, now: float) -> dict[str, Any]:
    """The summary.

    Raises:
        HistoryError: the history cannot be read.
    """
    database = context.open_history().database
    found = conditions(context, context.endpoints, now)
    indicator = _indicator([each.condition for each in found])
    opened = reader.incidents(database, only_open=True, limit=100).incidents
    return {
        "page": {"id": "aimon", "name": "aimon", "url": f"{base}/", "time_zone": "Etc/UTC", "updated_at": moment(now)},
        "status": {"indicator": indicator, "description": _DESCRIPTION[indicator]},
        "components": [
            {
                "id": each.identity.endpoint,
                "name": each.identity.endpoint,
                "description": each.identity.model,
                "status": _STATUS[each.condition],
                "aimon_state": each.condition.value,
                "updated_at": moment(each.glance.last_run_at),
                "position": position,
                "group": False,
            }
            for position, each in enumerate(found, 1)
        ],
        "incidents": [_incident(each, base) for each in opened],
        "scheduled_maintenances": [
            {
                "id": f"maintenance-{each.id}",
                "name": each.title,
                "status": "in_progress" if each.starts <= now else "scheduled",
                "impact": "maintenance",
                "scheduled_for": moment(each.starts),
                "scheduled_until": moment(each.ends),
            }
            for each in announcements.maintenances(database)
            if each.ends > now
        ],
    }


def _indicator(found: list[Condition]) -> str:
    down = sum(each is Condition.DOWN for each in found)
    if down:
        return "critical" if down == len(found) else "major"
    if {Condition.DEGRADED, Condition.BLOCKED} & set(found):
        return "minor"
    return "maintenance" if Condition.MAINTENANCE in found else "none"


def _incident(incident: Incident, base: str) -> dict[str, Any]:
    return {
        "id": str(incident.id),
        "name": f"{incident.endpoint}: {incident.kind.value}",
        "status": "investigating",
        "impact": _IMPACT.get(incident.kind, "minor"),
        "created_at": moment(incident.opened_at),
        "started_at": moment(incident.began_at),
        "updated_at": moment(incident.opened_at),
        "resolved_at": None,
        "shortlink": f"{base}/endpoint/{quote(incident.endpoint, safe='')}",
        "components": [{"id": incident.endpoint, "name": incident.endpoint}],
        "incident_updates": [],
    }
