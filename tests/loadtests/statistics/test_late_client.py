"""Numbers that a late client has made itself are not shown, wherever they would be."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import msgspec
import numpy as np
import pytest

from aimon.call.outcome import Outcome
from aimon.cli.loadtest.progress.figures import percentile
from aimon.loadtests import report
from aimon.loadtests.protocol.progress import Times
from aimon.loadtests.report.comparison.comparison import Verdict, compare
from aimon.loadtests.report.page import page
from aimon.loadtests.report.schema import Report
from aimon.loadtests.statistics import slo
from aimon.loadtests.statistics.call_stats import CallStats
from aimon.loadtests.statistics.self_check import check, distorted
from report_cases import noisy, plan, result, run

if TYPE_CHECKING:
    from aimon.loadtests.report.run_result import RunResult

COLUMNS = ("mean", "p50", "p90", "p95", "p99", "p999", "max")


def streams(lag: float, *, gap: float = 0.01, latency: float = 2.0, calls: int = 1200) -> RunResult:
    """Streams of fifty chunks at even gaps, read by a client whose loop comes round once in `lag` seconds.

    All that arrived meanwhile is read at once: its gaps are 0, and the next one is as long as the loop took.
    """
    seen = np.ceil(np.arange(50) * gap / max(lag, 1e-9)) * max(lag, 1e-9)
    gaps = np.diff(seen).tolist()
    made = run([result(k / 100, latency, self_lag=lag) for k in range(calls)], calls / 100)
    stats = CallStats()
    for k in range(calls):
        stats.observe(result(k / 100, latency, self_lag=lag), 1000.0, gaps=gaps)
    made.stats, made.objectives = stats, [slo.parse(t) for t in ("itl_p50<1ms", "ttft_p50<1s", "latency_p50<1ms")]
    return made


def built(made: RunResult) -> dict[str, Any]:
    """Its report."""
    return report.build(made, plan(duration=12.0), "e")


def test_gaps_of_chunks_that_were_read_together_are_not_measured() -> None:
    """The truth is 10 ms, and a loop that comes round in 100 ms sees nine gaps of nothing and one of 100 ms."""
    found = built(streams(0.1))
    gaps = found["itl_s"]
    assert found["client"]["bottleneck"]
    assert [gaps[column] for column in COLUMNS[1:]] == [None] * 6
    assert gaps["not_measured"] == list(COLUMNS[1:])
    # Late reads make some gaps vanish and others longer: what they are in the mean, they stay.
    assert gaps["mean"] == pytest.approx(0.01, rel=0.15)
    # 800 ms are not 100 ms of lag, and stay as they are, marked.
    assert found["ttft_s"]["p50"] == pytest.approx(0.8, rel=0.005)
    assert [(row["verdict"], row["value"] is None) for row in found["slo"]] == [
        ("not judged", True),
        ("met", False),
        ("missed", False),
    ]
    said = report.markdown(found)
    (row,) = (line for line in said.splitlines() if line.startswith("| Gap between chunks"))
    assert row.count("not measured") == 6
    text = page.render(found)
    assert "Gaps between chunks (ITL)" not in text
    assert "not measured" in text
    live = msgspec.convert(gaps, Times)
    assert percentile(live, "p99") == "lagged"


def test_a_client_that_keeps_up_is_believed() -> None:
    """Chunks that come together come together: a provider may send them so."""
    made = streams(0.0001, gap=0.0)
    found = built(made)
    assert not found["client"]["bottleneck"]
    assert found["itl_s"]["p50"] is not None
    assert [found[key]["not_measured"] for key in ("itl_s", "ttft_s", "latency_s", "tpot_s")] == [[]] * 4


@pytest.mark.parametrize("key", ["latency_s", "latency_from_schedule_s", "ttft_s"])
def test_times_that_are_half_lag_are_not_measured(key: str) -> None:
    """TTFT is two fifths of a latency of 100 ms here; lag is 60 ms."""
    found = built(streams(0.06, latency=0.1))
    assert found[key]["not_measured"] == list(COLUMNS)
    assert built(streams(0.06, latency=1.0))[key]["not_measured"] == []


def test_a_missed_objective_may_be_the_clients_and_a_met_one_is_met() -> None:
    """Lag adds to a time: without it, what is met is met all the more."""
    made = streams(0.06, latency=0.1)
    made.objectives = [slo.parse("p50<90ms"), slo.parse("p50<200ms")]
    assert [row["verdict"] for row in built(made)["slo"]] == ["not judged", "met"]


def test_late_starts_are_no_latency_of_the_endpoint() -> None:
    """Calls of half a second that began a second late: two thirds of the latency from schedule are the client's."""
    stats = CallStats()
    for k in range(200):
        stats.observe(result(k / 10, 0.5, scheduled=-1.0), 1000.0)
    assert distorted(stats, "latency_from_schedule", 0.5, 1.5)
    assert not distorted(stats, "latency", 0.5, 0.5)


def test_a_comparison_leaves_it_out() -> None:
    """A comparison leaves out what was not measured, and says why."""
    base = msgspec.convert(report.build(noisy(1), plan(duration=40.0), "e"), Report)
    late = noisy(2)
    for _ in range(1000):
        late.stats.series["lag"].record(5.0)
    new = msgspec.convert(report.build(late, plan(duration=40.0), "e"), Report)
    rows = {row.name: row for row in compare(base, new, names=("a", "b"), resamples=200).rows}
    assert (rows["ttft_p50_s"].verdict, rows["ttft_p50_s"].new) == (Verdict.LITTLE, None)
    assert rows["ttft_p50_s"].why == "the new run: not measured, the client was too late"


def test_a_call_that_comes_back_as_it_was_told_is_not_late() -> None:
    """A call repeated after Retry-After begins after its schedule, which is no sign of a busy client."""
    stats = CallStats()
    for k in range(200):
        stats.observe(result(k / 10, 0.1, Outcome.RATE_LIMITED), 1000.0)
        stats.observe(result(k / 10 + 1.0, 0.1, scheduled=-1.0), 1000.0, again=True)
    assert not check(stats, 0.1)["bottleneck"]
    assert stats.series["latency_from_schedule"].max == pytest.approx(1.1)
