"""How an endpoint stands: its state as readers see it, since when, and what is wrong in a sentence."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from aimon.probes.service.pages import states

if TYPE_CHECKING:
    from collections.abc import Sequence

    from aimon.probes.history.queries.overview import Overview


@dataclass(frozen=True, slots=True)
class Standing:
    """One endpoint.

    Attributes:
        overview: what the history says of it.
        kind: of its state, one of `states.KINDS`.
        word: its state in English; the key of its translation.
        problem: what its last probe ended with; empty where it succeeded.
    """

    overview: Overview
    kind: str
    word: str
    problem: str = ""

    @property
    def name(self) -> str:
        """The endpoint's configured name."""
        return self.overview.identity.endpoint


def standing(overview: Overview) -> Standing:
    """How an endpoint stands."""
    kind, word = states.OF_STATE[overview.state]
    last = overview.last
    problem = ""
    if kind in states.PROBLEMS and last is not None and last.outcome.status == "error":
        problem = f"{last.outcome.value}: {last.error}" if last.error else last.outcome.value
    return Standing(overview, kind, word, problem)


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
