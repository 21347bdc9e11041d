"""Comparisons: what is the same is not called different, what differs is found, and nothing is compared silently."""

from __future__ import annotations

from functools import partial
from typing import Any

import msgspec
import pytest

from aimon.call.outcome import Outcome
from aimon.load_terms import ABORTED, INTERRUPTED
from aimon.loadtests import report
from aimon.loadtests.report.comparison import page
from aimon.loadtests.report.comparison import summary as comparison_text
from aimon.loadtests.report.comparison.comparability import different_load
from aimon.loadtests.report.comparison.comparison import Comparison, Verdict, compare
from aimon.loadtests.report.schema import RatePoint, Report
from aimon.loadtests.search.capacity import Capacity
from aimon.loadtests.search.limits import AccountLimits
from report_cases import few, noisy, plan, quick, result, run

TRIALS = 100
pair = partial(compare, names=("A", "B"))
fast = partial(pair, resamples=600)


def read(run: Any = None, **more: Any) -> Report:
    """The report of a run, as read from a file."""
    return msgspec.convert(report.build(run or few(), plan(**more), "e"), Report)


def verdicts(comparison: Comparison) -> dict[str, str]:
    """The verdicts by measure."""
    return {row.name: row.verdict for row in comparison.rows}


def test_what_is_the_same_is_not_called_different() -> None:
    """Of 100 pairs from one distribution, thirteen measures each, at most about one in twenty is called different."""
    different = shown = 0
    for seed in range(TRIALS):
        found = fast(quick(2 * seed), quick(2 * seed + 1), seed=seed)
        different += found.verdict in ("worse", "better")
        shown += any(
            row.low is not None and row.high is not None and not row.low <= 0 <= row.high for row in found.rows
        )
    assert different / TRIALS <= 0.07
    # Whatever the tolerance.
    assert shown / TRIALS <= 0.07


def test_a_change_of_a_tenth_is_found() -> None:
    """A change of 10 % is found in nearly every run of a minute at 40/s, and lies in the interval."""
    found, held = 0, 0
    for seed in range(20):
        comparison = fast(
            quick(seed, seconds=64, rate=40), quick(99 + seed, seconds=64, rate=40, slower=1.1), seed=seed
        )
        (median,) = (row for row in comparison.rows if row.name == "latency_from_schedule_p50_s")
        found += median.verdict == "worse"
        held += (median.low or 0) <= 0.1 <= (median.high or 0)
        assert verdicts(comparison)["cost_per_1000"] == "no difference shown"
    assert found >= 19
    assert held >= 18


def test_faster_is_better_and_failing_is_worse() -> None:
    """The direction of each measure decides; one worse measure makes the verdict worse."""
    found = verdicts(pair(quick(1), quick(2, slower=0.7)))
    assert found["ttft_p50_s"] == found["latency_from_schedule_p95_s"] == "better"
    failing = pair(quick(1), quick(2, slower=0.7, failing=0.2))
    assert failing.verdict == "worse"
    assert verdicts(failing)["error_rate"] == verdicts(failing)["ok_per_s"] == "worse"
    assert comparison_text.verdict(failing).startswith("WORSE: Successes per second -")


def test_a_change_below_the_tolerance_does_not_matter() -> None:
    """A significant change below the tolerance is `within tolerance`."""
    base, new = quick(1, seconds=60, rate=200), quick(2, seconds=60, rate=200, slower=1.1)
    assert verdicts(pair(base, new))["tpot_p50_s"] == "worse"
    assert verdicts(pair(base, new, tolerance=0.3))["tpot_p50_s"] == "within tolerance"


def test_the_same_files_give_the_same_numbers() -> None:
    """Comparing the same reports twice gives the same numbers: the seed is fixed."""
    assert pair(quick(1), quick(2)) == pair(quick(1), quick(2))


def test_real_calls_are_read_as_they_were_counted() -> None:
    """Row by row what the report says: the error rate exactly, percentiles within a bucket."""
    one = read(noisy(1), duration=40.0)
    rows = {row.name: row for row in pair(one, read(noisy(2), duration=40.0)).rows}
    assert one.latency_from_schedule_s is not None
    assert one.rate.achieved is not None
    assert rows["error_rate"].base == pytest.approx(1 - one.requests.ok / one.requests.sent)
    assert rows["ok_per_s"].base == pytest.approx(one.rate.achieved * one.requests.ok / one.requests.sent)
    assert rows["latency_from_schedule_p95_s"].base == pytest.approx(one.latency_from_schedule_s.p95, rel=0.01)
    assert rows["cost_per_1000"].base == pytest.approx(250.0)


def spiking(seed: int, *, slower: float = 1.0) -> Report:
    """Calls that take thrice as long in the middle fifth, where four times as many were asked for."""
    made = quick(seed, slower=slower)
    for block in made.blocks[16:24]:
        for series in block.series.values():
            series.buckets = {str(int(i) + 110): number for i, number in series.buckets.items()}
    made.rate.schedule = [
        RatePoint(at_s=at, rate=rate) for at, rate in ((0, 20), (16, 20), (16, 80), (24, 80), (24, 20))
    ]
    return made


def test_a_load_that_goes_up_and_down_is_no_part_of_the_difference() -> None:
    """Two runs under the same load over time are resampled by the same stretches."""
    widths = {}
    for together in (True, False):
        base, new = spiking(1), spiking(2)
        if not together:
            new.rate.schedule = new.rate.schedule[:1]
        (row,) = (row for row in pair(base, new).rows if row.name == "tpot_p95_s")
        widths[together] = (row.high or 0.0) - (row.low or 0.0)
    assert widths[True] < widths[False]
    assert verdicts(pair(spiking(1), spiking(2, slower=1.5)))["tpot_p95_s"] == "worse"


def test_a_latency_that_grows_is_worse_than_one_that_does_not() -> None:
    """A latency that grows, as beyond the capacity, is significantly worse than a level one."""
    growing = quick(2)
    for k, block in enumerate(growing.blocks):
        for series in block.series.values():
            series.buckets = {str(int(i) + 5 * k): number for i, number in series.buckets.items()}
    found = verdicts(pair(quick(1), growing))
    assert {found[f"latency_from_schedule_{name}_s"] for name in ("p50", "p95")} == {"worse"}


def test_too_little_data_is_said_to_be_that() -> None:
    """A run of a few seconds has too little data for any verdict, one of 500 calls for P99."""
    short = pair(quick(1, seconds=5), quick(2, seconds=5))
    assert short.verdict == "too little data"
    assert comparison_text.verdict(short) == "Too little data to tell"
    assert {row.why for row in short.rows} == {"the base: calls ended in 5 stretches of time, and it takes 10"}
    rows = {row.name: row for row in pair(quick(1, seconds=20), quick(2, seconds=20)).rows}
    assert rows["ttft_p99_s"].verdict == "too little data"
    assert rows["ttft_p99_s"].why.startswith("the base: 39")
    assert rows["ttft_p95_s"].verdict == "no difference shown"
    assert rows["ttft_p99_s"].low is None
    assert rows["ttft_p99_s"].change is not None


@pytest.mark.parametrize(
    ("more", "said"),
    [
        ({"rate": 6.0}, "--rate: 5 in the base, 6 in the new run"),
        ({"profile": "spike"}, "profile: steady in the base, spike in the new run"),
        ({"concurrency": 3}, "--concurrency: none in the base, 3 in the new run"),
        ({"workload": {"prompt_tokens": 9}}, "--prompt-tokens: none in the base, 9 in the new run"),
        ({"retry_after": 2}, "--honour-retry-after: 0 in the base, 2 in the new run"),
        ({"warmup": 3.0}, "--warmup: 0 in the base, 3 in the new run"),
        ({"flags": {"base_url": "http://x/v1"}}, "--base-url: none in the base, http://x/v1 in the new run"),
    ],
)
def test_what_was_asked_differently_is_said(more: dict[str, Any], said: str) -> None:
    """Each difference of the settings is a reservation, and the verdict mentions reservations."""
    made = read()
    found = read(noisy(2))
    found.config = {**found.config, **{name: value for name, value in more.items() if name != "workload"}}
    if "workload" in more:
        found.config["workload"] = {**found.config["workload"], **more["workload"]}
    found.profile = more.get("profile", found.profile)
    comparison = pair(made, found)
    assert comparison.reservations == [said]
    assert "with reservations" in comparison_text.verdict(comparison)
    assert f"- {said}" in comparison_text.markdown(comparison)


@pytest.mark.parametrize(
    ("one", "other", "said"),
    [
        ({"rate": 5.0}, {"rate": 10.0}, ["--rate: 5 in the base, 10 in the new run"]),
        ({"rate": 5.0}, {"rate": 5.0, "duration": 60.0, "warmup": 1.0}, []),
        ({"rate": 5.0}, {"rate": 5.0, "profile": "soak"}, []),
        (
            {"rate": 5.0},
            {"rate": 5.0, "profile": "spike"},
            ["rate over time: 5/s in the mean in the base, 8/s in the new run"],
        ),
        ({"rate": 5.0, "arrivals": "gamma"}, {"rate": 5.0}, ["--arrivals: gamma in the base, poisson in the new run"]),
        (
            {"rate": None, "concurrency": 3},
            {"rate": 5.0},
            ["--rate: none in the base, 5 in the new run", "--concurrency: 3 in the base, none in the new run"],
        ),
        ({"profile": "capacity", "rate": 5.0}, {"profile": "capacity", "rate": 9.0}, []),
    ],
)
def test_loads_differ_by_what_was_asked_and_not_by_how_long(
    one: dict[str, Any], other: dict[str, Any], said: list[str]
) -> None:
    """Loads are compared by rates over time, streams and workload, not by duration; a search chooses its rates."""
    found = different_load(read(**one), read(**other))
    assert [each.split(" in the mean in the new")[0] for each in found] == [
        each.removesuffix(" in the new run") if "over time" in each else each for each in said
    ]


def test_less_that_was_asked_is_no_loss() -> None:
    """Half the rate is half the successes per second: that is no verdict on the endpoint, its latency is."""
    base, new = quick(1, rate=40), quick(2, rate=20)
    new.config = {**new.config, "rate": 2.5}
    found = pair(base, new)
    assert found.verdict == "no difference shown"
    rows = {row.name: row for row in found.rows}
    assert rows["ok_per_s"].verdict == rows["output_tokens_per_s"].verdict == "too little data"
    assert rows["ok_per_s"].why == "not the same load was asked of both"
    assert verdicts(pair(base, quick(2, rate=20)))["ok_per_s"] == "worse"


def test_where_the_answer_went_is_no_difference() -> None:
    """Output options, the seed, objectives and the budget are no reservations."""
    one, other = read(seed=1, out="a"), read(seed=2, out="b", slo=[], max_cost=3.0)
    assert pair(one, other).reservations == []


def test_what_can_not_be_trusted_is_said() -> None:
    """A busy client, a partial run, another endpoint or model are reservations."""
    busy = read(few(cpu=0.99, ended=INTERRUPTED, why="by a signal"))
    busy.endpoint, busy.model = "other", "m2"
    assert pair(read(), busy).reservations == [
        "endpoint: e in the base, other in the new run",
        "model: none in the base, m2 in the new run",
        "B is partial: it was interrupted (by a signal)",
        "B: the client was the bottleneck (the client used 99% of its core)",
    ]


def test_a_run_that_was_aborted_is_worse() -> None:
    """An aborted run is worse than a complete one, however few calls it made."""
    found = pair(read(), read(few(ended=ABORTED, why="unauthorized (HTTP 401)")))
    assert found.verdict == "worse"
    assert comparison_text.verdict(found) == "WORSE, with reservations: B was aborted: unauthorized (HTTP 401)"


@pytest.mark.parametrize(
    ("before", "after", "verdict"),
    [((40, 42), (30, 31), "worse"), ((40, 42), (41, 43), "no difference shown"), ((40, 41), (60, None), "better")],
)
def test_capacities_differ_if_their_brackets_do(
    before: tuple[float, float], after: tuple[float, float | None], verdict: str
) -> None:
    """Capacities differ if their intervals, from the highest rate held to the lowest not held, do not overlap."""
    one, other = (read(few(capacity=Capacity(low=low, high=high)), profile="capacity") for low, high in (before, after))
    found = pair(one, other)
    assert verdicts(found) == {"capacity_per_s": verdict}


def test_limits_are_compared_by_what_they_are_known_to() -> None:
    """Limits are compared within 5 %, the error of their search."""
    one, other, lower = (read(few(limits=AccountLimits(limit, None)), profile="limits") for limit in (20.0, 19.2, 15.0))
    assert verdicts(pair(one, other)) == {"limit_requests_per_s": "no difference shown"}
    assert verdicts(pair(one, lower)) == {"limit_requests_per_s": "worse"}
    assert pair(one, read(few(limits=AccountLimits()), profile="limits")).verdict == "too little data"


def test_a_search_is_compared_with_its_kind_alone() -> None:
    """A search is compared with a search of its kind only, since it chooses its load."""
    with pytest.raises(ValueError, match="A is of profile steady and B of capacity: a search chooses its own load"):
        pair(read(), read(few(capacity=Capacity(low=1.0)), profile="capacity"))


def test_the_page_shows_every_row_and_every_reservation() -> None:
    """The page has every row and reservation, and a text for its chart, which is drawn for wide and narrow screens."""
    comparison = pair(quick(1), quick(2, slower=1.3))
    comparison.reservations.append("<b>care</b>")
    text = page.render([comparison])
    assert all(row.title in text for row in comparison.rows)
    assert "&lt;b&gt;care&lt;/b&gt;" in text
    assert text.count("<svg ") == 2
    assert text.count("<script") == 1
    assert "&#10007; worse<" in text


def test_calls_that_timed_out_are_compared_with_no_survivors() -> None:
    """One in five of the new run gave up after 9 s: its median is compared, and its P95 is not known, not better."""
    calls = [
        result(k / 20, 9.0, Outcome.TIMEOUT_TTFT) if k % 5 == 0 else result(k / 20, 0.5 + k % 7 / 50)
        for k in range(1200)
    ]
    late = msgspec.convert(report.build(run(calls, 60.0), plan(duration=60.0), "e"), Report)
    calls = [result(k / 20, 0.5 + k % 7 / 50 + (k % 5 == 0)) for k in range(1200)]
    base = msgspec.convert(report.build(run(calls, 60.0), plan(duration=60.0), "e"), Report)
    rows = {row.name: row for row in compare(base, late, names=("a", "b"), resamples=500).rows}
    for series in ("ttft", "latency_from_schedule"):
        row = rows[f"{series}_p95_s"]
        assert (row.verdict, row.new, row.change) == (Verdict.LITTLE, None, None)
        assert row.why == "the new run: > 9 s, since calls had no end"
        assert rows[f"{series}_p50_s"].new is not None
    assert rows["error_rate"].verdict is Verdict.WORSE
