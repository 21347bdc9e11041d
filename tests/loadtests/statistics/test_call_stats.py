"""What a load test counts of its calls: the gaps between tokens, exactly or from a Result's buckets."""

from __future__ import annotations

import msgspec
import numpy as np
import pytest

from aimon.call.outcome import Outcome
from aimon.call.result import Arrivals, Pace, Result, Usage
from aimon.loadtests.statistics.call_stats import CallStats

BEGAN = 1_700_000_000.0


def answer(gaps: list[float], outcome: Outcome = Outcome.OK) -> Result:
    """A call whose answer came with these gaps."""
    first = 0.05
    return Result(
        endpoint="e",
        provider="custom",
        model="m",
        operation="chat",
        started_at=BEGAN + 1.75,
        scheduled=-0.01,
        first_token=first,
        last_token=first + sum(gaps),
        end=first + sum(gaps) + 0.001,
        outcome=outcome,
        usage=Usage(7, len(gaps) + 1, source="reported"),
        arrivals=Arrivals.of(gaps),
        pace=Pace(sum(gaps), float(len(gaps))),
        self_lag=0.002,
    )


@pytest.mark.parametrize(("exact", "within"), [(True, 0.005), (False, 0.0255)])
def test_gaps(exact: bool, within: float) -> None:
    """Given the gaps, quantiles are within 0.5 %; from a Result's buckets, within a bucket's width."""
    random = np.random.default_rng(5)
    answers = [random.lognormal(-4.6, 0.3, 49).tolist() for _ in range(400)]
    stats = CallStats()
    for gaps in answers:
        stats.observe(answer(gaps), BEGAN, gaps=gaps if exact else None)
    every = np.concatenate(answers)
    itl = stats.series["itl"]
    assert itl.count == 400 * 49
    assert itl.mean == pytest.approx(every.mean(), rel=1e-9)
    assert itl.max == every.max()
    for share in (0.5, 0.9, 0.99):
        expected = float(np.quantile(every, share, method="inverted_cdf"))
        assert itl.quantile(share) == pytest.approx(expected, rel=within + 1e-4)


def test_a_call_is_counted_once_wherever_it_belongs() -> None:
    """Sent in the second in which it began, ended in the one in which it did; tokens with the end."""
    stats = CallStats()
    stats.observe(answer([0.1] * 4), BEGAN, gaps=[0.1] * 4)
    assert stats.outcomes == {"ok": 1}
    assert stats.seconds == {
        1: {"sent": 1, "ended": 0, "ok": 0, "output_tokens": 0},
        2: {"sent": 0, "ended": 1, "ok": 1, "output_tokens": 5},
    }
    found = {name: series.quantile(1) for name, series in stats.series.items()}
    expected = {"latency": 0.451, "latency_from_schedule": 0.461, "ttft": 0.05, "itl": 0.1, "tpot": 0.1}
    assert [found.pop(name) for name in ("first_output", "first_reasoning", "set_up")] == [None] * 3
    assert found == pytest.approx(expected | {"lag": 0.002, "start_lateness": 0.01}, rel=0.005)


def test_failures_leave_latencies_alone() -> None:
    """A failed call has an outcome, a lag and a lateness, and is in no other percentile."""
    stats = CallStats()
    stats.observe(answer([0.1], Outcome.STREAM_TRUNCATED), BEGAN, gaps=[0.1])
    counts = {name: series.count for name, series in stats.series.items()}
    assert counts == dict.fromkeys(stats.series, 0) | {"lag": 1, "start_lateness": 1}
    assert (stats.sent, stats.ok) == (1, 0)


def test_thinking_has_a_time_of_its_own() -> None:
    """The time to the first token stays that of the visible text."""
    stats = CallStats()
    stats.observe(msgspec.structs.replace(answer([0.1] * 4), first_reasoning=0.02), BEGAN, gaps=[0.1] * 4)
    assert stats.series["first_reasoning"].quantile(0.5) == pytest.approx(0.02, rel=0.005)
    assert stats.series["ttft"].quantile(0.5) == pytest.approx(0.05, rel=0.005)
    again = CallStats.load(stats.dump())
    assert again.series["first_reasoning"].count == 1
