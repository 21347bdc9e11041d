"""The status page of a real `aimon serve` in a real Chromium."""

from __future__ import annotations

import subprocess
from typing import TYPE_CHECKING

import pytest

from aimon.simulator import Profile, Simulator
from browser import accessibility_problems, overflow
from command import AIMON
from services import free_port

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from playwright.sync_api import Page

    from command import Command

CONFIG = """
defaults: {{interval: 1s, incident: {{open: 2 of 2, resolve: 2}}}}
endpoints:
  - {{name: steady, dialect: openai-chat, base_url: "{steady}", model: sim-1}}
  - {{name: shaky, dialect: anthropic-messages, base_url: "{shaky}", model: sim-2}}
heartbeats:
  - {{name: nightly, every: 1h, title: Nightly evaluation}}
announcements:
  - {{title: "Hello <b>there</b>", text: "</main><script>document.title='owned'</script>"}}
"""
# Milliseconds: state comes by two probes and an update of the page, on a machine that may be busy.
PATIENCE = 60_000


@pytest.fixture
def site(run_aimon: Command) -> Iterator[tuple[str, Simulator]]:
    """The address of a service, and the provider of its endpoint `shaky`."""
    with Simulator(Profile("one", ttft=0.01, itl=0.001)) as steady, Simulator(Profile("two", ttft=0.01)) as shaky:
        text = CONFIG.format(steady=steady.base_url(), shaky=shaky.base_url().removesuffix("/v1"))
        (run_aimon.cwd / "aimon.yaml").write_text(text, encoding="utf-8")
        address = f"127.0.0.1:{free_port()}"
        program = [AIMON, "serve", "--listen", address]
        with subprocess.Popen(program, env=run_aimon.env, cwd=run_aimon.cwd, stderr=subprocess.PIPE) as process:
            try:
                assert process.stderr is not None
                assert b"status page" in process.stderr.readline()
                yield f"http://{address}/", shaky
            finally:
                process.terminate()
                process.wait(30)


@pytest.mark.e2e
def test_the_page_shows_an_outage_begin_and_end_by_itself(
    site: tuple[str, Simulator], browser_page: Callable[..., Page]
) -> None:
    """Nobody reloads: the verdict, the card and the incident follow the endpoint, and screen readers are told."""
    address, provider = site
    page = browser_page()
    page.goto(address)
    page.get_by_role("heading", name="All endpoints are up").wait_for(timeout=PATIENCE)
    page.evaluate("window.loadedOnce = true")
    page.locator("#bar-steady").focus()
    page.keyboard.press("End")
    provider.set_faults("server_error")
    page.get_by_role("heading", name="1 of 2 endpoints are down").wait_for(timeout=PATIENCE)
    page.get_by_role("heading", name="shaky is down").wait_for(timeout=PATIENCE)
    assert page.locator("#spoken").text_content() == "1 of 2 endpoints are down"
    # A reader's place in a bar outlives the update.
    assert page.evaluate("document.activeElement.id") == "bar-steady"
    assert page.locator("#bar-steady rect.on").count() == 1
    assert page.locator("#tip").is_visible()
    assert page.locator("li.card").first.get_by_role("link").text_content() == "shaky"
    provider.set_faults()
    page.get_by_role("heading", name="All endpoints are up").wait_for(timeout=PATIENCE)
    page.get_by_role("heading", name="Past incidents").wait_for(timeout=PATIENCE)
    assert page.evaluate("window.loadedOnce") is True
    assert page.title() == "All endpoints are up"


@pytest.mark.e2e
def test_a_program_reports_that_it_is_not_well(site: tuple[str, Simulator], browser_page: Callable[..., Page]) -> None:
    """Its own page follows: what it said, its incident, its end."""
    address, _ = site
    page = browser_page()
    page.goto(address)
    page.get_by_role("link", name="nightly").click()
    page.get_by_text("not reported yet").wait_for(timeout=PATIENCE)
    reports = f"{address}api/v1/heartbeat/nightly"
    assert page.request.post(reports, data={"status": "down", "message": "no <i>disk</i>"}).ok
    page.get_by_role("heading", name="nightly does not report that it is well").wait_for(timeout=PATIENCE)
    page.get_by_text("began: no <i>disk</i>").wait_for(timeout=PATIENCE)
    assert accessibility_problems(page) == []
    assert page.request.post(reports).ok
    page.locator("[data-verdict]", has_text="well").filter(has_not_text="not").wait_for(timeout=PATIENCE)
    page.locator("article", has_text="resolved").first.wait_for(timeout=PATIENCE)


@pytest.mark.e2e
def test_the_page_works_for_eye_keyboard_phone_and_screen_reader(
    site: tuple[str, Simulator], browser_page: Callable[..., Page]
) -> None:
    """Hover and arrow keys give each segment's text; language and theme change; axe-core finds nothing serious."""
    address, _ = site
    page = browser_page()
    page.goto(address)
    page.get_by_role("heading", name="All endpoints are up").wait_for(timeout=PATIENCE)
    page.get_by_text("Hello <b>there</b>").wait_for(timeout=PATIENCE)
    bar = page.locator("#bar-steady")
    bar.locator("rect.u").last.hover()
    assert "probes succeeded" in (page.locator("#tip").text_content() or "")
    bar.focus()
    page.keyboard.press("End")
    assert "probes succeeded" in (page.locator("#spoken").text_content() or "")
    page.keyboard.press("ArrowLeft")
    assert "no probe" in (page.locator("#spoken").text_content() or "")
    page.keyboard.press("Escape")
    assert page.locator("#tip").is_hidden()
    assert page.title() == "All endpoints are up"
    assert accessibility_problems(page) == []
    page.get_by_role("link", name="Dark").click()
    assert page.locator("html").get_attribute("data-theme") == "dark"
    assert accessibility_problems(page) == []
    page.get_by_role("link", name="中文").click()
    page.get_by_role("heading", name="所有接口正常").wait_for(timeout=PATIENCE)
    page.get_by_role("link", name="steady").click()
    page.get_by_role("heading", name="可用率").wait_for(timeout=PATIENCE)
    assert accessibility_problems(page) == []


@pytest.mark.e2e
def test_the_page_fits_a_phone_and_needs_no_script(
    site: tuple[str, Simulator], browser_page: Callable[..., Page]
) -> None:
    """At 390 pixels nothing is wider than the window; without JavaScript the same is there to read."""
    address, _ = site
    phone = browser_page(width=390, scheme="dark")
    plain = browser_page(script=False)
    for path in ("", "endpoint/steady", "endpoint/nightly"):
        phone.goto(address + path)
        assert overflow(phone) == 0
        assert accessibility_problems(phone) == []
        plain.goto(address + path)
        assert path.rpartition("/")[2] in (plain.locator("main").text_content() or "")
    plain.get_by_role("link", name="7 days").click()
    assert plain.locator("[aria-current]", has_text="7 days").count() == 1
