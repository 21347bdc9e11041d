"""report.html: one self-contained file without scripts; charts are SVG. All text is escaped."""

from __future__ import annotations

from html import escape
from typing import TYPE_CHECKING, Any

from aimon import quantities
from aimon.call.outcome import Fault, Outcome
from aimon.language import CHINESE, current, pick
from aimon.load_terms import SEARCHES
from aimon.loadtests.report import chart_data, steady_state, token_figures
from aimon.loadtests.report.page import charts, chinese
from aimon.loadtests.report.page.chinese import local
from aimon.loadtests.report.page.html import banner, document, pairs, section, table
from aimon.loadtests.report.run_result import ABORTED, INCOMPLETE, INTERRUPTED
from aimon.loadtests.report.summary import COLUMNS, TITLES, doubts, started, time_notes, time_title, values, verdict
from aimon.loadtests.statistics.formatting import (
    format_duration,
    format_number,
    format_percent,
    format_percentile,
    format_slo_value,
    slo_verdict,
)

if TYPE_CHECKING:
    from collections.abc import Iterable

MARK = '<span class="suspect">&#9888; suspect</span>'
_SHAPES = (("latency", "latency_s"), ("ttft", "ttft_s"), ("itl", "itl_s"), ("tpot", "tpot_s"))
_SHORT = {"latency_s": "Latency", "ttft_s": "TTFT", "itl_s": "Gaps between chunks (ITL)", "tpot_s": "TPOT"}
_NOTES = """
Times are those of calls that succeeded, and of those that ran out of time or were cut off, which count as longer than
they had lasted; what failed otherwise is counted by its outcome alone. Percentiles come from histograms and are within
0.5 % of the exact ones.

Latency from schedule counts from when a call was due: it holds the wait that a user has when the line is long. Latency
counts from when the call was made. Time to first token ends with the first visible text.

Gaps between chunks are what arrives, and a chunk may carry several tokens. Time per output token is from the token
count, and does not depend on how the provider cuts its chunks.
""".strip().split("\n\n")
_ALL_STEPS = "Over all steps, also those that were beyond what was looked for; each was judged by itself."
_VERDICTS = {
    "met": 'good">&#10003; met',
    "missed": 'bad">&#10007; missed',
    "not judged": 'warn">&#9888; not judged',
}
_CAPACITY = """A rate is held if 99 % of its calls succeed, its objectives are met and latency does not grow.
The capacity lies between the highest rate that was held and the lowest that was not. Steps are listed as they were
tried."""


def render(report: dict[str, Any]) -> str:
    """The page of a report."""
    title = pick(f"Load test of {report['endpoint']}", f"负载测试：{report['endpoint']}")
    notes = chinese.NOTES if current() == CHINESE else _NOTES
    return document(
        title,
        [
            f"<header><h1>{escape(title)}</h1>",
            f'<p class="lead">{_lead(report)}</p>',
            banner(verdict(report), _kind(report), "verdict"),
            *(banner(doubt, "warn") for doubt in doubts(report)),
            "</header><main>",
            *([_tiles(report)] if report["requests"]["sent"] else []),
            _objectives(report),
            _times(report),
            _steady(report),
            _capacity(report),
            _limits(report),
            _over_time(report),
            _distributions(report),
            _outcomes(report),
            _client(report),
            _happened(report),
            _configuration(report),
            "</main><footer>",
            *(f"<p>{escape(note)}</p>" for note in notes),
            f"<p>aimon {escape(report['aimon'])}. "
            + pick("The same numbers are in report.json, version 1.", "同样的数字见 report.json，版本 1。")
            + "</p>",
            "</footer>",
        ],
    )


def _mark(report: dict[str, Any]) -> str:
    return MARK if report["client"]["bottleneck"] else ""


def _lead(report: dict[str, Any]) -> str:
    workers = report["workers"]
    parts = [
        report["model"] or "",
        f"profile {report['profile']}",
        _load(report),
        started(report),
        format_duration(report["duration_s"]),
        f"{workers} workers" if workers > 1 else "",
    ]
    return escape(" · ".join(part for part in parts if part))


def _load(report: dict[str, Any]) -> str:
    config = report["config"]
    if report["rate"]["asked"] is not None:
        return f"open loop, {format_number(report['rate']['asked'])}/s, {config['arrivals']} arrivals"
    if report["capacity"] is not None or report["limits"] is not None:
        return "rates chosen by the search"
    return f"closed loop, {config['concurrency']} streams" if config["concurrency"] else ""


def _kind(report: dict[str, Any]) -> str:
    how = report["ended"]["how"]
    found = report["capacity"]
    missed = any(not row["met"] for row in report["slo"])
    if how == ABORTED or (found is not None and found["rate"] is None) or (found is None and missed):
        return "bad"
    if how in (INTERRUPTED, INCOMPLETE):
        return "warn"
    return "good" if report["slo"] or found is not None or report["limits"] is not None else "plain"


def _tiles(report: dict[str, Any]) -> str:
    requests, rate = report["requests"], report["rate"]
    mark = _mark(report)
    own = sum(count for name, count in requests["by_outcome"].items() if Outcome(name).fault is Fault.PROBER)
    sent = requests["sent"] - own
    failed = sent - requests["ok"]
    tiles = [
        (
            "Calls",
            f"{requests['sent']:,}",
            pick(f"{requests['ok']:,} ok, {failed:,} failed", f"成功 {requests['ok']:,}，失败 {failed:,}")
            + (pick(f", {own:,} in the client itself", f"，客户端自身 {own:,}") if own else ""),
            "",
        ),
        ("Error rate", format_percent(failed / sent) if sent else "-", _worst(requests["by_outcome"]), ""),
        (
            "Calls /s",
            "-" if rate["achieved"] is None else format_number(rate["achieved"]),
            _asked(report),
            mark,
        ),
    ]
    for key, title in (
        ("latency_from_schedule_s" if rate["asked"] is not None else "latency_s", "Latency"),
        ("ttft_s", "TTFT"),
        ("tpot_s", "TPOT"),
    ):
        if (times := report[key]) is not None:
            # Few calls give no percentile but the median.
            big, *others = ("p50", "p95", "p99") if "p95" in times.get("needs", {}) else ("p95", "p50", "p99")
            small = ", ".join(
                f"{column.upper()} {format_percentile(times, column, format_duration)}" for column in others
            )
            tiles.append((f"{local(title)} {big.upper()}", format_percentile(times, big, format_duration), small, mark))
    if (output_rate := token_figures.rate(report)) is not None:
        tiles.append(("Output tokens /s", *output_rate, mark))
    if report["cost"] is not None:
        money = report["cost"]
        counted = money["amount"] if money.get("counted") is None else money["counted"]
        each = (
            pick("{} for 1,000 calls", "每 1,000 个调用 {}").format(quantities.price_tag(counted / sent * 1000, None))
            if sent
            else ""
        )
        each += token_figures.priced(money)
        tiles.append(("Cost", quantities.price_tag(money["amount"], money["currency"]), each, ""))
    return f'<dl class="tiles">{"".join(_tile(*tile) for tile in tiles)}</dl>'


def _asked(report: dict[str, Any]) -> str:
    asked, goodput = report["rate"]["asked"], report["goodput"]
    said = _load(report) if asked is None else pick("{} asked", "要求 {}").format(format_number(asked))
    return said + (
        pick(", {} good", "，有效 {}").format(format_number(goodput)) if report["slo"] and goodput is not None else ""
    )


def _tile(title: str, big: str, small: str, mark: str) -> str:
    return (
        f'<div class="tile"><dt>{escape(local(title))} {mark}</dt><dd class="big">{escape(big)}</dd>'
        f'<dd class="small">{escape(small)}</dd></div>'
    )


def _worst(outcomes: dict[str, int]) -> str:
    failed = sorted(((count, name) for name, count in outcomes.items() if name != "ok"), reverse=True)
    if not failed:
        return pick("no call failed", "没有失败的调用")
    return failed[0][1] if len(failed) == 1 else pick("most often {}", "最多的是 {}").format(failed[0][1])


def _objectives(report: dict[str, Any]) -> str:
    if not report["slo"]:
        return ""
    rows = [
        (
            f"<code>{escape(row['expr'])}</code>",
            escape(format_slo_value(row)) + " " + _mark(report),
            f'<span class="said {_said(slo_verdict(row))}</span>' + escape(f" {row['why']}" if row.get("why") else ""),
        )
        for row in report["slo"]
    ]
    text = pick(_ALL_STEPS, chinese.ALL_STEPS) if report["profile"] in SEARCHES else ""
    return section("Objectives", table(("objective", "measured", ""), rows, (1,)), text=text)


def _said(verdict: str) -> str:
    words = {"met": "达到", "missed": "未达到", "not judged": "无法判定"}
    return pick(_VERDICTS[verdict], _VERDICTS[verdict].replace(verdict, words[verdict]))


def _times(report: dict[str, Any]) -> str:
    mark = _mark(report)
    rows = [
        (f"{escape(name)} {mark}", *(_number(times, column) for column in COLUMNS), values(times))
        for key in TITLES
        if (times := report[key]) is not None and (name := token_figures.titled(key, time_title(key), report))
    ]
    header = ("", "mean", "P50", "P90", "P95", "P99", "P99.9", "max", "values")
    notes = "".join(f'<p class="text">{escape(note.replace("`", ""))}</p>' for note in time_notes(report))
    return section("Times", table(header, rows, range(1, len(header))), notes) if rows else ""


def _number(times: dict[str, Any], column: str) -> str:
    said = escape(format_percentile(times, column, format_duration))
    return said if said[0].isdigit() or said[0] in "&-" else f'<span class="word">{said}</span>'


def _steady(report: dict[str, Any]) -> str:
    found = report["steady"]
    if found["start_s"] is None:
        return ""
    rows = [(escape(time_title(key)), *map(escape, cells)) for key, *cells in steady_state.rows(found)]
    drawn = table(("", *(share.upper() for share in steady_state.SHARES), "values"), rows, range(1, 5)) if rows else ""
    return section(
        "The part in which concurrency was level", drawn or " ", text=steady_state.describe(found, times=False)
    )


def _capacity(report: dict[str, Any]) -> str:
    found = report["capacity"]
    if found is None or not found["steps"]:
        return ""
    rows = [
        (
            f"{step['rate']:.4g}",
            f"{step['served']:.4g}",
            '<span class="said good">&#10003; held</span>'
            if step["held"]
            else '<span class="said bad">&#10007; not held</span>',
            escape(step["why"]) + (f" {MARK}" if step["limited"] else ""),
        )
        for step in found["steps"]
    ]
    mark = _mark(report)
    drawn = charts.capacity(report, mark) + charts.capacity_latency(report, mark)
    steps = table(("asked /s", "succeeded /s", "held", "why not"), rows, (0, 1))
    return section(
        "Capacity",
        f'<div class="charts">{drawn}</div>',
        steps,
        text=pick(_CAPACITY, chinese.CAPACITY),
    )


def _limits(report: dict[str, Any]) -> str:
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


def _over_time(report: dict[str, Any]) -> str:
    if not report["seconds"]:
        return ""
    mark = _mark(report)
    drawn = [charts.throughput(report, mark)]
    shapes = report["distributions"]["series"]
    for series, key, title in (
        ("latency", "latency_s", "Latency over time"),
        ("ttft", "ttft_s", "Time to first token over time"),
    ):
        if series in shapes and len(report["blocks"]) > 1 and not _false(report, key):
            drawn.append(charts.percentiles(report, series, title, mark))
    if report["tokens"]["output"] or report["tokens"]["estimated"]:
        drawn.append(charts.tokens(report, mark))
    drawn.append(charts.failures(report))
    return section("Over time", f'<div class="charts">{"".join(drawn)}</div>')


def _false(report: dict[str, Any], key: str) -> bool:
    """Whether the client itself distorted the median: a chart would show the client."""
    return report[key] is not None and "p50" in report[key].get("not_measured", ())


def _distributions(report: dict[str, Any]) -> str:
    shapes = report["distributions"]["series"]
    drawn = [
        charts.distribution(report, series, key, _SHORT[key], _mark(report))
        for series, key in _SHAPES
        if series in shapes and report[key] is not None and not _false(report, key)
    ]
    return section("Distributions", f'<div class="charts">{"".join(drawn)}</div>') if drawn else ""


def _outcomes(report: dict[str, Any]) -> str:
    requests = report["requests"]
    rows = [
        (escape(name), f"{count:,}", format_percent(count / requests["sent"]))
        for name, count in requests["by_outcome"].items()
    ]
    more = [
        (name, f"{count:,}", "")
        for name, count in (
            ("arrivals that could not start", requests["not_started"]),
            ("lost with their worker", report["ended"]["lost"]),
            ("first call and warm-up, not counted", report["ended"]["uncounted"]),
        )
        if count
    ]
    return section("Outcomes", table(("outcome", "calls", "share"), [*rows, *more], (1, 2)))


def _client(report: dict[str, Any]) -> str:
    client = report["client"]
    kept_up = pick("the client kept up: the numbers are the endpoint's", "客户端跟得上：这些数字属于端点")
    said = (
        f'<span class="said warn">&#9888; {escape("; ".join(client["reasons"]))}</span>'
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
        return "not measured"
    middle, late = (
        chart_data.quantile(found["buckets"], share, unit=shapes["unit_s"], gamma=shapes["gamma"])
        for share in (0.5, 0.99)
    )
    return escape(
        f"P50 {format_duration(middle or 0.0)}, P99 {format_duration(late or 0.0)}, "
        f"at most {format_duration(found['max_s'])}"
    )


def _happened(report: dict[str, Any]) -> str:
    items = "".join(f"<li>{escape(note)}</li>" for note in report["notes"])
    return section("What happened on the way", f"<ul>{items}</ul>" if items else "")


def _configuration(report: dict[str, Any]) -> str:
    rows = [(name, f"<code>{escape(value)}</code>") for name, value in _flat(report["config"])]
    return section("Configuration", pairs(rows))


def _flat(values: dict[str, Any], before: str = "") -> Iterable[tuple[str, str]]:
    for key, value in values.items():
        if isinstance(value, dict):
            yield from _flat(value, f"{before}{key}.")
        elif isinstance(value, list):
            if value:
                yield before + key, ", ".join(map(str, value))
        elif value is not None and value is not False:
            yield before + key, str(value)
