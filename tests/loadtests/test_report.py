"""Reports of runs that were made up: what they say, and that nothing in them is taken for markup."""

from __future__ import annotations

import json
from html.parser import HTMLParser
from typing import TYPE_CHECKING, Any

import pytest

from aimon.loadtests import report
from aimon.loadtests.plan import Plan
from aimon.loadtests.record import ABORTED, Run
from aimon.loadtests.search.capacity import Capacity, Step
from aimon.loadtests.search.trend import Trend
from aimon.loadtests.statistics import slo
from aimon.loadtests.statistics.tally import Tally
from aimon.outcome import Outcome
from aimon.result import Result, Usage

if TYPE_CHECKING:
    from pathlib import Path

HOSTILE = '<script>alert(1)</script> & "quoted" | \'\n'


def run(**more: Any) -> Run:
    """Ten calls in two seconds, one of them refused."""
    objectives = [slo.parse("p99<2s"), slo.parse("error_rate<1%")]
    tally = Tally(slo.good(objectives))
    for k in range(10):
        tally.observe(
            Result(
                endpoint="e",
                provider="p",
                model="m",
                operation="chat",
                started_at=1000.0 + k / 5,
                end=0.5,
                first_token=0.2,
                last_token=0.5,
                outcome=Outcome.RATE_LIMITED if k == 3 else Outcome.OK,
                usage=Usage(10, 4),
                cost=0.25,
                currency="CNY",
            ),
            1000.0,
        )
    return Run(tally, **{"began": 1000.0, "window": 2.0, "elapsed": 2.5, "cpu": 0.1, "objectives": objectives, **more})


def plan(**more: Any) -> Plan:
    """Five a second for two seconds."""
    return Plan(**{"endpoint": "e", "rate": 5.0, "duration": 2.0, "slo": ["p99<2s", "error_rate<1%"], **more})


def test_numbers_are_what_was_counted() -> None:
    """Rates over the seconds in which calls were started, goodput and tokens until the last had ended."""
    built = report.build(run(), plan(), "e")
    assert built["requests"] == {"sent": 10, "ok": 9, "by_outcome": {"ok": 9, "rate_limited": 1}, "not_started": 0}
    assert built["rate"] == {"asked": 5.0, "achieved": 5.0}
    assert built["goodput"] == 9 / 2.5
    assert built["tokens"] == {"input": 100, "output": 40, "output_per_s": 16.0}
    assert built["cost"] == {"amount": 2.5, "currency": "CNY"}
    assert built["ttft_s"]["p50"] == pytest.approx(0.2, rel=0.005)
    assert built["tpot_s"]["mean"] == pytest.approx(0.1)
    assert built["itl_s"] is None
    assert [row["met"] for row in built["slo"]] == [True, False]
    assert report.verdict(built) == "Missed: error_rate<1%"
    assert json.loads(json.dumps(built)) == built


def test_the_warm_up_is_no_part_of_the_rate_asked() -> None:
    """Nor is it of a ramp's."""
    assert report.build(run(), plan(warmup=4.0), "e")["rate"]["asked"] == 5.0
    assert report.build(run(), plan(profile="ramp", warmup=4.0, duration=20.0), "e")["rate"]["asked"] == pytest.approx(
        2.75
    )


def test_a_run_that_ended_early_says_so_first() -> None:
    """Whatever its numbers."""
    built = report.build(run(ended=ABORTED, why="unauthorized (HTTP 401)"), plan(), "e")
    assert report.markdown(built).splitlines()[2] == "**ABORTED, results are partial: unauthorized (HTTP 401)**"


class Page(HTMLParser):
    """Which elements a page has, and whether all are closed."""

    def __init__(self) -> None:
        super().__init__()
        self.tags: set[str] = set()
        self.open: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:  # noqa: ARG002 - HTMLParser's signature
        """Opens one."""
        self.tags.add(tag)
        if tag != "meta":
            self.open.append(tag)

    def handle_endtag(self, tag: str) -> None:
        """Closes the one that was opened last."""
        assert self.open.pop() == tag

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:  # noqa: ARG002 - HTMLParser's signature
        """One that closes itself."""
        self.tags.add(tag)


def test_what_a_provider_says_is_never_markup(tmp_path: Path) -> None:
    """An error text with tags shows as text, in a page without scripts whose elements are all closed."""
    steps = [Step(5.0, 4.9, met=False, trend=Trend(0.2, 0.01), why=HOSTILE)]
    found = Capacity(low=4.0, high=5.0, steps=steps)
    built = report.build(run(ended=ABORTED, why=HOSTILE, capacity=found), plan(profile="capacity"), HOSTILE)
    report.save(built, tmp_path)
    page = Page()
    text = (tmp_path / "report.html").read_text()
    page.feed(text)
    assert page.open == []
    assert "script" not in page.tags
    assert "svg" in page.tags
    assert "&lt;script&gt;" in text
    assert json.loads((tmp_path / "report.json").read_text()) == built
    rows = [line for line in (tmp_path / "report.md").read_text().splitlines() if line.startswith("| 5 |")]
    assert len(rows) == 1


def test_a_run_without_calls_has_a_report(tmp_path: Path) -> None:
    """Empty, and not an error."""
    built = report.build(Run(Tally()), plan(slo=[]), "e")
    assert built["requests"]["sent"] == 0
    assert built["latency_s"] is None
    assert [path.name for path in report.save(built, tmp_path)] == ["report.json", "report.md", "report.html"]
