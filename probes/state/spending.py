"""Today's cost of probes, in memory: the budget is checked before each probe, which must not wait for a disk."""

from __future__ import annotations

import time
from collections import defaultdict
from threading import Lock
from typing import TYPE_CHECKING

from aimon.probes.history.retention import day

if TYPE_CHECKING:
    from collections.abc import Callable

    from aimon.call.result import Result


class Spending:
    """Amounts by endpoint, of the current day (UTC) only. Thread-safe."""

    def __init__(self, clock: Callable[[], float] = time.time) -> None:
        self._clock = clock
        self._lock = Lock()
        self._day = day(clock())
        self._amounts: defaultdict[str, float] = defaultdict(float)

    def add(self, result: Result) -> None:
        """Adds the cost of a priced Result, as soon as it is known."""
        if result.cost:
            with self._lock:
                self._turn()
                self._amounts[result.endpoint] += result.cost

    def know(self, endpoint: str, amount: float) -> None:
        """Raises today's amount to the history's, if that is higher."""
        with self._lock:
            self._turn()
            self._amounts[endpoint] = max(self._amounts[endpoint], amount)

    def today(self, endpoint: str) -> float:
        """The amount that an endpoint has spent since 00:00 UTC."""
        with self._lock:
            self._turn()
            return self._amounts.get(endpoint, 0.0)

    def _turn(self) -> None:
        # Only forwards: a clock that is set back must not reset a budget.
        if (today := day(self._clock())) > self._day:
            self._day = today
            self._amounts.clear()
