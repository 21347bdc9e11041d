"""Formats numbers of a report for people."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from aimon.formatting import format_duration, format_number, format_percent

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

_SHARES = ("error_rate", "rate_limited", "availability")


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
