"""Several runs of one load test on a terminal."""

from __future__ import annotations

from typing import TYPE_CHECKING

from aimon.cli import console
from aimon.cli.report.drawing import COLOURS, fitting, table
from aimon.loadtests.report.repeats.words import doubts, explained, kind, measure_rows, run_rows, title, verdict

if TYPE_CHECKING:
    from aimon.loadtests.report.repeats.spread import Spread


def draw(found: Spread) -> None:
    """Prints them to a terminal; a narrow one shows fewer statistics."""
    from rich.text import Text

    out = console.tables()
    out.print()
    out.print(Text(title(found), "bold"))
    out.print(Text(verdict(found), COLOURS[kind(found)]))
    for doubt in doubts(found):
        out.print(Text(doubt, "yellow"))
    out.print()
    rows = measure_rows(found)
    drawn = fitting(rows, out, dispensable=(6, 5, 4))
    if drawn is None:
        out.print(Text("\n".join(f"{row[0]}: {row[1]} ({row[2]} - {row[3]})" for row in rows[1:])))
    else:
        out.print(drawn)
    out.print(Text(explained(), "dim"))
    out.print()
    out.print(table(run_rows(found), words=(1, 2)))
