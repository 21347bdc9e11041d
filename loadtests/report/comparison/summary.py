"""A comparison in words and as Markdown."""

from __future__ import annotations

from typing import TYPE_CHECKING

from aimon.loadtests.report.comparison.comparison import Verdict
from aimon.loadtests.report.comparison.samples import MONEY, SHARE, TIME
from aimon.loadtests.report.summary import cell, table
from aimon.loadtests.statistics.formatting import format_duration, format_number, format_percent

if TYPE_CHECKING:
    from aimon.loadtests.report.comparison.comparison import Comparison, Row

HEADER = ("", "base", "new", "change", "interval", "verdict")
_MOST_NAMED = 4


def verdict(comparison: Comparison) -> str:
    """The verdict, in one line."""
    care = ", with reservations" if comparison.reservations else ""
    if comparison.verdict in (Verdict.WORSE, Verdict.BETTER):
        named = [comparison.why] if comparison.why else []
        named += [_named(row) for row in comparison.rows if row.verdict == comparison.verdict]
        more = f" and {len(named) - _MOST_NAMED} more" if len(named) > _MOST_NAMED else ""
        return f"{comparison.verdict.upper()}{care}: {', '.join(named[:_MOST_NAMED])}{more}"
    said = {
        Verdict.WITHIN: f"No difference of {format_percent(comparison.tolerance)} or more",
        Verdict.UNSHOWN: "No difference shown",
        Verdict.LITTLE: "Too little data to tell",
    }
    return said[comparison.verdict] + care


def _named(row: Row) -> str:
    return f"{row.title} {change(row)}"


def cells(row: Row, currency: str | None) -> tuple[str, ...]:
    """A row with the columns of HEADER."""
    said = row.verdict + (f": {row.why}" if row.why else "")
    return row.title, value(row, row.base, currency), value(row, row.new, currency), change(row), interval(row), said


def value(row: Row, found: float | None, currency: str | None) -> str:
    """A value with its unit."""
    if found is None:
        return "-"
    if row.kind == TIME:
        return format_duration(found)
    if row.kind == SHARE:
        return format_percent(found)
    return f"{found:.4g} {currency or ''}".strip() if row.kind == MONEY else format_number(found)


def change(row: Row) -> str:
    """The change with its unit."""
    return "-" if row.change is None else f"{_signed(row.change)} {_unit(row)}"


def interval(row: Row) -> str:
    """The confidence interval of the change."""
    if row.low is None and row.high is None:
        return "-"
    low, high = ("?" if end is None else _signed(end) for end in (row.low, row.high))
    return f"{low} to {high} {_unit(row)}"


def _signed(share: float) -> str:
    return f"{share * 100:+.1f}".replace("-0.0", "0.0").replace("+0.0", "0.0")


def _unit(row: Row) -> str:
    return "points" if row.kind == SHARE else "%"


def markdown(comparison: Comparison) -> str:
    """The comparison as Markdown, for a terminal, a pull request or a ticket."""
    lines = [f"# {cell(comparison.base)} and {cell(comparison.new)}", "", f"**{cell(verdict(comparison))}**", ""]
    if comparison.reservations:
        lines += ["These runs may not be comparable:", ""]
        lines += [f"- {cell(each)}" for each in comparison.reservations]
        lines.append("")
    lines += table([HEADER, *(cells(row, comparison.currency) for row in comparison.rows)])
    return "\n".join([*lines, "", foot(comparison)]) + "\n"


def foot(comparison: Comparison) -> str:
    """How to read the table."""
    return (
        f"With {format_percent(comparison.confidence)} confidence all intervals hold at once "
        f"(block bootstrap over time, {comparison.resamples:,} resamples). "
        f"Changes below {format_percent(comparison.tolerance)} do not matter."
    )
