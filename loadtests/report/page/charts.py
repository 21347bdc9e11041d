"""The charts of a report over time, and its distributions.

Each is a figure with a title, a legend, a text for screen readers, and exact values under the pointer (`script`).
"""

from __future__ import annotations

from html import escape
from typing import TYPE_CHECKING, Any

from aimon.formatting import format_duration, format_number, format_percent
from aimon.language import pick
from aimon.loadtests.report import chart_data
from aimon.loadtests.report.page.chinese import local
from aimon.loadtests.statistics.censoring import values_needed
from aimon.loadtests.statistics.formatting import format_percentile
from aimon.svg import TOP, Frame, exact, linear, logarithmic

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from aimon.loadtests.report.chart_data import ChartPoint

HALF, FULL = 452, 920
_LOW, _HIGH = 216, 250
_SHARES = {"P50": 0.5, "P95": 0.95, "P99": 0.99}
_COLOURS = 7
# Legend of all outcomes beyond the most frequent.
_REST = "others"


def figure(title: str, legend: Sequence[tuple[str, str]], drawing: str, *, full: bool = False, mark: str = "") -> str:
    """A chart in its frame; the legend is (class, name) of each line."""
    items = "".join(
        f'<li class="{kind}" data-name="{escape(local(name))}">{escape(local(name))}</li>' for kind, name in legend
    )
    names = f'<ul class="legend">{items}</ul>' if items else ""
    start = '<figure class="full">' if full else "<figure>"
    return f"{start}<figcaption><h3>{escape(local(title))}</h3>{mark}{names}</figcaption>{drawing}</figure>"


def both(draw: Callable[[int], str]) -> str:
    """A chart as wide as the page, and a narrow one for small screens, where the wide one's text would be too small."""
    return f'<div class="roomy">{draw(FULL)}</div><div class="narrow">{draw(HALF)}</div>'


def values_at(head: str, values: Mapping[str, str]) -> str:
    """The text of a tooltip: a heading, and a line for each value by its name."""
    return "\n".join([head, *(f"{local(name)} {value}" for name, value in values.items())])


def distribution(report: dict[str, Any], series: str, key: str, title: str, mark: str) -> str:
    """A histogram of a time on a logarithmic axis, with percentiles."""
    summary = report[key]
    found, outside = chart_data.bins(report, series)
    total = summary["count"] + summary.get("censored", 0)
    x = logarithmic(found[0].low, found[-1].high, format_duration)
    # Leaves room above for the percentiles' labels.
    y = linear(0.0, 1.2 * max(one.number for one in found) / total, lambda share: f"{share * 100:.3g} %")
    frame = Frame(HALF, _LOW + 26, x, y)
    beyond = pick(f", {outside:,} values beyond the ends", f"，两端之外有 {outside:,} 个值") if outside else ""
    parts = [frame.grid(pick("logarithmic", "对数坐标") + beyond, pick("share of all", "占全部"))]
    parts += [frame.bar((one.low, one.high), (0.0, one.number / total), "c5") for one in found if one.number]
    values = {name: value for name in _SHARES if (value := summary[name.lower()]) is not None}
    parts += [frame.upright(value, f"c{k} d{k}") for k, value in enumerate(values.values())]
    for k, (name, value) in enumerate(values.items()):
        right = frame.across(value) > HALF * 0.72
        place = frame.across(value) + (-5 if right else 5)
        text = f"{name} {format_duration(value)}"
        parts.append(frame.note(place, TOP + 9 + 13 * k, text, anchor="end" if right else "start", kind="halo"))
    parts.append(
        frame.bands(
            [
                (
                    (frame.across(one.low), frame.across(one.high)),
                    f"{_span(format_duration(one.low), format_duration(one.high))}\n"
                    + pick(f"{one.number:,} values, ", f"{one.number:,} 个值，")
                    + format_percent(one.number / total),
                )
                for one in found
            ]
        )
    )
    words = ", ".join(f"{name} {format_percentile(summary, name.lower(), format_duration)}" for name in _SHARES)
    open_ = _endless(summary.get("censored", 0))
    count = pick(f"of {summary['count']:,} values", f"共 {summary['count']:,} 个值")
    return figure(title + open_, (), frame.drawing(title, f"{words}, {count}{open_}", parts), mark=mark)


def _endless(censored: int) -> str:
    return pick(f", and {censored:,} without an end", f"，另有 {censored:,} 个没有结束") if censored else ""


def _span(low: str, high: str) -> str:
    return pick(f"{low} to {high}", f"{low} 至 {high}")


def percentiles(report: dict[str, Any], series: str, title: str, mark: str) -> str:
    """Percentiles over time; lines have gaps where censored calls leave them open."""
    found = chart_data.over_time(report, series, tuple(_SHARES.values()))
    typical = chart_data.typical_count([stretch for stretch, _ in found])
    few = {name for name, share in _SHARES.items() if typical < values_needed(share)}
    # No line for a percentile for which the stretches have too few calls.
    points = [point for _, point in found]
    lines = {name: chart_data.unbroken(points, k) if name not in few else [] for k, name in enumerate(_SHARES)}
    frame = Frame(HALF, _LOW, _time(report), linear(0.0, _highest(lines), format_duration))
    parts = [frame.grid("", "")]
    parts += [frame.line(stretches, f"c{k} d{k}") for k, stretches in enumerate(lines.values())]
    columns = []
    for stretch, point in found:
        known = {
            name: format_duration(value)
            for name, value in zip(_SHARES, point.values, strict=True)
            if value is not None and name not in few
        }
        head = _span(format_duration(stretch.start), format_duration(stretch.end))
        columns.append((point.at, values_at(head, known)))
    parts.append(frame.hits(columns))
    words = ", ".join(f"{name} {_from_to(stretches)}" for name, stretches in lines.items() if name not in few)
    legend = [(f"c{k} d{k}", name) for k, name in enumerate(lines) if name not in few]
    said = few and pick(
        f"no {', '.join(sorted(few))}: {typical} calls a stretch",
        f"没有 {'、'.join(sorted(few))}：每段 {typical} 个调用",
    )
    return figure(
        title, [*legend, *([("c7 none", said)] if said else [])], frame.drawing(title, words, parts), mark=mark
    )


def throughput(report: dict[str, Any], mark: str) -> str:
    """Calls asked for, started and succeeded, per second."""
    done, asked = chart_data.per_second(report, ("sent", "ok")), chart_data.asked(report)
    lines = {"started": chart_data.unbroken(done, 0), "succeeded": chart_data.unbroken(done, 1)}
    kinds = {"started": "c0", "succeeded": "c3 d1"}
    values = [{"started": format_number(sent or 0.0), "succeeded": format_number(ok or 0.0)} for _, (sent, ok) in done]
    if asked:
        name = "iterations asked" if report["rate"]["of"] == "iterations" else "asked"
        lines = {name: chart_data.unbroken(asked, 0), **lines}
        kinds[name] = "c7"
        values = [
            {name: format_number(rate), **known} if (rate := chart_data.at(asked, point.at)) is not None else known
            for point, known in zip(done, values, strict=True)
        ]
    return _rates(report, "Calls per second", (lines, kinds), _columns(report, done, values), mark)


def tokens(report: dict[str, Any], mark: str) -> str:
    """Output tokens per second, counted at the end of each call."""
    done = chart_data.per_second(report, ("output_tokens",))
    title = "Output tokens per second" + (", some estimated" if report["tokens"]["estimated"] else "")
    values = [{"tokens": format_number(number or 0.0)} for _, (number,) in done]
    lines = {"tokens": chart_data.unbroken(done, 0)}
    return _rates(report, title, (lines, {"tokens": "c4"}), _columns(report, done, values), mark, full=False)


def _columns(
    report: dict[str, Any], points: Sequence[ChartPoint], values: Sequence[Mapping[str, str]]
) -> list[tuple[float, str]]:
    return [
        (point.at, values_at(_span(*map(format_duration, stretch)), known))
        for point, stretch, known in zip(points, chart_data.stretches(report), values, strict=True)
    ]


def _rates(
    report: dict[str, Any],
    title: str,
    drawn: tuple[dict[str, list[list[tuple[float, float]]]], dict[str, str]],
    columns: Sequence[tuple[float, str]],
    mark: str,
    *,
    full: bool = True,
) -> str:
    lines, kinds = drawn
    words = "; ".join(f"{local(name)} {_from_to(stretches, format_number)}" for name, stretches in lines.items())

    def draw(width: int) -> str:
        height = _HIGH if width == FULL else _LOW
        frame = Frame(width, height, _time(report), linear(0.0, _highest(lines), format_number))
        parts = [frame.grid("", pick("per second", "每秒"))]
        parts += [frame.line(stretches, kinds[name]) for name, stretches in lines.items()]
        return frame.drawing(local(title), words, [*parts, frame.hits(columns)])

    legend = [(kinds[name], name) for name in lines] if len(lines) > 1 else ()
    return figure(title, legend, both(draw) if full else draw(HALF), full=full, mark=mark)


def failures(report: dict[str, Any]) -> str:
    """Failed calls over time, stacked by outcome."""
    title = "Failed calls per second, by outcome"
    found = _few(chart_data.failures(report))
    counts = report["requests"]["by_outcome"]
    if not found or not report["blocks"]:
        return figure(title, (), '<p class="none">' + pick("No call failed.", "没有失败的调用。") + "</p>")
    top = max(map(sum, zip(*found.values(), strict=True)))
    frame = Frame(HALF, _LOW, _time(report), linear(0.0, top, format_number))
    parts, columns = [frame.grid("", pick("per second", "每秒"))], []
    for k, block in enumerate(report["blocks"]):
        span, floor = (block["start_s"], block["start_s"] + block["seconds"]), 0.0
        for colour, rates in enumerate(found.values()):
            if rates[k]:
                parts.append(frame.bar(span, (floor, floor + rates[k]), f"c{_hue(colour)}"))
                floor += rates[k]
        known = {name: f"{format_number(rates[k])}/s" for name, rates in found.items() if rates[k]}
        text = values_at(_span(*map(format_duration, span)), known or {pick("no failures", "没有失败"): ""})
        columns.append(((frame.across(span[0]), frame.across(span[1])), text.rstrip()))
    parts.append(frame.bands(columns))
    words = ", ".join(f"{name} {count}" for name, count in counts.items() if name != "ok")
    legend = [(f"c{_hue(colour)} box", name) for colour, name in enumerate(found)]
    return figure(title, legend, frame.drawing(local(title), words, parts))


def _few(rates: dict[str, list[float]]) -> dict[str, list[float]]:
    names = list(rates)
    shown = {name: rates[name] for name in names[:_COLOURS]}
    if rest := [rates[name] for name in names[_COLOURS:]]:
        shown[_REST] = [sum(column) for column in zip(*rest, strict=True)]
    return shown


def _hue(place: int) -> int:
    # The most frequent failure is red; blue and green mark success elsewhere.
    return (2, 1, 4, 6, 5, 0, 3, 7)[min(place, 7)]


def _time(report: dict[str, Any]) -> Any:
    blocks = report["blocks"]
    ends = blocks[-1]["start_s"] + blocks[-1]["seconds"] if blocks else 1.0
    return exact(0.0, max(1.0, min(ends, report["duration_s"] or ends)), format_duration)


def _highest(lines: Mapping[str, Sequence[Sequence[tuple[float, float]]]]) -> float:
    return max((value for stretches in lines.values() for stretch in stretches for _, value in stretch), default=0.0)


def _from_to(stretches: Sequence[Sequence[tuple[float, float]]], write: Any = format_duration) -> str:
    values = [value for stretch in stretches for _, value in stretch]
    if not values:
        return pick("was never measured", "没有测到")
    low, high = write(min(values)), write(max(values))
    return pick(f"from {low} to {high}", f"从 {low} 到 {high}")
