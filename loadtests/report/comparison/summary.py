"""A comparison in words and as Markdown."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from aimon.formatting import format_duration, format_number, format_percent
from aimon.language import pick
from aimon.loadtests.report.comparison.comparison import Verdict
from aimon.loadtests.report.comparison.samples import MONEY, SHARE, TIME
from aimon.loadtests.report.text.markdown import cell, table

if TYPE_CHECKING:
    from aimon.loadtests.report.comparison.comparison import Comparison, Row

HEADER = ("", "base", "new", "change", "interval", "verdict")
_MOST_NAMED = 4
_CHINESE_HEADS = {"base": "基准", "new": "新", "change": "变化", "interval": "区间", "verdict": "判定"}
_CHINESE_VERDICTS = {
    Verdict.WORSE: "更差",
    Verdict.BETTER: "更好",
    Verdict.WITHIN: "在容差内",
    Verdict.UNSHOWN: "没有显示出差异",
    Verdict.LITTLE: "数据太少",
}
_MEASURE = re.compile(r"(.*?)(?: (P[0-9.]+))?(?: at concurrency ([0-9]+))?")
_CHINESE_TITLES = {
    "Successes per second": "每秒成功",
    "Iterations per second": "每秒迭代",
    "Error rate": "错误率",
    "Latency": "延迟",
    "Latency from schedule": "从计划时刻起的延迟",
    "Goodput": "有效吞吐",
    "Time to first token": "首 token 时间",
    "Time per output token": "每输出 token 时间",
    "Output tokens per second": "每秒输出 token",
    "Cost of 1,000 calls": "每 1,000 个调用的费用",
    "Capacity": "容量",
    "Limit of requests per second": "每秒请求的限额",
    "Limit of tokens per minute": "每分钟 token 的限额",
}


def verdict(comparison: Comparison) -> str:
    """The verdict, in one line."""
    care = pick(", with reservations", "，有保留") if comparison.reservations else ""
    if comparison.verdict in (Verdict.WORSE, Verdict.BETTER):
        named = [comparison.why] if comparison.why else []
        named += [_named(row) for row in comparison.rows if row.verdict == comparison.verdict]
        rest = len(named) - _MOST_NAMED
        more = pick(f" and {rest} more", f"，另有 {rest} 项") if rest > 0 else ""
        said = pick(comparison.verdict.upper(), _CHINESE_VERDICTS[comparison.verdict])
        return f"{said}{care}{pick(': ', '：')}{', '.join(named[:_MOST_NAMED])}{more}"
    tolerance = format_percent(comparison.tolerance)
    said = {
        Verdict.WITHIN: pick(f"No difference of {tolerance} or more", f"差异小于 {tolerance}"),
        Verdict.UNSHOWN: pick("No difference shown", "没有显示出差异"),
        Verdict.LITTLE: pick("Too little data to tell", "数据太少，无法判断"),
    }[comparison.verdict]
    return said + care


def _named(row: Row) -> str:
    return f"{row_title(row)} {change(row)}"


def row_title(row: Row) -> str:
    """What the row is of."""
    return measure_title(row.title)


def measure_title(title: str) -> str:
    """The title of a measure, such as `Latency P95 at concurrency 8`, in the language of `aimon.language`."""
    found = _MEASURE.fullmatch(title)
    assert found is not None  # noqa: S101 - it matches every text
    name, percentile, concurrency = found.groups()
    at = f"（并发 {concurrency}）" if concurrency else ""
    return pick(title, f"{_CHINESE_TITLES.get(name, name)} {percentile or ''}".strip() + at)


def heads() -> tuple[str, ...]:
    """The header of the table."""
    return tuple(pick(name, _CHINESE_HEADS.get(name, name)) for name in HEADER)


def cells(row: Row, currency: str | None) -> tuple[str, ...]:
    """A row with the columns of HEADER."""
    return (
        row_title(row),
        value(row, row.base, currency),
        value(row, row.new, currency),
        change(row),
        interval(row),
        row_verdict(row) + (f": {row.why}" if row.why else ""),
    )


def row_verdict(row: Row) -> str:
    """The verdict on a measure, without its reason."""
    return pick(row.verdict, _CHINESE_VERDICTS[row.verdict])


def value(row: Row, found: float | None, currency: str | None) -> str:
    """A value with its unit."""
    if found is None:
        return "-"
    if row.kind == TIME:
        return format_duration(found)
    if row.kind == SHARE:
        return format_percent(found)
    return f"{format_number(found, 4)} {currency or ''}".strip() if row.kind == MONEY else format_number(found)


def change(row: Row) -> str:
    """The change with its unit."""
    return "-" if row.change is None else f"{_signed(row.change)} {_unit(row)}"


def interval(row: Row) -> str:
    """The confidence interval of the change."""
    if row.low is None and row.high is None:
        return "-"
    low, high = ("?" if end is None else _signed(end) for end in (row.low, row.high))
    return f"{low} {pick('to', '至')} {high} {_unit(row)}"


def _signed(share: float) -> str:
    return f"{share * 100:+.1f}".replace("-0.0", "0.0").replace("+0.0", "0.0")


def _unit(row: Row) -> str:
    return pick("points", "个百分点") if row.kind == SHARE else "%"


def markdown(comparison: Comparison) -> str:
    """The comparison as Markdown, for a terminal, a pull request or a ticket."""
    lines = [
        f"# {cell(comparison.base)} {pick('and', '与')} {cell(comparison.new)}",
        "",
        f"**{cell(verdict(comparison))}**",
        "",
    ]
    if comparison.reservations:
        lines += [pick("These runs may not be comparable:", "这两次运行可能不可比："), ""]
        lines += [f"- {cell(each)}" for each in comparison.reservations]
        lines.append("")
    lines += table([heads(), *(cells(row, comparison.currency) for row in comparison.rows)])
    return "\n".join([*lines, "", foot(comparison)]) + "\n"


def foot(comparison: Comparison) -> str:
    """How to read the table."""
    confidence, tolerance = format_percent(comparison.confidence), format_percent(comparison.tolerance)
    return pick(
        f"With {confidence} confidence all intervals hold at once "
        f"(block bootstrap over time, {comparison.resamples:,} resamples). "
        f"Changes below {tolerance} do not matter.",
        f"所有区间以 {confidence} 的置信度同时成立（按时间分块的 bootstrap，{comparison.resamples:,} 次重采样）。"
        f"小于 {tolerance} 的变化无关紧要。",
    )
