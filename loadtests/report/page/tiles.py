"""The tiles at the top of a page: the figures that people look for first."""

from __future__ import annotations

from html import escape
from typing import Any

from aimon import quantities
from aimon.call.outcome import Fault, Outcome
from aimon.formatting import format_duration, format_number, format_percent
from aimon.language import pick
from aimon.loadtests.report.page.chinese import local
from aimon.loadtests.report.page.html import suspect_mark
from aimon.loadtests.report.text import token_figures
from aimon.loadtests.report.text.summary import load_title
from aimon.loadtests.report.text.times import schedule_key, time_title
from aimon.loadtests.statistics.formatting import format_percentile


def tiles(report: dict[str, Any]) -> str:
    """Calls, rates, times, tokens and cost; empty for a run without calls."""
    requests, rate = report["requests"], report["rate"]
    if not requests["sent"]:
        return ""
    mark = suspect_mark(report)
    own = sum(count for name, count in requests["by_outcome"].items() if Outcome(name).fault is Fault.PROBER)
    sent = requests["sent"] - own
    failed = sent - requests["ok"]
    found = [
        *_iterations(report),
        (
            "Calls",
            f"{requests['sent']:,}",
            pick(f"{requests['ok']:,} ok, {failed:,} failed", f"成功 {requests['ok']:,}，失败 {failed:,}")
            + (pick(f", {own:,} in the client itself", f"，客户端自身 {own:,}") if own else ""),
            "",
        ),
        ("Error rate", format_percent(failed / sent) if sent else "-", _worst(requests["by_outcome"]), ""),
        (
            "Iterations /s" if rate["of"] == "iterations" else "Calls /s",
            "-" if rate["achieved"] is None else format_number(rate["achieved"]),
            _asked(report),
            mark,
        ),
    ]
    for key in (schedule_key(report), "ttft_s", "tpot_s"):
        if (times := report[key]) is not None:
            # Few calls give no percentile but the median.
            big, *others = ("p50", "p95", "p99") if "p95" in times.get("needs", {}) else ("p95", "p50", "p99")
            small = ", ".join(
                f"{column.upper()} {format_percentile(times, column, format_duration)}" for column in others
            )
            found.append(
                (f"{time_title(key)} {big.upper()}", format_percentile(times, big, format_duration), small, mark)
            )
    if (output_rate := token_figures.rate(report)) is not None:
        found.append(("Output tokens /s", *output_rate, mark))
    if report["cost"] is not None:
        money = report["cost"]
        counted = money["amount"] if money.get("counted") is None else money["counted"]
        each = (
            pick("{} for 1,000 calls", "每 1,000 个调用 {}").format(quantities.price_tag(counted / sent * 1000, None))
            if sent
            else ""
        )
        each += token_figures.priced(money)
        found.append(("Cost", quantities.price_tag(money["amount"], money["currency"]), each, ""))
    return f'<dl class="tiles">{"".join(_tile(*tile) for tile in found)}</dl>'


def _iterations(report: dict[str, Any]) -> list[tuple[str, str, str, str]]:
    if (found := report["iterations"]) is None:
        return []
    failed = found["ended"] - found["ok"]
    said = pick(f"{found['ok']:,} ok, {failed:,} failed", f"成功 {found['ok']:,}，失败 {failed:,}")
    return [("Iterations", f"{found['ended']:,}", said, "")]


def _asked(report: dict[str, Any]) -> str:
    asked, goodput = report["rate"]["asked"], report["goodput"]
    said = load_title(report) if asked is None else pick("{} asked", "要求 {}").format(format_number(asked))
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
