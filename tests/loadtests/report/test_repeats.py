"""Several runs of one load test: statistics over the runs, checked against the standard library's and known tables."""

from __future__ import annotations

import csv
import io
import json
import statistics
from pathlib import Path
from typing import Any

import jsonschema
import msgspec
import pytest

from aimon.load_terms import INTERRUPTED
from aimon.loadtests import report
from aimon.loadtests.report.repeats import files, page, words
from aimon.loadtests.report.repeats.spread import Spread, spread, student
from report_cases import few, ladder, noisy, plan

SCHEMA = Path(__file__).parents[3] / "docs" / "repeat.schema.json"


def built(seed: int, **more: Any) -> dict[str, Any]:
    """A run of 20 seconds that differs by its seed."""
    return report.build(noisy(seed, seconds=20, **more), plan(duration=20.0, rate=20.0), "e", model="m")


def several(*reports: dict[str, Any], why: str | None = None) -> Spread:
    """Those runs, each with a folder."""
    folders = [f"run-{k}" for k in range(1, len(reports) + 1)]
    return spread(reports, planned=max(3, len(reports)), why=why, folders=folders)


def test_statistics_are_those_of_the_runs() -> None:
    """Median, range, coefficient of variation and Student's interval of the mean are computed over the runs."""
    runs = [built(seed, slower=1 + seed / 10) for seed in range(4)]
    found = several(*runs)
    (row,) = (each for each in found.measures if each.name == "ttft_p50_s")
    values = [run["ttft_s"]["p50"] for run in runs]
    assert row.values == values
    assert (row.median, row.min, row.max) == (statistics.median(values), min(values), max(values))
    assert row.variation == pytest.approx(statistics.stdev(values) / statistics.mean(values))
    assert row.interval is not None
    # Three degrees of freedom: 3.182 standard errors to either side.
    reach = 3.182 * statistics.stdev(values) / 2
    assert row.interval == pytest.approx((statistics.mean(values) - reach, statistics.mean(values) + reach))
    assert {each.name: each.kind for each in found.measures}["cost_per_1000"] == "money"
    assert found.currency == "CNY"


@pytest.mark.parametrize(("freedom", "quantile"), [(1, 12.706), (30, 2.042), (40, 2.021), (60, 2.000), (99, 1.984)])
def test_quantiles_of_student_are_those_of_the_tables(freedom: int, quantile: float) -> None:
    """Student's quantiles agree with published tables, also beyond the built-in one."""
    assert student(freedom) == pytest.approx(quantile, abs=5e-4)


def test_what_a_run_could_not_tell_is_not_guessed() -> None:
    """A percentile that one run has too few calls for is of the other runs alone; one that none has is left out."""
    found = several(built(1), report.build(few(), plan(), "e"))
    rows = {each.name: each for each in found.measures}
    assert rows["ttft_p95_s"].values[1] is None
    assert rows["ttft_p95_s"].interval is None
    assert rows["ttft_p95_s"].variation is None
    alone = several(report.build(few(), plan(), "e"))
    assert "ttft_p99_s" not in {each.name for each in alone.measures}


def test_a_ladder_has_its_steps_and_no_rate_of_the_whole() -> None:
    """The throughput of all steps together means nothing."""
    found = several(ladder(built(1)), ladder(built(2)))
    names = {each.name for each in found.measures}
    assert {"calls_per_s_8", "latency_p95_s_32"} <= names
    assert "ok_per_s" not in names
    assert words.measure_cells(found.measures[0], None)[:4] == ["Successes per second at concurrency 1", "2", "2", "2"]


def test_objectives_are_counted_and_an_early_end_is_said() -> None:
    """The verdict names each objective that was not met in every run, and why there are fewer runs than planned."""
    found = several(built(1, failing=0.0), built(2, failing=0.3), why="--max-cost is spent")
    assert [(kept.expr, kept.met) for kept in found.objectives] == [("p99<2s", 1), ("error_rate<1%", 1)]
    assert words.verdict(found) == (
        "2 of 3 runs: --max-cost is spent; p99<2s met in 1 of 2 runs; error_rate<1% met in 1 of 2 runs"
    )
    assert words.kind(found) == "bad"
    good = several(*(built(seed, failing=0.0) for seed in range(3)))
    assert words.verdict(good) == "All objectives met in 3 of 3 runs"


def test_files_hold_the_same_numbers(tmp_path: Any) -> None:
    """JSON that reads back, CSV with a row for each run and statistic, Markdown and a page with every measure."""
    found = several(built(1), built(2))
    written, problems = files.save(found, tmp_path)
    assert ([path.name for path in written], problems) == (
        ["repeat.json", "repeat.md", "repeat.html", "repeat.csv"],
        [],
    )
    assert msgspec.json.decode((tmp_path / "repeat.json").read_bytes(), type=Spread) == found
    rows = list(csv.DictReader(io.StringIO((tmp_path / "repeat.csv").read_text())))
    (row,) = (each for each in found.measures if each.name == "error_rate")
    values = {each["statistic"]: each["value"] for each in rows if each["metric"] == "error_rate"}
    assert [float(values[name]) for name in ("run=1", "run=2")] == pytest.approx(row.values)
    assert float(values["median"]) == pytest.approx(row.median)
    text = (tmp_path / "repeat.html").read_text()
    assert all(each.title in text for each in found.measures)
    assert 'href="run-2/report.html"' in text
    assert page.render(found) == text
    assert INTERRUPTED not in text


def test_the_file_fits_its_json_schema() -> None:
    """repeat.json of a complete series and of an interrupted one fit the JSON Schema."""
    schema = json.loads(SCHEMA.read_text(encoding="utf-8"))
    jsonschema.Draft202012Validator.check_schema(schema)
    for found in (several(built(1), built(2), built(3)), several(built(1), report.build(few(), plan(), "e"), why="x")):
        jsonschema.Draft202012Validator(schema).validate(json.loads(msgspec.json.encode(found)))
