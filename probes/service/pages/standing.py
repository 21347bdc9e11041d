"""How an endpoint stands: its state as readers see it, since when, and what is wrong in a sentence."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from aimon.probes.history.queries.overview import State
from aimon.probes.incidents.kinds import State as IncidentState
from aimon.probes.service.pages import states

if TYPE_CHECKING:
    from collections.abc import Sequence

    from aimon.probes.history.queries.overview import Overview
    from aimon.probes.incidents.reader import EndpointState


@dataclass(frozen=True, slots=True)
class Standing:
    """One endpoint.

    Attributes:
        overview: what the history says of it.
        kind: of its state, one of `states.KINDS`.
        word: its state in English; the key of its translation.
        problem: what its last probe ended with; empty where it succeeded.
        since: unix time from when on it is so, where an incident says that.
    """

    overview: Overview
    kind: str
    word: str
    problem: str = ""
    since: float | None = None

    @property
    def name(self) -> str:
        """The endpoint's configured name."""
        return self.overview.identity.endpoint


# Of an endpoint without an open incident, by its last probe.
_BY_LAST_PROBE = {
    State.UP: (states.UP, "up"),
    State.DOWN: (states.DEGRADED, "last probe failed"),
    State.REFUSED: (states.DEGRADED, "last probe failed"),
    State.PAUSED: (states.UNKNOWN, "budget of today spent"),
    State.SILENT: (states.UNKNOWN, "no recent probe"),
    State.UNKNOWN: (states.UNKNOWN, "not probed yet"),
}
_BY_INCIDENT = {
    IncidentState.DOWN: (states.DOWN, "down"),
    IncidentState.BLOCKED: (states.ACCOUNT, "key, quota or configuration"),
    IncidentState.DEGRADED: (states.DEGRADED, "degraded"),
}


def standing(overview: Overview, found: EndpointState) -> Standing:
    """How an endpoint stands: by its incidents; where none is open, by its last probe.

    Args:
        overview: what the history says of it.
        found: what its incidents say.
    """
    if found.state is IncidentState.MAINTENANCE:
        kind, word = states.MAINTENANCE, "maintenance"
    elif overview.state in (State.SILENT, State.UNKNOWN):
        kind, word = _BY_LAST_PROBE[overview.state]
    else:
        kind, word = _BY_INCIDENT.get(found.state) or _BY_LAST_PROBE[overview.state]
    last = overview.last
    problem = ""
    if kind in states.PROBLEMS and last is not None and last.outcome.status == "error":
        problem = f"{last.outcome.value}: {last.error}" if last.error else last.outcome.value
    return Standing(overview, kind, word, problem, found.since)


def matching(found: Sequence[Standing], query: str, state: str) -> list[Standing]:
    """The endpoints whose labels hold all words of the query and that are in this state; problems first.

    Args:
        found: in the order of the configuration, which those of one state keep.
        query: what the reader typed.
        state: a kind, `problems`, or empty for any.
    """
    words = query.casefold().split()
    chosen = [
        each
        for each in found
        if all(word in " ".join(each.overview.identity).casefold() for word in words)
        and (not state or state == each.kind or (state == states.ANY_PROBLEM and each.kind in states.PROBLEMS))
    ]
    return sorted(chosen, key=lambda each: states.KINDS.index(each.kind))
