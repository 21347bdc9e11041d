"""Formats numbers of a load test for people: durations, percentiles, rates, shares."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from aimon.loadtests.protocol.progress import Times


def clock(seconds: float) -> str:
    """A time of day without the day: 0:08, 12:30, 1:02:03."""
    minutes, rest = divmod(round(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours}:{minutes:02}:{rest:02}" if hours else f"{minutes}:{rest:02}"


def span(seconds: float | None) -> str:
    """A duration with three significant digits: 0.42 ms, 9.98 ms, 412 ms, 1.24 s, 12.4 s; a dash for None."""
    if seconds is None:
        return "-"
    value, unit = (seconds * 1e3, "ms") if seconds < 0.9995 else (seconds, "s")
    digits = 2 if value < 9.995 else 1 if value < 99.95 else 0
    return f"{value:.{digits}f} {unit}"


def percentile(times: Times | None, name: str) -> str:
    """One of p50, p95, p99: a duration; `> 3.00 s`; `n<100`, of fewer values than it takes; `lagged`, as the client."""
    value = None if times is None else getattr(times, name)
    if times is None or value is not None:
        return span(value)
    if name in times.not_measured:
        return "lagged"
    if name in times.needs:
        return f"n<{times.needs[name]}"
    return f"> {span(times.at_least[name])}" if name in times.at_least else "-"


def verdict(row: dict[str, Any]) -> str:
    """What is known of an objective so far: met, MISSED, or not judged."""
    said = str(row.get("verdict") or ("met" if row["met"] else "missed"))
    return said.upper() if said == "missed" else said


def rate(per_second: float) -> str:
    """A rate: 0/s, 0.25/s, 40.1/s, 1,234/s."""
    if per_second == 0:
        return "0/s"
    digits = 2 if per_second < 9.995 else 1 if per_second < 999.95 else 0
    return f"{per_second:,.{digits}f}/s"


def percent(part: float, whole: float) -> str:
    """A share; never 0% of something, nor 100% where something is missing."""
    value = 100 * part / whole
    if 0 < value < 0.05:
        return "<0.1%"
    if part < whole and value > 99.95:
        return ">99.9%"
    return f"{value:.1f}%" if 0 < value < 100 else f"{value:.0f}%"
