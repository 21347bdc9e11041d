"""Maintenance windows as they are in force: when endpoints are not probed, and what is not counted as downtime."""

from __future__ import annotations

import math
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from aimon.config.time_zone import time_zone

if TYPE_CHECKING:
    from collections.abc import Iterator
    from datetime import tzinfo

    from aimon.config.model.config import Config
    from aimon.config.model.service import MaintenanceSection


@dataclass(frozen=True, slots=True)
class Maintenance:
    """One entry of the configuration's `maintenance`: once, or by a cron expression. Times are unix seconds.

    Attributes:
        title: what is done.
        endpoints: which it concerns; empty for all.
        start: when it begins, if it happens once.
        duration: how long it takes, in seconds.
        cron: when it begins, if it happens again and again; in `zone`.
        zone: the time zone of `cron`.
    """

    title: str
    endpoints: frozenset[str] = frozenset()
    start: float | None = None
    duration: float = 0.0
    cron: str | None = None
    zone: tzinfo | None = None

    def concerns(self, endpoint: str) -> bool:
        """Whether it is about that endpoint."""
        return not self.endpoints or endpoint in self.endpoints

    def current(self, at: float) -> tuple[float, float] | None:
        """Its beginning and end, if it is going on at that time."""
        begun = self._last_start(at)
        return (begun, begun + self.duration) if begun <= at < begun + self.duration else None

    def following(self, at: float) -> tuple[float, float] | None:
        """The beginning and end of the next one after that time; None if there is none."""
        if self.cron is None:
            start = math.inf if self.start is None else self.start
            return (start, start + self.duration) if at < start < math.inf else None
        begins = next(self._starts(at), None)
        return None if begins is None else (begins, begins + self.duration)

    def between(self, start: float, end: float) -> list[tuple[float, float]]:
        """All of its times that overlap those from `start` to `end`, whole, in order."""
        found = [] if (now := self.current(start)) is None else [now]
        at = start
        while (following := self.following(at)) is not None and following[0] < end:
            found.append(following)
            at = following[0]
        return found

    def _last_start(self, at: float) -> float:
        if self.cron is None:
            return math.inf if self.start is None else self.start
        from cronsim import CronSim  # noqa: PLC0415 - only cron expressions need it

        # The reverse iterator begins before the time that it is given.
        found = next(CronSim(self.cron, datetime.fromtimestamp(math.floor(at) + 60, self.zone), reverse=True), None)
        while found is not None and found.timestamp() > at:
            found = next(CronSim(self.cron, found, reverse=True), None)
        return math.inf if found is None else found.timestamp()

    def _starts(self, at: float) -> Iterator[float]:
        from cronsim import CronSim  # noqa: PLC0415 - as above

        return (found.timestamp() for found in CronSim(self.cron or "", datetime.fromtimestamp(at, self.zone)))


def maintenance_of(config: Config) -> tuple[Maintenance, ...]:
    """The maintenance windows of a configuration."""
    zone = time_zone(config.timezone)
    return tuple(_maintenance(written, zone) for written in config.maintenance)


def _maintenance(written: MaintenanceSection, zone: tzinfo) -> Maintenance:
    concerned = frozenset(written.endpoints)
    if written.cron is not None:
        return Maintenance(written.title, concerned, duration=written.duration or 0.0, cron=written.cron, zone=zone)
    start, end = (unix_time(text, zone) for text in (written.start or "", written.end or ""))
    return Maintenance(written.title, concerned, start, end - start)


def unix_time(text: str, zone: tzinfo) -> float:
    """The unix time of a date and a time of day, which is meant in a zone if it names no offset."""
    found = datetime.fromisoformat(text)
    return (found if found.tzinfo is not None else found.replace(tzinfo=zone)).astimezone(UTC).timestamp()
