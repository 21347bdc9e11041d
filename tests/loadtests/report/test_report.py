"""Reports of runs that were made up: what they say, and that nothing in them is taken for markup."""

from __future__ import annotations

import json
from html.parser import HTMLParser
from itertools import pairwise
from typing import TYPE_CHECKING

import pytest

from aimon.load_terms import ABORTED
from aimon.loadtests import report
from aimon.loadtests.report import chart_data
from aimon.loadtests.report.page import page
from aimon.loadtests.report.page.script import SCRIPT
from aimon.loadtests.report.run_result import RunResult
from aimon.loadtests.search.capacity import Capacity, CapacityStep
from aimon.loadtests.search.latency_trend import Trend
from aimon.loadtests.search.limits import AccountLimits
from aimon.loadtests.statistics.call_stats import CallStats
from report_cases import few, noisy, plan

if TYPE_CHECKING:
    from pathlib import Path

HOSTILE = '<script>alert(1)</script> & "quoted" | \'\n'
STEPS = [
    CapacityStep(5.0, 4.9, met=True, trend=Trend(0.0, 0.01)),
    CapacityStep(8.0, 5.4, met=False, trend=Trend(0.0, 0.01), why=HOSTILE),
]


def test_numbers_are_what_was_counted() -> None:
    """Rates, goodput and tokens over the seconds in which load was put on; the last call ended after them."""
    built = report.build(few(elapsed=2.5), plan(), "e")
    assert built["requests"] == {
        "sent": 10,
        "ok": 9,
        "by_outcome": {"ok": 9, "rate_limited": 1},
        "not_started": 0,
        "interrupted": 0,
        "resent": 0,
        "stale": 0,
    }
    assert built["rate"]["asked"] == built["rate"]["achieved"] == 5.0
    assert built["duration_s"] == pytest.approx(2.3)
    assert built["window_s"] == 2.0
    assert built["goodput"] == pytest.approx(9 / 2.0)
    assert built["tokens"] == {"input": 90, "output": 36, "output_per_s": 18.0, "without_usage": 0, "estimated": None}
    assert built["cost"] == {"amount": 2.5, "currency": "CNY", "unpriced": 0, "estimated": 0, "counted": 2.5}
    assert built["ttft_s"]["p50"] == pytest.approx(0.2, rel=0.005)
    assert built["tpot_s"]["mean"] == pytest.approx(0.1)
    assert built["itl_s"]["count"] == 27
    # One of ten was refused: it could be what is above the other nine.
    assert [row["verdict"] for row in built["slo"]] == ["not judged", "missed"]
    assert report.verdict(built) == "Missed: error_rate<1%; not judged: p99<2s"
    assert json.loads(json.dumps(built)) == built


def test_what_was_never_measured_is_null() -> None:
    """Without reasoning, prices or a search their values are null."""
    built = report.build(RunResult(CallStats()), plan(slo=[]), "e")
    assert built["requests"]["sent"] == 0
    assert [
        key for key in ("latency_s", "ttft_reasoning_s", "cost", "capacity", "limits") if built[key] is not None
    ] == []
    assert built["distributions"]["series"] == {}


def test_distributions_can_be_read_by_their_formula() -> None:
    """A percentile from the buckets is the one that is reported, and the blocks add up to the whole."""
    built = report.build(noisy(1), plan(), "e")
    shapes = built["distributions"]
    unit, gamma, series = shapes["unit_s"], shapes["gamma"], shapes["series"]["latency"]
    rank, risen, place = 0.95 * series["count"], 0, -1
    for i in sorted(map(int, series["buckets"])):
        risen += series["buckets"][str(i)]
        if risen >= rank:
            place = i
            break
    assert unit * gamma ** (place - 1) < built["latency_s"]["p95"] <= unit * gamma**place
    for i, count in series["buckets"].items():
        blocks = (block["series"].get("latency", {"buckets": {}})["buckets"] for block in built["blocks"])
        assert sum(buckets.get(i, 0) for buckets in blocks) == count
    assert sum(block["sent"] for block in built["blocks"]) == built["requests"]["sent"]


def test_the_warm_up_is_no_part_of_the_rate_asked() -> None:
    """The rate asked leaves out the warm-up, also of a ramp and in the chart."""
    steady = report.build(few(), plan(warmup=4.0), "e")["rate"]
    assert (steady["asked"], steady["schedule"]) == (5.0, [{"at_s": 0.0, "rate": 5.0}, {"at_s": 2.0, "rate": 5.0}])
    ramp = report.build(few(), plan(profile="ramp", warmup=4.0, duration=20.0), "e")["rate"]
    assert ramp["asked"] == pytest.approx(2.75)
    assert ramp["schedule"] == [{"at_s": 0.0, "rate": 0.5}, {"at_s": 20.0, "rate": 5.0}]
    assert report.build(few(), plan(rate=None, concurrency=3), "e")["rate"]["schedule"] == []


def test_a_run_that_ended_early_says_so_first() -> None:
    """The verdict of a run that ended early starts with how it ended."""
    built = report.build(few(ended=ABORTED, why="unauthorized (HTTP 401)"), plan(), "e")
    assert report.markdown(built).splitlines()[2] == "**ABORTED, results are partial: unauthorized (HTTP 401)**"


def test_numbers_of_a_busy_client_are_marked_wherever_they_are(tmp_path: Path) -> None:
    """If the client was too busy, every time and rate is marked, in Markdown and HTML."""
    built = report.build(few(cpu=0.99), plan(), "e")
    said = report.markdown(built)
    times = [
        line for line in said.splitlines() if line.startswith(("| Latency", "| Time", "| Gap", "| Rate", "| Goodput"))
    ]
    assert len(times) == 7
    assert all("(suspect)" in line for line in times)
    assert "**The client was the bottleneck, its numbers are suspect: the client used 99% of its core**" in said
    report.save(built, tmp_path)
    text = (tmp_path / "report.html").read_text()
    # Five tiles, two objectives, five rows of times, four charts over time, four distributions.
    assert text.count("&#9888; suspect") == 20
    report.save(report.build(few(), plan(), "e"), tmp_path)
    assert "&#9888; suspect" not in (tmp_path / "report.html").read_text()


class Page(HTMLParser):
    """Which elements a page has, and whether all are closed."""

    def __init__(self) -> None:
        super().__init__()
        self.tags: set[str] = set()
        self.open: list[str] = []
        self.links: list[str] = []
        self.scripts: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        """Opens one."""
        self.tags.add(tag)
        self.links += [value or "" for name, value in attrs if name in ("src", "href", "srcset")]
        if tag != "meta":
            self.open.append(tag)

    def handle_endtag(self, tag: str) -> None:
        """Closes the one that was opened last."""
        assert self.open.pop() == tag

    def handle_data(self, data: str) -> None:
        """Text, or a script."""
        if self.open and self.open[-1] == "script":
            self.scripts.append(data)

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:  # noqa: ARG002 - HTMLParser's signature
        """One that closes itself."""
        self.tags.add(tag)


@pytest.mark.parametrize("profile", ["steady", "capacity", "limits"])
def test_what_a_provider_says_is_never_markup(profile: str, tmp_path: Path) -> None:
    """An error text with tags shows as text, in a page whose elements are all closed, with its own script alone."""
    found = {
        "capacity": Capacity(low=5.0, high=8.0, steps=STEPS) if profile == "capacity" else None,
        "limits": AccountLimits(4.0, None, {"why": HOSTILE}) if profile == "limits" else None,
    }
    built = report.build(few(ended=ABORTED, why=HOSTILE, notes=[HOSTILE], **found), plan(profile=profile), HOSTILE)
    report.save(built, tmp_path)
    seen = Page()
    text = (tmp_path / "report.html").read_text()
    seen.feed(text)
    assert seen.open == []
    assert seen.links == []
    assert seen.scripts == [SCRIPT]
    assert "svg" in seen.tags
    assert "&lt;script&gt;" in text
    assert json.loads((tmp_path / "report.json").read_text()) == built
    if profile == "capacity":
        rows = [line for line in (tmp_path / "report.md").read_text().splitlines() if line.startswith("| 8 |")]
        assert len(rows) == 1


def test_a_run_without_calls_has_a_report(tmp_path: Path) -> None:
    """A run without calls has an empty report, and raises nothing."""
    built = report.build(RunResult(CallStats()), plan(slo=[]), "e")
    written, problems = report.save(built, tmp_path)
    assert [path.name for path in written] == [
        "report.json",
        "report.md",
        "report.html",
        "report.csv",
        "seconds.csv",
    ]
    assert problems == []


def test_every_line_of_a_chart_has_words(tmp_path: Path) -> None:
    """Every chart has a text with its values for screen readers."""
    report.save(report.build(noisy(2), plan(duration=40.0), "e"), tmp_path)
    text = (tmp_path / "report.html").read_text()
    drawings = text.split("<svg ")[1:]
    # Four over time, of which one is drawn for narrow screens, too; one of failures; four distributions.
    assert len(drawings) == 10
    assert all('role="img" aria-label="' in drawing.split(">")[0] for drawing in drawings)
    assert "Failed calls per second, by outcome. overloaded " in text


def test_percentiles_over_time_take_stretches_that_know_them() -> None:
    """At 20 calls a second 40 blocks are drawn as 20 stretches of about 40 calls, which have a P95; none is lost."""
    built = report.build(noisy(1), plan(duration=40.0), "e")
    found = chart_data.over_time(built, "ttft", (0.5, 0.95, 0.99))
    assert sum(stretch.calls for stretch, _ in found) == built["ttft_s"]["count"]
    assert chart_data.typical_count([stretch for stretch, _ in found]) >= 20
    assert len(found) >= 12
    assert all(before.end == after.start for (before, _), (after, _) in pairwise(found))
    # Five times the calls make each second's P99 known, too.
    dense = report.build(noisy(1, rate=110, seconds=15), plan(duration=15.0), "e")
    assert chart_data.typical_count([stretch for stretch, _ in chart_data.over_time(dense, "ttft", (0.99,))]) >= 100


def test_a_capacity_has_its_curves() -> None:
    """Successes and, where steps know it, latency against the rate, with the interval that the capacity is in."""
    steps = [CapacityStep(rate, min(rate, 6.0), met=rate < 7, trend=Trend(0.0, 0.01)) for rate in (2.0, 4.0, 6.0, 8.0)]
    built = report.build(few(capacity=Capacity(low=6.0, high=8.0, steps=steps)), plan(profile="capacity"), "e")
    built["capacity"]["interval"] = [5.9, 6.4]
    for step in built["capacity"]["steps"]:
        step |= {"latency_p50_s": None, "latency_p95_s": None}
    assert "Latency from schedule against calls asked for" not in page.render(built)
    for k, step in enumerate(built["capacity"]["steps"]):
        step |= {"latency_p50_s": 0.1 * 3**k, "latency_p95_s": 0.2 * 3**k}
    text = page.render(built)
    assert "Latency from schedule against calls asked for. P50 100 ms at 2/s, 300 ms at 4/s, 900 ms at 6/s" in text
    assert "8/s asked, succeeded 6/s, not held" in text
    assert "held 6/s; the steps beyond tell 5.9 to 6.4/s (95 %)" in text
    # An estimate below what was held is no label for it.
    built["capacity"]["interval"] = [5.0, 5.5]
    assert "held 6/s</text>" in page.render(built)
