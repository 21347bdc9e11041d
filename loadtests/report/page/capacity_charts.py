"""The charts of a search for the capacity: successes and latency against the rate that was asked for."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from aimon.formatting import format_duration, format_number
from aimon.language import pick
from aimon.loadtests.report.page.charts import FULL, both, figure, values_at
from aimon.loadtests.report.page.chinese import local
from aimon.loadtests.report.reasons import reason
from aimon.svg import BOTTOM, TOP, Frame, Scale, linear, logarithmic

if TYPE_CHECKING:
    from collections.abc import Sequence


def served(report: dict[str, Any], mark: str) -> str:
    """Successes against offered calls: the curve leaves the diagonal at the capacity."""
    found = report["capacity"]
    steps = _sorted(found)
    title = "Capacity: successes against calls asked for, per second"
    columns = _columns(steps)
    words = "; ".join(column.replace("\n", ", ") for _, column in columns)

    def draw(width: int) -> str:
        x = _rates(steps, width)
        y = linear(0.0, max(step["rate"] for step in steps) * 1.04, format_number, about=5)
        frame = Frame(width, 300, x, y)
        end = min(x.high, y.high)
        parts = [
            frame.grid(pick("asked, per second", "要求，每秒"), pick("succeeded, per second", "成功，每秒")),
            _bracket(frame, found),
            frame.line([[(0.0, 0.0), (end, end)]], "c7 d2"),
            frame.line([[(step["rate"], step["served"]) for step in steps]], "c0"),
            *(frame.dot(step["rate"], step["served"], "dot c0" if step["held"] else "hollow c0") for step in steps),
        ]
        if found["rate"] is not None:
            text = f"{pick('held', '保持住')} {format_number(found['rate'], 4)}/s" + (
                _estimate(found) if width == FULL else ""
            )
            beyond = frame.across(found["rate"]) > width * 0.7
            place = frame.across(found["rate"]) + (-7 if beyond else 7)
            parts.append(frame.note(place, TOP + 10, text, anchor="end" if beyond else "start", kind="halo"))
        return frame.drawing(local(title), words, [*parts, frame.hits(columns)])

    legend = [("c0", "succeeded (full dot: held, hollow: not held)"), ("c7 d2", "all that was asked")]
    if found["low"] is not None and found["high"] is not None:
        legend.append(("c3 box", "the capacity lies here"))
    return figure(title, legend, both(draw), full=True, mark=mark)


def latency(report: dict[str, Any], mark: str) -> str:
    """Latency from schedule against offered calls."""
    steps = _sorted(report["capacity"])
    lines = {
        name: [(step["rate"], value) for step in steps if (value := step.get(f"latency_{name.lower()}_s")) is not None]
        for name in ("P50", "P95")
    }
    values = [value for line in lines.values() for _, value in line]
    if not values:
        return ""
    title = "Latency from schedule against calls asked for"
    words = "; ".join(
        f"{name} "
        + ", ".join(
            pick("{} at {}/s", "{}（{}/s 时）").format(format_duration(y), format_number(x, 4)) for x, y in line
        )
        for name, line in lines.items()
    )

    def draw(width: int) -> str:
        scale = logarithmic(min(values) * 0.8, max(values) * 1.2, format_duration)
        frame = Frame(width, 230, _rates(steps, width), scale)
        axis = pick("asked, per second; latency is logarithmic", "要求，每秒；延迟为对数坐标")
        parts = [frame.grid(axis, ""), _bracket(frame, report["capacity"])]
        parts += [frame.line([line], f"c{k} d{k}") for k, line in enumerate(lines.values())]
        return frame.drawing(local(title), words, [*parts, frame.hits(_columns(steps))])

    legend = [(f"c{k} d{k}", name) for k, name in enumerate(lines)]
    return figure(title, legend, both(draw), full=True, mark=mark)


def _sorted(found: dict[str, Any]) -> list[dict[str, Any]]:
    return sorted(found["steps"], key=lambda step: step["rate"])


def _rates(steps: Sequence[dict[str, Any]], width: int) -> Scale:
    most = max(step["rate"] for step in steps) * 1.04
    return linear(0.0, most, format_number, about=8 if width == FULL else 4)


def _columns(steps: Sequence[dict[str, Any]]) -> list[tuple[float, str]]:
    """What is known of each step; of several at the same rate, all."""
    texts: dict[float, str] = {}
    for step in steps:
        held = pick("held", "保持住") if step["held"] else pick("not held", "没有保持住")
        known = {
            "succeeded": f"{format_number(step['served'], 4)}/s, {held}"
            + (f": {reason(step['why'])}" if step["why"] else "")
        }
        known |= {
            name: format_duration(value)
            for name in ("P50", "P95")
            if (value := step.get(f"latency_{name.lower()}_s")) is not None
        }
        text = values_at(pick("{}/s asked", "要求 {}/s").format(format_number(step["rate"], 4)), known)
        texts[step["rate"]] = "\n".join(filter(None, (texts.get(step["rate"]), text)))
    return list(texts.items())


def _estimate(found: dict[str, Any]) -> str:
    """The capacity estimated by steps above it; empty where that contradicts the bracket."""
    interval = found.get("interval")
    if interval is None or interval[1] < found["low"] or (found["high"] is not None and interval[0] > found["high"]):
        return ""
    return pick("; the steps beyond tell {} to {}/s (95 %)", "；之上的各步表明 {} 至 {}/s（95 %）").format(
        format_number(interval[0], 4), format_number(interval[1], 4)
    )


def _bracket(frame: Frame, found: dict[str, Any]) -> str:
    low, high = found["low"], found["high"]
    if low is None:
        return ""
    left, right = frame.across(low), frame.across(low if high is None else high)
    band = (
        f'<rect class="band c3" x="{left:.1f}" y="{TOP}" width="{max(1.0, right - left):.1f}" '
        f'height="{frame.height - TOP - BOTTOM}"/>'
    )
    return band + frame.upright(low, "c3 d1")
