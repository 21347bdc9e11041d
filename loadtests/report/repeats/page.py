"""repeat.html: several runs of one load test on a page, with a dot for each run and measure."""

from __future__ import annotations

from html import escape
from typing import TYPE_CHECKING

from aimon.formatting import format_change
from aimon.language import pick
from aimon.loadtests.report.comparison.summary import measure_title
from aimon.loadtests.report.page.charts import FULL, HALF, both, figure, values_at
from aimon.loadtests.report.page.html import banner, document, section, suspect, table
from aimon.loadtests.report.repeats.spread import SHARE
from aimon.loadtests.report.repeats.words import doubts, explained, kind, measure_rows, title, value, verdict
from aimon.svg import exact

if TYPE_CHECKING:
    from aimon.loadtests.report.repeats.spread import Measured, Spread

_ROW, _TOP, _FLOOR = 24, 8, 30
# Room for the names of the rows, on a wide and a narrow screen.
_NAMES = {FULL: 230, HALF: 190}
_LEAST_REACH = 0.02


def render(found: Spread) -> str:
    """The page."""
    heading = title(found)
    where = " · ".join(filter(None, (found.model, pick(f"profile {found.profile}", f"负载类型 {found.profile}"))))
    return document(
        heading,
        [
            f'<header><h1>{escape(heading)}</h1><p class="lead">{escape(where)}</p>',
            banner(verdict(found), kind(found), "verdict"),
            *(banner(doubt, "warn") for doubt in doubts(found)),
            "</header><main>",
            _measures(found),
            _runs(found),
            f"</main><footer><p>aimon {escape(found.aimon)}. ",
            pick("The same numbers are in repeat.json and repeat.csv.", "同样的数字见 repeat.json 和 repeat.csv。"),
            "</p></footer>",
        ],
    )


def _measures(found: Spread) -> str:
    header, *rows = ([escape(cell) for cell in row] for row in measure_rows(found))
    name = pick("Over the runs", "各次运行")
    return section(name, _chart(found), table(header, rows, range(1, len(header)), name=name), text=explained())


def _runs(found: Spread) -> str:
    rows = []
    for run in found.runs:
        link = "-" if run.folder is None else f'<a href="{escape(run.folder)}/report.html">{escape(run.folder)}</a>'
        rows.append((str(run.number), escape(run.verdict) + (f" {suspect()}" if run.suspect else ""), link))
    header = (pick("run", "运行"), pick("verdict", "判定"), pick("report", "报告"))
    return section(pick("Runs", "各次运行的报告"), table(header, rows))


def _chart(found: Spread) -> str:
    rows = [each for each in found.measures if each.kind != SHARE and each.median > 0]
    if not rows or len(found.runs) < 2:
        return ""
    heading = pick("Each run, relative to the median of the runs", "每次运行相对各次运行的中位数")
    return figure(heading, (), both(lambda width: _drawn(found, rows, width)), full=True)


def _drawn(found: Spread, rows: list[Measured], width: int) -> str:
    reach = max(abs(end / each.median - 1) for each in rows for end in (each.min, each.max))
    reach = min(1.0, max(_LEAST_REACH, reach)) * 1.05
    scale = exact(-reach, reach, format_change, about=8 if width == FULL else 4)
    names, height = _NAMES[width], _TOP + _ROW * len(rows) + _FLOOR

    def across(share: float) -> float:
        return names + scale.share(max(-reach, min(reach, share))) * (width - names - 20)

    parts = []
    for share, label in scale.ticks:
        x, line = across(share), "grid" if share else "axis"
        parts.append(f'<line class="{line}" x1="{x:.1f}" x2="{x:.1f}" y1="{_TOP}" y2="{height - _FLOOR}"/>')
        parts.append(f'<text x="{x:.1f}" y="{height - 12}" text-anchor="middle">{escape(label)}</text>')
    words = []
    for k, each in enumerate(rows):
        y = _TOP + _ROW * (k + 0.5)
        known = {
            pick(f"run {number}", f"第 {number} 次"): value(each.kind, one, found.currency)
            for number, one in enumerate(each.values, start=1)
            if one is not None
        }
        text = values_at(measure_title(each.title), known)
        words.append(text.replace("\n", ", "))
        parts.append(
            f'<text class="note" x="{names - 8}" y="{y + 4:.1f}" text-anchor="end">'
            f"{escape(measure_title(each.title))}</text>"
        )
        parts += [
            f'<circle class="ring c0" cx="{across(one / each.median - 1):.1f}" cy="{y:.1f}" r="4.5"/>'
            for one in each.values
            if one is not None
        ]
        parts.append(
            f'<rect class="hit" x="0" y="{y - _ROW / 2:.1f}" width="{width}" height="{_ROW}">'
            f"<title>{escape(text)}</title></rect>"
        )
    return (
        f'<svg viewBox="0 0 {width} {height}" role="img" aria-label="{escape("; ".join(words))}">{"".join(parts)}</svg>'
    )
