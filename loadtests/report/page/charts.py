"""The charts of a report: each is a figure with a title, a legend and a text for screen readers."""

from __future__ import annotations

from html import escape
from typing import TYPE_CHECKING, Any

from aimon.language import pick
from aimon.loadtests.report import chart_data
from aimon.loadtests.report.page.chinese import local
from aimon.loadtests.statistics.censoring import values_needed
from aimon.loadtests.statistics.formatting import format_duration, format_number, format_percentile
from aimon.svg import BOTTOM, TOP, Frame, exact, linear, logarithmic

if TYPE_CHECKING:
    from collections.abc import Sequence

HALF, FULL = 452, 920
_LOW, _HIGH = 216, 250
_SHARES = {"P50": 0.5, "P95": 0.95, "P99": 0.99}
_COLOURS = 7
# Legend of all outcomes beyond the most frequent.
_REST = "others"


def figure(title: str, legend: Sequence[tuple[str, str]], drawing: str, *, full: bool = False, mark: str = "") -> str:
    """A chart in its frame; the legend is (class, name) of each line."""
    items = "".join(f'<li class="{kind}">{escape(local(name))}</li>' for kind, name in legend)
    names = f'<ul class="legend">{items}</ul>' if items else ""
    start = '<figure class="full">' if full else "<figure>"
    return f"{start}<figcaption><h3>{escape(local(title))}</h3>{mark}{names}</figcaption>{drawing}</figure>"


def distribution(report: dict[str, Any], series: str, key: str, title: str, mark: str) -> str:
    """A histogram of a time on a logarithmic axis, with percentiles."""
    summary = report[key]
    found, outside = chart_data.bins(report, series)
    total = summary["count"] + summary.get("censored", 0)
    x = logarithmic(found[0].low, found[-1].high, format_duration)
    # Leaves room above for the percentiles' labels.
    y = linear(0.0, 1.2 * max(one.number for one in found) / total, lambda share: f"{share * 100:.3g} %")
    frame = Frame(HALF, _LOW + 26, x, y)
    parts = [frame.grid("logarithmic" + (f", {outside} values beyond the ends" if outside else ""), "share of all")]
    parts += [
        frame.bar(
            (one.low, one.high),
            (0.0, one.number / total),
            "c5",
            f"{format_duration(one.low)} to {format_duration(one.high)}: {one.number} ({one.number / total:.1%})",
        )
        for one in found
        if one.number
    ]
    values = {name: value for name in _SHARES if (value := summary[name.lower()]) is not None}
    parts += [frame.upright(value, f"c{k} d{k}") for k, value in enumerate(values.values())]
    for k, (name, value) in enumerate(values.items()):
        right = frame.across(value) > HALF * 0.72
        place = frame.across(value) + (-5 if right else 5)
        text = f"{name} {format_duration(value)}"
        parts.append(frame.note(place, TOP + 9 + 13 * k, text, anchor="end" if right else "start", kind="halo"))
    words = ", ".join(f"{name} {format_percentile(summary, name.lower(), format_duration)}" for name in _SHARES)
    open_ = f", and {summary['censored']:,} without an end" if summary.get("censored") else ""
    return figure(
        title + open_, (), frame.drawing(title, f"{words}, of {summary['count']} values{open_}", parts), mark=mark
    )


def percentiles(report: dict[str, Any], series: str, title: str, mark: str) -> str:
    """Percentiles over time; lines have gaps where censored calls leave them open."""
    points = chart_data.over_time(report, series, tuple(_SHARES.values()))
    typical = chart_data.typical_count(report, series)
    # No line for a percentile for which the blocks have too few calls.
    lines = {
        name: chart_data.unbroken(points, k) if typical >= values_needed(share) else []
        for k, (name, share) in enumerate(_SHARES.items())
    }
    top = max((value for stretches in lines.values() for stretch in stretches for _, value in stretch), default=0.0)
    frame = Frame(HALF, _LOW, _time(report), linear(0.0, top, format_duration))
    parts = [frame.grid("", "")]
    parts += [frame.line(stretches, f"c{k} d{k}") for k, stretches in enumerate(lines.values())]
    words = ", ".join(f"{name} {_from_to(stretches)}" for name, stretches in lines.items())
    few = {name: f": {typical} calls a stretch" for name, share in _SHARES.items() if typical < values_needed(share)}
    legend = [(f"c{k} d{k}", name + few.get(name, "")) for k, name in enumerate(lines)]
    return figure(title, legend, frame.drawing(title, words, parts), mark=mark)


def throughput(report: dict[str, Any], mark: str) -> str:
    """Calls asked for, started and succeeded, per second."""
    done, asked = chart_data.per_second(report, ("sent", "ok")), chart_data.asked(report)
    lines = {"started": chart_data.unbroken(done, 0), "succeeded": chart_data.unbroken(done, 1)}
    kinds = {"started": "c0", "succeeded": "c3 d1"}
    if asked:
        lines = {"asked": chart_data.unbroken(asked, 0), **lines}
        kinds["asked"] = "c7"
    return _rates(report, "Calls per second", lines, kinds, mark)


def tokens(report: dict[str, Any], mark: str) -> str:
    """Output tokens per second, counted at the end of each call."""
    lines = {"tokens": chart_data.unbroken(chart_data.per_second(report, ("output_tokens",)), 0)}
    title = "Output tokens per second" + (", some estimated" if report["tokens"]["estimated"] else "")
    return _rates(report, title, lines, {"tokens": "c4"}, mark, full=False)


def _rates(
    report: dict[str, Any],
    title: str,
    lines: dict[str, list[list[tuple[float, float]]]],
    kinds: dict[str, str],
    mark: str,
    *,
    full: bool = True,
) -> str:
    top = max((value for stretches in lines.values() for stretch in stretches for _, value in stretch), default=0.0)
    frame = Frame(FULL if full else HALF, _HIGH if full else _LOW, _time(report), linear(0.0, top, format_number))
    parts = [frame.grid("", "per second")]
    parts += [frame.line(stretches, kinds[name]) for name, stretches in lines.items()]
    words = "; ".join(f"{name} {_from_to(stretches, format_number)}" for name, stretches in lines.items())
    legend = [(kinds[name], name) for name in lines] if len(lines) > 1 else ()
    return figure(title, legend, frame.drawing(title, words, parts), full=full, mark=mark)


def failures(report: dict[str, Any]) -> str:
    """Failed calls over time, stacked by outcome."""
    title = "Failed calls per second, by outcome"
    found = _few(chart_data.failures(report))
    counts = report["requests"]["by_outcome"]
    if not found or not report["blocks"]:
        return figure(title, (), '<p class="none">' + pick("No call failed.", "没有失败的调用。") + "</p>")
    top = max(map(sum, zip(*found.values(), strict=True)))
    frame = Frame(HALF, _LOW, _time(report), linear(0.0, top, format_number))
    parts = [frame.grid("", "per second")]
    for k, block in enumerate(report["blocks"]):
        span, floor = (block["start_s"], block["start_s"] + block["seconds"]), 0.0
        for colour, (name, rates) in enumerate(found.items()):
            if rates[k]:
                text = f"{name}: {format_number(rates[k])}/s from {span[0]} to {span[1]} s"
                parts.append(frame.bar(span, (floor, floor + rates[k]), f"c{_hue(colour)}", text))
                floor += rates[k]
    words = ", ".join(f"{name} {count}" for name, count in counts.items() if name != "ok")
    legend = [(f"c{_hue(colour)} box", name) for colour, name in enumerate(found)]
    return figure(title, legend, frame.drawing(title, words, parts))


def _few(rates: dict[str, list[float]]) -> dict[str, list[float]]:
    names = list(rates)
    shown = {name: rates[name] for name in names[:_COLOURS]}
    if rest := [rates[name] for name in names[_COLOURS:]]:
        shown[_REST] = [sum(column) for column in zip(*rest, strict=True)]
    return shown


def _hue(place: int) -> int:
    # The most frequent failure is red; blue and green mark success elsewhere.
    return (2, 1, 4, 6, 5, 0, 3, 7)[min(place, 7)]


def capacity(report: dict[str, Any], mark: str) -> str:
    """Successes against offered calls: the curve leaves the diagonal at the capacity."""
    found = report["capacity"]
    steps = sorted(found["steps"], key=lambda step: step["rate"])
    most = max(step["rate"] for step in steps) * 1.04
    frame = Frame(FULL, 300, linear(0.0, most, format_number, about=8), linear(0.0, most, format_number, about=5))
    title = "Capacity: successes against calls asked for, per second"
    end = min(frame.x.high, frame.y.high)
    parts = [frame.grid("asked, per second", "succeeded, per second"), _bracket(frame, found)]
    parts.append(frame.line([[(0.0, 0.0), (end, end)]], "c7 d2"))
    parts.append(frame.line([[(step["rate"], step["served"]) for step in steps]], "c0"))
    parts += [_dot(frame, step["rate"], step["served"], step) for step in steps]
    if found["rate"] is not None:
        text = f"{pick('held', '保持住')} {found['rate']:.4g}/s{_estimate(found)}"
        beyond = frame.across(found["rate"]) > FULL * 0.7
        place = frame.across(found["rate"]) + (-7 if beyond else 7)
        parts.append(frame.note(place, TOP + 10, text, anchor="end" if beyond else "start", kind="halo"))
    words = "; ".join(
        f"{step['rate']:.4g} asked, {step['served']:.4g} succeeded, {'held' if step['held'] else 'not held'}"
        for step in steps
    )
    legend = [("c0", "succeeded (full dot: held, hollow: not held)"), ("c7 d2", "all that was asked")]
    if found["low"] is not None and found["high"] is not None:
        legend.append(("c3 box", "the capacity lies here"))
    return figure(title, legend, frame.drawing(title, words, parts), full=True, mark=mark)


def capacity_latency(report: dict[str, Any], mark: str) -> str:
    """Latency from schedule against offered calls."""
    steps = sorted(report["capacity"]["steps"], key=lambda step: step["rate"])
    lines = {
        name: [(step["rate"], value) for step in steps if (value := step.get(f"latency_{name.lower()}_s")) is not None]
        for name in ("P50", "P95")
    }
    values = [value for line in lines.values() for _, value in line]
    if not values:
        return ""
    most = max(step["rate"] for step in steps) * 1.04
    frame = Frame(
        FULL,
        230,
        linear(0.0, most, format_number, about=8),
        logarithmic(min(values) * 0.8, max(values) * 1.2, format_duration),
    )
    title = "Latency from schedule against calls asked for"
    parts = [frame.grid("asked, per second; latency is logarithmic", ""), _bracket(frame, report["capacity"])]
    for k, line in enumerate(lines.values()):
        parts.append(frame.line([line], f"c{k} d{k}"))
    words = "; ".join(
        f"{name} " + ", ".join(f"{format_duration(y)} at {x:.4g}/s" for x, y in line) for name, line in lines.items()
    )
    legend = [(f"c{k} d{k}", name) for k, name in enumerate(lines)]
    return figure(title, legend, frame.drawing(title, words, parts), full=True, mark=mark)


def _estimate(found: dict[str, Any]) -> str:
    """The capacity estimated by steps above it; empty where that contradicts the bracket."""
    interval = found.get("interval")
    if interval is None or interval[1] < found["low"] or (found["high"] is not None and interval[0] > found["high"]):
        return ""
    return f"; the steps beyond tell {interval[0]:.4g} to {interval[1]:.4g}/s (95 %)"


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


def _dot(frame: Frame, x: float, y: float, step: dict[str, Any]) -> str:
    held = "dot" if step["held"] else "hollow"
    text = f"{step['rate']:.4g}/s asked, {step['served']:.4g}/s succeeded" + (f": {step['why']}" if step["why"] else "")
    return (
        f'<circle class="{held} c0" cx="{frame.across(x):.1f}" cy="{frame.up(y):.1f}" r="4">'
        f"<title>{escape(text)}</title></circle>"
    )


def _time(report: dict[str, Any]) -> Any:
    blocks = report["blocks"]
    ends = blocks[-1]["start_s"] + blocks[-1]["seconds"] if blocks else 1.0
    return exact(0.0, max(1.0, min(ends, report["duration_s"] or ends)), format_duration)


def _from_to(stretches: Sequence[Sequence[tuple[float, float]]], write: Any = format_duration) -> str:
    values = [value for stretch in stretches for _, value in stretch]
    return f"from {write(min(values))} to {write(max(values))}" if values else "was never measured"
