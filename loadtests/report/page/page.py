"""report.html: one self-contained file; charts are SVG, with a small script of our own. All text is escaped."""

from __future__ import annotations

from html import escape
from typing import Any

from aimon.formatting import format_duration
from aimon.language import CHINESE, current, pick
from aimon.loadtests.report.page import charts, chinese, searches, sections
from aimon.loadtests.report.page.html import banner, document, section, suspect_mark
from aimon.loadtests.report.page.ladder import ladder
from aimon.loadtests.report.page.tiles import tiles
from aimon.loadtests.report.text.summary import doubts, kind, load_title, started, verdict
from aimon.loadtests.report.text.times import schedule_key, time_title

_SHAPES = ("ttft_s", "itl_s", "tpot_s")
_NOTES = """
Times are those of calls that succeeded, and of those that ran out of time or were cut off, which count as longer than
they had lasted; what failed otherwise is counted by its outcome alone. Percentiles come from histograms and are within
0.5 % of the exact ones.

Latency from schedule counts from when a call was due: it holds the wait that a user has when the line is long. Latency
counts from when the call was made. Time to first token ends with the first visible text.

Gaps between chunks are what arrives, and a chunk may carry several tokens. Time per output token is from the token
count, and does not depend on how the provider cuts its chunks.
""".strip().split("\n\n")


def render(report: dict[str, Any]) -> str:
    """The page of a report."""
    title = pick(f"Load test of {report['endpoint']}", f"负载测试：{report['endpoint']}")
    notes = chinese.NOTES if current() == CHINESE else _NOTES
    return document(
        title,
        [
            f"<header><h1>{escape(title)}</h1>",
            f'<p class="lead">{_lead(report)}</p>',
            banner(verdict(report), kind(report), "verdict"),
            *(banner(doubt, "warn") for doubt in doubts(report)),
            "</header><main>",
            tiles(report),
            sections.objectives(report),
            # What a search or a ladder found is its result; times over all its steps come after.
            searches.capacity(report),
            searches.limits(report),
            ladder(report),
            sections.times(report),
            sections.request_names(report),
            sections.steady(report),
            _over_time(report),
            _distributions(report),
            sections.outcomes(report),
            sections.client(report),
            sections.happened(report),
            sections.configuration(report),
            "</main><footer>",
            *(f"<p>{escape(note)}</p>" for note in notes),
            f"<p>aimon {escape(report['aimon'])}. "
            + pick(
                "The same numbers are in report.json, version 1, and report.csv.",
                "同样的数字见 report.json（版本 1）和 report.csv。",
            )
            + "</p>",
            "</footer>",
        ],
    )


def _lead(report: dict[str, Any]) -> str:
    workers = report["workers"]
    parts = [
        report["model"] or "",
        "" if report["scenario"] is None else pick(f"scenario {report['scenario']}", f"场景 {report['scenario']}"),
        pick(f"profile {report['profile']}", f"负载类型 {report['profile']}"),
        load_title(report),
        started(report),
        format_duration(report["duration_s"]),
        pick(f"{workers} workers", f"{workers} 个 worker") if workers > 1 else "",
    ]
    return escape(" · ".join(part for part in parts if part))


def _over_time(report: dict[str, Any]) -> str:
    if not report["seconds"]:
        return ""
    mark = suspect_mark(report)
    drawn = [charts.throughput(report, mark)]
    shapes = report["distributions"]["series"]
    for key in (schedule_key(report), "ttft_s"):
        series = key.removesuffix("_s")
        if series in shapes and len(report["blocks"]) > 1 and not _false(report, key):
            title = pick(f"{time_title(key)} over time", f"{time_title(key)}随时间的变化")
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
        charts.distribution(report, key.removesuffix("_s"), key, time_title(key), suspect_mark(report))
        for key in (schedule_key(report), *_SHAPES)
        if key.removesuffix("_s") in shapes and report[key] is not None and not _false(report, key)
    ]
    return section("Distributions", f'<div class="charts">{"".join(drawn)}</div>') if drawn else ""
