"""Incidents as the pages show them: those that were told together are one, with the endpoints that they concern."""

from __future__ import annotations

from typing import TYPE_CHECKING
from urllib.parse import quote

from aimon.language import CHINESE
from aimon.probes.incidents import reader
from aimon.probes.incidents.kinds import Kind
from aimon.probes.notify import sentences
from aimon.probes.service.pages.parts import states
from aimon.probes.service.pages.views import EndpointLink, Event, IncidentView

if TYPE_CHECKING:
    from collections.abc import Sequence

    from aimon.probes.history.database import Database
    from aimon.probes.service.pages.wording.words import Words

_NAMED = 12
_KINDS = {
    Kind.OUTAGE: states.DOWN,
    Kind.ACCOUNT: states.ACCOUNT,
    Kind.CONFIG: states.ACCOUNT,
    Kind.UNRELIABLE: states.DEGRADED,
    Kind.SLOW: states.DEGRADED,
    Kind.BALANCE: states.ACCOUNT,
    Kind.HEARTBEAT: states.DOWN,
}
_TITLES = {
    Kind.OUTAGE: "{name} is down",
    Kind.ACCOUNT: "{name}: key, quota or rate limit",
    Kind.CONFIG: "{name}: configuration",
    Kind.UNRELIABLE: "{name}: some probes fail",
    Kind.SLOW: "{name} is slow",
    Kind.BALANCE: "{name}: the account's balance runs out",
    Kind.HEARTBEAT: "{name} does not report that it is well",
}
_GROUPS = {
    Kind.OUTAGE: "{n} endpoints of {provider} are down",
    Kind.ACCOUNT: "{n} endpoints of {provider}: key, quota or rate limit",
    Kind.CONFIG: "{n} endpoints of {provider}: configuration",
    Kind.UNRELIABLE: "{n} endpoints of {provider}: some probes fail",
    Kind.SLOW: "{n} endpoints of {provider} are slow",
    Kind.BALANCE: "{n} endpoints of {provider}: the account's balance runs out",
    Kind.HEARTBEAT: "{n} programs do not report that they are well",
}
# Of others, such as `announced`, nothing is said: deliveries tell who was told.
_EVENTS = {
    "opened": "opened",
    "flapping": "opens and ends again and again",
    "resolved": "resolved",
    "outage": "became an outage",
    "raised": "became more severe: {detail}",
    "removed": "ended: removed from the configuration",
    "delivered": "notified: {detail}",
    "refused": "notification refused: {detail}",
    "given_up": "notification given up: {detail}",
}


def incident_views(
    database: Database, found: Sequence[reader.Incident], root: str, words: Words
) -> tuple[IncidentView, ...]:
    """These incidents, those of one group together, in the order in which the first of each comes.

    Raises:
        HistoryError: the history can't be read.
    """
    groups: dict[str, list[reader.Incident]] = {}
    for each in found:
        groups.setdefault(each.group, []).append(each)
    return tuple(_view(database, members, root, words) for members in groups.values())


def _view(database: Database, members: list[reader.Incident], root: str, words: Words) -> IncidentView:
    first = min(members, key=lambda each: each.opened_at)
    # One that was degraded before it was down is down.
    gravest = min((each.kind for each in members), key=list(_KINDS).index)
    names = sorted({each.endpoint for each in members if each.kind is gravest})
    title = _TITLES[gravest] if len(names) == 1 else _GROUPS[gravest]
    open_ = any(each.is_open for each in members)
    events = {
        (event.at, _event_text(event, words))
        for each in members
        for event in reader.timeline(database, each.id)
        if event.event in _EVENTS
    }
    error = sentences.told(first.error, chinese=words.language == CHINESE)
    if what := ": ".join(part for part in (first.outcome, error) if part):
        events.add((first.began_at, words.t("began: {what}", what=what)))
    return IncidentView(
        id=str(first.id),
        kind=_KINDS[gravest],
        title=words.t(title, name=names[0], n=len(names), provider=first.provider),
        open=open_,
        state=words.t("open" if open_ else "resolved"),
        when=_when(members, words),
        endpoints=_links(names[:_NAMED], root),
        more=words.t("and {n} more", n=len(names) - _NAMED) if len(names) > _NAMED else "",
        timeline=tuple(Event(words.at(at), text) for at, text in sorted(events)),
    )


def _links(names: Sequence[str], root: str) -> tuple[EndpointLink, ...]:
    return tuple(EndpointLink(name, f"{root}/endpoint/{quote(name, safe='')}") for name in names)


def _when(members: Sequence[reader.Incident], words: Words) -> str:
    start = min(each.opened_at for each in members)
    ends = [each.resolved_at for each in members]
    known = [end for end in ends if end is not None]
    if len(known) < len(ends):
        return words.t("for {span}", span=words.span(words.now - start))
    return words.t("{when}, lasted {span}", when=words.at(start).text, span=words.span(max(known) - start))


def _event_text(event: reader.Event, words: Words) -> str:
    return words.t(_EVENTS[event.event], detail=event.detail or "")
