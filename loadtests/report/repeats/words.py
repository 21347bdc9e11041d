"""Several runs of one load test in words: the cells of tables, and Markdown."""

from __future__ import annotations

from typing import TYPE_CHECKING

from aimon.formatting import format_duration, format_number, format_percent
from aimon.language import pick
from aimon.loadtests.report.comparison.summary import measure_title
from aimon.loadtests.report.reasons import reason
from aimon.loadtests.report.repeats.spread import MONEY, RATE, SHARE, TIME
from aimon.loadtests.report.text.markdown import cell, table

if TYPE_CHECKING:
    from aimon.loadtests.report.repeats.spread import Measured, Spread


def title(found: Spread) -> str:
    """The heading: how many runs of what."""
    count = len(found.runs)
    return pick(f"{count} runs of {found.endpoint}", f"{found.endpoint} 的 {count} 次运行")


def verdict(found: Spread) -> str:
    """In one line: whether all runs were made, and kept every objective."""
    parts = []
    if found.why is not None:
        parts.append(
            pick(
                f"{len(found.runs)} of {found.planned} runs: {found.why}",
                f"{found.planned} 次运行中的 {len(found.runs)} 次：{reason(found.why)}",
            )
        )
    count = len(found.runs)
    parts += [
        pick(f"{kept.expr} met in {kept.met} of {count} runs", f"{kept.expr} 在 {count} 次运行中达到 {kept.met} 次")
        for kept in found.objectives
        if kept.met < count
    ]
    if not parts:
        met = pick(f"All objectives met in {count} of {count} runs", f"{count} 次运行都达到所有目标")
        return met if found.objectives else pick(f"{count} runs complete", f"完成 {count} 次运行")
    return pick("; ", "；").join(parts)


def kind(found: Spread) -> str:
    """How the verdict is: good, bad, warn, or plain where nothing was asked."""
    if any(kept.met < len(found.runs) for kept in found.objectives):
        return "bad"
    if found.why is not None:
        return "warn"
    return "good" if found.objectives else "plain"


def doubts(found: Spread) -> list[str]:
    """Reservations about the numbers."""
    suspect = [str(run.number) for run in found.runs if run.suspect]
    if not suspect:
        return []
    return [
        pick(
            f"The client was the bottleneck in run {', '.join(suspect)}: numbers of these runs are suspect",
            f"第 {'、'.join(suspect)} 次运行的瓶颈是测试客户端，这些数字可疑",
        )
    ]


def measure_rows(found: Spread) -> list[list[str]]:
    """A header, and a row for each measure."""
    head = ["", "median", "min", "max", "variation", "mean, 95 %", "runs"]
    chinese = ["", "中位数", "最小", "最大", "变异系数", "平均值，95 %", "次数"]
    rows = [pick(*both) for both in zip(head, chinese, strict=True)]
    return [rows, *(measure_cells(each, found.currency) for each in found.measures)]


def measure_cells(measured: Measured, currency: str | None) -> list[str]:
    """Title, median, min, max, coefficient of variation, interval of the mean, and of how many runs."""
    interval = "-"
    if measured.interval is not None:
        low, high = (value(measured.kind, end, currency) for end in measured.interval)
        interval = pick(f"{low} to {high}", f"{low} 至 {high}")
    return [
        measure_title(measured.title),
        value(measured.kind, measured.median, currency),
        value(measured.kind, measured.min, currency),
        value(measured.kind, measured.max, currency),
        "-" if measured.variation is None else format_percent(measured.variation),
        interval,
        str(sum(each is not None for each in measured.values)),
    ]


def value(kind: str, number: float, currency: str | None) -> str:
    """A value with its unit. An interval may reach below zero, where no value can be."""
    number = max(0.0, number)
    if kind == TIME:
        return format_duration(number)
    if kind == SHARE:
        return format_percent(min(1.0, number))
    if kind == MONEY:
        return f"{format_number(number, 4)} {currency or ''}".strip()
    assert kind == RATE  # noqa: S101 - there is no other
    return format_number(number)


def run_rows(found: Spread) -> list[list[str]]:
    """A header, and a row for each run."""
    rows = [[pick("run", "运行"), pick("verdict", "判定"), pick("report", "报告")]]
    rows += [[str(run.number), run.verdict, run.folder or "-"] for run in found.runs]
    return rows


def explained() -> str:
    """How to read the table."""
    return pick(
        "Variation is the coefficient of variation, standard deviation / mean. The interval is that of the mean over "
        "the runs (Student's t). It takes the runs to be independent, which runs in a row are only roughly.",
        "变异系数是标准差与平均值之比。区间是各次运行平均值的区间（Student t），"
        "假定各次运行相互独立：连续的运行只是近似独立。",
    )


def markdown(found: Spread) -> str:
    """The result as Markdown, for a pull request, a ticket or a pipe."""
    lines = [f"# {cell(title(found))}", "", f"**{cell(verdict(found))}**", ""]
    for doubt in doubts(found):
        lines += [f"**{cell(doubt)}**", ""]
    lines += [*table(measure_rows(found)), "", explained(), ""]
    return "\n".join([*lines, *table(run_rows(found), numbers=False)]) + "\n"
