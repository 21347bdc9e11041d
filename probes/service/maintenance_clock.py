"""Which endpoints are in maintenance, asked before each probe."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

from aimon.config import maintenance_of

if TYPE_CHECKING:
    from aimon.config.maintenance import Maintenance
    from aimon.probes.incidents.announcements import Maintenance as AskedMaintenance
    from aimon.probes.selection import Selection


class MaintenanceClock:
    """The windows in force, evaluated once a second: a cron expression takes a tenth of a millisecond.

    Attributes:
        windows: those of the configuration.
        asked: those that were asked for through the API; set anew each second by who reads them.
    """

    def __init__(self, selection: Selection) -> None:
        self.windows: tuple[Maintenance, ...] = () if selection.config is None else maintenance_of(selection.config)
        self.asked: tuple[AskedMaintenance, ...] = ()
        self._all = frozenset(endpoint.name for endpoint in selection.endpoints)
        self._known: tuple[int, frozenset[str]] = -1, frozenset()

    def names(self, at: float) -> frozenset[str]:
        """Names of the endpoints that a window concerns at that unix time."""
        if not self.windows and not self.asked:
            return frozenset()
        second, names = self._known
        if (now := math.floor(at)) != second:
            going_on = [window for window in self.windows if window.current(at) is not None]
            names = frozenset(name for name in self._all if any(window.concerns(name) for window in going_on))
            names |= {name for name in self._all if any(asked.covers(name, at) for asked in self.asked)}
            self._known = now, names  # at once: other threads ask, too
        return names
