"""HTML of a dashboard with the results of its queries, for the preview."""

from __future__ import annotations

import math
from datetime import UTC, datetime
from html import escape
from itertools import pairwise
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from preview_dashboards import Series

CELL = 30  # pixels a row of the grid is high; 50 a column is wide
COLORS = ("#7eb26d", "#eab839", "#6ed0e0", "#ef843c", "#e24d42", "#1f78c1", "#ba43a9", "#705da0", "#508642", "#cca300")
NAMED = {
    "green": "#73bf69",
    "red": "#f2495c",
    "orange": "#ff9830",
    "purple": "#b877d9",
    "yellow": "#fade2a",
    "text": "#ccccdc",
}
STYLE = (
    "body{margin:12px;background:#111217;color:#ccccdc;font:12px sans-serif}"
    "h1{font-size:17px;margin:4px 0 10px}.b{position:relative}"
    ".p{position:absolute;background:#181b1f;border:1px solid #2c3235;"
    "box-sizing:border-box;overflow:hidden;padding:6px}"
    ".r{position:absolute;font-size:14px;padding-top:7px}.t{font-weight:bold;white-space:nowrap}"
    ".v{font-size:22px;margin-top:12px;white-space:nowrap}.l{font-size:9px;line-height:11px}"
    ".n{color:#888;font-size:15px;margin-top:12px}"
    "td,th{padding:1px 8px;text-align:left}"
)


def page(dashboard: Mapping[str, Any], drawn: Mapping[int, Sequence[Series]], start: float, end: float) -> str:
    """The page of a dashboard; `drawn` holds each panel's series by its id."""
    body = []
    for panel in dashboard["panels"]:
        place = panel["gridPos"]
        box = f"left:{place['x'] * 50}px;top:{place['y'] * CELL}px;width:{place['w'] * 50 - 6}px"
        if panel["type"] == "row":
            body.append(f'<div class="r" style="{box}">{escape(panel["title"])}</div>')
            continue
        inner = _panel(panel, drawn[panel["id"]], start, end)
        title = f'<div class="t">{escape(panel["title"])}</div>'
        body.append(f'<div class="p" style="{box};height:{place["h"] * CELL - 6}px">{title}{inner}</div>')
    head = f'<meta charset="utf-8"><style>{STYLE}</style><h1>{escape(dashboard["title"])}</h1>'
    return f'<!doctype html>{head}<div class="b">{"".join(body)}</div>'


def _panel(panel: Mapping[str, Any], series: Sequence[Series], start: float, end: float) -> str:
    defaults = panel["fieldConfig"]["defaults"]
    if not series:
        return f'<div class="n">{escape(defaults["noValue"])}</div>'
    if panel["type"] in {"stat", "gauge"}:
        return _stat(defaults, series)
    if panel["type"] == "table":
        rows = "".join(
            f"<tr><td>{'<td>'.join(escape(v) for v in s.labels.values())}<td>{_text(s.points[-1][1], defaults)}</tr>"
            for s in series
        )
        return f"<table>{rows}</table>"
    width, height = panel["gridPos"]["w"] * 50 - 20, panel["gridPos"]["h"] * CELL - 60
    if panel["type"] == "state-timeline":
        return _states(defaults, series, start, end, width)
    stacked = defaults.get("custom", {}).get("stacking", {}).get("mode") == "normal"
    return _curves(defaults, series, (start, end), (width, height), stacked=stacked)


def _stat(defaults: Mapping[str, Any], series: Sequence[Series]) -> str:
    size = 22 if len(series) == 1 else 13
    figures = []
    for s in series:
        value, own = s.points[-1][1], {**defaults, **s.overrides}
        name = f' <span class="l">{escape(s.name)}</span>' if len(series) > 1 else ""
        style = f"font-size:{size}px;margin-top:{size // 2}px;color:{_color(value, own)}"
        figures.append(f'<div class="v" style="{style}">{_text(value, own)}{name}</div>')
    return "".join(figures)


def _states(defaults: Mapping[str, Any], series: Sequence[Series], start: float, end: float, width: int) -> str:
    lines = []
    for number, s in enumerate(series):
        y = 6 + number * 34
        lines.append(f'<text x="0" y="{y + 8}" fill="#ccccdc" font-size="10">{escape(s.name)}</text>')
        step = width / max(1, len(s.points))
        for at, value in s.points:
            x = (at - start) / (end - start) * width
            color = _color(value, defaults)
            lines.append(f'<rect x="{x:.1f}" y="{y + 11}" width="{step + 1:.1f}" height="16" fill="{color}"/>')
    return f'<svg width="{width}" height="{len(series) * 34 + 10}">{"".join(lines)}</svg>'


def _curves(
    defaults: Mapping[str, Any],
    series: Sequence[Series],
    times: tuple[float, float],
    size: tuple[int, int],
    *,
    stacked: bool,
) -> str:
    (start, end), (width, height) = times, size
    base: dict[float, float] = {}
    curves: list[list[tuple[float, float]]] = []
    for s in series:
        points = [(at, value) for at, value in s.points if math.isfinite(value)]
        if stacked:
            points = [(at, value + base.get(at, 0.0)) for at, value in points]
            base.update(points)
        curves.append(points)
    top = max((value for points in curves for _, value in points), default=1.0) or 1.0
    lines = [f'<text x="0" y="10" fill="#888" font-size="10">{_text(top, defaults)}</text>']
    for number, points in enumerate(curves):
        color = COLORS[number % len(COLORS)]
        for run in _runs(points):
            path = " ".join(
                f"{(at - start) / (end - start) * width:.1f},{height - value / top * (height - 14):.1f}"
                for at, value in run
            )
            lines.append(f'<polyline points="{path}" fill="none" stroke="{color}" stroke-width="1.5"/>')
    lines.append(f'<line x1="0" x2="{width}" y1="{height}" y2="{height}" stroke="#444"/>')
    return f'<svg width="{width}" height="{height + 2}">{"".join(lines)}</svg>{_legend(series)}'


def _runs(points: Sequence[tuple[float, float]]) -> list[list[tuple[float, float]]]:
    """Splits points at gaps, over which no line is drawn."""
    step = min((after[0] - before[0] for before, after in pairwise(points)), default=0.0)
    runs: list[list[tuple[float, float]]] = [[]]
    for point in points:
        if runs[-1] and point[0] - runs[-1][-1][0] > 1.5 * step:
            runs.append([])
        runs[-1].append(point)
    return runs


def _legend(series: Iterable[Series]) -> str:
    names = (
        f'<span style="color:{COLORS[number % len(COLORS)]}">{escape(s.name)}</span>' for number, s in enumerate(series)
    )
    return f'<div class="l">{" · ".join(names)}</div>'


def _mapped(value: float, defaults: Mapping[str, Any]) -> Mapping[str, Any] | None:
    for mapping in defaults["mappings"]:
        if mapping["type"] == "value" and (found := mapping["options"].get(f"{value:g}")):
            result: Mapping[str, Any] = found
            return result
    return None


def _color(value: float, defaults: Mapping[str, Any]) -> str:
    if mapped := _mapped(value, defaults):
        return NAMED[mapped["color"]]
    color = "text"
    for step in defaults.get("thresholds", {}).get("steps", ()):
        if step["value"] is None or value >= step["value"]:
            color = step["color"]
    return NAMED[color]


def _text(value: float, defaults: Mapping[str, Any]) -> str:
    if mapped := _mapped(value, defaults):
        return escape(mapped["text"])
    unit = defaults["unit"]
    if unit == "percentunit":
        return f"{value * 100:.2f} %"
    if unit == "s":
        return (
            f"{value / 60:.1f} min" if value >= 120 else f"{value * 1000:.1f} ms" if value < 0.1 else f"{value:.2f} s"
        )
    if unit == "dateTimeAsIso":
        return f"{datetime.fromtimestamp(value / 1000, UTC):%Y-%m-%d %H:%M:%S}"
    if unit.startswith("currency"):
        return ("$" if unit == "currencyUSD" else "¥") + f"{value:.3f}"
    suffix = {"reqps": " req/s", "d": " d"}.get(unit, "")
    return f"{value:,.0f}{suffix}" if value >= 100 else f"{value:.3g}{suffix}"
