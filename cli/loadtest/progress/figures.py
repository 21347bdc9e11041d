"""Formats percentiles and objectives of a running load test."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from aimon.formatting import format_time
from aimon.loadtests.statistics.formatting import slo_verdict

if TYPE_CHECKING:
    from aimon.loadtests.protocol.progress import Times


def percentile(times: Times | None, name: str) -> str:
    """One of p50, p95, p99: a duration; `> 3.00 s`; `n<100`, of fewer values than it takes; `lagged`, as the client."""
    value = None if times is None else getattr(times, name)
    if times is None or value is not None:
        return format_time(value)
    if name in times.not_measured:
        return "lagged"
    if name in times.needs:
        return f"n<{times.needs[name]}"
    return f"> {format_time(times.at_least[name])}" if name in times.at_least else "-"


def verdict(row: dict[str, Any]) -> str:
    """What is known of an objective so far: met, MISSED, or not judged."""
    said = slo_verdict(row)
    return said.upper() if said == "missed" else said
