"""Comparisons as an HTML page: for each a table, and a chart of its changes with their intervals."""

from __future__ import annotations

from html import escape
from typing import TYPE_CHECKING

from aimon.formatting import format_change
from aimon.language import pick
from aimon.loadtests.report.comparison.comparison import Verdict
from aimon.loadtests.report.comparison.samples import SHARE
from aimon.loadtests.report.comparison.summary import cells, foot, heads, row_title, row_verdict, verdict
from aimon.loadtests.report.page.charts import FULL, HALF, both, figure
from aimon.loadtests.report.page.html import banner, document, table
from aimon.svg import exact

if TYPE_CHECKING:
    from collections.abc import Sequence

    from aimon.loadtests.report.comparison.comparison import Comparison, Row

# CSS class and sign of each verdict.
_LOOKS = {
    Verdict.WORSE: ("bad", "&#10007; "),
    Verdict.BETTER: ("good", "&#10003; "),
    Verdict.WITHIN: ("plain", ""),
    Verdict.UNSHOWN: ("quiet", ""),
    Verdict.LITTLE: ("quiet", ""),
}
_ROW, _TOP, _FLOOR = 24, 8, 30
# Room for the names of the rows, on a wide and a narrow screen.
_NAMES = {FULL: 200, HALF: 186}
# Larger changes are cut off, so that the others stay visible.
_FARTHEST = 1.0


def render(comparisons: Sequence[Comparison]) -> str:
    """The page of one or more comparisons."""
    parts = [f"<header><h1>{pick('Load tests compared', '负载测试比较')}</h1></header><main>"]
    for comparison in comparisons:
        parts.append(f"<section><h2>{escape(comparison.base)} {pick('and', '与')} {escape(comparison.new)}</h2>")
        parts.append(banner(verdict(comparison), _LOOKS[comparison.verdict][0], "verdict"))
        if comparison.reservations:
            items = "".join(f"<li>{escape(each)}</li>" for each in comparison.reservations)
            doubt = pick("These runs may not be comparable:", "这两次运行可能不可比：")
            parts.append(f'<div class="banner warn">{doubt}<ul>{items}</ul></div>')
        parts += [_picture(comparison), _table(comparison), f'<p class="text">{escape(foot(comparison))}</p></section>']
    return document(pick("Load tests compared", "负载测试比较"), [*parts, "</main>"])


def _table(comparison: Comparison) -> str:
    """The verdict stands beside the name, where a small screen shows it without scrolling."""
    rows = []
    for row in comparison.rows:
        name, base, new, *changed, _ = map(escape, cells(row, comparison.currency))
        kind, sign = _LOOKS[row.verdict]
        rows.append((name, f'<span class="said {kind}">{sign}{escape(row_verdict(row))}</span>', *changed, base, new))
    name, base, new, *changed, said = heads()
    header = (name, said, *changed, base, new)
    whys = [escape(row.why or "") for row in comparison.rows]
    return table(header, rows, range(2, 6), name=f"{comparison.base}, {comparison.new}", below=whys)


def _picture(comparison: Comparison) -> str:
    rows = [row for row in comparison.rows if row.kind != SHARE and row.low is not None and row.high is not None]
    if not rows:
        return ""
    title = pick(
        "Change from the base, with intervals; what lies in the grey band does not matter",
        "相对基准的变化及其区间；灰色带内的变化无关紧要",
    )
    return figure(title, (), both(lambda width: _drawn(comparison, rows, width)), full=True)


def _drawn(comparison: Comparison, rows: Sequence[Row], width: int) -> str:
    reach = max(max(abs(row.low or 0.0), abs(row.high or 0.0)) for row in rows)
    reach = min(_FARTHEST, max(0.02, 1.5 * comparison.tolerance, reach)) * 1.05
    scale = exact(-reach, reach, format_change, about=8 if width == FULL else 4)
    names, height = _NAMES[width], _TOP + _ROW * len(rows) + _FLOOR

    def across(share: float) -> float:
        return names + scale.share(share) * (width - names - 20)

    left, right = across(-comparison.tolerance), across(comparison.tolerance)
    parts = [
        f'<rect class="band c7" x="{left:.1f}" y="{_TOP}" width="{right - left:.1f}" height="{_ROW * len(rows)}"/>'
    ]
    for share, label in scale.ticks:
        x, kind = across(share), "grid" if share else "axis"
        parts.append(f'<line class="{kind}" x1="{x:.1f}" x2="{x:.1f}" y1="{_TOP}" y2="{height - _FLOOR}"/>')
        parts.append(f'<text x="{x:.1f}" y="{height - 12}" text-anchor="middle">{escape(label)}</text>')
    for k, row in enumerate(rows):
        y = _TOP + _ROW * (k + 0.5)
        low, high, at = across(row.low or 0.0), across(row.high or 0.0), across(row.change or 0.0)
        parts.append(
            f'<text class="note" x="{names - 8}" y="{y + 4:.1f}" text-anchor="end">{escape(row_title(row))}</text>'
            f'<g class="{_LOOKS[row.verdict][0]}"><line class="line" x1="{low:.1f}" x2="{high:.1f}" y1="{y:.1f}" '
            f'y2="{y:.1f}"/><circle class="dot" cx="{at:.1f}" cy="{y:.1f}" r="4"/></g>'
            f'<rect class="hit" x="0" y="{y - _ROW / 2:.1f}" width="{width}" height="{_ROW}">'
            f"<title>{escape(_tooltip(row, comparison))}</title></rect>"
        )
    words = "; ".join(" ".join(cells(row, comparison.currency)[k] for k in (0, 3, 4)) for row in rows)
    return f'<svg viewBox="0 0 {width} {height}" role="img" aria-label="{escape(words)}">{"".join(parts)}</svg>'


def _tooltip(row: Row, comparison: Comparison) -> str:
    head, *known = cells(row, comparison.currency)
    return "\n".join([head, *(f"{name} {value}" for name, value in zip(heads()[1:], known, strict=True))])
