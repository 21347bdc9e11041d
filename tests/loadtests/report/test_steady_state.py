"""The part of a run in which concurrency was level, against what it should be."""

from __future__ import annotations

import json
import random
from typing import TYPE_CHECKING, Any

import pytest

from aimon.call.outcome import Outcome
from aimon.call.result import Connection
from aimon.loadtests import report
from aimon.loadtests.engine.schedule import Schedule
from aimon.loadtests.protocol.profiles import phases
from aimon.loadtests.report import steady_state
from aimon.loadtests.statistics.call_stats import CallStats
from aimon.loadtests.statistics.concurrency import ConcurrencyTimeline, steady_interval

if TYPE_CHECKING:
    from aimon.loadtests.report.run_result import RunResult
from report_cases import plan, result, run


def test_a_call_is_spread_over_its_seconds() -> None:
    """A call counts in each second by the time that it spent there, from the start of counting."""
    concurrency = ConcurrencyTimeline()
    concurrency.add(0.5, 2.5, 1.0, 100.0)
    concurrency.add(-1.0, 1.0, 1.0, 10.0)
    concurrency.add(1.25, 1.25, 1.0, 4.0)
    assert {second: row for second, row in concurrency.seconds.items() if row[0]} == {
        0: [1.5, 0.75, 30.0],
        1: [1.0, 1.5, 54.0],
        2: [0.5, 0.25, 25.0],
    }


LEVELS: dict[str, tuple[list[float], tuple[int, int] | None]] = {
    "filling up": ([500, 1500, 2500, 3500, 4400, 5000, 5000, 5000], (5, 8)),
    "a ramp of streams": ([40, 90, 100, 100, 100, 100, 100, 100, 100, 100], (1, 10)),
    "always level": ([8] * 30, (0, 30)),
    "a queue that grows": ([20 * k for k in range(1, 61)], None),
    "a queue that grows slowly": ([10 + k for k in range(60)], None),
    "a few seconds of filling": ([6, 14, 22, 33, 42, 47, 45, 46], (4, 8)),
    "too short": ([10, 10], None),
    "nothing": ([0] * 20, None),
    "few, after a pause": ([4, 4, 4, 0, 0, 5, 4, 5, 6, 5], (5, 10)),
    "level only at the very end": ([100.0 * k for k in range(1, 31)] + [3000.0] * 3, None),
}


@pytest.mark.parametrize("case", LEVELS)
def test_what_is_level(case: str) -> None:
    """The steady interval reaches to the end, and neither rises nor falls."""
    values, expected = LEVELS[case]
    found = steady_interval(values)
    assert (found and found[:2]) == expected


def test_random_arrivals_are_level() -> None:
    """Poisson arrivals count as steady in spite of their random variation."""
    for seed in range(20):
        schedule = Schedule(phases("steady", 20.0, 40.0), seed=seed)
        concurrency = ConcurrencyTimeline()
        for due in schedule.offsets():
            concurrency.add(due, due + 0.5, 1.0, 0.0)
        found = steady_interval([concurrency.row(second)[0] for second in range(40)])
        assert found is not None
        assert found.in_flight == pytest.approx(10.0, rel=0.2)


def calls(latency: float = 5.0, window: float = 20.0, per_second: float = 10.0) -> RunResult:
    """An open loop of calls of the same length."""
    count = round(window * per_second)
    return run([result(k / per_second, latency) for k in range(count)], window)


def test_an_open_loop_fills_up_and_is_level_then() -> None:
    """10 calls a second of 5 s each: 50 under way from the fifth second on, and as many succeed as begin."""
    found = steady_state.summarize(calls(), plan(rate=10.0, duration=20.0))
    assert found["why"] is None
    # Within a tenth of the level it is a little earlier.
    assert (found["start_s"], found["seconds"]) in ((4, 16), (5, 15), (3, 17))
    assert found["in_flight"] == pytest.approx(50.0, rel=0.05)
    assert found["ok_per_s"] == pytest.approx(10.0, rel=0.05)
    assert found["output_tokens_per_s"] == pytest.approx(40.0, rel=0.05)
    assert found["times"]["latency_s"]["p50"] == pytest.approx(5.0, rel=0.01)
    assert found["times"]["latency_s"]["p99"] == pytest.approx(5.0, rel=0.01)


def test_percentiles_are_of_that_part_alone() -> None:
    """A slow start is in those of the whole run, and not in these."""
    slow = [result(k / 10, 3.0) for k in range(20)]
    rest = [result(6.0 + k / 10, 0.5) for k in range(140)]
    made = report.build(run(slow + rest, 20.0), plan(rate=10.0, duration=20.0), "e")
    assert made["latency_s"]["max"] == 3.0
    assert made["steady"]["start_s"] == 6
    assert made["steady"]["times"]["latency_s"]["p95"] == pytest.approx(0.5, rel=0.01)
    assert "| Steady part | from " in report.markdown(made)


@pytest.mark.parametrize(
    ("more", "why"),
    [
        ({"profile": "ramp"}, "the profile changes the rate"),
        ({"profile": "spike"}, "the profile changes the rate"),
        ({"profile": "capacity"}, "the rate changes from step to step"),
        ({"profile": "ramp", "warmup": 2.0}, "the profile changes the rate"),
    ],
)
def test_no_part_is_level_by_design(more: dict[str, Any], why: str) -> None:
    """Profiles that change the rate have no steady interval."""
    found = steady_state.summarize(calls(0.5), plan(rate=10.0, duration=20.0, **more))
    assert (found["why"], found["start_s"], found["times"]) == (why, None, {})


def test_a_warm_up_at_another_rate_is_no_change() -> None:
    """A warm-up at another rate is over when counting begins, and leaves the steady interval."""
    assert steady_state.summarize(calls(), plan(rate=10.0, duration=20.0, warmup=3.0))["start_s"] is not None


def test_times_of_survivors_are_not_shown() -> None:
    """If a call of the interval failed, throughput is shown and percentiles are not."""
    made = calls(0.5)
    made.stats.observe(result(12.0, 0.5, Outcome.TIMEOUT_TOTAL), 1000.0)
    failed = CallStats()
    failed.observe(result(12.0, 0.5, Outcome.TIMEOUT_TOTAL), 1000.0)
    made.blocks.add(12, failed)
    found = steady_state.summarize(made, plan(rate=10.0, duration=20.0))
    assert found["ok_per_s"] == pytest.approx(10.0, rel=0.05)
    assert found["times"] == {}
    assert "calls failed in it" in found["why"]


def test_calls_of_the_warm_up_are_under_way() -> None:
    """Calls of the warm-up count as concurrency in the first seconds."""
    stats = CallStats()
    stats.serve(result(-4.0, 6.0), 1000.0, 0.0)
    again = CallStats.load(json.loads(json.dumps(stats.dump())))
    assert [again.concurrency.row(second)[0] for second in range(3)] == [1.0, 1.0, 0.0]
    assert (again.sent, again.served["ok"]) == (0, 0.0)


def test_the_set_up_of_connections_is_apart() -> None:
    """Connection set-up is part of latency, has a row of its own, and is no part of TTFT."""
    cold: dict[str, Any] = {"connection": Connection(cold=True), "dns": 0.1, "connect": 0.15, "tls": 0.25}
    stats = CallStats()
    stats.observe(result(0.0, 1.0, first_reasoning=0.3, **cold), 1000.0)
    stats.observe(result(0.0, 1.0, connection=Connection(cold=False)), 1000.0)
    found = {name: (series.count, series.max) for name, series in stats.series.items()}
    assert found["set_up"] == (1, 0.25)
    assert found["ttft"] == (2, 0.4)
    assert found["first_reasoning"][0] == 1
    assert stats.series["first_reasoning"].max == pytest.approx(0.05)
    assert stats.series["ttft"].quantile(0) == pytest.approx(0.15, rel=0.01)
    assert found["latency"] == (2, 1.0)


def test_seeds_of_chance_do_not_matter() -> None:
    """Latencies that differ, in a closed loop of 20 streams: level from the beginning, N/L a second."""
    source, stats = random.Random(3), CallStats()
    for k in range(20):
        at = -3.0 + k / 20
        while at < 30.0:
            latency = source.uniform(0.8, 1.2)
            stats.serve(result(at, latency), 1000.0, 0.0)
            at += latency
    found = steady_interval([stats.concurrency.row(second)[0] for second in range(30)])
    assert found is not None
    assert (found.start, found.end) == (0, 30)
    assert found.in_flight == pytest.approx(20.0)
    assert sum(stats.concurrency.row(second)[1] for second in range(30)) / 30 == pytest.approx(20.0, rel=0.02)
