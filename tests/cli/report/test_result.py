"""The result of a load test on a terminal: tables that fit it, with the words of the report."""

from __future__ import annotations

import io
from typing import TYPE_CHECKING, Any

import pytest
from rich.console import Console

from aimon.cli import console
from aimon.cli.report import compared, result
from aimon.loadtests import report
from aimon.loadtests.report.comparison.comparison import compare
from aimon.loadtests.report.text.summary import verdict
from aimon.loadtests.search.capacity import Capacity, CapacityStep
from aimon.loadtests.search.latency_trend import Trend
from report_cases import few, ladder, named, noisy, plan, quick

if TYPE_CHECKING:
    from collections.abc import Callable


@pytest.fixture
def drawn(monkeypatch: pytest.MonkeyPatch) -> Callable[[Any, int], list[str]]:
    """Draws a report, or a comparison, on a terminal of that width; gives its lines."""
    monkeypatch.setattr(console, "speaks_unicode", lambda: True)

    def draw(what: Any, width: int) -> list[str]:
        file = io.StringIO()
        monkeypatch.setattr(console, "tables", lambda: Console(file=file, width=width, force_terminal=False))
        result.draw(what) if isinstance(what, dict) else compared.draw(what)
        return [line.rstrip() for line in file.getvalue().splitlines()]

    return draw


def test_a_result_is_tables_and_not_markdown(drawn: Callable[[Any, int], list[str]]) -> None:
    """Verdict, objectives with their units, times with theirs, and the other figures."""
    built = report.build(noisy(1, failing=0.0), plan(duration=40.0), "qwen", model="m")
    lines = drawn(built, 120)
    assert lines[1] == "qwen m  steady · open loop, 5/s, poisson arrivals · 41.5 s"
    assert lines[2] == verdict(built) == "All objectives met"
    assert not any(line.startswith(("|", "#", "**")) for line in lines)
    (objective,) = (line.split() for line in lines if line.startswith("p99<2s"))
    assert (objective[0], objective[2:]) == ("p99<2s", ["s", "met"])
    (head,) = (line.split() for line in lines if "P95" in line)
    assert head == ["mean", "P50", "P90", "P95", "P99", "P99.9", "max", "values"]
    (latency,) = (line for line in lines if line.startswith("Latency  "))
    assert "needs 1,000" in latency


@pytest.mark.parametrize("width", [50, 60, 80, 200])
def test_figures_are_never_cut(drawn: Callable[[Any, int], list[str]], width: int) -> None:
    """A narrow terminal has fewer columns, and each of them whole."""
    built = named(report.build(noisy(1), plan(duration=40.0), "e"), {"ask": 0.5, "embed": 0.5})
    lines = drawn(built, width)
    assert max(map(len, lines)) <= width
    words = " ".join(lines)
    assert "…" not in words
    for line in ("ask", "embed", "P50", "P99", "values"):
        assert line in words


def test_names_steps_and_ladders_have_tables(drawn: Callable[[Any, int], list[str]]) -> None:
    """A scenario's requests, the steps of a search, and the concurrencies of a ladder with the knee."""
    steps = [
        CapacityStep(5.0, 4.9, met=True, trend=Trend(0.0, 0.01)),
        CapacityStep(8.0, 5.4, met=False, trend=Trend(0.0, 0.01), why="79 of 80 calls were served"),
    ]
    built = report.build(few(capacity=Capacity(low=5.0, high=8.0, steps=steps)), plan(profile="capacity"), "e")
    lines = drawn(ladder(named(built, {"ask": 1.0})), 160)
    assert any(line.split()[:3] == ["8", "5.4", "no"] and line.endswith("79 of 80 calls were served") for line in lines)
    (knee,) = (line.split() for line in lines if line.endswith(" knee"))
    assert knee[:2] == ["8", "16"]
    assert verdict(ladder(report.build(few(), plan(), "e"))) == (
        "Knee at a concurrency of 8: 16/s at a mean latency of 500 ms; Missed: error_rate<1%; not judged: p99<2s"
    )
    assert any(line.split()[:2] == ["ask", "10"] for line in lines)
    # Nothing was measured a thousand times.
    assert "P99.9" not in " ".join(line for line in lines if "P50" in line)
    assert "Left out, since there are fewer values than it takes: P99 (100), P99.9 (1,000)." in lines


def test_a_comparison_is_a_table(drawn: Callable[[Any, int], list[str]]) -> None:
    """On a narrow terminal the verdicts stay, and the base and the interval go."""
    found = compare(quick(1), quick(3, slower=1.5), names=("before", "after"))
    wide, narrow = drawn(found, 120), drawn(found, 64)
    assert wide[1] == "before and after"
    (row,) = (line for line in wide if line.startswith("Latency from schedule P50"))
    assert row.endswith("worse")
    assert " to +" in row
    assert max(map(len, narrow)) <= 64
    assert any(line.endswith("worse") for line in narrow)
