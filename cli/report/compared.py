"""A comparison of two load tests on a terminal."""

from __future__ import annotations

from typing import TYPE_CHECKING

from aimon.cli import console
from aimon.cli.report.drawing import COLOURS, fitting
from aimon.language import pick
from aimon.loadtests.report.comparison.comparison import Verdict
from aimon.loadtests.report.comparison.summary import cells, foot, heads, row_verdict, verdict

if TYPE_CHECKING:
    from aimon.loadtests.report.comparison.comparison import Comparison

KINDS = {
    Verdict.WORSE: "bad",
    Verdict.BETTER: "good",
    Verdict.WITHIN: "plain",
    Verdict.UNSHOWN: "quiet",
    Verdict.LITTLE: "quiet",
}


def draw(comparison: Comparison) -> None:
    """Prints it to a terminal; the reason of a verdict is below the table, if there is room."""
    from rich.text import Text

    out = console.tables()
    out.print()
    out.print(Text.assemble((comparison.base, "bold"), pick(" and ", " 与 "), (comparison.new, "bold")))
    out.print(Text(verdict(comparison), COLOURS[KINDS[comparison.verdict]]))
    for each in comparison.reservations:
        out.print(Text(f"- {each}", "yellow"))
    name, base, new, *changed, said = heads()
    rows: list[list[str | Text]] = [[name, base, new, *changed, said]]
    reasons = []
    for row in comparison.rows:
        *figures, _ = cells(row, comparison.currency)
        rows.append([*figures, Text(row_verdict(row), COLOURS[KINDS[row.verdict]])])
        if row.why:
            reasons.append(f"{figures[0]}: {row.why}")
    out.print()
    # If there is no room for the interval, the verdict remains.
    drawn = fitting(rows, out, dispensable=(4, 1, 2))
    if drawn is None:
        out.print("\n".join(f"{row[0]}: {row[3]} {row[-1]}" for row in rows[1:]))
    else:
        out.print(drawn)
    for reason in (*reasons, foot(comparison)):
        out.print(Text(reason, "dim"))
