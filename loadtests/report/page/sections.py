"""The sections of a page with tables: objectives, times, outcomes, the client, the configuration."""

from __future__ import annotations

from html import escape
from typing import TYPE_CHECKING, Any

from aimon.formatting import format_duration, format_percent
from aimon.language import pick
from aimon.loadtests.report import chart_data, steady_state
from aimon.loadtests.report.page import chinese
from aimon.loadtests.report.page.chinese import local
from aimon.loadtests.report.page.html import pairs, section, suspect_mark, table
from aimon.loadtests.report.reasons import reason
from aimon.loadtests.report.text import by_name
from aimon.loadtests.report.text.summary import of_all_steps
from aimon.loadtests.report.text.times import COLUMN_TITLES, columns, measured, time_notes, time_title, values
from aimon.loadtests.statistics.censoring import values_needed
from aimon.loadtests.statistics.formatting import format_percentile, format_slo_value, slo_verdict

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

_ALL_STEPS = "Over all steps, also those beyond what was looked for; each is judged by itself."
_ABOUT_FILES = frozenset({"out", "out_mode", "results", "as_json", "metered"})
_WITH_UNIT: dict[str, Callable[[Any], str]] = {
    "duration": format_duration,
    "warmup": format_duration,
    "rate": lambda rate: f"{rate:g}/s",
    "max_rate": lambda rate: f"{rate:g}/s",
}
_STEADY = "The part in which concurrency was level"
_VERDICTS = {
    "met": 'good">&#10003; met',
    "missed": 'bad">&#10007; missed',
    "not judged": 'warn">&#9888; not judged',
}


def objectives(report: dict[str, Any]) -> str:
    """Each objective, what was measured, and the verdict."""
    if not report["slo"]:
        return ""
    rows = [
        (
            f"<code>{escape(row['expr'])}</code>",
            f'<span class="said short {_said(slo_verdict(row))}</span>',
            f"{escape(format_slo_value(row))} {suspect_mark(report)}",
        )
        for row in report["slo"]
    ]
    whys = [escape(reason(row.get("why") or "")) for row in report["slo"]]
    text = _over(report)
    return section("Objectives", table(("objective", "verdict", "measured"), rows, (2,), below=whys), text=text)


def _over(report: dict[str, Any]) -> str:
    """What the figures of the whole run are over; empty if that is plain."""
    if report["ladder"] is not None:
        return pick("Over all concurrencies together.", "所有并发合计。")
    return pick(_ALL_STEPS, chinese.ALL_STEPS) if of_all_steps(report) else ""


def _said(verdict: str) -> str:
    words = {"met": "达到", "missed": "未达到", "not judged": "无法判定"}
    return pick(_VERDICTS[verdict], _VERDICTS[verdict].replace(verdict, words[verdict]))


def times(report: dict[str, Any]) -> str:
    """All kinds of time, with percentiles."""
    mark, shown = suspect_mark(report), columns(report)
    rows = [
        (f"{escape(title)} {mark}", *(_number(found, column) for column in shown), values(found))
        for title, found in measured(report)
    ]
    header = ("", *(COLUMN_TITLES[column] for column in shown), "values")
    over = _over(report)
    notes = "".join(f"<p>{escape(note.replace('`', ''))}</p>" for note in time_notes(report))
    return (
        section(
            "Times",
            table(header, rows, range(1, len(header)), name="Times"),
            f'<div class="text">{notes}</div>',
            text=over,
        )
        if rows
        else ""
    )


def _number(times: dict[str, Any], column: str) -> str:
    said = escape(format_percentile(times, column, format_duration))
    return said if said[0].isdigit() or said[0] in "&-" else f'<span class="word">{said}</span>'


def request_names(report: dict[str, Any]) -> str:
    """The calls of a scenario by the name of the request."""
    if not (rows := by_name.rows(report)):
        return ""
    header, *cells = ([escape(cell) for cell in row] for row in rows)
    drawn = table(header, cells, range(1, len(header)), name=by_name.title())
    return section(by_name.title(), suspect_mark(report), drawn, text=by_name.explained(report))


def steady(report: dict[str, Any]) -> str:
    """The part of the run in which concurrency was level."""
    found = report["steady"]
    if found["start_s"] is None:
        return ""
    rows = [(escape(time_title(key)), *map(escape, cells)) for key, *cells in steady_state.rows(found)]
    drawn = table(("", *(share.upper() for share in steady_state.SHARES), "values"), rows, range(1, 5), name=_STEADY)
    return section(_STEADY, drawn if rows else " ", text=steady_state.describe(found, times=False))


def outcomes(report: dict[str, Any]) -> str:
    """How many calls had which outcome."""
    requests = report["requests"]
    rows = [
        (escape(name), f"{count:,}", format_percent(count / requests["sent"]))
        for name, count in requests["by_outcome"].items()
    ]
    more = [
        (escape(local(name)), f"{count:,}", "")
        for name, count in (
            ("arrivals that could not start", requests["not_started"]),
            ("lost with their worker", report["ended"]["lost"]),
            ("first call and warm-up, not counted", report["ended"]["uncounted"]),
        )
        if count
    ]
    return section("Outcomes", table(("outcome", "calls", "share"), [*rows, *more], (1, 2)))


def client(report: dict[str, Any]) -> str:
    """The self-check of the client."""
    client = report["client"]
    kept_up = pick("the client kept up: the numbers are the endpoint's", "客户端跟得上：这些数字属于端点")
    said = (
        f'<span class="said warn">&#9888; {escape(reason("; ".join(client["reasons"])))}</span>'
        if client["bottleneck"]
        else f'<span class="said good">&#10003; {kept_up}</span>'
    )
    rows = [
        ("Result", said),
        ("Processor, busiest worker", pick("{} of a core", "一个核的 {}").format(format_percent(client["cpu"]))),
        ("Lag of the event loop", _spread(report, "lag")),
        ("Lateness of starts", _spread(report, "start_lateness")),
        ("Arrivals that could not start", f"{report['requests']['not_started']:,}"),
    ]
    return section("Self-check of the client", pairs(rows))


def _spread(report: dict[str, Any], series: str) -> str:
    shapes = report["distributions"]
    found = shapes["series"].get(series)
    if found is None:
        return pick("not measured", "没有测到")
    middle, late = (
        chart_data.quantile(found["buckets"], share, unit=shapes["unit_s"], gamma=shapes["gamma"])
        for share in (0.5, 0.99)
    )
    known = [f"P50 {format_duration(middle or 0.0)}"]
    if found["count"] >= values_needed(0.99):
        known.append(f"P99 {format_duration(late or 0.0)}")
    most = pick("at most {}", "最多 {}").format(format_duration(found["max_s"]))
    return escape(", ".join([*known, most]))


def happened(report: dict[str, Any]) -> str:
    """What happened on the way, such as the loss of a worker."""
    items = "".join(f"<li>{escape(note)}</li>" for note in report["notes"])
    return section("What happened on the way", f"<ul>{items}</ul>" if items else "")


def configuration(report: dict[str, Any]) -> str:
    """What was asked for, under the names of report.json; what is 0, or about files only, is left out."""
    rows = [(name, f"<code>{escape(value)}</code>") for name, value in _flat(report["config"])]
    return section("Configuration", pairs(rows))


def _flat(values: dict[str, Any], before: str = "") -> Iterable[tuple[str, str]]:
    for key, value in values.items():
        if isinstance(value, dict):
            yield from _flat(value, f"{before}{key}.")
        elif isinstance(value, list):
            if value:
                yield before + key, ", ".join(map(str, value))
        elif value and key not in _ABOUT_FILES:
            yield before + key, _WITH_UNIT.get(key, str)(value)
