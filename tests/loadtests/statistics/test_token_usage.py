"""Tokens of calls whose provider does not report any: not known, or estimated and marked, but never zero."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pytest

from aimon.call.outcome import Outcome
from aimon.call.result import Pace, Usage
from aimon.loadtests import report
from aimon.loadtests.report.page import page
from aimon.loadtests.search.limits import throughput_between_429s
from aimon.loadtests.statistics.call_stats import CallStats
from aimon.loadtests.statistics.observation import CallObservation
from aimon.loadtests.worker.abort_policy import AbortPolicy
from aimon.pricing import Price, PriceBook
from aimon.simulator.model.profile import Profile
from aimon.simulator.process import SimulatorProcess
from report_cases import plan, result, run

if TYPE_CHECKING:
    from aimon.call.result import Result
    from command import Command

TOLD: dict[str, Any] = {"usage": Usage(10, 4, source="reported")}
GUESSED: dict[str, Any] = {
    "usage": Usage(),
    "estimated": Usage(12, 6, source="estimated"),
    "pace": Pace(unknown="no count"),
}
SILENT: dict[str, Any] = {"usage": Usage()}


def built(*kinds: dict[str, Any], outcome: Outcome = Outcome.OK) -> dict[str, Any]:
    """A report of one call a second of each kind."""
    calls = [result(float(k), 0.5, outcome, **{"cost": None, "currency": None, **kind}) for k, kind in enumerate(kinds)]
    return report.build(run(calls, float(len(calls))), plan(duration=float(len(calls))), "e")


@pytest.mark.parametrize(
    ("kinds", "told", "guess", "said"),
    [
        ([TOLD] * 4, (40, 16, 4.0, 0), None, "40 in, 16 out, 4/s out"),
        ([SILENT] * 4, (None, None, None, 4), None, "not reported by 4 calls"),
        (
            [GUESSED] * 4,
            (None, None, None, 4),
            {"calls": 4, "input": 48, "output": 24, "output_per_s": 6.0},
            "not reported by 4 calls; about 48 in, 24 out, 6/s out by the text (estimated)",
        ),
        (
            [TOLD, TOLD, GUESSED, SILENT],
            (20, 8, None, 2),
            {"calls": 1, "input": 32, "output": 14, "output_per_s": 3.5},
            "20 in, 8 out reported, 2 calls without usage; about 32 in, 14 out, 3.5/s out by the text (estimated)",
        ),
    ],
    ids=["all told", "none known", "all estimated", "mixed"],
)
def test_what_is_known(
    kinds: list[dict[str, Any]], told: tuple[Any, ...], guess: dict[str, Any] | None, said: str
) -> None:
    """JSON, Markdown and page say how many tokens were reported and how many are estimated."""
    made = built(*kinds)
    assert tuple(made["tokens"][key] for key in ("input", "output", "output_per_s", "without_usage")) == told
    assert made["tokens"]["estimated"] == guess
    assert f"| Tokens | {said} |" in report.markdown(made)
    assert ("≈" in page.render(made)) == (guess is not None)


def test_calls_that_failed_have_no_usage_to_lack() -> None:
    """A refusal says nothing of tokens, and is none of those without usage."""
    made = built(SILENT, SILENT, outcome=Outcome.RATE_LIMITED)
    assert (made["tokens"]["output"], made["tokens"]["without_usage"]) == (None, 0)


def test_reasons_for_no_time_per_token_are_told() -> None:
    """Each reason for a missing time per token is shown with its number of calls."""
    made = built(TOLD, GUESSED, GUESSED)
    assert made["tpot"] == {"told": 1, "estimated": 0, "unknown": {"no count": 2}, "tokens_per_chunk": None}
    for shown in (report.markdown(made), page.render(made)):
        assert "No time per output token of 2 calls: no count (2)" in shown


def test_gaps_say_what_a_chunk_holds() -> None:
    """Eight tokens in each."""
    told: dict[str, Any] = {"pace": Pace(seconds=0.3, tokens=24, visible=32), "chunks": 4}
    made = built(told, told)
    assert made["tpot"]["tokens_per_chunk"] == 8.0
    for shown in (report.markdown(made), page.render(made)):
        assert "Gap between chunks of 8.0 tokens" in shown
    assert "of 1.0 tokens" not in report.markdown(built(told | {"chunks": 32}))


def test_a_cost_by_estimated_tokens_is_marked() -> None:
    """A cost by estimated tokens counts for limits and budgets and is marked wherever it is shown."""
    book = PriceBook(endpoints={"e": Price(input=0.1, output=0.2, source="configured")})
    call = book.cost(result(0.0, 0.5, cost=None, currency=None, **GUESSED))
    assert call.cost == pytest.approx(2.4)
    assert call.price_source == "configured, tokens estimated from the text"
    told = book.cost(result(0.0, 0.5, cost=None, currency=None, **TOLD))
    assert told.cost == pytest.approx(1.8)
    assert told.price_source == "configured"
    made = report.build(run([call, told], 2.0), plan(), "e")
    assert made["cost"]["amount"] == pytest.approx(4.2)
    assert (made["cost"]["estimated"], made["cost"]["unpriced"]) == (1, 0)
    assert "1 call by estimated tokens" in report.markdown(made)
    assert "1 call by estimated tokens" in page.render(made)


def test_a_limit_of_cost_names_what_lacks() -> None:
    """Prices, or usage that the endpoint does not report."""

    def why(call: Result) -> str | None:
        return AbortPolicy(1.0).check_first_call(call)

    unpriced = result(0.0, 0.5, cost=None, currency=None, **TOLD)
    assert "give the endpoint prices" in (why(unpriced) or "")
    silent = result(0.0, 0.5, cost=None, currency=None, **SILENT)
    assert "does not report usage" in (why(silent) or "")
    assert "prices" not in (why(silent) or "")


def test_a_limit_of_tokens_is_not_found_without_their_counts() -> None:
    """Without token counts the limit of tokens is None, not 0 per minute."""
    calls = [
        CallObservation(k / 10, Outcome.RATE_LIMITED if k in (0, 20) else Outcome.OK, None if k == 5 else 7, None, None)
        for k in range(21)
    ]
    found = throughput_between_429s(calls)
    assert found is not None
    assert (found.count, found.tokens_per_min) == (19, None)


def test_counts_merge_and_travel() -> None:
    """Counts of several processes merge into those of one."""
    kinds: list[dict[str, Any]] = [TOLD, GUESSED, SILENT]
    whole, part, rest = CallStats(), CallStats(), CallStats()
    for k, kind in enumerate(kinds):
        call = result(float(k), 0.5, **kind)
        whole.observe(call, 1000.0)
        (part if k else rest).observe(call, 1000.0)
    part.merge(CallStats.load(json.loads(json.dumps(rest.dump()))))
    assert part.usage.summary(2.0) == whole.usage.summary(2.0)
    assert part.tpot_coverage.summary() == whole.tpot_coverage.summary()


@pytest.mark.e2e
def test_a_server_without_usage(run_aimon: Command) -> None:
    """A limit of cost holds by the estimate, and every form of the report says what is not known."""
    with SimulatorProcess(Profile(ttft=0.01, itl=0.002, tokens=20)) as sim:
        config = f"""
endpoints:
  - name: quiet
    dialect: openai-chat
    base_url: {sim.base_url()}
    model: m
    quirks: {{stream_usage: false}}
    prices: {{input: 1.0, output: 2.0, currency: USD}}
"""
        (run_aimon.cwd / "aimon.yaml").write_text(config)
        load = ["--concurrency", "2", "--requests", "20", "--max-cost", "1", "--out", "out", "--plain"]
        done = run_aimon("loadtest", "quiet", *load, "--json")
    assert done.returncode == 0, done.stderr
    made = json.loads(done.stdout)
    assert [made["tokens"][key] for key in ("input", "output", "output_per_s")] == [None] * 3
    assert made["tokens"]["without_usage"] == made["tokens"]["estimated"]["calls"] == made["cost"]["estimated"] == 20
    assert made["tpot_s"] is None
    assert made["tpot"]["unknown"] == {"the server does not say how many tokens it wrote": 20}
    assert "tokens about" in done.stderr or "about" in (run_aimon.cwd / "out" / "report.md").read_text()
