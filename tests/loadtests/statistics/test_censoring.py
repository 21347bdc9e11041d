"""What is known of a percentile when some times are not: held against every time that they could have been."""

from __future__ import annotations

import math
import random
from itertools import product
from typing import TYPE_CHECKING, Any

import pytest

from aimon.call.outcome import Outcome
from aimon.loadtests.statistics import slo
from aimon.loadtests.statistics.call_stats import CallStats
from aimon.loadtests.statistics.censoring import LATE, Censored, Sample, summary
from aimon.loadtests.statistics.histogram import Histogram
from report_cases import result

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

# Seconds that are far apart for a histogram; the objective lies between two of them, and the last stands for anything.
GRID = (0.0, 1.0, 2.0, 3.0, 1e5)
THRESHOLD = 2.5


def sample(values: Sequence[float], late: Sequence[float], cut: Sequence[float], unknown: int) -> Sample:
    """As a load test would have counted it."""
    made = Sample(Histogram(), Censored(unknown=unknown))
    made.values.record_all(values)
    made.open.late.record_all(late)
    made.open.cut.record_all(cut)
    return made


def nearest_rank(values: Sequence[float], share: float) -> float:
    """By definition: the smallest value that at least this share of all are not above."""
    return next(
        value for value in sorted(values) if sum(other <= value for other in values) >= round(share * len(values), 9)
    )


def completions(bounds: Sequence[float]) -> Iterator[tuple[float, ...]]:
    """Everything that values could be of which only a lower bound is known."""
    return product(*([value for value in GRID if value >= bound] for bound in bounds))


def cases(count: int) -> Iterator[tuple[list[float], list[float], list[float], int]]:
    """Up to five calls: every mixture of values, late, cut and unknown ones, at random places."""
    source = random.Random(7)
    for _ in range(count):
        total = source.randint(1, 5)
        kinds = [source.randrange(4) for _ in range(total)]
        draw = [[source.choice(GRID[:-1]) for kind in kinds if kind == each] for each in range(3)]
        yield draw[0], draw[1], draw[2], kinds.count(3)


@pytest.mark.parametrize("text", ["p50<2500ms", "p75<2500ms", "p90<2500ms", "p99<2500ms"])
def test_the_verdict_is_that_of_every_completion(text: str) -> None:
    """Met if all are; missed if the late ones may miss it whatever the others were; else it is not judged."""
    objective = slo.parse(text)
    share = objective.quantile
    assert share is not None
    seen = set()
    for values, late, cut, unknown in cases(600):
        others = [
            [nearest_rank([*values, *known, *slow], share) < THRESHOLD for slow in completions(late)]
            for known in completions([*cut, *[0.0] * unknown])
        ]
        if all(met for each in others for met in each):
            expected = "met"
        elif all(not all(each) for each in others):
            expected = "missed"
        else:
            expected = "not judged"
        assert sample(values, late, cut, unknown).verdict(objective) == expected, (values, late, cut, unknown)
        seen.add(expected)
    assert seen == {"met", "missed", "not judged"}


@pytest.mark.parametrize("share", [0.5, 0.9, 0.95, 0.99])
def test_a_percentile_lies_between_its_bounds(share: float) -> None:
    """Which are the least and the most that it can be; where they agree it is a number."""
    for values, late, cut, _ in cases(300):
        if not (values or late or cut):
            continue
        possible = [nearest_rank([*values, *known], share) for known in completions([*late, *cut])]
        low, high = sample(values, late, cut, 0).quantile(share)
        assert low == pytest.approx(min(possible), rel=0.005, abs=1e-6)
        assert (high if high < math.inf else GRID[-1]) == pytest.approx(max(possible), rel=0.005, abs=1e-6)


def counted(*calls: Any) -> CallStats:
    """Calls, as a run counts them."""
    stats = CallStats()
    for call in calls:
        stats.observe(call, 1000.0)
    return stats


def judged(stats: CallStats, *texts: str) -> list[tuple[Any, ...]]:
    """Verdict, value and bound of each objective."""
    return [
        (row["verdict"], row["value"], row["at_least"]) for row in slo.judge([slo.parse(t) for t in texts], stats, 10.0)
    ]


def test_calls_that_timed_out_are_no_survivors() -> None:
    """42 of 64 calls gave up after 3 s: P95 of all is above that, and not what the other 22 took."""
    stats = counted(
        *(result(k / 10, 1.0) for k in range(22)),
        *(result(k / 10, 3.0, Outcome.TIMEOUT_TTFT, request_sent=0.01) for k in range(42)),
    )
    assert judged(stats, "ttft_p95<2900ms", "p50<5s", "latency_p95<10s") == [
        ("missed", None, pytest.approx(3.0, rel=0.005)),
        ("missed", None, pytest.approx(3.0, rel=0.005)),
        ("missed", None, pytest.approx(3.0, rel=0.005)),
    ]
    found = summary(stats.sample("ttft"))
    assert found is not None
    assert (found["count"], found["censored"]) == (22, 42)
    assert (found["p50"], found["p95"], found["max"], found["mean"]) == (None, None, None, None)
    assert found["at_least"]["p95"] == pytest.approx(3.0, rel=0.005)


def test_a_few_that_timed_out_leave_the_middle_known() -> None:
    """Three of a hundred: P50, P90 and P95 are numbers of all hundred, P99 is not."""
    stats = counted(
        *(result(0.0, 0.01 * k) for k in range(1, 98)), *(result(0.0, 9.0, Outcome.TIMEOUT_TOTAL) for _ in range(3))
    )
    found = summary(stats.sample("latency"))
    assert found is not None
    assert (found["p50"], found["p95"]) == (pytest.approx(0.5, rel=0.005), pytest.approx(0.95, rel=0.005))
    assert (found["p99"], found["at_least"]["p99"]) == (None, pytest.approx(9.0, rel=0.005))
    assert judged(stats, "latency_p95<1s", "latency_p99<10s")[0][0] == "met"
    assert judged(stats, "latency_p99<10s") == [("missed", None, pytest.approx(9.0, rel=0.005))]


@pytest.mark.parametrize("outcome", sorted(set(Outcome) - {Outcome.OK}))
@pytest.mark.parametrize("text", ["p90<2s", "latency_p90<2s", "ttft_p90<2s", "itl_p90<2s", "tpot_p90<2s"])
def test_no_failure_is_overlooked(outcome: Outcome, text: str) -> None:
    """If one call in five failed in any way, an objective on a percentile above the others is not met."""
    stats = counted(*(result(0.0, 1.0) for _ in range(80)), *(result(0.0, 1.0, outcome) for _ in range(20)))
    (verdict, _, _) = judged(stats, text)[0]
    has_bound = outcome in LATE and text not in {"itl_p90<2s", "tpot_p90<2s"}
    assert verdict == ("missed" if has_bound else "not judged")
    # Where they could change nothing, they do not.
    assert judged(stats, text.replace("p90", "p75"))[0][0] == "met"
    assert judged(stats, text.replace("2s", "1ms").replace("p90", "p50"))[0][0] == "missed"


def test_text_that_came_before_the_end_tells_the_time_to_it() -> None:
    """A call that ran out of time while its text came has a TTFT, and gaps up to the one that was open."""
    late = result(0.0, 3.0, Outcome.TIMEOUT_TOTAL, request_sent=0.01, first_token=0.5, last_token=1.0)
    stats = CallStats()
    stats.observe(late, 1000.0, gaps=[0.1, 0.4])
    ttft, gaps = stats.sample("ttft"), stats.sample("itl")
    assert ttft.values.quantile(0.5) == pytest.approx(0.5, rel=0.005)
    assert ttft.open.count == 0
    assert (gaps.values.count, gaps.open.late.max, stats.sample("tpot").open.unknown) == (2, 2.0, 1)
    assert stats.sample("latency").open.late.max == 3.0


def test_a_stream_that_was_cut_could_have_taken_any_time_beyond() -> None:
    """Too long already: missed. Not yet: not judged, since it is no sign of slowness."""
    calls = [result(0.0, 1.0) for _ in range(9)]
    cut = result(0.0, 4.0, Outcome.STREAM_TRUNCATED, request_sent=0.01, first_token=0.5, last_token=1.0)
    assert judged(counted(*calls, cut), "latency_p95<2s", "latency_p95<9s", "ttft_p95<2s") == [
        ("missed", None, pytest.approx(4.0, rel=0.005)),
        ("not judged", None, pytest.approx(4.0, rel=0.005)),
        ("met", pytest.approx(0.5, rel=0.005), None),
    ]


def test_what_never_started_counts_as_unknown() -> None:
    """Arrivals that could not start, and calls that were lost with their worker."""
    stats = counted(*(result(0.0, 1.0) for _ in range(80)))
    objective = [slo.parse("p90<2s")]
    assert slo.judge(objective, stats, 10.0)[0]["verdict"] == "met"
    assert slo.judge(objective, stats, 10.0, lost=20)[0]["verdict"] == "not judged"
    stats.counts["not_started"] = 20
    assert slo.judge(objective, stats, 10.0)[0]["why"] == "20 of 100 failed without such a time, and could change it"


def test_answers_without_such_a_time_have_none_when_they_time_out() -> None:
    """Timeouts of answers that do not stream do not count as late first tokens."""
    stats = counted(
        *(result(0.0, 1.0, first_token=None, last_token=None, arrivals=None) for _ in range(20)),
        result(0.0, 3.0, Outcome.TIMEOUT_TOTAL),
    )
    assert summary(stats.sample("ttft")) is None
    assert judged(stats, "ttft_p50<1s") == [("not judged", None, None)]


def test_a_percentile_of_too_few_says_so() -> None:
    """It takes 20 values for P95, 100 for P99, 1,000 for P99.9; an objective on fewer is judged, and says so."""
    found = summary(counted(*(result(0.0, 0.1 * k) for k in range(1, 21))).sample("latency"))
    assert found is not None
    assert (found["p50"], found["p95"]) == (pytest.approx(1.0, rel=0.005), pytest.approx(1.9, rel=0.005))
    assert (found["p99"], found["p999"], found["needs"]) == (None, None, {"p99": 100, "p999": 1000})
    row = slo.judge([slo.parse("latency_p99<3s")], counted(*(result(0.0, 0.1) for _ in range(20))), 1.0)[0]
    assert (row["verdict"], row["why"]) == ("met", "P99 needs 100 values, and there are 20: the highest was judged")


def test_it_merges_and_travels() -> None:
    """Censored times survive dump, JSON and merge."""
    calls = [
        result(0.0, 3.0, outcome, request_sent=0.1)
        for outcome in (Outcome.TIMEOUT_TOTAL, Outcome.STREAM_TRUNCATED, Outcome.SERVER_ERROR)
    ]
    whole, part = counted(*calls), counted(calls[0])
    part.merge(CallStats.load(counted(*calls[1:]).dump()))
    for name in ("latency", "latency_from_schedule", "ttft", "itl", "tpot"):
        one, other = whole.sample(name), part.sample(name)
        assert (one.open.dump(), one.count) == (other.open.dump(), other.count)


def test_calls_cut_at_the_end_are_in_the_percentiles_and_no_calls_of_the_run() -> None:
    """A run that is stopped while one stream in five hangs has not seen how long those take."""
    stats = counted(*(result(0.0, 1.0) for _ in range(80)))
    for _ in range(20):
        stats.time_failed(result(0.0, 30.0, Outcome.PROBER_ERROR, request_sent=0.01), None)
    assert stats.sent == 80
    found = summary(stats.sample("latency"))
    assert found is not None
    assert (found["p95"], found["at_least"]["p95"]) == (None, pytest.approx(30.0, rel=0.005))
    assert judged(stats, "latency_p95<2s", "latency_p75<2s")[0][0] == "missed"
    assert judged(stats, "latency_p75<2s")[0][0] == "met"
