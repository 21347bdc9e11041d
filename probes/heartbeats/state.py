"""How programs that report in are, and for what share of the time they were well."""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from dataclasses import dataclass
from enum import StrEnum
from itertools import pairwise
from typing import TYPE_CHECKING

from aimon.probes.heartbeats import beats

if TYPE_CHECKING:
    from collections.abc import Sequence

    from aimon.config.model.storage import HeartbeatSection
    from aimon.probes.heartbeats.beats import Beat
    from aimon.probes.history.database import Database

# A beat this far ahead of now is of a clock that was set back since.
_AHEAD = 60.0


class HeartbeatState(StrEnum):
    """How a program is."""

    UP = "up"
    DOWN = "down"
    """It said so."""
    SILENT = "silent"
    """It is late."""
    UNKNOWN = "unknown"
    """It never reported, or its last report is recorded in the future."""


@dataclass(frozen=True, slots=True)
class Heartbeat:
    """One program.

    Attributes:
        name: its name.
        title: what it is.
        state: how it is.
        every: seconds between its reports.
        grace: seconds that one may be late.
        last_at: unix time of the last report.
        due_at: when it is late: `last_at`, the interval and the grace.
        message: what it said.
    """

    name: str
    title: str | None
    state: HeartbeatState
    every: float
    grace: float
    last_at: float | None
    due_at: float | None
    message: str | None


def heartbeats(database: Database, configured: Sequence[HeartbeatSection], now: float) -> list[Heartbeat]:
    """How the configured programs are.

    Raises:
        HistoryError: the history cannot be read.
    """
    latest = beats.latest(database, [each.name for each in configured])
    return [_heartbeat(each, latest.get(each.name), now) for each in configured]


def uptime(reports: Sequence[Beat], patience: float, begin: float, end: float) -> float | None:
    """The share of the time from `begin` to `end` in which a program was well.

    It is well from each good report on until the next one, for `patience` seconds at the most; what was before the
    first report counts neither way.

    Args:
        reports: those of that time and the one before, in order.
        patience: its interval and its grace, in seconds.
        begin: unix time.
        end: unix time.

    Returns:
        None if it had not reported by then.
    """
    if not reports or (known := max(begin, reports[0].at)) >= end:
        return None
    ends = [after.at for _, after in pairwise(reports)] + [end]
    well = 0.0
    for report, following in zip(reports, ends, strict=True):
        if report.well:
            well += max(0.0, min(report.at + patience, following, end) - max(report.at, known))
    return min(1.0, well / (end - known))


def shares(reports: Sequence[Beat], patience: float, begins: range, now: float) -> list[float | None]:
    """`uptime` of each part of a period up to now; the parts begin at `begins`, and are one step of it long."""
    # A clock that was set back gives later reports earlier times.
    ordered = sorted(reports, key=lambda report: report.at)
    times = [report.at for report in ordered]
    found = []
    for begin in begins:
        end = min(begin + begins.step, now)
        first = max(0, bisect_right(times, begin) - 1)
        found.append(uptime(ordered[first : bisect_left(times, end)], patience, begin, end))
    return found


def _heartbeat(written: HeartbeatSection, last: Beat | None, now: float) -> Heartbeat:
    due = None if last is None else last.at + written.every + written.grace
    return Heartbeat(
        written.name,
        written.title,
        _state(last, due, now),
        written.every,
        written.grace,
        None if last is None else last.at,
        due,
        None if last is None else last.message,
    )


def _state(last: Beat | None, due: float | None, now: float) -> HeartbeatState:
    if last is None or due is None or last.at > now + _AHEAD:
        return HeartbeatState.UNKNOWN
    if now > due:
        return HeartbeatState.SILENT
    return HeartbeatState.UP if last.well else HeartbeatState.DOWN
