"""How an endpoint stands: its state as readers see it, since when, and what is wrong in a sentence."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from aimon.probes.history.queries.overview import State
from aimon.probes.incidents.kinds import State as IncidentState
from aimon.probes.service.pages.parts import states

if TYPE_CHECKING:
    from collections.abc import Sequence

    from aimon.call.result import Result
    from aimon.metrics.totals import Identity
    from aimon.probes.incidents.reader import EndpointState


@dataclass(frozen=True, slots=True)
class Standing:
    """One endpoint.

    Attributes:
        identity: its labels.
        kind: of its state, one of `states.KINDS`.
        word: its state in English; the key of its translation.
        since: unix time from when on it is so, where an incident says that.
    """

    identity: Identity
    kind: str
    word: str
    since: float | None = None


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
    IncidentState.BLOCKED: (states.ACCOUNT, "blocked: key, quota or configuration"),
    IncidentState.DEGRADED: (states.DEGRADED, "degraded"),
}


def standing(identity: Identity, last: State, found: EndpointState) -> Standing:
    """How an endpoint stands: by its incidents; where none is open, by its last probe.

    Args:
        identity: its labels.
        last: what its last probe says.
        found: what its incidents say.
    """
    if found.state is IncidentState.MAINTENANCE:
        kind, word = states.MAINTENANCE, "maintenance"
    elif last in (State.SILENT, State.UNKNOWN):
        kind, word = _BY_LAST_PROBE[last]
    else:
        kind, word = _BY_INCIDENT.get(found.state) or _BY_LAST_PROBE[last]
    return Standing(identity, kind, word, found.since)


def problem(standing: Standing, last: Result | None) -> str:
    """What the last probe of an endpoint that has a problem ended with; empty without."""
    if standing.kind not in states.PROBLEMS or last is None or last.outcome.status != "error":
        return ""
    return f"{last.outcome.value}: {last.error}" if last.error else last.outcome.value


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
        if all(word in " ".join(each.identity).casefold() for word in words)
        and (not state or state == each.kind or (state == states.ANY_PROBLEM and each.kind in states.PROBLEMS))
    ]
    return sorted(chosen, key=lambda each: states.KINDS.index(each.kind))
