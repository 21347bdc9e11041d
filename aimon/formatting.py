"""Formats durations, rates, numbers and shares for people.

Reports use three significant digits in the unit that fits (`format_duration`, `format_percent`). Tables and live views
use a fixed number of decimals in ms or s, so that a column keeps its width while its values change
(`format_time`, `format_milliseconds`, `format_ratio`, `format_uptime`).
"""

from __future__ import annotations

_MINUTE, _HOUR = 60.0, 3600.0


def format_duration(seconds: float) -> str:
    """A duration with three digits in the unit that fits: `85 µs`, `512 ms`, `1.53 s`, `2 min`, `1.5 h`."""
    if seconds == 0:
        return "0"
    for below, scale, unit in ((9.995e-4, 1e6, "µs"), (0.9995, 1e3, "ms"), (3 * _MINUTE, 1.0, "s")):
        if seconds < below:
            return f"{format_number(seconds * scale)} {unit}"
    if seconds < 3 * _HOUR:
        return f"{format_number(seconds / _MINUTE)} min"
    return f"{format_number(seconds / _HOUR)} h"


def format_number(value: float, digits: int = 3) -> str:
    """A number with so many significant digits, or all integer digits, with commas; never an exponent for its size."""
    # From 999.5 on, `.3g` would write an exponent.
    return f"{value:.{digits}g}" if abs(value) < 10**digits - 0.5 else f"{value:,.0f}"


def format_change(share: float) -> str:
    """A relative change on an axis: `+5 %`, `-12.5 %`, `0`."""
    return f"{share * 100:+.3g} %" if share else "0"


def format_percent(share: float) -> str:
    """A share as a percentage; only exactly 0 and 1 give 0 % and 100 %."""
    if 0 < share < 0.001:
        return f"{share * 100:.2g} %"
    if 0.999 < share < 1:
        return "> 99.9 %"
    return f"{share * 100:.1f}".removesuffix(".0") + " %"


def format_time(seconds: float | None) -> str:
    """A duration for a live view: 0.42 ms, 9.98 ms, 412 ms, 1.24 s, 12.4 s; a dash for None."""
    if seconds is None:
        return "-"
    value, unit = (seconds * 1e3, "ms") if seconds < 0.9995 else (seconds, "s")
    digits = 2 if value < 9.995 else 1 if value < 99.95 else 0
    return f"{value:.{digits}f} {unit}"


def format_milliseconds(seconds: float | None) -> str:
    """A duration for a table of calls, in whole milliseconds: <1 ms, 12 ms, 1.23 s; a dash for None."""
    if seconds is None:
        return "-"
    if 0 < seconds <= 0.0005:
        return "<1 ms"
    return f"{seconds * 1000:.0f} ms" if seconds < 0.9995 else f"{seconds:.2f} s"


def format_age(seconds: float) -> str:
    """How long ago something was, in the largest unit of which there are two: `95 s`, `2 min`, `36 h`, `2 d`."""
    for size, unit in ((24 * _HOUR, "d"), (_HOUR, "h"), (_MINUTE, "min")):
        if seconds >= 2 * size:
            return f"{seconds / size:.0f} {unit}"
    return f"{seconds:.0f} s"


def format_long_duration(seconds: float) -> str:
    """A duration in all its units: `1 d 2 h`, `3 min 20 s`, `0.5 s`."""
    minutes, rest = divmod(seconds, _MINUTE)
    hours, minutes = divmod(int(minutes), 60)
    days, hours = divmod(hours, 24)
    parts = [f"{count} {unit}" for count, unit in ((days, "d"), (hours, "h"), (minutes, "min")) if count]
    return " ".join([*parts, f"{rest:.3g} s"] if rest or not parts else parts)


def format_clock(seconds: float) -> str:
    """A time since the start of a run: 0:08, 12:30, 1:02:03."""
    minutes, rest = divmod(round(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours}:{minutes:02}:{rest:02}" if hours else f"{minutes}:{rest:02}"


def format_rate(per_second: float) -> str:
    """A rate: 0/s, 0.25/s, 40.1/s, 1,234/s."""
    if per_second == 0:
        return "0/s"
    digits = 2 if per_second < 9.995 else 1 if per_second < 999.95 else 0
    return f"{per_second:,.{digits}f}/s"


def format_uptime(share: float | None) -> str:
    """A share of successes with two decimals, rounded down, so that only all of them give 100.00%; a dash for None."""
    # The sum absorbs the error of a share such as 0.9986, which is slightly less in binary.
    return "-" if share is None else f"{int(share * 10_000 + 1e-6) / 100:.2f}%"


def format_ratio(part: float, whole: float) -> str:
    """A share with one decimal; only exactly none and all give 0% and 100%."""
    value = 100 * part / whole
    if 0 < value < 0.05:
        return "<0.1%"
    if part < whole and value > 99.95:
        return ">99.9%"
    return f"{value:.1f}%" if 0 < value < 100 else f"{value:.0f}%"
