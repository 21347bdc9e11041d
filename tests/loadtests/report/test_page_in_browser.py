"""Pages of reports in a real Chromium: on a phone, with a keyboard, without scripts, and for screen readers."""

from __future__ import annotations

from functools import cache
from typing import TYPE_CHECKING, Any

import pytest

from aimon.formatting import format_duration
from aimon.loadtests import report
from aimon.loadtests.report import chart_data
from aimon.loadtests.report.comparison import page as comparison_page
from aimon.loadtests.report.comparison.comparison import compare
from aimon.loadtests.report.page import page
from aimon.loadtests.search.capacity import Capacity, CapacityStep
from aimon.loadtests.search.latency_trend import Trend
from browser import accessibility_problems, overflow
from report_cases import ladder, named, noisy, plan, quick

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from playwright.sync_api import Page

STEPS = [
    CapacityStep(rate, min(rate, 6.0), met=rate < 7, trend=Trend(0.0, 0.01), why="" if rate < 7 else "latency grew")
    for rate in (2.0, 4.0, 6.0, 8.0)
]


@cache
def a_report() -> dict[str, Any]:
    """A report with everything in it."""
    run = noisy(1)
    run.capacity = Capacity(low=6.0, high=8.0, steps=STEPS)
    run.notes = ["worker b was lost"]
    built = report.build(run, plan(duration=40.0, rate=20.0), "an-endpoint-with-quite-a-long-name", model="m")
    return ladder(named(built, {"question about the weather": 0.5, "embed": 0.5}))


@pytest.fixture(scope="module")
def pages(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with a page of every section and chart, and a comparison."""
    folder = tmp_path_factory.mktemp("pages")
    (folder / "report.html").write_text(page.render(a_report()))
    found = compare(quick(1), quick(3, slower=1.5), names=("before", "after"))
    found.reservations.append("--duration: 40 in the base, 30 in the new run")
    (folder / "comparison.html").write_text(comparison_page.render([found]))
    return folder


@pytest.mark.requires_binary("chromium")
@pytest.mark.parametrize(
    ("name", "scheme"), [("report.html", "light"), ("report.html", "dark"), ("comparison.html", "dark")]
)
def test_a_phone_shows_the_whole_page(browser_page: Callable[..., Page], pages: Path, name: str, scheme: str) -> None:
    """At 390 px the page itself does not scroll sideways, no word is broken into letters, and axe-core is content."""
    shown = browser_page(390, scheme)
    shown.goto((pages / name).as_uri())
    assert overflow(shown) <= 0
    narrowest = "Math.min(...[...document.querySelectorAll('tbody th, tbody td')].map(each => each.clientWidth))"
    assert shown.evaluate(narrowest) >= 30
    assert accessibility_problems(shown) == []


@pytest.mark.requires_binary("chromium")
def test_a_keyboard_reaches_every_value_of_a_chart(browser_page: Callable[..., Page], pages: Path) -> None:
    """Tab goes to a chart, arrow keys through its values, which are the report's; Escape hides them."""
    shown = browser_page(1100)
    shown.goto((pages / "report.html").as_uri())
    chart = shown.locator("figure", has_text="Throughput against concurrency")
    tip = chart.locator(".tip")
    assert tip.is_hidden()
    chart.locator("svg").focus()
    said = []
    for key in ("ArrowRight", "ArrowRight", "End", "ArrowLeft", "Home"):
        shown.keyboard.press(key)
        said.append(tip.inner_text().splitlines())
    assert said == [
        ["concurrency 1", "succeeded 2/s"],
        ["concurrency 2", "succeeded 4/s"],
        ["concurrency 32", "succeeded 16/s"],
        ["concurrency 16", "succeeded 16/s"],
        ["concurrency 1", "succeeded 2/s"],
    ]
    shown.keyboard.press("Escape")
    assert tip.is_hidden()
    focusable = shown.evaluate("[...document.querySelectorAll('svg')].every(chart => chart.tabIndex === 0)")
    assert focusable


@pytest.mark.requires_binary("chromium")
def test_the_pointer_shows_exact_values(browser_page: Callable[..., Page], pages: Path) -> None:
    """Over a chart of times: what the report has for that second, and inside the figure."""
    shown = browser_page(390)
    shown.goto((pages / "report.html").as_uri())
    chart = shown.locator("figure", has_text="Time to first token over time")
    chart.locator(".hit").nth(5).hover(force=True)
    stretch, point = chart_data.over_time(a_report(), "ttft", (0.5, 0.95, 0.99))[5]
    p50, p95, _ = (value if value is None else format_duration(value) for value in point.values)
    # A stretch has too few calls for a P99.
    assert chart.locator(".tip").inner_text() == f"{stretch.start} s to {stretch.end} s\nP50 {p50}\nP95 {p95}"
    box, tip = chart.bounding_box(), chart.locator(".tip").bounding_box()
    assert box is not None
    assert tip is not None
    assert box["x"] <= tip["x"]
    assert tip["x"] + tip["width"] <= box["x"] + box["width"]


@pytest.mark.requires_binary("chromium")
def test_without_scripts_the_values_are_tooltips(browser_page: Callable[..., Page], pages: Path) -> None:
    """Tables and charts are there, and each column of a chart has a title with its values."""
    shown = browser_page(1100, script=False)
    shown.goto((pages / "report.html").as_uri())
    chart = shown.locator("figure", has_text="Throughput against concurrency")
    assert chart.locator(".hit title").first.text_content() == "concurrency 1\nsucceeded 2/s"
    assert shown.locator("table").count() >= 6
