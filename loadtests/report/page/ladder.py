"""A ladder of closed loops on a page: throughput and latency against concurrency, with the knee marked."""

from __future__ import annotations

from html import escape
from typing import TYPE_CHECKING, Any

from aimon.formatting import format_duration, format_number
from aimon.language import pick
from aimon.loadtests.report.page.charts import HALF, figure, values_at
from aimon.loadtests.report.page.chinese import local
from aimon.loadtests.report.page.html import section, suspect, suspect_mark, table
from aimon.loadtests.report.text import ladder as words
from aimon.svg import TOP, Frame, Scale, linear

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

_HEIGHT = 240
# How far apart labels of the axis are at least, as a share of it.
_APART = 0.09
_TIMES = {
    "latency P50": ("latency_p50_s", "c0"),
    "latency P95": ("latency_p95_s", "c1 d1"),
    "TTFT P50": ("ttft_p50_s", "c3"),
    "TTFT P95": ("ttft_p95_s", "c4 d1"),
}


def ladder(report: dict[str, Any]) -> str:
    """The section; empty if the run was no ladder."""
    found = report["ladder"]
    if not found or not found["steps"]:
        return ""
    steps = sorted(found["steps"], key=lambda step: int(step["concurrency"]))
    mark = suspect_mark(report)
    rate = "iterations_per_s" if report["iterations"] else "calls_per_s"
    name = "iterations" if report["iterations"] else "succeeded"
    drawn = [
        _chart("Throughput against concurrency", {name: (rate, "c3")}, steps, found["knee"], format_number, mark),
        _chart("Latency against concurrency", _TIMES, steps, found["knee"], format_duration, mark),
    ]
    header, *rows = words.rows(report)
    cells = [
        [*map(escape, figures), escape(remark) + (f" {suspect()}" if step["limited"] else "")]
        for (*figures, remark), step in zip(rows, steps, strict=True)
    ]
    return section(
        words.title(),
        f'<div class="charts">{"".join(drawn)}</div>',
        table(header, cells, range(len(header) - 1), name=words.title()),
        text=words.explained(),
    )


def _chart(
    title: str,
    kinds: Mapping[str, tuple[str, str]],
    steps: Sequence[dict[str, Any]],
    knee: int | None,
    write: Callable[[float], str],
    mark: str,
) -> str:
    lines = {
        name: points
        for name, (key, _) in kinds.items()
        if (points := [(float(step["concurrency"]), step[key]) for step in steps if step[key] is not None])
    }
    if not lines:
        return ""
    top = max(value for points in lines.values() for _, value in points)
    frame = Frame(HALF, _HEIGHT, _axis(steps), linear(0.0, 1.05 * top, write))
    unit = pick("per second", "每秒") if write is format_number else ""
    parts = [frame.grid(pick("concurrency", "并发"), unit)]
    if knee is not None:
        parts.append(frame.upright(knee, "c7 d2"))
    for name, points in lines.items():
        parts.append(frame.line([points], kinds[name][1]))
        parts += [frame.dot(x, y, f"dot {kinds[name][1]}", radius=3) for x, y in points]
    if knee is not None:
        beyond = frame.across(knee) > HALF * 0.7
        place, anchor = frame.across(knee) + (-5 if beyond else 5), "end" if beyond else "start"
        parts.append(frame.note(place, TOP + 9, pick("knee", "拐点"), anchor=anchor, kind="halo"))
    columns = [
        (
            float(step["concurrency"]),
            values_at(
                pick(f"concurrency {step['concurrency']}", f"并发 {step['concurrency']}"),
                {name: _value(step[key], write) for name, (key, _) in kinds.items() if step[key] is not None},
            ),
        )
        for step in steps
    ]
    said = "; ".join(text.replace("\n", ", ") for _, text in columns)
    legend = [(kinds[name][1], name) for name in lines] if len(lines) > 1 else ()
    return figure(title, legend, frame.drawing(local(title), said, [*parts, frame.hits(columns)]), mark=mark)


def _value(value: float, write: Callable[[float], str]) -> str:
    return f"{write(value)}/s" if write is format_number else write(value)


def _axis(steps: Sequence[dict[str, Any]]) -> Scale:
    """A logarithmic axis with a label at each concurrency that has room for it."""
    places = [float(step["concurrency"]) for step in steps]
    bare = Scale(places[0] * 0.85, places[-1] / 0.85, (), log=True)
    shown: list[float] = []
    for place in places:
        if not shown or bare.share(place) - bare.share(shown[-1]) >= _APART:
            shown.append(place)
    return Scale(bare.low, bare.high, tuple((place, f"{place:g}") for place in shown), log=True)
