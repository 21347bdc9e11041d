"""What a search found: the capacity with its steps, or the limits of the account."""

from __future__ import annotations

from html import escape
from typing import Any

from aimon.formatting import format_number
from aimon.language import pick
from aimon.loadtests.report.page import capacity_charts, chinese
from aimon.loadtests.report.page.html import pairs, section, suspect, suspect_mark, table
from aimon.loadtests.report.reasons import reason

_CAPACITY = """A rate is held if 99 % of its calls succeed, its objectives are met and latency does not grow.
The capacity lies between the highest rate that was held and the lowest that was not. Steps are listed as they were
tried."""


def capacity(report: dict[str, Any]) -> str:
    """The capacity: its charts, and the steps of the search."""
    found = report["capacity"]
    if found is None or not found["steps"]:
        return ""
    rows = [
        (
            format_number(step["rate"], 4),
            format_number(step["served"], 4),
            f'<span class="said short good">&#10003; {pick("held", "保持住")}</span>'
            if step["held"]
            else f'<span class="said short bad">&#10007; {pick("not held", "没有保持住")}</span>',
        )
        for step in found["steps"]
    ]
    whys = [escape(reason(step["why"])) + (f" {suspect()}" if step["limited"] else "") for step in found["steps"]]
    mark = suspect_mark(report)
    drawn = capacity_charts.served(report, mark) + capacity_charts.latency(report, mark)
    steps = table(("asked /s", "succeeded /s", "held"), rows, (0, 1), below=whys)
    return section(
        "Capacity",
        f'<div class="charts">{drawn}</div>',
        steps,
        text=pick(_CAPACITY, chinese.CAPACITY),
    )


def limits(report: dict[str, Any]) -> str:
    """The limits of the account, and what they were concluded from."""
    found = report["limits"]
    if found is None:
        return ""
    rows = [
        ("Requests per second", "-" if found["requests_per_s"] is None else format_number(found["requests_per_s"])),
        ("Tokens per minute", "-" if found["tokens_per_min"] is None else format_number(found["tokens_per_min"])),
        *(
            (name.replace("_", " "), escape(str(value)))
            for name, value in found["evidence"].items()
            if value is not None
        ),
    ]
    return section("Limits of the account", pairs((name, value) for name, value in rows if value != ""))
