"""The times at which an endpoint is probed: at an interval with a stable offset, or by a cron expression.

All times are on the wall clock (unix seconds), so that they are the same after a restart.
"""

from __future__ import annotations

import math
import zlib
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from datetime import tzinfo

    from aimon.config.endpoint import Endpoint


class Times(Protocol):
    """A rule for when to probe."""

    def after(self, now: float) -> float:
        """The first time after `now`; infinite if there is none."""

    def between(self, start: float, end: float) -> int:
        """How many times are after `start`, up to `end`."""


@dataclass(frozen=True, slots=True)
class Interval:
    """Every `seconds`, at times that are `phase` seconds past a multiple of them."""

    seconds: float
    phase: float

    def after(self, now: float) -> float:
        """The next one; at most `seconds` later."""
        return ((now - self.phase) // self.seconds + 1) * self.seconds + self.phase

    def between(self, start: float, end: float) -> int:
        """By division."""
        return max(0, int((end - self.phase) // self.seconds - (start - self.phase) // self.seconds))


# More missed times than these say no more.
_MOST_COUNTED = 1000


@dataclass(frozen=True, slots=True)
class CronTimes:
    """By a cron expression, in a time zone. Where summer time begins or ends, it does as Debian's cron does.

    Needs cronsim, from the extra `serve`.
    """

    expression: str
    zone: tzinfo = UTC

    def after(self, now: float) -> float:
        """The next one."""
        from cronsim import CronSim  # noqa: PLC0415 - only cron expressions need it

        found = next(CronSim(self.expression, datetime.fromtimestamp(now, self.zone)), None)
        return math.inf if found is None else found.timestamp()

    def between(self, start: float, end: float) -> int:
        """By counting, up to a bound."""
        count, at = 0, self.after(start)
        while at <= end and count < _MOST_COUNTED:
            count, at = count + 1, self.after(at)
        return count


def offset(name: str, interval: float) -> float:
    """The offset of an endpoint's probes in its interval: stable across restarts, spread over the endpoints."""
    return zlib.crc32(name.encode()) / 2**32 * interval


def times_of(endpoint: Endpoint, *, failing: bool = False) -> Times:
    """When an endpoint is probed; `failing` says that its last probe failed."""
    if failing and endpoint.interval_failing is not None:
        return Interval(endpoint.interval_failing, offset(endpoint.name, endpoint.interval_failing))
    if endpoint.cron is not None:
        return CronTimes(endpoint.cron.expression, endpoint.cron.zone)
    return Interval(endpoint.interval, offset(endpoint.name, endpoint.interval))
