"""report.html: one file that needs nothing else, not even scripts; charts are SVG. Everything is escaped."""

from __future__ import annotations

from html import escape
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Sequence

_WIDTH, _HEIGHT, _LEFT, _BOTTOM, _TOP = 720, 220, 56, 28, 12
_COLOURS = ("#1565c0", "#2e7d32", "#c62828", "#6a1b9a")
_STYLE = """
:root { color-scheme: light; font: 15px/1.5 system-ui, sans-serif; color: #1c2733; }
body { max-width: 760px; margin: 2rem auto; padding: 0 1rem; }
h1 { font-size: 1.5rem; } h2 { font-size: 1.1rem; margin-top: 2rem; }
.verdict { padding: .6rem 1rem; border-left: 4px solid #1565c0; background: #eef4fb; font-weight: 600; }
.suspect { padding: .6rem 1rem; border-left: 4px solid #c62828; background: #fdeeee; }
table { border-collapse: collapse; width: 100%; } td, th { padding: .25rem .5rem; border-bottom: 1px solid #d9e0e7; }
th { text-align: left; font-weight: 600; } td.n { text-align: right; font-variant-numeric: tabular-nums; }
svg { width: 100%; height: auto; } svg text { font-size: 11px; fill: #51606e; }
@media print { body { margin: 0; max-width: none; } h2 { break-after: avoid; } svg, table { break-inside: avoid; } }
"""


def render(
    report: dict[str, Any], verdict: str, summary: Sequence[tuple[str, str]], times: Sequence[Sequence[str]]
) -> str:
    """The page of a report."""
    client = report["client"]
    suspect = ""
    if client["bottleneck"]:
        reasons = escape("; ".join(client["reasons"]))
        suspect = f'<p class="suspect">The client was the bottleneck, its numbers are suspect: {reasons}</p>'
    header, *rows = times
    seconds = report["seconds"]
    parts = [
        "<!doctype html>",
        '<html lang="en"><head><meta charset="utf-8">',
        "<meta http-equiv=\"Content-Security-Policy\" content=\"default-src 'none'; style-src 'unsafe-inline'\">",
        f"<title>Load test of {escape(report['endpoint'])}</title><style>{_STYLE}</style></head><body>",
        f"<h1>Load test of {escape(report['endpoint'])}</h1>",
        f'<p class="verdict">{escape(verdict)}</p>',
        suspect,
        table(None, summary, numbers=False),
        "<h2>Times of successful calls</h2>",
        table(header, rows),
        _capacity(report["capacity"]),
        "<h2>Calls per second</h2>",
        chart(
            {name: [(row["second"], row[name]) for row in seconds] for name in ("sent", "ended", "ok")}, "seconds", "/s"
        ),
        "<h2>Output tokens per second</h2>",
        chart({"tokens": [(row["second"], row["output_tokens"]) for row in seconds]}, "seconds", "/s"),
        "<h2>Configuration</h2>",
        table(
            None,
            [(key, "-" if value is None else str(value)) for key, value in report["config"].items()],
            numbers=False,
        ),
        "</body></html>\n",
    ]
    return "\n".join(part for part in parts if part)


def table(header: Sequence[str] | None, rows: Sequence[Sequence[str]], *, numbers: bool = True) -> str:
    """A table; all cells but the first of a row are numbers, unless told otherwise."""
    top = "" if header is None else "<tr>" + "".join(f"<th>{escape(cell)}</th>" for cell in header) + "</tr>"
    kind = ' class="n"' if numbers else ""
    body = "".join(
        f"<tr><th>{escape(first)}</th>" + "".join(f"<td{kind}>{escape(cell)}</td>" for cell in rest) + "</tr>"
        for first, *rest in rows
    )
    return f"<table>{top}{body}</table>"


def chart(lines: dict[str, list[tuple[float, float]]], across: str, unit: str) -> str:
    """Lines over a shared scale, with a legend, as SVG; nothing where there are no points."""
    points = [point for line in lines.values() for point in line]
    if not points:
        return ""
    right = max(x for x, _ in points) or 1
    top = max(y for _, y in points) or 1

    def place(x: float, y: float) -> tuple[float, float]:
        return (
            _LEFT + x / right * (_WIDTH - _LEFT - 12),
            _HEIGHT - _BOTTOM - y / top * (_HEIGHT - _BOTTOM - _TOP),
        )

    parts = [f'<svg viewBox="0 0 {_WIDTH} {_HEIGHT}" role="img" aria-label="{escape(", ".join(lines))}">']
    for share in (0, 0.5, 1):
        x, y = place(right * share, top * share)
        parts.append(f'<line x1="{_LEFT}" x2="{_WIDTH - 12}" y1="{y:.1f}" y2="{y:.1f}" stroke="#d9e0e7"/>')
        parts.append(f'<text x="{_LEFT - 6}" y="{y + 4:.1f}" text-anchor="end">{top * share:.4g}</text>')
        parts.append(f'<text x="{x:.1f}" y="{_HEIGHT - 12}" text-anchor="middle">{right * share:.4g}</text>')
    for k, (name, line) in enumerate(lines.items()):
        colour = _COLOURS[k % len(_COLOURS)]
        path = " ".join(f"{x:.1f},{y:.1f}" for x, y in (place(*point) for point in line))
        parts.append(f'<polyline points="{path}" fill="none" stroke="{colour}" stroke-width="1.6"/>')
        parts.append(f'<text x="{_LEFT + 8 + k * 90}" y="{_TOP + 8}" style="fill:{colour}">{escape(name)}</text>')
    parts.append(
        f'<text x="{_WIDTH - 12}" y="{_TOP + 8}" text-anchor="end">{escape(unit)} over {escape(across)}</text></svg>'
    )
    return "".join(parts)


def _capacity(capacity: dict[str, Any] | None) -> str:
    if capacity is None:
        return ""
    steps = sorted(capacity["steps"], key=lambda step: step["rate"])
    rows = [
        [f"{step['rate']:.4g}", f"{step['served']:.4g}", "yes" if step["held"] else "no", step["why"]] for step in steps
    ]
    curve = chart({"ok": [(step["rate"], step["served"]) for step in steps]}, "requests/s asked", "/s ok")
    return "<h2>Capacity</h2>" + curve + table(["asked/s", "ok/s", "held", "why"], rows, numbers=False)
