"""Locust's statistics, made of aimon's: what the web page shows are the numbers of the report. Imports Locust.

The response time of the page is the latency from schedule of successful calls, rounded as Locust rounds; failures have
none. The first iteration and the warm-up are in no number, as in the report.
"""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

from locust.stats import RequestStats, StatsEntry, StatsError, bucket_response_time

if TYPE_CHECKING:
    from aimon.loadtests.protocol.stage import StatsDelta
    from aimon.loadtests.statistics.call_stats import CallStats

_METHOD = "call"
_SERIES = "latency_from_schedule"


class WebStatistics:
    """Adds StatsDeltas to Locust's statistics.

    Args:
        statistics: of Locust's Environment.
        name: of requests that have none.
    """

    def __init__(self, statistics: RequestStats, name: str) -> None:
        self._statistics, self._name = statistics, name
        self._second = 0

    def add(self, began: float, delta: StatsDelta) -> None:
        """Adds what a worker reported of a run that began at that unix time."""
        self._statistics.total.start_time = began
        named = delta.by_name or {self._name: delta.stats}
        for name, stats in named.items():
            if stats.sent:
                self._add(self._statistics.get(name, _METHOD), began, stats)
                self._add_failures(name, stats)
        if delta.stats.sent:
            self._add(self._statistics.total, began, delta.stats)
        second = int(time.time())
        if second != self._second:
            self._second = second
            # From these copies Locust takes the percentiles of the last seconds.
            self._statistics.total._cache_response_times(second)  # noqa: SLF001 - Locust has no other way

    def _add(self, entry: StatsEntry, began: float, stats: CallStats) -> None:
        times = stats.series[_SERIES]
        entry.start_time = began
        entry.num_requests += stats.sent
        entry.num_none_requests += stats.sent - times.count
        entry.num_failures += stats.sent - stats.ok
        entry.last_request_timestamp = time.time()
        for seconds, count in times.points():
            entry.response_times[bucket_response_time(seconds * 1e3)] += count
        if times.count:
            dumped = times.dump()
            least, most = dumped["min"] * 1e3, dumped["max"] * 1e3
            entry.total_response_time += dumped["sum"] * 1e3
            entry.min_response_time = least if entry.min_response_time is None else min(entry.min_response_time, least)
            entry.max_response_time = max(entry.max_response_time, most)
        for second, counts in stats.seconds.items():
            at = int(began + second)
            entry.num_reqs_per_sec[at] += counts["ended"]
            if failed := counts["ended"] - counts["ok"]:
                entry.num_fail_per_sec[at] += failed

    def _add_failures(self, name: str, stats: CallStats) -> None:
        for outcome, count in stats.outcomes.items():
            if outcome == "ok":
                continue
            key = StatsError.create_key(_METHOD, name, outcome)
            error = self._statistics.errors.get(key)
            if error is None:
                error = self._statistics.errors[key] = StatsError(_METHOD, name, outcome)
            error.occurrences += count
            error.last_seen = time.time()
            error.first_seen = error.first_seen or error.last_seen
