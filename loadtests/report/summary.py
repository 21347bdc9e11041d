"""A report in words: its verdict, and a summary as Markdown. Numbers are marked if the client was the bottleneck."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

from aimon import quantities
from aimon.load_terms import SEARCHES
from aimon.loadtests.report import steady_state, token_figures
from aimon.loadtests.report.run_result import COMPLETE
from aimon.loadtests.statistics.formatting import format_percentile, format_slo_value, slo_verdict

TITLES = {
    "latency_s": "Latency",
    "latency_from_schedule_s": "Latency from schedule",
    "connection_s": "Set-up of new connections",
    "ttft_s": "Time to first token",
    "ttft_reasoning_s": "Time to first reasoning",
    "itl_s": "Gap between chunks",
    "tpot_s": "Time per output token",
}
COLUMNS = ("mean", "p50", "p90", "p95", "p99", "p999", "max")
_SUSPECT = " (suspect)"
# Rows shown for a run without calls.
_WITHOUT_CALLS = ("Endpoint", "Profile", "Started", "Requests", "Cost")


def verdict(report: dict[str, Any]) -> str:
    """The verdict, in one line."""
    ended = report["ended"]
    if ended["how"] != COMPLETE:
        partial = ", results are partial" if report["requests"]["sent"] else ", nothing was measured"
        return f"{ended['how'].upper()}{partial}: {ended['why']}{_so_far(report)}"
    if (capacity := report["capacity"]) is not None:
        if capacity["rate"] is None:
            limit = f": {capacity['limit']}" if capacity.get("limit") else ""
            return f"No capacity found: {capacity['why']}{limit}"
        upper = "" if capacity["high"] is None else f", not {capacity['high']:.4g}/s"
        said = "; ".join(filter(None, (capacity.get("limit"), capacity["why"])))
        note = f" ({said})" if said else ""
        return f"Capacity: {capacity['rate']:.4g} requests/s were held{upper}{note}"
    if (limits := report["limits"]) is not None:
        return _limits_verdict(limits)
    rows = [(slo_verdict(row), row["expr"]) for row in report["slo"]]
    missed = [expr for verdict, expr in rows if verdict == "missed"]
    unknown = [expr for verdict, expr in rows if verdict == "not judged"]
    if missed or unknown:
        parts = [f"Missed: {', '.join(missed)}"] if missed else []
        parts += [f"{'not' if missed else 'Not'} judged: {', '.join(unknown)}"] if unknown else []
        return "; ".join(parts)
    return "All objectives met" if report["slo"] else "Complete; no objectives were given"


def _so_far(report: dict[str, Any]) -> str:
    """The partial result of an unfinished search."""
    capacity, limits = report["capacity"], report["limits"]
    if capacity is not None and capacity["rate"] is not None:
        return f"; at least {capacity['rate']:.4g}/s were held"
    if limits is not None and limits["evidence"].get("held_per_s"):
        return f"; at least {limits['evidence']['held_per_s']:.4g}/s met no 429"
    return ""


def _limits_verdict(limits: dict[str, Any]) -> str:
    found = []
    if limits["requests_per_s"] is not None:
        found.append(f"{limits['requests_per_s']:.4g} requests/s")
    if limits["tokens_per_min"] is not None:
        found.append(f"{limits['tokens_per_min']:.4g} tokens/min")
    return f"Limit: {' and '.join(found)}" if found else f"No limit found: {limits['evidence'].get('why', '')}"


def doubts(report: dict[str, Any]) -> list[str]:
    """Reservations about the numbers; usually none."""
    found = []
    if report["client"]["bottleneck"]:
        reasons = "; ".join(report["client"]["reasons"])
        found.append(f"The client was the bottleneck, its numbers are suspect: {reasons}")
    if lost := report["ended"]["lost"]:
        found.append(f"What came of {lost} calls is not known: their worker was lost")
    if stale := report["requests"].get("stale"):
        found.append(
            f"{stale} calls met a kept connection that the server was just resetting: they count as nobody's fault"
        )
    return found


def summary_rows(report: dict[str, Any]) -> list[tuple[str, str]]:
    """(name, value) of all figures other than times."""
    requests, rate = report["requests"], report["rate"]
    failures = {name: count for name, count in requests["by_outcome"].items() if name != "ok"}
    client = report["client"]
    mark = _SUSPECT if client["bottleneck"] else ""
    rows = [
        ("Endpoint", report["endpoint"] + (f", {report['model']}" if report["model"] else "")),
        ("Profile", report["profile"] + (f", {report['workers']} workers" if report["workers"] > 1 else "")),
        ("Started", started(report)),
        ("Duration", f"{report['duration_s']:.1f} s"),
        ("Requests", _requests(requests)),
        ("Failures", ", ".join(f"{name} {count}" for name, count in failures.items()) or "none"),
        (
            "Rate" + mark,
            f"{number(rate['achieved'])}/s" + ("" if rate["asked"] is None else f" of {number(rate['asked'])}/s"),
        ),
        ("Goodput" + mark, f"{number(report['goodput'])}/s"),
        ("Tokens" + mark, token_figures.counted(report)),
        ("Steady part" + mark, steady_state.describe(report["steady"])),
        ("Cost", cost(report)),
        (
            "Client",
            f"{client['cpu']:.0%} of a core"
            + (", SUSPECT: " if client["reasons"] else "")
            + "; ".join(client["reasons"]),
        ),
    ]
    if not requests["sent"]:
        return [row for row in rows if row[0] in _WITHOUT_CALLS]
    over = " (all steps)" if report["profile"] in SEARCHES else ""
    objectives = [(row["expr"] + over, objective(row)) for row in report["slo"]]
    return rows + objectives


def _requests(requests: dict[str, Any]) -> str:
    said = f"{requests['sent']} sent, {requests['ok']} ok, {requests['not_started']} not started"
    more = (("interrupted", "cut off by the end of the run"), ("resent", "sent again on a fresh connection"))
    return said + "".join(f", {requests[name]} {words}" for name, words in more if requests.get(name))


def objective(row: dict[str, Any]) -> str:
    """The result of an objective: verdict, value and reason."""
    verdict = slo_verdict(row)
    why = f" ({row['why']})" if row.get("why") else ""
    return f"{verdict if verdict == 'met' else verdict.upper()}, {format_slo_value(row)}{why}"


def time_rows(report: dict[str, Any]) -> list[list[str]]:
    """A header, and a row in milliseconds for each kind of time measured."""
    mark = _SUSPECT if report["client"]["bottleneck"] else ""
    rows = [["ms", *COLUMNS, "count"]]
    for key, title in TITLES.items():
        if (summary := report[key]) is not None:
            times = (format_percentile(summary, column, lambda value: f"{value * 1e3:.1f}") for column in COLUMNS)
            rows.append([token_figures.titled(key, title, report) + mark, *times, values(summary)])
    return rows


def values(times: dict[str, Any]) -> str:
    """The number of values, and of how many if some are censored."""
    censored = times.get("censored", 0)
    return f"{times['count']:,} of {times['count'] + censored:,}" if censored else f"{times['count']:,}"


def time_notes(report: dict[str, Any]) -> list[str]:
    """Notes on the table of times."""
    found = [times for key in TITLES if (times := report[key]) is not None]
    notes = []
    if any(times.get("censored") for times in found):
        notes.append(
            "Calls that ran out of time or were cut off count as longer than they had lasted: "
            "`>` is a percentile that they leave open."
        )
    if any(times.get("needs") for times in found):
        notes.append("`needs`: fewer values than that, of which the percentile would just be the highest.")
    if any(times.get("not_measured") for times in found):
        notes.append("`not measured`: the client was so late that the number would tell of it alone.")
    notes += token_figures.untimed(report)
    if (failed := _timeless(report)) and found:
        notes.append(f"{failed:,} calls failed without a time: they are in none of these.")
    return notes


def _timeless(report: dict[str, Any]) -> int:
    latency = report["latency_s"]
    return int(report["requests"]["sent"] - (latency["count"] + latency.get("censored", 0) if latency else 0))


def markdown(report: dict[str, Any]) -> str:
    """The summary, for a terminal, a pull request or a ticket."""
    lines = [f"# Load test of {cell(report['endpoint'])}", "", f"**{cell(verdict(report))}**", ""]
    for doubt in doubts(report):
        lines += [f"**{cell(doubt)}**", ""]
    lines += table([["", ""], *summary_rows(report)], numbers=False)
    if len(times := time_rows(report)) > 1:
        lines += ["", *table(times)]
    if notes := time_notes(report):
        lines += ["", *notes]
    if (capacity := report["capacity"]) is not None and capacity["steps"]:
        lines += ["", "| asked/s | ok/s | held | why |", "| ---: | ---: | --- | --- |"]
        lines += [
            f"| {step['rate']:.4g} | {step['served']:.4g} | {'yes' if step['held'] else 'no'} | {cell(step['why'])} |"
            for step in capacity["steps"]
        ]
    if report["notes"]:
        lines += ["", *(f"- {cell(note)}" for note in report["notes"])]
    return "\n".join(lines) + "\n"


def table(rows: list[Any], *, numbers: bool = True) -> list[str]:
    """The lines of a Markdown table; the first row is the header, `numbers` aligns all columns but the first right."""
    header, *rest = rows
    lines = [f"| {' | '.join(map(cell, header))} |", "| --- |" + (" ---: |" if numbers else " --- |") * len(header[1:])]
    return lines + [f"| {' | '.join(map(cell, row))} |" for row in rest]


def cell(text: str) -> str:
    """Escapes text for a table cell."""
    return text.replace("|", "\\|").replace("\n", " ")


def number(value: float | None) -> str:
    """Four significant digits; a dash for None."""
    if value is None:
        return "-"
    return f"{value:.4g}" if abs(value) < 1e4 else f"{value:,.0f}"


def started(report: dict[str, Any]) -> str:
    """Start of the run, in UTC."""
    return datetime.fromtimestamp(report["started_at"], UTC).strftime("%Y-%m-%d %H:%M:%S UTC")


def cost(report: dict[str, Any]) -> str:
    """The cost, as far as known."""
    found = report["cost"]
    if found is None:
        return "not known"
    missing = f", without {found['unpriced']} calls of unknown cost" if found["unpriced"] else ""
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
    return f" ({quantities.price_tag(counted, None)} of the counted calls, the rest first call and warm-up)"
