"""The table of times of a report: its rows, its columns, and notes on it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from aimon.language import CHINESE, current, pick
from aimon.load_terms import SEARCHES
from aimon.loadtests.report.text import token_figures
from aimon.loadtests.statistics.formatting import format_percentile

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

TITLES = {
    "latency_s": "Latency",
    "latency_from_schedule_s": "Latency from schedule",
    "connection_s": "Set-up of new connections",
    "ttft_s": "Time to first token",
    "first_output_s": "Time to first output",
    "ttft_reasoning_s": "Time to first reasoning",
    "itl_s": "Gap between chunks",
    "tpot_s": "Time per output token",
}
_CHINESE_TITLES = {
    "latency_s": "延迟",
    "latency_from_schedule_s": "从计划时刻起的延迟",
    "connection_s": "新连接的建立",
    "ttft_s": "首 token 时间",
    "first_output_s": "首个输出的时间",
    "ttft_reasoning_s": "首个推理内容的时间",
    "itl_s": "数据块间隔",
    "tpot_s": "每输出 token 时间",
}
# Key of `iterations`, title, and the same in Chinese.
_ITERATIONS = (
    ("duration_s", "Iteration", "迭代"),
    ("latency_from_schedule_s", "Iteration from schedule", "从计划时刻起的迭代"),
)
COLUMN_TITLES = {
    "mean": "mean",
    "p50": "P50",
    "p90": "P90",
    "p95": "P95",
    "p99": "P99",
    "p999": "P99.9",
    "max": "max",
}


def suspect_words(report: dict[str, Any]) -> str:
    """What stands behind a number of a busy client."""
    return pick(" (suspect)", "（可疑）") if report["client"]["bottleneck"] else ""


def time_title(key: str) -> str:
    """What a kind of time is called."""
    return _CHINESE_TITLES[key] if current() == CHINESE else TITLES[key]


def columns(report: dict[str, Any]) -> list[str]:
    """The columns of the table of times: a percentile for which every row has too few values is left out."""
    rows = [times for _, times in measured(report)]
    return [name for name in COLUMN_TITLES if not rows or any(name not in times.get("needs", {}) for times in rows)]


def schedule_key(report: Mapping[str, Any]) -> str:
    """The latency that a user has: from schedule, if there is one; a closed loop has none."""
    scheduled = (
        report["rate"]["asked"] is not None or report["profile"] in SEARCHES or report["config"]["workload"]["trace"]
    )
    return "latency_from_schedule_s" if scheduled else "latency_s"


def measured(report: dict[str, Any]) -> Iterator[tuple[str, dict[str, Any]]]:
    """Title and values of each kind of time that was measured: of a scenario's iterations, and of calls."""
    if (iterations := report["iterations"]) is not None:
        for key, title, chinese in _ITERATIONS:
            if (times := iterations[key]) is not None:
                yield pick(title, chinese), times
    for key in TITLES:
        if (times := report[key]) is not None and (key != "first_output_s" or _first_output_differs(report)):
            yield token_figures.titled(key, time_title(key), report), times


def _first_output_differs(report: dict[str, Any]) -> bool:
    """Whether the first output was not always the first text."""
    first, text = report["first_output_s"], report["ttft_s"]
    return text is None or (first["count"], first["mean"]) != (text["count"], text["mean"])


def time_rows(report: dict[str, Any]) -> list[list[str]]:
    """A header, and a row in milliseconds for each kind of time measured."""
    mark = suspect_words(report)
    shown = columns(report)
    rows = [["ms", *shown, pick("count", "个数")]]
    for title, summary in measured(report):
        times = (format_percentile(summary, column, lambda value: f"{value * 1e3:.1f}") for column in shown)
        rows.append([title + mark, *times, values(summary)])
    return rows


def values(times: dict[str, Any]) -> str:
    """The number of values, and of how many if some are censored."""
    censored = times.get("censored", 0)
    if not censored:
        return f"{times['count']:,}"
    return f"{times['count']:,}{pick(' of ', '/')}{times['count'] + censored:,}"


def time_notes(report: dict[str, Any]) -> list[str]:
    """Notes on the table of times."""
    found = [times for _, times in measured(report)]
    notes = []
    if any(times.get("censored") for times in found):
        notes.append(
            pick(
                "`>`: calls that timed out or were cut off count with at least the time they had lasted, "
                "so the percentile may be higher.",
                "超时或被中断的调用按“比已持续的更长”计：`>` 是它们使之不能确定的分位数。",
            )
        )
    shown = columns(report)
    if any(set(times.get("needs", ())) & set(shown) for times in found):
        notes.append(
            pick(
                "`needs N`: of fewer than N values this percentile would only be the highest.",
                "`needs N`：样本数不足 N，此时的分位数只会是最大值。",
            )
        )
    if hidden := {name: found[0]["needs"][name] for name in COLUMN_TITLES if name not in shown}:
        said = ", ".join(f"{COLUMN_TITLES[name]} ({least:,})" for name, least in hidden.items())
        notes.append(
            pick(
                f"Left out, since there are fewer values than it takes: {said}.",
                f"样本数不足，因此没有列出：{said}。",
            )
        )
    if any(times.get("not_measured") for times in found):
        notes.append(
            pick(
                "`not measured`: the client was too late for this number to describe the endpoint.",
                "`not measured`：客户端自身太迟，数字只会反映它自己。",
            )
        )
    notes += token_figures.untimed(report)
    if (failed := _timeless(report)) and found:
        notes.append(
            pick(
                f"{failed:,} calls failed without a time: they are in none of these.",
                f"{failed:,} 个调用失败而没有时间：不在以上任何一行里。",
            )
        )
    return notes


def _timeless(report: dict[str, Any]) -> int:
    """Calls that failed without any time: a limit spent on reasoning leaves that of the first output."""
    kinds = [times for key in ("latency_s", "first_output_s") if (times := report.get(key)) is not None]
    return int(report["requests"]["sent"] - max((kind["count"] + kind.get("censored", 0) for kind in kinds), default=0))
