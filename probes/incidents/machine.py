"""When an incident opens and when it is over: a pure function of results and thresholds, with time as a value.

A track watches one kind of trouble of one endpoint. Each result that says something about that kind is good or bad:

- It **opens** as soon as N of the last M results are bad; results before the last recovery don't count again.
- It is **over** after K good results in a row.
- It is **flapping** from its F-th opening within an hour on, until an hour holds fewer. While it is, K is multiplied
  by `DAMPING`, so that a flapping endpoint causes one notice and not many.

In a maintenance window nothing opens: what is bad there is not counted, and only ends a row of good results.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from enum import StrEnum
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from aimon.config.incident_policy import Threshold

FLAPPING_WINDOW: Final = 3600.0
DAMPING: Final = 5


@dataclass(frozen=True, slots=True)
class Rule:
    """Thresholds of one track.

    Attributes:
        open: N of M.
        resolve: K.
        flapping: F.
    """

    open: Threshold
    resolve: int
    flapping: int = 3


@dataclass(frozen=True, slots=True)
class Track:
    """What is known of one kind of trouble of one endpoint.

    Attributes:
        recent: whether each of the last results since the last recovery was bad, oldest first; M at the most.
        good: good results in a row.
        is_open: whether there is an incident.
        flapping: whether it is flapping.
        openings: unix times at which it opened within the last hour.
        bad_since: unix time of the first bad result of those in `recent`, or of the incident's; None without.
    """

    recent: tuple[bool, ...] = ()
    good: int = 0
    is_open: bool = False
    flapping: bool = False
    openings: tuple[float, ...] = ()
    bad_since: float | None = None


class Change(StrEnum):
    """What a result changed."""

    OPENED = "opened"
    RESOLVED = "resolved"
    WORSENED = "worsened"
    """It goes on, and may be more severe than when it opened; only the tracker knows severities."""


NEW: Final = Track()


def step(rule: Rule, track: Track, *, bad: bool, at: float, planned: bool = False) -> tuple[Track, Change | None]:
    """The track after one more result.

    Args:
        rule: its thresholds.
        track: before.
        bad: whether the result was.
        at: unix time.
        planned: whether it was made in a maintenance window.
    """
    if track.is_open:
        return _while_open(rule, track, bad=bad, at=at)
    if bad and planned:
        return replace(track, good=0), None
    since = (track.bad_since or at) if bad else track.bad_since
    recent = (*track.recent, bad)[-rule.open.of :]
    if not any(recent):
        since = None
    track = replace(track, recent=recent, good=0 if bad else track.good + 1, bad_since=since)
    if not bad or sum(recent) < rule.open.bad:
        return track, None
    openings = (*_of_last_hour(track.openings, at), at)
    flapping = len(openings) >= rule.flapping
    return replace(track, is_open=True, good=0, openings=openings, flapping=flapping), Change.OPENED


def _while_open(rule: Rule, track: Track, *, bad: bool, at: float) -> tuple[Track, Change | None]:
    openings = _of_last_hour(track.openings, at)
    flapping = track.flapping and len(openings) >= rule.flapping
    good = 0 if bad else track.good + 1
    if good < rule.resolve * (DAMPING if flapping else 1):
        return replace(track, good=good, openings=openings, flapping=flapping), None
    return Track(good=good, openings=openings), Change.RESOLVED


def closed(track: Track) -> Track:
    """The track after its incident was ended from outside: nothing that was bad before counts again."""
    return Track(openings=track.openings)


def _of_last_hour(openings: tuple[float, ...], at: float) -> tuple[float, ...]:
    # Times ahead of now are those of a clock that was set back since.
    return tuple(opened for opened in openings if 0 <= at - opened < FLAPPING_WINDOW)
