"""Uptime bars: the 90 segments of a day, a week, 30 or 90 days, of one endpoint or of many at once.

A segment is a roll-up of 16 minutes, 1 h 52 min, 8 hours or a day. Segments begin at multiples of their length, so past
segments do not change; the last one has not ended.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, NamedTuple

from aimon.call.outcome import Outcome
from aimon.probes.history.queries.endpoint_ids import EACH, endpoint_ids, listed
from aimon.probes.history.queries.period import availability
from aimon.probes.history.rollups import DAY, HOUR, SLOT, failures_of

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable

    from aimon.metrics.totals import Identity
    from aimon.probes.history.database import Database

SEGMENTS = 90
BAR_WINDOWS: dict[str, int] = {"24h": DAY, "7d": 7 * DAY, "30d": 30 * DAY, "90d": 90 * DAY}
"""Seconds that a bar shows, by the name of its window; a 90th of each is the length of roll-ups."""

_KNOWN = frozenset(outcome.value for outcome in Outcome)


class Segment(NamedTuple):
    """A part of a bar; all numbers are 0 where nothing was probed.

    Attributes:
        since: its begin (unix time).
        until: its end, also where that is still to come.
        total: number of results.
        planned: those in a maintenance window; the other numbers leave them out.
        counted: results that say something about the provider: successes, and faults of the network and the provider.
        ok: successes.
        slow: successes that took longer than each objective of the endpoint allows.
        failures: counts of the other outcomes, the most frequent first.
    """

    since: float
    until: float
    total: int = 0
    planned: int = 0
    counted: int = 0
    ok: int = 0
    slow: int = 0
    failures: tuple[tuple[Outcome, int], ...] = ()

    @property
    def availability(self) -> float | None:
        """Successes over `counted`; None if that is 0."""
        return availability(self.counted, self.ok)

    @property
    def weighted(self) -> float | None:
        """Availability in which a slow success counts as half a failure; None where availability is."""
        return availability(self.counted, self.ok, self.slow)

    @property
    def maintenance(self) -> bool:
        """Whether a part of it was in a maintenance window."""
        return self.planned > 0

    @property
    def reason(self) -> Outcome | None:
        """The most frequent failure, of those that count against the provider if there are any; None without one."""
        counting = (outcome for outcome, _ in self.failures if outcome.counts_for_availability)
        return next(counting, self.failures[0][0] if self.failures else None)


Bar = tuple[Segment, ...]


def bars(database: Database, window: str, now: float, identities: Collection[Identity]) -> dict[Identity, Bar]:
    """The bars of these endpoints, oldest segment first.

    Args:
        database: the history's.
        window: of `BAR_WINDOWS`.
        now: unix time.
        identities: endpoints.

    Raises:
        KeyError: there is no such window.
        HistoryError: the history cannot be read.
    """
    starts = segment_starts(window, now)
    length = starts.step
    ids = endpoint_ids(database, identities)
    rows = database.query(
        "SELECT endpoint_id, start, total, planned, counted, ok, slow, failures "  # noqa: S608 - constants
        f"FROM {EACH} rollups ON endpoint_id = each.value AND seconds = :length AND start BETWEEN :since AND :now",
        {"ids": listed(ids), "length": length, "since": starts[0], "now": now},
    )
    empty = {start: Segment(start, start + length) for start in starts}
    found: dict[int, dict[int, Segment]] = {number: dict(empty) for number in ids}
    for number, start, total, planned, counted, ok, slow, failures in rows:
        found[number][start] = Segment(
            start, start + length, total, planned, counted, ok, slow, _ordered(failures) if failures else ()
        )
    nothing = tuple(empty.values())
    by_identity = {ids[number]: tuple(segments.values()) for number, segments in found.items()}
    return {identity: by_identity.get(identity, nothing) for identity in identities}


def segment_starts(window: str, now: float) -> range:
    """The begins of a bar's segments, in unix time, the oldest first."""
    length = BAR_WINDOWS[window] // SEGMENTS
    last = math.floor(now / length) * length
    return range(last - (SEGMENTS - 1) * length, last + 1, length)


class Uptime(NamedTuple):
    """Uptime of an endpoint over a window; both shares are None where nothing was counted.

    Attributes:
        plain: successes over results that say something about the provider.
        weighted: the same, where a slow success counts as half a failure.
        counted: number of those results.
    """

    plain: float | None
    weighted: float | None
    counted: int


def uptimes(database: Database, now: float, identities: Collection[Identity]) -> dict[Identity, dict[str, Uptime]]:
    """Uptime over the windows of `BAR_WINDOWS` up to now, of many endpoints at once, by the name of the window.

    Windows begin on the hour, that of a day on 16 minutes: at 0:10 the week is that since 0:00 seven days ago.

    Raises:
        HistoryError: the history cannot be read.
    """
    ids = endpoint_ids(database, identities)
    found: dict[Identity, dict[str, Uptime]] = {identity: {} for identity in identities}
    for name, seconds in BAR_WINDOWS.items():
        sums = _sums(database, _cover(now - seconds, now), ids)
        by_identity = {ids[number]: _uptime(*counts) for number, counts in sums.items()}
        for identity in identities:
            found[identity][name] = by_identity.get(identity, Uptime(None, None, 0))
    return found


def _cover(since: float, until: float) -> list[tuple[int, int, int]]:
    """Lengths, begins and ends of roll-ups that together are the time from `since` to `until`."""
    if until - since <= DAY:
        return [(SLOT, math.floor(since / SLOT) * SLOT, math.floor(until) + 1)]
    begin, end = math.floor(since / HOUR) * HOUR, math.floor(until) + 1
    first_day, last_day = math.ceil(begin / DAY) * DAY, math.floor(until / DAY) * DAY
    return [(HOUR, begin, first_day), (DAY, first_day, last_day), (HOUR, last_day, end)]


def _sums(
    database: Database, parts: Iterable[tuple[int, int, int]], ids: Collection[int]
) -> dict[int, tuple[int, int, int]]:
    found = dict.fromkeys(ids, (0, 0, 0))
    for length, begin, end in parts:
        rows = database.query(
            "SELECT endpoint_id, sum(counted), sum(ok), sum(slow) "  # noqa: S608 - constants
            f"FROM {EACH} rollups ON endpoint_id = each.value AND seconds = :length AND start >= :begin "
            "AND start < :end GROUP BY each.key",
            {"ids": listed(ids), "length": length, "begin": begin, "end": end},
        )
        for number, counted, ok, slow in rows:
            before = found[number]
            found[number] = (before[0] + counted, before[1] + ok, before[2] + slow)
    return found


def _uptime(counted: int, ok: int, slow: int) -> Uptime:
    return Uptime(availability(counted, ok), availability(counted, ok, slow), counted)


def _ordered(failures: str) -> tuple[tuple[Outcome, int], ...]:
    counts = failures_of(failures)
    return tuple((Outcome(name), count) for name, count in counts.most_common() if name in _KNOWN)
