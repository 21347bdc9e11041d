"""The peak number of arrivals in a period, and whether the rate of a trace is plausible."""

from __future__ import annotations

from typing import TYPE_CHECKING

from aimon.formatting import format_number

if TYPE_CHECKING:
    from collections.abc import Sequence

    from aimon.loadtests.workload.trace.formats import TraceFormat

# Calls per second over a whole trace. Published traces of one service have 0.1 to 75; seconds read as milliseconds
# give at least 100.
MOST_PLAUSIBLE = 100.0
# Seconds: a longer replay is unlikely; three minutes in milliseconds, read as seconds, are longer.
LONGEST_PLAUSIBLE = 2 * 86400.0
_FEW = 10


def most_within(offsets: Sequence[float], seconds: float) -> int:
    """The largest number of arrivals in any period of `seconds`; offsets must be rising."""
    most = first = 0
    for last, offset in enumerate(offsets):
        while offset - offsets[first] >= seconds:
            first += 1
        most = max(most, last - first + 1)
    return most


def doubt(calls: int, lasts: float, trace_format: TraceFormat, *, fractional: bool) -> str | None:
    """Why the times of a trace may have the wrong unit; None if they are plausible.

    Args:
        calls: number of calls.
        lasts: seconds from the first to the last, as read.
        trace_format: the format of the file.
        fractional: whether times have fractions of their unit, which is below a second.
    """
    read = f"timestamps were read as {trace_format.unit}, as {trace_format.name}'s are"
    if fractional:
        return f"{read}, but have fractions, as seconds have"
    if calls < _FEW:
        return None
    if lasts * MOST_PLAUSIBLE < calls - 1:
        rate = f"{calls / lasts:,.0f}/s" if lasts else "all at once"
        return f"{read}: {calls:,} calls in {format_number(lasts)} s, {rate}"
    if lasts > LONGEST_PLAUSIBLE:
        return f"{read}: it would take {lasts / 86400:,.0f} days"
    return None
