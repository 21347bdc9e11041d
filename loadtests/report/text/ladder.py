"""A ladder of closed loops as the cells of a table: throughput and latency of each concurrency, and the knee."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from aimon.formatting import format_duration, format_number
from aimon.language import pick
from aimon.loadtests.report.reasons import reason

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

_UNKNOWN = "-"


def title() -> str:
    """The heading above the table."""
    return pick("Throughput and latency against concurrency", "吞吐与延迟随并发的变化")


def verdict(ladder: Mapping[str, Any]) -> str:
    """Where the knee is, or why there is none."""
    if ladder["knee"] is None:
        return f"{pick('No knee: ', '没有拐点：')}{reason(ladder['why'])}"
    step = next(step for step in ladder["steps"] if step["concurrency"] == ladder["knee"])
    rate, latency = step["iterations_per_s"], step["latency_mean_s"]
    return pick(
        f"Knee at a concurrency of {ladder['knee']}: {format_number(rate)}/s at a mean latency of "
        f"{format_duration(latency)}",
        f"拐点在并发 {ladder['knee']}：{format_number(rate)}/s，平均延迟 {format_duration(latency)}",
    )


def explained() -> str:
    """What the knee is."""
    return pick(
        "The knee is the concurrency with the most throughput per latency: beyond it calls wait longer for little.",
        "拐点是吞吐与延迟之比最大的并发：再往上，等待变长而吞吐几乎不增。",
    )


def rows(report: Mapping[str, Any]) -> list[list[str]]:
    """A header, and a row for each step by concurrency; empty without a ladder. Columns without values are left out."""
    ladder = report["ladder"]
    if ladder is None or not ladder["steps"]:
        return []
    steps = sorted(ladder["steps"], key=lambda step: int(step["concurrency"]))
    of = dict(_COLUMNS) if report["iterations"] else {k: v for k, v in _COLUMNS.items() if k != _ITERATIONS}
    columns = {head: [write(step) for step in steps] for head, write in of.items()}
    columns = {head: cells for head, cells in columns.items() if set(cells) != {_UNKNOWN}}
    return [
        [pick("concurrency", "并发"), *(pick(head, _CHINESE[head]) for head in columns), ""],
        *(
            [f"{step['concurrency']:,}", *cells, remark(step, ladder["knee"])]
            for step, *cells in zip(steps, *columns.values(), strict=True)
        ),
    ]


def remark(step: Mapping[str, Any], knee: int | None) -> str:
    """What there is to say about a step: the knee, a late client, objectives that were missed."""
    said = [pick("knee", "拐点")] if step["concurrency"] == knee else []
    if step["limited"]:
        said.append(pick("suspect: the client was too late", "可疑：客户端太慢"))
    return "; ".join([*said, *([reason(step["why"])] if step["why"] else [])])


def _rate(key: str) -> Callable[[Mapping[str, Any]], str]:
    return lambda step: _UNKNOWN if step[key] is None else format_number(step[key])


def _time(key: str) -> Callable[[Mapping[str, Any]], str]:
    return lambda step: _UNKNOWN if step[key] is None else format_duration(step[key])


_ITERATIONS = "iterations/s"
_COLUMNS: dict[str, Callable[[Mapping[str, Any]], str]] = {
    _ITERATIONS: _rate("iterations_per_s"),
    "ok calls/s": _rate("calls_per_s"),
    "tokens/s": _rate("output_tokens_per_s"),
    "latency mean": _time("latency_mean_s"),
    "latency P50": _time("latency_p50_s"),
    "latency P95": _time("latency_p95_s"),
    "TTFT P50": _time("ttft_p50_s"),
    "TTFT P95": _time("ttft_p95_s"),
    "TPOT P50": _time("tpot_p50_s"),
    "failed": lambda step: f"{step['sent'] - step['ok']:,}",
}
_CHINESE = {
    _ITERATIONS: "迭代/秒",
    "ok calls/s": "成功调用/秒",
    "tokens/s": "token/秒",
    "latency mean": "延迟 平均",
    "latency P50": "延迟 P50",
    "latency P95": "延迟 P95",
    "TTFT P50": "TTFT P50",
    "TTFT P95": "TTFT P95",
    "TPOT P50": "TPOT P50",
    "failed": "失败",
}
