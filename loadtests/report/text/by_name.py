"""The calls of a scenario by the name of the request, as the cells of a table."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from aimon.formatting import format_duration, format_number, format_percent
from aimon.language import pick
from aimon.loadtests.report.text.times import schedule_key
from aimon.loadtests.statistics.formatting import format_percentile

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

_UNKNOWN = "-"


def title() -> str:
    """The heading above the table."""
    return pick("By request name", "按请求名")


def explained(report: Mapping[str, Any]) -> str:
    """What the heads of the table stand for."""
    key = schedule_key(report)
    if key == "latency_s":
        return pick(
            "TTFT is time to first token, TPOT time per output token.",
            "TTFT 是首 token 时间，TPOT 是每输出 token 时间。",
        )
    return pick(
        "Latency counts from schedule; TTFT is time to first token, TPOT time per output token.",
        "延迟从计划时刻算起；TTFT 是首 token 时间，TPOT 是每输出 token 时间。",
    )


def rows(report: Mapping[str, Any]) -> list[list[str]]:
    """A header, and a row for each name; empty if there are no names. Columns without any value are left out."""
    named = report["by_name"]
    if not named:
        return []
    columns = {head: [of(each) for each in named] for head, of in _columns(report).items()}
    columns = {head: cells for head, cells in columns.items() if set(cells) != {_UNKNOWN}}
    return [
        [pick("request", "请求"), *columns],
        *([each["name"], *cells] for each, *cells in zip(named, *columns.values(), strict=True)),
    ]


def _columns(report: Mapping[str, Any]) -> dict[str, Callable[[Mapping[str, Any]], str]]:
    found: dict[str, Callable[[Mapping[str, Any]], str]] = {
        pick("calls", "调用"): lambda each: f"{each['requests']['sent']:,}",
        pick("failed", "失败"): _failed,
        pick("calls/s", "调用/秒"): lambda each: _UNKNOWN if each["per_s"] is None else format_number(each["per_s"]),
    }
    kinds = {
        pick("latency", "延迟"): (schedule_key(report), ("p50", "p95", "p99")),
        "TTFT": ("ttft_s", ("p50", "p95")),
        "TPOT": ("tpot_s", ("p50",)),
    }
    for name, (key, percentiles) in kinds.items():
        found |= {f"{name} {column.upper()}": _percentile(key, column) for column in percentiles}
    return found


def _failed(each: Mapping[str, Any]) -> str:
    outcomes = {name: count for name, count in each["requests"]["by_outcome"].items() if name != "ok"}
    if not outcomes:
        return "0"
    return f"{sum(outcomes.values()):,} ({format_percent(sum(outcomes.values()) / each['requests']['sent'])})"


def _percentile(key: str, column: str) -> Callable[[Mapping[str, Any]], str]:
    def cell(each: Mapping[str, Any]) -> str:
        times = each[key]
        return _UNKNOWN if times is None else format_percentile(times, column, format_duration)

    return cell
