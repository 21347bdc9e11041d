"""Statistics that the clients under test keep of their calls after the warm-up."""

from __future__ import annotations

import time
from array import array
from collections import Counter
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Sequence

    from aimon.call.result import Result

MAX_GAPS = 400_000


class Accounts:
    """The load test's own accounting, and for a comparison with the server's log every call's number and times.

    Args:
        tallied: whether Results are counted by aimon's CallStats; other clients count outcomes only.
        logged: whether to keep what is compared with the server's log.
    """

    def __init__(self, *, tallied: bool, logged: bool) -> None:
        self.first_at: float | None = None
        self._tallied = tallied
        self._logged = logged
        self.forget()

    def forget(self) -> None:
        """Resets all counts after the warm-up."""
        self.began = time.time()
        self.outcomes: Counter[str] = Counter()
        self.ttft: list[tuple[int, float]] = []
        self.gaps = array("d")
        self.lag, self.lateness, self.starts = array("d"), array("d"), array("d")
        if self._tallied:
            from aimon.loadtests.statistics.call_stats import CallStats  # noqa: PLC0415 - FastHttpUser does without numpy

            self._stats = CallStats()

    @property
    def ended(self) -> int:
        """Calls counted so far."""
        return self._stats.sent if self._tallied else self.outcomes.total()

    def add(self, result: Result, gaps: Sequence[float]) -> None:
        """Counts one Result, as a load test does."""
        if self.first_at is None:
            self.first_at = time.monotonic()
        self._stats.observe(result, self.began, gaps=gaps)
        if self._logged:
            self.time(int(result.request_id or 0), result.first_token or 0.0, gaps)
            self.lag.append(result.self_lag or 0.0)
            self.lateness.append(-result.scheduled)
            self.starts.append(result.started_at)

    def count(self, outcome: str) -> None:
        """Counts one call of a client that makes no Results."""
        if self.first_at is None:
            self.first_at = time.monotonic()
        self.outcomes[outcome] += 1

    def time(self, number: int, ttft: float, gaps: Sequence[float]) -> None:
        """Keeps the times of the call that the server logged under that number."""
        if self._logged:
            self.ttft.append((number, ttft))
            if len(self.gaps) < MAX_GAPS:
                self.gaps.extend(gaps)

    def found(self) -> dict[str, Any]:
        """All statistics as JSON values."""
        return {
            "outcomes": dict(self._stats.outcomes if self._tallied else self.outcomes),
            "ttft": self.ttft,
            "gap_ms": [gap * 1e3 for gap in self.gaps],
            "lag": list(self.lag),
            "lateness": list(self.lateness),
            "starts": list(self.starts),
        }
