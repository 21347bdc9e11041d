"""Formats numbers of a report for people."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

_MINUTE, _HOUR = 60.0, 3600.0
_SHARES = ("error_rate", "rate_limited", "availability")


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


def format_percentile(times: Mapping[str, Any], column: str, write: Callable[[float], str]) -> str:
    """A column of Times: a number, `> 3 s`, the number of values it needs, or `not measured`."""
    if (value := times[column]) is not None:
        return write(value)
    if column in times.get("not_measured", ()):
        return "not measured"
    if (least := times.get("needs", {}).get(column)) is not None:
        return f"needs {least:,}"
    least = times.get("at_least", {}).get(column)
    return "-" if least is None else f"> {write(least)}"


def format_slo_value(row: Mapping[str, Any]) -> str:
    """The measured value of an objective, in its unit."""
    value, expr = row["value"], row["expr"]
    if value is None:
        least = row.get("at_least")
        return "not measured" if least is None else f"> {format_duration(least)}"
    if expr.startswith(_SHARES):
        return format_percent(value)
    if expr.endswith(("/s", "/m")):
        return f"{format_number(value)}/s"
    return format_duration(value) if expr[-1].isalpha() else format_number(value)


def slo_verdict(row: Mapping[str, Any]) -> str:
    """The verdict on an objective: met, missed or not judged."""
    return row.get("verdict") or ("met" if row["met"] else "missed")
