"""Objectives: how they are read, and what they are judged on."""

from __future__ import annotations

import json
import re
from typing import Any

import pytest

from aimon.call.outcome import Outcome
from aimon.call.result import Arrivals, Result, Usage
from aimon.loadtests.statistics import slo
from aimon.loadtests.statistics.call_stats import CallStats


def result(outcome: Outcome = Outcome.OK, end: float = 1.0, **more: Any) -> Result:
    """A call that began at unix time 100."""
    fields = {"endpoint": "e", "provider": "p", "model": "m", "operation": "chat", "started_at": 100.0}
    return Result(**{**fields, "end": end, "outcome": outcome, **more})


def stats(*results: Result, objectives: tuple[str, ...] = ()) -> CallStats:
    """What was counted of these calls."""
    counted = CallStats(slo.good([slo.parse(text) for text in objectives]))
    for each in results:
        counted.observe(each, 100.0)
    return counted


@pytest.mark.parametrize(
    ("text", "measure", "quantile", "threshold"),
    [
        ("p99<10s", "latency_from_schedule", 0.99, 10.0),
        ("p98<2s", "latency_from_schedule", 0.98, 2.0),
        ("ttft_p99.9<2s", "ttft", 0.999, 2.0),
        ("p9999<2s", "latency_from_schedule", 0.9999, 2.0),
        ("latency_p50 <= 1m", "latency", 0.5, 60.0),
        ("ttft_p95<2s", "ttft", 0.95, 2.0),
        ("tpot_p50<50ms", "tpot", 0.5, 0.05),
        ("itl_p999<1s", "itl", 0.999, 1.0),
        ("error_rate<1%", "error_rate", None, 0.01),
        ("rate_limited<0.1%", "rate_limited", None, 0.001),
        ("availability>99.5%", "availability", None, 0.995),
        ("goodput>20/s", "goodput", None, 20.0),
        ("rate>120/m", "rate", None, 2.0),
    ],
)
def test_objectives_are_read(text: str, measure: str, quantile: float | None, threshold: float) -> None:
    """Objectives of each measure are parsed in their units."""
    objective = slo.parse(text)
    assert (objective.measure, objective.quantile) == (measure, quantile)
    assert objective.threshold == pytest.approx(threshold)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("fast", "'fast' is no objective: write one such as p99<10s"),
        ("p100<2s", "'p100<2s': a percentile is one from p01 to p99, or p99.9 or p99.99"),
        ("p00<2s", "'p00<2s': a percentile is one from p01 to p99"),
        ("p500<2s", "'p500<2s': a percentile is one from p01 to p99"),
        ("p99<10", "'p99<10': p99 is a time: write p99<10s or 10ms"),
        ("p99>10s", "'p99>10s': an objective for a time is an upper limit: write p99<10s"),
        ("error_rate<5", "'error_rate<5': error_rate is a share: write error_rate<5%"),
        ("goodput>20", "'goodput>20': goodput is a rate: write goodput>20/s"),
        ("eror_rate<1%", "'eror_rate<1%': eror_rate is not measured; did you mean error_rate?"),
    ],
)
def test_what_is_wrong_is_said(text: str, message: str) -> None:
    """An invalid objective is refused with what to write instead."""
    with pytest.raises(ValueError, match=re.escape(message)):
        slo.parse(text)


def test_failures_are_not_mixed_into_latencies() -> None:
    """A quick refusal is in the error rate and in no percentile; a hung call is in both."""
    counted = stats(result(end=2.0), result(Outcome.RATE_LIMITED, 0.001), result(Outcome.TIMEOUT_TOTAL, 60.0))
    assert counted.series["latency"].summary()["count"] == 1
    assert counted.series["latency"].max == 2.0
    (p99, errors, limited) = slo.judge(
        [slo.parse(t) for t in ("p99<3s", "error_rate<50%", "rate_limited<50%")], counted, 1
    )
    assert (p99["verdict"], p99["met"], p99["value"]) == ("missed", False, None)
    assert p99["at_least"] == pytest.approx(60.0, rel=0.005)
    assert (errors["verdict"], errors["met"], errors["value"]) == ("missed", False, pytest.approx(2 / 3))
    assert (limited["verdict"], limited["met"], limited["value"]) == ("met", True, pytest.approx(1 / 3))


def test_a_late_start_counts() -> None:
    """`p99` runs from the schedule, `latency_p99` from the start."""
    counted = stats(result(end=1.0, scheduled=-4.0))
    (user, server) = slo.judge([slo.parse("p99<2s"), slo.parse("latency_p99<2s")], counted, 1)
    assert (user["value"], server["value"]) == (pytest.approx(5.0, rel=0.005), pytest.approx(1.0, rel=0.005))
    assert (user["met"], server["met"]) == (False, True)


def test_an_account_fault_says_nothing_about_availability() -> None:
    """One success, one 500, one 429: half of what counts."""
    counted = stats(result(), result(Outcome.SERVER_ERROR), result(Outcome.RATE_LIMITED))
    assert slo.value(slo.parse("availability>99%"), counted, 1) == 0.5


def test_goodput_counts_calls_that_met_every_objective() -> None:
    """Two of three successes were quick enough, in two seconds."""
    counted = stats(result(end=0.5), result(end=0.6), result(end=3.0), objectives=("p99<1s", "error_rate<1%"))
    assert slo.value(slo.parse("goodput>1/s"), counted, 2.0) == 1.0


def test_what_was_not_measured_is_not_met() -> None:
    """No call, no percentile, no SLO met, and none missed."""
    rows = slo.judge([slo.parse("p99<1s"), slo.parse("error_rate<1%")], stats(), 1.0)
    assert [(row["verdict"], row["met"], row["why"]) for row in rows] == [
        ("not judged", False, "nothing was measured"),
        ("not judged", False, "nothing was measured"),
    ]


def test_tallies_merge_and_travel() -> None:
    """Two processes' counts, one of them through JSON's text keys, are the counts of one."""
    calls = [
        result(
            end=0.2 * k, started_at=100.0 + k, cost=0.5, currency="USD", usage=Usage(3, 4), arrivals=Arrivals.of([0.01])
        )
        for k in range(1, 9)
    ]
    whole, part, rest = stats(*calls), stats(*calls[:3]), stats(*calls[3:])
    part.merge(CallStats.load(json.loads(json.dumps(rest.dump()))))
    assert json.dumps(part.dump(), sort_keys=True) == json.dumps(whole.dump(), sort_keys=True)
    assert (part.cost, part.currency, part.counts["output_tokens"], part.sent) == (4.0, "USD", 32, 8)


def test_an_objective_may_name_a_request() -> None:
    """Only the calls of that name count; a name that no request had is not judged."""
    named = {"question": stats(*(result(end=1.0) for _ in range(3))), "summary": stats(result(end=9.0))}
    objectives = [
        slo.parse("latency_p50{question}<2s"),
        slo.parse("latency_p50{summary} < 2s"),
        slo.parse("p50{ask}<2s"),
    ]
    assert [objective.request for objective in objectives] == ["question", "summary", "ask"]
    rows = slo.judge(objectives, stats(), 1.0, by_name=named)
    assert [row["verdict"] for row in rows] == ["met", "missed", "not judged"]
    assert rows[2]["why"] == "no request was called ask; there were question, summary"
    check = slo.good(objectives, "question")
    assert check(result(end=1.0))
    assert not check(result(end=3.0))
    assert slo.good(objectives, "another")(result(end=3.0))
