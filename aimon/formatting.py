"""Formats durations, numbers and shares for people."""

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


def format_number(value: float) -> str:
    """A number with three significant digits, or all integer digits, with commas."""
    # From 999.5 on, `.3g` would write an exponent.
    return f"{value:.3g}" if abs(value) < 999.5 else f"{value:,.0f}"


def format_percent(share: float) -> str:
    """A share as a percentage; only exactly 0 and 1 give 0 % and 100 %."""
    if 0 < share < 0.001:
        return f"{share * 100:.2g} %"
    if 0.999 < share < 1:
        return "> 99.9 %"
    return f"{share * 100:.1f}".removesuffix(".0") + " %"
