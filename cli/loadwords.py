"""Numbers of a load test as people read them: each as long as it must be, and no longer."""

from __future__ import annotations


def clock(seconds: float) -> str:
    """A time of day without the day: 0:08, 12:30, 1:02:03."""
    minutes, rest = divmod(round(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours}:{minutes:02}:{rest:02}" if hours else f"{minutes}:{rest:02}"


def span(seconds: float | None) -> str:
    """A duration with three digits that mean something: 0.42 ms, 9.98 ms, 412 ms, 1.24 s, 12.4 s; a dash for None."""
    if seconds is None:
        return "-"
    value, unit = (seconds * 1e3, "ms") if seconds < 0.9995 else (seconds, "s")
    digits = 2 if value < 9.995 else 1 if value < 99.95 else 0
    return f"{value:.{digits}f} {unit}"


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
