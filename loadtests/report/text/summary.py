"""A report in words: its verdict, its figures and times, and notes on them. Those of a busy client are marked."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

from aimon import quantities
from aimon.formatting import format_number
from aimon.language import pick
from aimon.load_terms import ABORTED, COMPLETE, INCOMPLETE, INTERRUPTED, SEARCHES
from aimon.loadtests.report import steady_state
from aimon.loadtests.report.reasons import reason
from aimon.loadtests.report.text import ladder, token_figures
from aimon.loadtests.report.text.times import suspect_words
from aimon.loadtests.statistics.formatting import format_slo_value, slo_verdict

_CHINESE_ROWS = {
    "Endpoint": "端点",
    "Profile": "负载类型",
    "Scenario": "场景",
    "Iterations": "迭代",
    "Started": "开始时间",
    "Duration": "时长",
    "Requests": "请求",
    "Failures": "失败",
    "Rate": "速率",
    "Goodput": "有效吞吐",
    "Tokens": "token",
    "Steady part": "稳定阶段",
    "Cost": "费用",
    "Client": "测试客户端",
}
_CHINESE_ENDS = {"aborted": "已中止", "interrupted": "已中断", "incomplete": "不完整"}
# Rows shown for a run without calls.
_WITHOUT_CALLS = ("Endpoint", "Scenario", "Profile", "Started", "Requests", "Cost")


def verdict(report: dict[str, Any]) -> str:
    """The verdict, in one line."""
    ended = report["ended"]
    if ended["how"] != COMPLETE:
        partial = pick(", results are partial", "，结果不完整")
        if not report["requests"]["sent"]:
            partial = pick(", nothing was measured", "，没有测到任何数据")
        how = pick(ended["how"].upper(), _CHINESE_ENDS.get(ended["how"], ended["how"]))
        return f"{how}{partial}{pick(': ', '：')}{reason(ended['why'])}{_so_far(report)}"
    if (capacity := report["capacity"]) is not None:
        if capacity["rate"] is None:
            limit = f": {reason(capacity['limit'])}" if capacity.get("limit") else ""
            return f"{pick('No capacity found: ', '没有找到容量：')}{reason(capacity['why'])}{limit}"
        upper = (
            ""
            if capacity["high"] is None
            else pick(", not {}/s", "，{}/s 则不行").format(format_number(capacity["high"], 4))
        )
        said = reason("; ".join(filter(None, (capacity.get("limit"), capacity["why"]))))
        note = f" ({said})" if said else ""
        held = pick("Capacity: {} requests/s were held", "容量：保持住了每秒 {} 个请求").format(
            format_number(capacity["rate"], 4)
        )
        return held + upper + note
    if (limits := report["limits"]) is not None:
        return _limits_verdict(limits)
    kept = _objectives_verdict(report)
    if (steps := report["ladder"]) is None:
        return kept
    return f"{ladder.verdict(steps)}; {kept}" if report["slo"] else ladder.verdict(steps)


def _objectives_verdict(report: dict[str, Any]) -> str:
    rows = [(slo_verdict(row), row["expr"]) for row in report["slo"]]
    missed = [expr for verdict, expr in rows if verdict == "missed"]
    unknown = [expr for verdict, expr in rows if verdict == "not judged"]
    if missed or unknown:
        not_judged = pick("not judged: " if missed else "Not judged: ", "无法判定：")
        parts = [pick("Missed: ", "未达到：") + ", ".join(missed)] if missed else []
        parts += [not_judged + ", ".join(unknown)] if unknown else []
        return "; ".join(parts)
    if report["slo"]:
        return pick("All objectives met", "所有目标均已达到")
    return pick("Complete; no objectives were given", "已完成；没有给出目标")


def kind(report: dict[str, Any]) -> str:
    """How the verdict is: good, bad, warn, or plain where nothing was asked."""
    how = report["ended"]["how"]
    found = report["capacity"]
    missed = any(not row["met"] for row in report["slo"])
    if how == ABORTED or (found is not None and found["rate"] is None) or (found is None and missed):
        return "bad"
    if how in (INTERRUPTED, INCOMPLETE):
        return "warn"
    return "good" if report["slo"] or found is not None or report["limits"] is not None else "plain"


def _so_far(report: dict[str, Any]) -> str:
    """The partial result of an unfinished search."""
    capacity, limits = report["capacity"], report["limits"]
    if capacity is not None and capacity["rate"] is not None:
        return pick("; at least {}/s were held", "；至少保持住了 {}/s").format(format_number(capacity["rate"], 4))
    if limits is not None and limits["evidence"].get("held_per_s"):
        held = format_number(limits["evidence"]["held_per_s"], 4)
        return pick("; at least {}/s met no 429", "；至少到 {}/s 没有遇到 429").format(held)
    return ""


def _limits_verdict(limits: dict[str, Any]) -> str:
    found = []
    if limits["requests_per_s"] is not None:
        found.append(f"{format_number(limits['requests_per_s'], 4)} {pick('requests/s', '请求/秒')}")
    if limits["tokens_per_min"] is not None:
        found.append(f"{format_number(limits['tokens_per_min'], 4)} {pick('tokens/min', 'token/分钟')}")
    if not found:
        return pick("No limit found: ", "没有找到限额：") + reason(str(limits["evidence"].get("why", "")))
    return pick("Limit: ", "限额：") + pick(" and ", "，").join(found)


def doubts(report: dict[str, Any]) -> list[str]:
    """Reservations about the numbers; usually none."""
    found = []
    if report["client"]["bottleneck"]:
        reasons = reason("; ".join(report["client"]["reasons"]))
        suspect = pick("The client was the bottleneck, its numbers are suspect: ", "瓶颈是测试客户端，数字可疑：")
        found.append(suspect + reasons)
    if lost := report["ended"]["lost"]:
        found.append(
            pick(
                f"What came of {lost} calls is not known: their worker was lost",
                f"{lost} 个调用的结果未知：所在的 worker 已失联",
            )
        )
    if stale := report["requests"].get("stale"):
        found.append(
            pick(
                f"{stale} calls met a kept connection that the server was just resetting: they count as nobody's fault",
                f"{stale} 个调用遇到服务器正在重置的保持连接：不算任何一方的责任",
            )
        )
    return found


def summary_rows(report: dict[str, Any]) -> list[tuple[str, str]]:
    """(name, value) of all figures other than times and objectives."""
    requests, rate = report["requests"], report["rate"]
    failures = {name: count for name, count in requests["by_outcome"].items() if name != "ok"}
    client = report["client"]
    mark = suspect_words(report)
    rows = [
        ("Endpoint", report["endpoint"] + (f", {report['model']}" if report["model"] else "")),
        *([] if report["scenario"] is None else [("Scenario", report["scenario"])]),
        ("Profile", report["profile"] + (f", {report['workers']} workers" if report["workers"] > 1 else "")),
        ("Started", started(report)),
        ("Duration", f"{report['duration_s']:.1f} s"),
        *_iterations(report),
        ("Requests", _requests(requests)),
        ("Failures", ", ".join(f"{name} {count}" for name, count in failures.items()) or pick("none", "无")),
        (
            "Rate" + mark,
            f"{number(rate['achieved'])}{pick(' iterations', ' 次迭代') if rate['of'] == 'iterations' else ''}/s"
            + ("" if rate["asked"] is None else pick(" of {}/s", "，要求 {}/s").format(number(rate["asked"]))),
        ),
        ("Goodput" + mark, f"{number(report['goodput'])}/s"),
        ("Tokens" + mark, token_figures.counted(report)),
        ("Steady part" + mark, steady_state.describe(report["steady"])),
        ("Cost", cost(report)),
        (
            "Client",
            pick("{} of a core", "一个核的 {}").format(f"{client['cpu']:.0%}")
            + (pick(", SUSPECT: ", "，可疑：") if client["reasons"] else "")
            + reason("; ".join(client["reasons"])),
        ),
    ]
    if not requests["sent"]:
        rows = [row for row in rows if row[0] in _WITHOUT_CALLS]
    return [(_row_title(name, mark), said) for name, said in rows]


def of_all_steps(report: dict[str, Any]) -> bool:
    """Whether the figures of the whole run are of steps under different loads."""
    return report["profile"] in SEARCHES or report["ladder"] is not None


def _iterations(report: dict[str, Any]) -> list[tuple[str, str]]:
    """The iterations of a scenario; empty without one."""
    if (found := report["iterations"]) is None:
        return []
    said = pick("{} ended, {} ok, {} not started", "结束 {}，成功 {}，未能开始 {}").format(
        f"{found['ended']:,}", f"{found['ok']:,}", f"{found['not_started']:,}"
    )
    if found["per_s"] is not None:
        said += pick("; {}/s ok", "；成功 {}/s").format(number(found["per_s"]))
    failed = [f"{name} {count:,}" for name, count in found["by_outcome"].items() if name != "ok"]
    errors = [f"{what} ({count:,})" for what, count in found["errors"].items()]
    return [("Iterations", "; ".join([said, *filter(None, (", ".join(failed), *errors))]))]


def objective_rows(report: dict[str, Any]) -> list[tuple[str, str]]:
    """(objective, verdict with value and reason) of each objective."""
    if not report["requests"]["sent"]:
        return []
    over = pick(" (all steps)", "（所有步骤）") if of_all_steps(report) else ""
    return [(row["expr"] + over, objective(row)) for row in report["slo"]]


def _row_title(name: str, mark: str) -> str:
    bare = name.removesuffix(mark) if mark else name
    return pick(bare, _CHINESE_ROWS.get(bare, bare)) + (mark if bare != name else "")


def load_title(report: dict[str, Any]) -> str:
    """The load in words; empty if it is not known."""
    config = report["config"]
    if report["rate"]["asked"] is not None:
        rate, arrivals = number(report["rate"]["asked"]), config["arrivals"]
        of, chinese = (" iterations", " 次迭代") if report["rate"]["of"] == "iterations" else ("", "")
        return pick(f"open loop, {rate}{of}/s, {arrivals} arrivals", f"开环，{rate}{chinese}/s，到达过程 {arrivals}")
    if report["capacity"] is not None or report["limits"] is not None:
        return pick("rates chosen by the search", "速率由搜索决定")
    if report["ladder"] is not None:
        steps = sorted(step["concurrency"] for step in report["ladder"]["steps"])
        span = f"{steps[0]}-{steps[-1]}" if steps else "0"
        return pick(f"closed loop, {span} streams", f"闭环，{span} 路并发")
    streams = config["concurrency"]
    return pick(f"closed loop, {streams} streams", f"闭环，{streams} 路并发") if streams else ""


def _requests(requests: dict[str, Any]) -> str:
    said = pick("{} sent, {} ok, {} not started", "发出 {}，成功 {}，未能开始 {}").format(
        requests["sent"], requests["ok"], requests["not_started"]
    )
    more = (
        ("interrupted", pick(", {} cut off by the end of the run", "，{} 个在运行结束时被中断")),
        ("resent", pick(", {} sent again on a fresh connection", "，{} 个在新连接上重发")),
    )
    return said + "".join(words.format(requests[name]) for name, words in more if requests.get(name))


def objective(row: dict[str, Any]) -> str:
    """The result of an objective: verdict, value and reason."""
    verdict = slo_verdict(row)
    why = f" ({reason(row['why'])})" if row.get("why") else ""
    said = pick(
        verdict if verdict == "met" else verdict.upper(),
        {"met": "达到", "missed": "未达到", "not judged": "无法判定"}.get(verdict, verdict),
    )
    return f"{said}{pick(', ', '，')}{format_slo_value(row)}{why}"


def number(value: float | None) -> str:
    """Four significant digits; a dash for None."""
    return "-" if value is None else format_number(value, 4)


def started(report: dict[str, Any]) -> str:
    """Start of the run, in UTC."""
    return datetime.fromtimestamp(report["started_at"], UTC).strftime("%Y-%m-%d %H:%M:%S UTC")


def cost(report: dict[str, Any]) -> str:
    """The cost, as far as known."""
    found = report["cost"]
    if found is None:
        return pick("not known", "未知")
    unpriced = found["unpriced"]
    missing = (
        pick(f", without {unpriced} calls of unknown cost", f"，不含 {unpriced} 个费用未知的调用") if unpriced else ""
    )
    return (
        quantities.price_tag(found["amount"], found["currency"])
        + _counted(found)
        + token_figures.priced(found)
        + missing
    )


def _counted(found: dict[str, Any]) -> str:
    """The cost of the counted calls, if that is not the whole."""
    counted = found.get("counted")
    if counted is None or counted == found["amount"]:
        return ""
    part = quantities.price_tag(counted, None)
    return pick(
        f" ({part} of the counted calls, the rest first call and warm-up)",
        f"（其中计入的调用 {part}，其余是首个调用和预热）",
    )
