"""Operations about incidents, announcements and maintenance."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Literal

from msgspec import Meta, Struct

from aimon.config.yaml.issues import shown, suggestion
from aimon.probes.incidents import announcements, reader
from aimon.probes.incidents.kinds import Kind
from aimon.probes.service.api import answers
from aimon.probes.service.api.answers import moment
from aimon.probes.service.api.endpoints import Moment
from aimon.probes.service.api.problems import ProblemError

if TYPE_CHECKING:
    from aimon.probes.service.api.operation import Call

Title = Annotated[str, Meta(min_length=1, max_length=200, pattern=r"\S", description="In a few words.")]
Names = Annotated[tuple[str, ...], Meta(max_length=1000, description="Which endpoints it concerns; all by default.")]


class IncidentsQuery(Struct):
    """Which incidents."""

    endpoint: Annotated[str, Meta(description="Only of this endpoint.")] | None = None
    provider: Annotated[str, Meta(description="Only of this provider.")] | None = None
    kind: Annotated[Kind, Meta(description="Only of this kind.")] | None = None
    open: Annotated[bool, Meta(description="Whether to leave out those that are over.")] = False
    since: Annotated[Moment, Meta(description="Open then or later.")] | None = None
    until: Annotated[Moment, Meta(description="Opened then or before.")] | None = None
    limit: Annotated[int, Meta(ge=1, le=1000, description="How many on a page.")] = 100
    cursor: Annotated[str, Meta(pattern="^[0-9]{1,18}$", description="`next` of the page before.")] | None = None


class NewAnnouncement(Struct, forbid_unknown_fields=True):
    """Something to tell the readers of the status page."""

    title: Title
    text: Annotated[str, Meta(max_length=5000, description="In some more.")] | None = None
    severity: Annotated[Literal["info", "warning", "critical"], Meta(description="How it is shown.")] = "info"
    starts: Annotated[Moment, Meta(description="From when on it is shown; at once by default.")] | None = None
    ends: Annotated[Moment, Meta(description="Until when; until it is deleted by default.")] | None = None
    endpoints: Names = ()


class NewMaintenance(Struct, forbid_unknown_fields=True):
    """A time at which endpoints are worked on: they are not probed then, and uptime does not count it."""

    title: Title
    starts: Annotated[Moment, Meta(description="When it begins.")]
    ends: Annotated[Moment, Meta(description="When it ends.")]
    endpoints: Names = ()


def list_incidents(call: Call) -> answers.Incidents:
    """Incidents, by the page."""
    query: IncidentsQuery = call.query
    page = reader.incidents(
        call.database,
        endpoint=query.endpoint,
        provider=query.provider,
        kind=query.kind,
        only_open=query.open,
        since=None if query.since is None else query.since.timestamp(),
        until=None if query.until is None else query.until.timestamp(),
        limit=query.limit + 1,
        before=None if query.cursor is None else int(query.cursor),
    )
    shown = page.incidents[: query.limit]
    return answers.Incidents(
        [_incident(each, call.now) for each in shown],
        page.total,
        str(shown[-1].id) if len(page.incidents) > query.limit else None,
    )


def get_incident(call: Call) -> answers.IncidentDetail:
    """One incident."""
    number = _number(call, "id")
    found = reader.incident(call.database, number)
    if found is None:
        raise ProblemError(404, f"no incident {number}: GET /api/v1/incidents lists them")
    events = reader.timeline(call.database, number)
    return answers.IncidentDetail(
        _incident(found, call.now), [answers.Event(moment(each.at), each.event, each.detail) for each in events]
    )


def list_announcements(call: Call) -> answers.Announcements:
    """All announcements."""
    return answers.Announcements(
        [
            answers.Announcement(
                each.id,
                each.source,
                each.title,
                each.text,
                each.severity,
                moment(each.starts),
                moment(each.ends),
                list(each.endpoints),
                each.is_shown(call.now),
            )
            for each in announcements.announcements(call.database)
        ]
    )


def add_announcement(call: Call) -> answers.Created:
    """Tells the readers of the page something."""
    body: NewAnnouncement = call.body
    _check_names(call, body.endpoints)
    starts = None if body.starts is None else body.starts.timestamp()
    ends = None if body.ends is None else body.ends.timestamp()
    if ends is not None and ends <= (call.now if starts is None else starts):
        raise ProblemError(422, "ends: must be after starts, and in the future", "ends")
    number = announcements.announce(
        call.writable,
        body.title,
        now=call.now,
        text=body.text,
        severity=body.severity,
        starts=starts,
        ends=ends,
        endpoints=body.endpoints,
    )
    return answers.Created(number)


def delete_announcement(call: Call) -> None:
    """Takes an announcement of the API back."""
    if not announcements.withdraw(call.writable, _number(call, "id")):
        raise ProblemError(
            404, "no announcement of the API has this number; those of the configuration are changed there"
        )


def list_maintenance(call: Call) -> answers.Maintenances:
    """Maintenance that goes on or is to come."""
    asked = [
        answers.Maintenance(
            each.id,
            each.title,
            moment(each.starts),
            moment(each.ends),
            list(each.endpoints),
            each.starts <= call.now < each.ends,
        )
        for each in announcements.maintenances(call.database)
        if each.ends > call.now
    ]
    configured = []
    for window in call.context.maintenance.windows:
        current = window.current(call.now)
        span = current or window.following(call.now)
        if span is not None:
            times = moment(span[0]), moment(span[1])
            configured.append(
                answers.Maintenance(None, window.title, *times, list(window.endpoints), current is not None)
            )
    return answers.Maintenances([*asked, *configured])


def add_maintenance(call: Call) -> answers.Created:
    """Plans a maintenance window."""
    body: NewMaintenance = call.body
    _check_names(call, body.endpoints)
    starts, ends = body.starts.timestamp(), body.ends.timestamp()
    if ends <= starts or ends <= call.now:
        raise ProblemError(422, "ends: must be after starts, and in the future", "ends")
    return answers.Created(
        announcements.plan(call.writable, body.title, starts, ends, now=call.now, endpoints=body.endpoints)
    )


def delete_maintenance(call: Call) -> None:
    """Calls a maintenance window of the API off."""
    if not announcements.cancel(call.writable, _number(call, "id")):
        raise ProblemError(
            404, "no maintenance window of the API has this number; those of the configuration are changed there"
        )


def _check_names(call: Call, names: tuple[str, ...]) -> None:
    known = {each.name: each for each in call.context.endpoints}
    for name in names:
        if name not in known:
            raise ProblemError(422, f"endpoints: no endpoint '{shown(name)}'; {suggestion(name, known)}", "endpoints")


def _number(call: Call, name: str) -> int:
    written = call.path[name]
    # SQLite's integers end there.
    if not (written.isascii() and written.isdigit() and int(written) < 2**63):
        raise ProblemError(404, f"'{shown(written)}' is no number of one")
    return int(written)


def _incident(found: reader.Incident, now: float) -> answers.Incident:
    return answers.Incident(
        id=found.id,
        endpoint=found.endpoint,
        provider=found.provider,
        model=found.model,
        region=found.region,
        kind=found.kind,
        severity=found.severity,
        open=found.is_open,
        flapping=found.flapping,
        began_at=moment(found.began_at),
        opened_at=moment(found.opened_at),
        resolved_at=moment(found.resolved_at),
        duration_s=round(found.duration(now), 3),
        ended_by=found.ended_by,
        outcome=found.outcome,
        error=found.error,
        group=found.group,
    )
