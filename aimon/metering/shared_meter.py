"""A meter whose counts are those of all processes that share a directory."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

from aimon import __version__
from aimon.call import rate_limits
from aimon.metering import shared
from aimon.metering.meter import Meter, limit_gauges
from aimon.metrics import definitions
from aimon.network.headers import by_lower_name

if TYPE_CHECKING:
    from collections.abc import Iterable
    from pathlib import Path

    from aimon.metering.settings import Settings
    from aimon.metrics.totals import Gauges, Identity, Totals


class SharedMeter(Meter):
    """Counts the calls of this process in a file, and shows those of all.

    Args:
        settings: how; `directory` is where the files are.
        directory: the same.
    """

    totals: shared.SharedTotals

    def __init__(self, settings: Settings, directory: Path) -> None:
        self._directory = directory
        super().__init__(settings)

    def _new_totals(self) -> shared.SharedTotals:
        return shared.SharedTotals(self._directory)

    def forked(self) -> None:
        """Starts anew in a child process, with a file of its own."""
        self.totals.close()
        super().forked()

    def started(self, identity: Identity) -> None:
        """A call begins."""
        with self._flying:
            self._in_flight[identity] = self._in_flight.get(identity, 0) + 1
        self.submit(lambda: self._show_flying(identity))

    def landed(self, identity: Identity) -> None:
        """A call is over."""
        super().landed(identity)
        self._show_flying(identity)

    def _show_flying(self, identity: Identity) -> None:
        self.totals.gauge(definitions.IN_FLIGHT, tuple(identity), self._in_flight[identity])

    def answered(self, identity: Identity, headers: Iterable[tuple[bytes, bytes]]) -> None:
        """The headers of the last answer, which may say what the provider's limits are."""
        limits, _ = rate_limits.read(by_lower_name(headers), time.time())
        if limits is not None:
            for name, kind, value in limit_gauges(limits):
                self.totals.gauge(name, (*identity, kind), value)

    def _all(self) -> tuple[Totals, Gauges]:
        totals, gauges = shared.read(self._directory)
        gauges.set(definitions.BUILD_INFO, 1, version=__version__)
        return totals, gauges
