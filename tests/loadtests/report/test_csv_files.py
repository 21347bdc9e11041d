"""report.csv and seconds.csv: the numbers of report.json, and why one is missing."""

from __future__ import annotations

import csv
import io
from typing import Any

import pytest

from aimon.loadtests import report
from aimon.loadtests.report.csv_files import HEADER, SECONDS, report_csv, seconds_csv
from aimon.loadtests.report.run_result import RunResult
from aimon.loadtests.report.text.times import TITLES
from aimon.loadtests.statistics.call_stats import CallStats
from report_cases import few, named, noisy, plan


def rows(built: dict[str, Any], **wanted: str) -> list[dict[str, str]]:
    """The rows of report.csv with these values."""
    table = csv.DictReader(io.StringIO(report_csv([built])))
    assert table.fieldnames == list(HEADER)
    return [row for row in table if all(row[name] == value for name, value in wanted.items())]


def test_every_statistic_is_a_row_with_the_value_of_the_report() -> None:
    """Times in seconds, counts, outcomes and objectives, with the verdict as a note."""
    built = report.build(noisy(1), plan(duration=40.0), "qwen", model="m")
    for key in TITLES:
        for name in ("mean", "p50", "p99", "max", "count"):
            found = rows(built, metric=key, statistic=name)
            assert [float(row["value"]) for row in found] == (
                [] if built[key] is None else [pytest.approx(built[key][name], rel=1e-9)]
            )
    outcomes = {row["statistic"]: int(row["value"]) for row in rows(built, metric="calls_by_outcome")}
    assert outcomes == built["requests"]["by_outcome"]
    assert {(row["endpoint"], row["model"], row["request"]) for row in rows(built)} == {("qwen", "m", "")}
    assert [row["note"].split(";")[0] for row in rows(built, metric="objective")] == [
        row["verdict"] for row in built["slo"]
    ]
    assert rows(built, metric="cost", statistic="counted")[0]["note"] == "CNY"


def test_what_is_not_known_is_empty_and_says_why() -> None:
    """A percentile of too few values has no value, and the note has how many it takes."""
    built = report.build(few(), plan(), "e")
    (row,) = rows(built, metric="latency_s", statistic="p99")
    assert (row["value"], row["note"]) == ("", "needs 100 values")
    nothing = report.build(RunResult(CallStats()), plan(slo=[]), "e")
    assert rows(nothing, metric="calls", statistic="sent")[0]["value"] == "0"
    assert rows(nothing, metric="latency_s") == []


def test_request_names_have_rows_of_their_own() -> None:
    """Rows of request names add up to the rows without a name."""
    built = named(report.build(noisy(2), plan(duration=40.0), "e"), {"ask, then wait": 0.25, "embed": 0.75})
    sent = {row["request"]: int(row["value"]) for row in rows(built, metric="calls", statistic="sent")}
    assert set(sent) == {"", "ask, then wait", "embed"}
    assert sent[""] == sent["ask, then wait"] + sent["embed"]
    assert rows(built, metric="ttft_s", statistic="p95", request="embed") != []


def test_several_reports_share_a_header() -> None:
    """Several reports as CSV are one table with one header."""
    built = report.build(few(), plan(), "e")
    lines = report_csv([built, built | {"endpoint": "f"}]).splitlines()
    assert sum(line.startswith("endpoint,") for line in lines) == 1
    assert {line.split(",")[0] for line in lines[1:]} == {"e", "f"}


def test_seconds_add_up_to_the_calls() -> None:
    """Each second has its counts and the rate that was asked for."""
    built = report.build(noisy(1), plan(rate=20.0, duration=40.0), "e")
    found = list(csv.DictReader(io.StringIO(seconds_csv(built))))
    assert list(found[0]) == list(SECONDS)
    assert sum(int(row["sent"]) for row in found) == built["requests"]["sent"]
    assert found[3]["asked_per_s"] == "20"
    closed = report.build(few(), plan(rate=None, concurrency=2), "e")
    assert {row["asked_per_s"] for row in csv.DictReader(io.StringIO(seconds_csv(closed)))} == {""}
