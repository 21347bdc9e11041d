"""Whose fault it was: what failed on this side is no failure of the endpoint, and what was lost is said."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pytest

from aimon.call.outcome import Fault, Outcome
from aimon.call.result import Connection, Result
from aimon.exit_codes import UNABLE
from aimon.load_terms import INCOMPLETE, INTERRUPTED
from aimon.loadtests.output import exit_code
from aimon.loadtests.protocol.plan import Plan
from aimon.loadtests.report import build, markdown
from aimon.loadtests.report.run_result import RunResult
from aimon.loadtests.report.text.summary import verdict
from aimon.loadtests.search import limits
from aimon.loadtests.search.capacity import Capacity
from aimon.loadtests.search.limits import AccountLimits
from aimon.loadtests.statistics import slo
from aimon.loadtests.statistics.call_stats import CallStats
from aimon.loadtests.statistics.observation import CallObservation
from aimon.loadtests.statistics.self_check import check
from aimon.loadtests.worker.abort_policy import AbortPolicy
from aimon.simulator.model.profile import Profile
from aimon.simulator.process import SimulatorProcess
from command import target_flags
from loadtest_command import interrupted

if TYPE_CHECKING:
    from command import Command


def result(outcome: Outcome, **more: Any) -> Result:
    """A call that took a tenth of a second."""
    fields = {"endpoint": "e", "provider": "p", "model": "m", "operation": "chat", "started_at": 0.0, "end": 0.1}
    return Result(**{**fields, **more}, outcome=outcome)


def tallied(*results: Result) -> CallStats:
    """All of them, counted."""
    stats = CallStats()
    for each in results:
        stats.observe(each, 0.0)
    return stats


OURS = [outcome for outcome in Outcome if outcome.fault is Fault.PROBER]


@pytest.mark.parametrize("outcome", OURS)
def test_what_failed_on_this_side_is_in_no_objective(outcome: Outcome) -> None:
    """8 calls were served, 2 refused, and 10 never tested the endpoint."""
    refused = [result(Outcome.RATE_LIMITED)] * 2
    stats = tallied(*[result(Outcome.OK)] * 8, *refused, *[result(outcome)] * 10)
    texts = ["error_rate<25%", "rate_limited<25%", "availability>99%", "rate>0.5/s"]
    values = [row["value"] for row in slo.judge([slo.parse(text) for text in texts], stats, 10.0)]
    assert values == pytest.approx([0.2, 0.2, 1.0, 0.8])
    assert (stats.sent, stats.measured, stats.served["sent"]) == (20, 10, 10)
    assert stats.series["latency"].count == 8


def test_nothing_but_own_failures_is_no_verdict() -> None:
    """With failures of this machine only, an objective is not judged, and so not met."""
    stats = tallied(*[result(Outcome.PROBER_ERROR)] * 3)
    (row,) = slo.judge([slo.parse("error_rate<1%")], stats, 1.0)
    assert (row["value"], row["verdict"]) == (None, "not judged")


def test_own_failures_may_change_the_verdict_on_times() -> None:
    """Failures of this machine may change the verdict on times, as arrivals that could not start do."""
    stats = tallied(*[result(Outcome.OK)] * 60, *[result(Outcome.PROBER_ERROR)] * 40)
    (row,) = slo.judge([slo.parse("p90<1s")], stats, 1.0)
    assert row["verdict"] == "not judged"


def test_the_client_is_named() -> None:
    """Failures of the client are named with their number; a connection reset by the server is not one of them."""
    stale = result(Outcome.PROBER_ERROR, connection=Connection(cold=False, stale=True))
    stats = tallied(*[result(Outcome.OK)] * 50, *[result(Outcome.PROBER_ERROR)] * 3, *[stale] * 7)
    found = check(stats, 0.1)
    assert (found["bottleneck"], found["reasons"]) == (True, ["3 calls failed in the client itself"])
    assert check(tallied(*[stale] * 7), 0.1)["reasons"] == []
    policy = AbortPolicy()
    assert [policy.observe(stale, in_flight=0) for _ in range(20)] == [None] * 20
    assert stats.counts["stale"] == 7
    report = build(RunResult(stats), Plan(endpoint="e", rate=1.0, duration=1.0), "e")
    assert report["requests"]["stale"] == 7
    assert "7 calls met a kept connection that the server was just resetting" in markdown(report)


def test_what_was_lost_makes_a_run_incomplete() -> None:
    """A run that lost calls is exit code 3, whatever the objectives say."""
    run = RunResult(
        tallied(result(Outcome.OK)), ended=INCOMPLETE, why="95 of 200 calls were lost with a worker", lost=95
    )
    report = build(run, Plan(endpoint="e", rate=1.0, duration=1.0), "e")
    assert exit_code(report) == UNABLE
    assert "**INCOMPLETE, results are partial: 95 of 200 calls were lost with a worker**" in markdown(report)


def test_a_search_that_was_interrupted_says_what_it_knows() -> None:
    """The highest rate that was held, or that met no 429: at least that."""
    plan = Plan(endpoint="e", profile="capacity", duration=60.0)
    ended: dict[str, Any] = {"ended": INTERRUPTED, "why": "it was stopped by a signal"}
    known = RunResult(tallied(result(Outcome.OK)), capacity=Capacity(low=12.7), **ended)
    assert verdict(build(known, plan, "e")).endswith("it was stopped by a signal; at least 12.7/s were held")
    nothing = RunResult(tallied(result(Outcome.OK)), capacity=Capacity(), **ended)
    assert verdict(build(nothing, plan, "e")).endswith("it was stopped by a signal")
    found = AccountLimits()
    steps = limits.search(10.0, most=100.0, found=found)
    next(steps)
    steps.send([CallObservation(0.0, Outcome.OK, 1, None, None)])
    run = RunResult(tallied(result(Outcome.OK)), limits=found, **ended)
    assert verdict(build(run, plan, "e")).endswith("it was stopped by a signal; at least 10/s met no 429")


@pytest.mark.e2e
def test_an_interrupted_run_judges_what_ended(run_aimon: Command) -> None:
    """Calls cut by Ctrl-C are not errors, so the objective on errors is met."""
    with SimulatorProcess(Profile(ttft=0.3)) as sim:
        load = ["--concurrency", "4", "--duration", "1m", "--slo", "error_rate<1%"]
        code, report = interrupted(run_aimon, "ok ", *target_flags(sim.base_url()), *load)
    assert code == 130
    assert set(report["requests"]["by_outcome"]) == {"ok"}
    assert 1 <= report["requests"]["interrupted"] <= 4
    assert report["slo"][0]["met"]
    assert not any("client itself" in reason for reason in report["client"]["reasons"])


# Money


def test_what_is_refused_does_not_make_calls_under_way_cheap() -> None:
    """After one call at 0.10 and ninety-nine 429s, three under way may cost 0.30, and not 0.003."""
    policy = AbortPolicy(0.35)
    policy.observe(result(Outcome.OK, cost=0.1), in_flight=0)
    for _ in range(99):
        assert policy.observe(result(Outcome.RATE_LIMITED), in_flight=2) is None
    assert policy.check_budget(in_flight=1) is None
    assert policy.check_budget(in_flight=2) == "the limit of cost is reached: 0.10 of 0.35 spent"


def configured(run_aimon: Command, sim: SimulatorProcess) -> None:
    """Calls cost 0.01 each."""
    (run_aimon.cwd / "aimon.yaml").write_text(
        f"currency: USD\nendpoints: [{{name: e, dialect: openai-chat, base_url: '{sim.base_url()}', model: m, "
        "prices: {input: 0, output: 0, per_request: 0.01}}]\n"
    )


@pytest.mark.e2e
def test_all_money_spent_is_told(run_aimon: Command) -> None:
    """The first call and the warm-up are paid for, too; the counted part stands beside."""
    with SimulatorProcess(Profile(ttft=0.01)) as sim:
        configured(run_aimon, sim)
        done = run_aimon("loadtest", "e", "--rate", "20/s", "--warmup", "1s", "--duration", "1s", "--json")
        served = sim.truth(wait=10, limit=0).requests
    report = json.loads(done.stdout)
    assert served == 41
    assert report["cost"]["amount"] == pytest.approx(0.41)
    assert report["cost"]["counted"] == pytest.approx(0.20)
    assert "| Cost | 0.41 USD (0.20 of the counted calls, the rest first call and warm-up) |" in markdown(report)


@pytest.mark.e2e
def test_a_limit_of_cost_holds_for_what_is_under_way(run_aimon: Command) -> None:
    """An open loop starts no call that could pass it, however long the answers take."""
    with SimulatorProcess(Profile(ttft=1.0)) as sim:
        configured(run_aimon, sim)
        done = run_aimon("loadtest", "e", "--rate", "60/s", "--duration", "5s", "--max-cost", "0.30", "--json")
        served = sim.truth(wait=10, limit=0).requests
    report = json.loads(done.stdout)
    assert done.returncode == 1, done.stderr
    assert "the limit of cost is reached" in report["ended"]["why"]
    assert served == 30
    assert report["cost"]["amount"] == pytest.approx(0.30)
