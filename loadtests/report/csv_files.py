"""A report as CSV, for spreadsheets and data frames: report.csv with a row for each statistic, and seconds.csv."""

from __future__ import annotations

import csv
import io
from typing import TYPE_CHECKING, Any, NamedTuple

from aimon.loadtests.report import chart_data
from aimon.loadtests.report.text.times import TITLES

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping, Sequence

HEADER = ("endpoint", "model", "started_at", "request", "metric", "statistic", "value", "note")
SECONDS = ("second", "asked_per_s", "sent", "ended", "ok", "output_tokens")
_STATISTICS = ("mean", "p50", "p90", "p95", "p99", "p999", "max", "count", "censored")
_STEP_KEYS = ("duration_s", "sent", "ok")


class Statistic(NamedTuple):
    """A row: a value of all calls, or of those under one request name. None is not known; the note says why."""

    metric: str
    statistic: str
    value: float | None
    note: str = ""
    request: str = ""


def report_csv(reports: Sequence[Mapping[str, Any]]) -> str:
    """One or more reports under one header."""
    rows = []
    for report in reports:
        run = (report["endpoint"], report["model"] or "", _number(report["started_at"]))
        rows += [
            (*run, each.request, each.metric, each.statistic, _number(each.value), each.note)
            for each in statistics(report)
        ]
    return _written(HEADER, rows)


def seconds_csv(report: Mapping[str, Any]) -> str:
    """What happened in each second; the rate asked for is that at its middle, and empty in a closed loop."""
    asked = chart_data.asked(report)
    return _written(
        SECONDS,
        (
            (
                row["second"],
                _number(chart_data.at(asked, row["second"] + 0.5)),
                *(row[name] for name in SECONDS[2:]),
            )
            for row in report["seconds"]
        ),
    )


def statistics(report: Mapping[str, Any]) -> Iterator[Statistic]:
    """Every number of the report but its histograms and series, in the order of report.json."""
    yield Statistic("duration_s", "value", report["duration_s"])
    yield Statistic("window_s", "value", report["window_s"])
    yield from _calls(report, "")
    for name in ("asked", "achieved"):
        yield Statistic("rate_per_s", name, report["rate"][name])
    yield from _times(report, "")
    yield from _amounts(report, "")
    if (cost := report["cost"]) is not None:
        for name in ("amount", "counted"):
            yield Statistic("cost", name, cost[name], cost["currency"])
    for row in report["slo"]:
        note = "; ".join(filter(None, (row["verdict"], row["why"])))
        yield Statistic("objective", row["expr"], row["value"], note)
    for name in ("lag_p99_s", "start_lateness_p99_s", "cpu"):
        yield Statistic(f"client_{name}", "value", report["client"][name])
    yield from _found(report)
    yield from _iterations(report)
    for named in report["by_name"]:
        yield from _calls(named, named["name"])
        yield Statistic("rate_per_s", "achieved", named["per_s"], request=named["name"])
        yield from _times(named, named["name"])
        yield from _amounts(named, named["name"])


def _calls(of: Mapping[str, Any], request: str) -> Iterator[Statistic]:
    requests = of["requests"]
    for name, value in requests.items():
        if name == "by_outcome":
            for outcome, count in value.items():
                yield Statistic("calls_by_outcome", outcome, count, request=request)
        else:
            yield Statistic("calls", name, value, request=request)


def _times(of: Mapping[str, Any], request: str) -> Iterator[Statistic]:
    for key in TITLES:
        if (times := of.get(key)) is not None:
            for name in _STATISTICS:
                yield Statistic(key, name, times[name], _why_unknown(times, name), request)


def _why_unknown(times: Mapping[str, Any], name: str) -> str:
    if (least := times.get("needs", {}).get(name)) is not None:
        return f"needs {least} values"
    if (least := times.get("at_least", {}).get(name)) is not None:
        return f"at least {_number(least)}"
    return "not measured: the client was too late" if name in times.get("not_measured", ()) else ""


def _amounts(of: Mapping[str, Any], request: str) -> Iterator[Statistic]:
    tokens = of["tokens"]
    without = f"{tokens['without_usage']} calls without usage" if tokens["without_usage"] else ""
    for name in ("input", "output"):
        yield Statistic("tokens", name, tokens[name], without, request)
    yield Statistic("output_tokens_per_s", "value", tokens["output_per_s"], without, request)
    yield Statistic("goodput_per_s", "value", of["goodput"], request=request)


def _iterations(report: Mapping[str, Any]) -> Iterator[Statistic]:
    """The iterations of a scenario."""
    if (found := report["iterations"]) is None:
        return
    for name in ("ended", "ok", "not_started"):
        yield Statistic("iterations", name, found[name])
    yield Statistic("iterations_per_s", "ok", found["per_s"])
    for key in ("duration_s", "latency_from_schedule_s"):
        if (times := found[key]) is not None:
            for name in _STATISTICS:
                yield Statistic(f"iteration_{key}", name, times[name], _why_unknown(times, name))


def _found(report: Mapping[str, Any]) -> Iterator[Statistic]:
    """The part with level concurrency, and what a search or a ladder found."""
    for name in ("in_flight", "ok_per_s", "output_tokens_per_s"):
        yield Statistic(f"steady_{name}", "value", report["steady"][name], report["steady"]["why"] or "")
    if (capacity := report["capacity"]) is not None:
        for name in ("rate", "low", "high"):
            yield Statistic("capacity_per_s", name, capacity[name], capacity["limit"] or "" if name == "rate" else "")
    if (limits := report["limits"]) is not None:
        for name in ("requests_per_s", "tokens_per_min"):
            yield Statistic(f"limit_{name}", "value", limits[name])
    for step in (report["ladder"] or {"steps": ()})["steps"]:
        for name, value in step.items():
            if name.endswith(("_s", "_per_s")) and name not in _STEP_KEYS:
                yield Statistic(f"ladder_{name}", f"concurrency={step['concurrency']}", value, step["why"])


def _number(value: float | None) -> str:
    """Enough digits for any measured value, and none that only rounding made."""
    return "" if value is None else str(value) if isinstance(value, int) else f"{value:.10g}"


def _written(header: Sequence[str], rows: Iterable[Sequence[Any]]) -> str:
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(header)
    writer.writerows(rows)
    return text.getvalue()
