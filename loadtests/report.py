"""The report of a run: `report.json` (version 1, keys documented in docs/loadtest.md), and the same for people."""

from __future__ import annotations

import time
from dataclasses import asdict
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

import msgspec

from aimon.loadtests import page
from aimon.loadtests.record import COMPLETE
from aimon.loadtests.selfcheck import check
from aimon.loadtests.statistics import slo

if TYPE_CHECKING:
    from pathlib import Path

    from aimon.loadtests.plan import Plan
    from aimon.loadtests.record import Run

VERSION = 1
TIMES = {
    "latency_s": "latency",
    "latency_from_schedule_s": "latency_from_schedule",
    "ttft_s": "ttft",
    "itl_s": "itl",
    "tpot_s": "tpot",
}
TITLES = {
    "latency_s": "Latency",
    "latency_from_schedule_s": "Latency from schedule",
    "ttft_s": "Time to first token",
    "itl_s": "Between tokens",
    "tpot_s": "Per output token",
}


def build(run: Run, plan: Plan, endpoint: str) -> dict[str, Any]:
    """The report as JSON values; what there was none of is None."""
    tally, elapsed = run.tally, run.elapsed
    schedule = plan.schedule
    asked = None if schedule is None else _asked(plan, schedule.total)
    times = {key: tally.series[name].summary() for key, name in TIMES.items()}
    return {
        "version": VERSION,
        "endpoint": endpoint,
        "profile": plan.profile,
        "started_at": run.began or time.time(),
        "duration_s": elapsed,
        "ended": {"how": run.ended, "why": run.why or None, "uncounted": run.uncounted},
        "requests": {
            "sent": tally.sent,
            "ok": tally.ok,
            "by_outcome": dict(tally.outcomes.most_common()),
            "not_started": tally.counts["not_started"],
        },
        "rate": {"asked": asked, "achieved": tally.sent / run.window if run.window > 0 else None},
        **{key: summary if summary["count"] else None for key, summary in times.items()},
        "tokens": {
            "input": tally.counts["input_tokens"],
            "output": tally.counts["output_tokens"],
            "output_per_s": tally.counts["output_tokens"] / elapsed if elapsed > 0 else None,
        },
        "cost": None if tally.currency is None else {"amount": tally.cost, "currency": tally.currency},
        "goodput": tally.counts["good"] / elapsed if elapsed > 0 else None,
        "slo": slo.judge(run.objectives, tally, elapsed),
        "client": check(tally, run.cpu),
        "capacity": None if run.capacity is None else run.capacity.as_dict(),
        "limits": None if run.limits is None else asdict(run.limits),
        "workers": 1,
        "config": {key: value for key, value in msgspec.to_builtins(plan).items() if key != "push"},
        "seconds": [{"second": second, **counts} for second, counts in sorted(tally.seconds.items())],
    }


def _asked(plan: Plan, total: int) -> float:
    # What was to be started after the warm-up, at the rates of the profile.
    warm = plan.warmup * (plan.rate or 0.0) * (0.1 if plan.profile == "ramp" else 1.0)
    return (total - warm) / plan.duration


def save(report: dict[str, Any], folder: Path) -> list[Path]:
    """Writes report.json, report.md and report.html.

    Raises:
        OSError: the folder can't be made or written to.
    """
    folder.mkdir(parents=True, exist_ok=True)
    files = {
        "report.json": msgspec.json.format(msgspec.json.encode(report), indent=2).decode() + "\n",
        "report.md": markdown(report),
        "report.html": page.render(report, verdict(report), summary_rows(report), time_rows(report)),
    }
    for name, text in files.items():
        (folder / name).write_text(text, encoding="utf-8")
    return [folder / name for name in files]


def verdict(report: dict[str, Any]) -> str:
    """The one line that matters most."""
    ended = report["ended"]
    if ended["how"] != COMPLETE:
        return f"{ended['how'].upper()}, results are partial: {ended['why']}"
    if (capacity := report["capacity"]) is not None:
        if capacity["rate"] is None:
            return f"No capacity found: {capacity['why']}"
        upper = "" if capacity["high"] is None else f", not {capacity['high']:.4g}/s"
        note = f" ({capacity['why']})" if capacity["why"] else ""
        return f"Capacity: {capacity['rate']:.4g} requests/s were held{upper}{note}"
    if (limits := report["limits"]) is not None:
        return _limits_verdict(limits)
    missed = [row["expr"] for row in report["slo"] if not row["met"]]
    if missed:
        return f"Missed: {', '.join(missed)}"
    return "All objectives met" if report["slo"] else "Complete; no objectives were given"


def _limits_verdict(limits: dict[str, Any]) -> str:
    found = []
    if limits["requests_per_s"] is not None:
        found.append(f"{limits['requests_per_s']:.4g} requests/s")
    if limits["tokens_per_min"] is not None:
        found.append(f"{limits['tokens_per_min']:.4g} tokens/min")
    return f"Limit: {' and '.join(found)}" if found else f"No limit found: {limits['evidence'].get('why', '')}"


def summary_rows(report: dict[str, Any]) -> list[tuple[str, str]]:
    """(what, value) of the numbers that are no times."""
    requests, rate, tokens, cost = report["requests"], report["rate"], report["tokens"], report["cost"]
    failures = {name: count for name, count in requests["by_outcome"].items() if name != "ok"}
    client = report["client"]
    rows = [
        ("Endpoint", report["endpoint"]),
        ("Profile", report["profile"]),
        ("Started", datetime.fromtimestamp(report["started_at"], UTC).strftime("%Y-%m-%d %H:%M:%S UTC")),
        ("Duration", f"{report['duration_s']:.1f} s"),
        ("Requests", f"{requests['sent']} sent, {requests['ok']} ok, {requests['not_started']} not started"),
        ("Failures", ", ".join(f"{name} {count}" for name, count in failures.items()) or "none"),
        (
            "Rate",
            f"{_number(rate['achieved'])}/s" + ("" if rate["asked"] is None else f" of {_number(rate['asked'])}/s"),
        ),
        ("Goodput", f"{_number(report['goodput'])}/s"),
        ("Tokens", f"{tokens['input']} in, {tokens['output']} out, {_number(tokens['output_per_s'])}/s out"),
        ("Cost", "not known" if cost is None else f"{cost['amount']:.6g} {cost['currency']}"),
        (
            "Client",
            f"{client['cpu']:.0%} of a core"
            + (", SUSPECT: " if client["reasons"] else "")
            + "; ".join(client["reasons"]),
        ),
    ]
    objectives = [
        (row["expr"], ("met" if row["met"] else "MISSED") + f", {_number(row['value'])}") for row in report["slo"]
    ]
    return rows + objectives


def time_rows(report: dict[str, Any]) -> list[list[str]]:
    """A header, and a row of milliseconds for each kind of time that was measured."""
    columns = ["mean", "p50", "p90", "p95", "p99", "p999", "max"]
    rows = [["ms", *columns, "count"]]
    for key, title in TITLES.items():
        if (summary := report[key]) is not None:
            rows.append([title, *(f"{summary[column] * 1e3:.1f}" for column in columns), str(summary["count"])])
    return rows


def markdown(report: dict[str, Any]) -> str:
    """The summary, for a terminal, a pull request or a ticket."""
    lines = [f"# Load test of {report['endpoint']}", "", f"**{_cell(verdict(report))}**", ""]
    if report["client"]["bottleneck"]:
        lines += [
            f"**The client was the bottleneck, its numbers are suspect: {'; '.join(report['client']['reasons'])}**",
            "",
        ]
    lines += [
        "| | |",
        "| --- | --- |",
        *(f"| {_cell(name)} | {_cell(value)} |" for name, value in summary_rows(report)),
        "",
    ]
    header, *rows = time_rows(report)
    lines += [f"| {' | '.join(header)} |", "| --- " + "| ---: " * (len(header) - 1) + "|"]
    lines += [f"| {' | '.join(row)} |" for row in rows]
    if (capacity := report["capacity"]) is not None:
        lines += ["", "| asked/s | ok/s | held | why |", "| ---: | ---: | --- | --- |"]
        lines += [
            f"| {step['rate']:.4g} | {step['served']:.4g} | {'yes' if step['held'] else 'no'} | {_cell(step['why'])} |"
            for step in capacity["steps"]
        ]
    return "\n".join(lines) + "\n"


def _cell(text: str) -> str:
    return text.replace("|", "\\|").replace("\n", " ")


def _number(value: float | None) -> str:
    return "-" if value is None else f"{value:.4g}"
