"""How dense arrivals are: mean and peak rates, the most in any stretch of time, and whether a trace can be right."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Sequence

    from aimon.loadtests.workload.trace.formats import TraceFormat

# Calls per second, over the whole trace. Published traces of one service have .1 to 75; seconds that are read as
# milliseconds make 100 of the least of them.
MOST_PLAUSIBLE = 100.0
# Seconds: longer than this nobody replays by accident; milliseconds read as seconds make more of three minutes.
LONGEST_PLAUSIBLE = 2 * 86400.0
_FEW = 10


def most_within(offsets: Sequence[float], seconds: float) -> int:
    """The most arrivals in any stretch of so many seconds; offsets rise."""
    most = first = 0
    for last, offset in enumerate(offsets):
        while offset - offsets[first] >= seconds:
            first += 1
        most = max(most, last - first + 1)
    return most


def doubt(calls: int, lasts: float, trace_format: TraceFormat, *, fractional: bool) -> str | None:
    """Why the times of a trace may have been read in the wrong unit; None where nothing speaks for that.

    Args:
        calls: how many there are.
        lasts: seconds from the first to the last, as read.
        trace_format: of the file.
        fractional: times have fractions, of milliseconds or less.
    """
    read = f"timestamps were read as {trace_format.unit}, as {trace_format.name}'s are"
    if fractional:
        return f"{read}, but have fractions, as seconds have"
    if calls < _FEW:
        return None
    if lasts * MOST_PLAUSIBLE < calls - 1:
        rate = f"{calls / lasts:,.0f}/s" if lasts else "all at once"
        return f"{read}: {calls:,} calls in {lasts:.3g} s, {rate}"
    if lasts > LONGEST_PLAUSIBLE:
        return f"{read}: it would take {lasts / 86400:,.0f} days"
    return None
