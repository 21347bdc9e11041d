"""When a load test ends early, and when the client is named as the bottleneck."""

from __future__ import annotations

from typing import Any

import pytest

from aimon.call.outcome import Outcome
from aimon.call.result import Result
from aimon.loadtests.statistics.call_stats import CallStats
from aimon.loadtests.statistics.self_check import check
from aimon.loadtests.worker.abort_policy import AbortPolicy


def result(outcome: Outcome, **more: Any) -> Result:
    """A call that took a tenth of a second."""
    fields = {"endpoint": "e", "provider": "p", "model": "m", "operation": "chat", "started_at": 0.0, "end": 0.1}
    return Result(**{**fields, **more}, outcome=outcome)


def after(policy: AbortPolicy, *outcomes: Outcome, cost: float | None = None) -> list[str | None]:
    """What the policy says after each call."""
    return [policy.observe(result(outcome, cost=cost), in_flight=1) for outcome in outcomes]


@pytest.mark.parametrize("outcome", [Outcome.UNAUTHORIZED, Outcome.QUOTA_EXHAUSTED, Outcome.DNS, Outcome.CONNECT])
def test_a_first_call_that_no_other_can_better_ends_the_run(outcome: Outcome) -> None:
    """A first call with a fatal failure ends the run, and gives its reason."""
    assert AbortPolicy().check_first_call(result(outcome, status_code=None, error="why")) == f"{outcome}: why"


@pytest.mark.parametrize("outcome", [Outcome.OK, Outcome.RATE_LIMITED, Outcome.SERVER_ERROR])
def test_other_first_calls_do_not(outcome: Outcome) -> None:
    """A first call with another failure does not end the run."""
    assert AbortPolicy().check_first_call(result(outcome)) is None


def test_five_fatal_calls_in_a_row_end_it() -> None:
    """Five fatal calls in a row end the run, but not with a success between them."""
    bad, good = Outcome.UNAUTHORIZED, Outcome.OK
    assert after(AbortPolicy(), bad, bad, bad, bad, good, bad) == [None] * 6
    assert after(AbortPolicy(), bad, bad, bad, bad, bad)[-1] == "5 calls in a row ended so: unauthorized"


def test_a_storm_of_failures_ends_it_but_one_of_429s_does_not() -> None:
    """A limit is what load tests run into; a search looks for it."""
    assert after(AbortPolicy(), *[Outcome.RATE_LIMITED] * 500)[-1] is None
    assert after(AbortPolicy(storms=False), *[Outcome.SERVER_ERROR] * 500)[-1] is None
    said = after(AbortPolicy(), *[Outcome.SERVER_ERROR] * 100)
    assert said[:99] == [None] * 99
    assert said[99] == "100 calls in a row failed; the last: server_error"


def test_a_server_has_time_to_restart() -> None:
    """Connections that break or are refused end a run after five seconds of nothing else, not by their number."""
    policy = AbortPolicy()

    def at(seconds: float, outcome: Outcome) -> str | None:
        return policy.observe(result(outcome, started_at=seconds), in_flight=1)

    broken = [at(0.0, Outcome.STREAM_TRUNCATED) for _ in range(200)]
    refused = [at(k / 4, Outcome.CONNECT) for k in range(20)]
    assert set(broken + refused) == {None}
    assert at(5.0, Outcome.OK) is None
    refused = [at(6 + k / 32, Outcome.CONNECT) for k in range(161)]
    assert refused[:160] == [None] * 160
    assert refused[160] == "161 calls in a row failed; the last: connect"


def test_cost_counts_what_is_under_way() -> None:
    """A call in flight counts towards the limit: with calls of 0.10, one in flight, 0.50 is reached by the fourth."""
    said = after(AbortPolicy(0.5), *[Outcome.OK] * 4, cost=0.1)
    assert said[:3] == [None] * 3
    assert said[3] == "the limit of cost is reached: 0.40 of 0.50 spent"


def test_a_limit_of_cost_needs_a_price() -> None:
    """With a cost limit, a first call of unknown cost ends the run, since the limit could never be reached."""
    assert "does not report usage" in (AbortPolicy(1.0).check_first_call(result(Outcome.OK)) or "")


def test_a_late_client_is_named() -> None:
    """A late client is named with what was late, and by how much."""
    stats = CallStats()
    for _ in range(100):
        stats.observe(result(Outcome.OK, scheduled=-0.1, self_lag=0.05), 0.0)
    stats.counts["not_started"] = 3
    found = check(stats, 0.97)
    assert found["bottleneck"]
    assert found["reasons"] == [
        "the client used 97% of its core",
        "the client's event loop was 50 ms late at the 99th percentile",
        "calls started 100 ms late at the 99th percentile",
        "3 calls could not be started, since too many were under way",
    ]
    assert check(CallStats(), 0.3)["reasons"] == []


def test_one_late_moment_among_a_few_is_no_bottleneck() -> None:
    """With few calls the 99th percentile is the worst of them; half of them late is another matter."""
    stats = CallStats()
    for k in range(20):
        stats.observe(result(Outcome.OK, self_lag=0.05 if k == 0 else 0.0), 0.0)
    assert check(stats, 0.3)["reasons"] == []
    for _ in range(30):
        stats.observe(result(Outcome.OK, self_lag=0.05), 0.0)
    assert check(stats, 0.3)["reasons"] == ["the client's event loop was 50 ms late at the median"]


def test_a_call_that_would_pass_the_limit_of_cost_is_not_begun() -> None:
    """With 0.49 of 0.50 spent one call at 0.01 may begin, and none beside it."""
    policy = AbortPolicy(0.5)
    for _ in range(49):
        policy.observe(result(Outcome.OK, cost=0.01), in_flight=0)
    assert policy.check_budget(in_flight=0) is None
    assert policy.check_budget(in_flight=1) == "the limit of cost is reached: 0.49 of 0.50 spent"
    assert AbortPolicy().check_budget(in_flight=1000) is None
