"""A report as Markdown: for a pull request, a ticket, or a pipe."""

from __future__ import annotations

from typing import Any

from aimon.language import pick
from aimon.loadtests.report.reasons import reason
from aimon.loadtests.report.text import by_name, ladder
from aimon.loadtests.report.text.summary import doubts, number, objective_rows, summary_rows, verdict
from aimon.loadtests.report.text.times import time_notes, time_rows


def markdown(report: dict[str, Any]) -> str:
    """The summary, for a terminal, a pull request or a ticket."""
    lines = [
        f"# {pick('Load test of', '负载测试：')} {cell(report['endpoint'])}",
        "",
        f"**{cell(verdict(report))}**",
        "",
    ]
    for doubt in doubts(report):
        lines += [f"**{cell(doubt)}**", ""]
    lines += table([["", ""], *summary_rows(report), *objective_rows(report)], numbers=False)
    if len(times := time_rows(report)) > 1:
        lines += ["", *table(times)]
    if notes := time_notes(report):
        lines += ["", *notes]
    if named := by_name.rows(report):
        lines += ["", f"## {by_name.title()}", "", by_name.explained(report), "", *table(named)]
    if steps := ladder.rows(report):
        lines += ["", f"## {ladder.title()}", "", f"{ladder.verdict(report['ladder'])}. {ladder.explained()}"]
        lines += ["", *table(steps)]
    if (capacity := report["capacity"]) is not None and capacity["steps"]:
        heads = pick("| asked/s | ok/s | held | why |", "| 要求/秒 | 成功/秒 | 保持住 | 原因 |")
        yes, no = pick("yes", "是"), pick("no", "否")
        lines += ["", heads, "| ---: | ---: | --- | --- |"]
        for step in capacity["steps"]:
            held = yes if step["held"] else no
            lines.append(
                f"| {number(step['rate'])} | {number(step['served'])} | {held} | {cell(reason(step['why']))} |"
            )
    if report["notes"]:
        lines += ["", *(f"- {cell(note)}" for note in report["notes"])]
    return "\n".join(lines) + "\n"


def table(rows: list[Any], *, numbers: bool = True) -> list[str]:
    """The lines of a Markdown table; the first row is the header, `numbers` aligns all columns but the first right."""
    header, *rest = rows
    lines = [f"| {' | '.join(map(cell, header))} |", "| --- |" + (" ---: |" if numbers else " --- |") * len(header[1:])]
    return lines + [f"| {' | '.join(map(cell, row))} |" for row in rest]


def cell(text: str) -> str:
    """Escapes text for a table cell."""
    return text.replace("|", "\\|").replace("\n", " ")
