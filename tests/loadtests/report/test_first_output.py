"""The time to the first output in a report, its objectives, and limits that reasoning took."""

from __future__ import annotations

from typing import Any

import pytest

from aimon.call.outcome import Outcome
from aimon.call.result import Result, Usage
from aimon.language import CHINESE, VARIABLE
from aimon.loadtests import report
from aimon.loadtests.report.text.times import time_rows
from aimon.loadtests.statistics import slo
from report_cases import plan, result, run

OBJECTIVES = [slo.parse("first_output_p95<100ms"), slo.parse("ttft_p95<100ms")]


def thinking(count: int, **more: Any) -> list[Result]:
    """Calls that think after 0.05 s and write after 0.4 s, for a second."""
    return [result(k * 0.1, 1.0, first_output=0.05, first_reasoning=0.05, **more) for k in range(count)]


def titles(calls: list[Result]) -> list[str]:
    """The rows of the table of times."""
    return [row[0] for row in time_rows(report.build(run(calls, 4.0), plan(), "e"))[1:]]


def test_objectives_on_the_first_output() -> None:
    """A model that thinks first meets one on its first output, and misses the same one on its text."""
    built = report.build(run(thinking(20), 4.0, objectives=OBJECTIVES), plan(), "e")
    assert built["first_output_s"]["p95"] == pytest.approx(0.05, rel=0.005)
    assert [(row["expr"], row["verdict"]) for row in built["slo"]] == [
        ("first_output_p95<100ms", "met"),
        ("ttft_p95<100ms", "missed"),
    ]
    assert slo.good(OBJECTIVES[:1])(thinking(1)[0])
    assert not slo.good(OBJECTIVES)(thinking(1)[0])


def test_it_has_a_row_where_it_is_not_the_text() -> None:
    """The row of first outputs is left out if every first output is text."""
    plain = [result(k * 0.1, 1.0, first_output=0.4) for k in range(20)]
    assert "Time to first output" in titles(thinking(20))
    assert "Time to first output" not in titles(plain)
    tool = result(0.2, 1.0, first_output=0.3, first_token=None, last_token=None, arrivals=None, pace=None)
    assert "Time to first output" in titles([*plain, tool])


def test_calls_that_failed_without_an_output() -> None:
    """A call that ran out of time counts with at least the time it had lasted, as for the first text."""
    late = [result(0.1 * k, 9.0, Outcome.TIMEOUT_TTFT, request_sent=0.01) for k in range(10)]
    cut = [result(1.0, 2.0, Outcome.STREAM_TRUNCATED, request_sent=0.01, first_output=0.5, first_reasoning=0.5)]
    built = report.build(run([*thinking(20), *late, *cut], 12.0, objectives=OBJECTIVES), plan(), "e")
    assert (built["first_output_s"]["count"], built["first_output_s"]["censored"]) == (21, 10)
    assert (built["ttft_s"]["count"], built["ttft_s"]["censored"]) == (20, 11)
    assert built["slo"][0]["verdict"] == "missed"


def test_limits_that_reasoning_took_are_explained(monkeypatch: pytest.MonkeyPatch) -> None:
    """How many calls, how many tokens each, and what to change, in both languages."""
    usage = Usage(10, 64, reasoning=64, source="reported")
    shown = {"first_output": 0.05, "first_reasoning": 0.05, "usage": usage}
    spent = [result(0.1 * k, 1.0, Outcome.MAX_TOKENS_HIT, **shown) for k in range(3)]
    hidden = result(0.5, 1.0, Outcome.EMPTY_ANSWER, usage=usage)
    alone = report.build(run([*thinking(20), *spent], 4.0, objectives=OBJECTIVES), plan(), "e")
    assert (alone["first_output_s"]["count"], alone["ttft_s"]["count"]) == (23, 20)
    assert [row["verdict"] for row in alone["slo"]] == ["met", "missed"]
    made = run([*thinking(4), *spent, hidden, result(0.6, 1.0, Outcome.EMPTY_ANSWER)], 4.0)
    assert report.build(made, plan(), "e")["notes"] == [
        (
            "4 of 9 calls spent their whole limit on reasoning (64 tokens each) and showed no text: raise "
            "--output-tokens, or set reasoning: off or low at the endpoint"
        )
    ]
    monkeypatch.setenv(VARIABLE, CHINESE)
    assert report.build(made, plan(), "e")["notes"] == [
        (
            "9 个调用中有 4 个把全部限额用于推理（每个 64 token），没有可见文本：提高 --output-tokens，或在端点上设置 "
            "reasoning: off 或 low"
        )
    ]
