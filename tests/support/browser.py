"""pytest plugin: pages in a real Chromium, which must not complain and must not ask another server for anything.

`browser_page(width=390, scheme="dark")` gives a Playwright page. When the test ends, whatever the page wrote to the
console, each error of a script and each request that left the page's own server fails it.
"""

from __future__ import annotations

from typing import TYPE_CHECKING
from urllib.parse import urlsplit

import pytest

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from playwright.sync_api import Browser, Page

ARGUMENTS = (
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
)
# How bad a finding of axe-core must be to count.
SERIOUS = frozenset({"serious", "critical"})


# Playwright keeps an event loop running in the thread of the tests, in which no other can run: it ends with the module.
@pytest.fixture(scope="module", name="browser")
def browser_fixture(pytestconfig: pytest.Config) -> Iterator[Browser]:
    """One headless Chromium for all tests of a module."""
    from playwright.sync_api import sync_playwright

    from programs import require_binary

    path = require_binary("chromium", pytestconfig)
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=path, args=ARGUMENTS)
        yield browser
        browser.close()


@pytest.fixture
def browser_page(browser: Browser) -> Iterator[Callable[..., Page]]:
    """Makes pages of a width (pixels), a colour scheme and a locale; at the end none may have complained."""
    complaints: list[str] = []
    contexts = []

    def make(width: int = 1100, scheme: str = "light", locale: str = "en-US", *, script: bool = True) -> Page:
        context = browser.new_context(
            viewport={"width": width, "height": 900},
            color_scheme=scheme,  # type: ignore[arg-type]  # a literal type of Playwright's own
            locale=locale,
            java_script_enabled=script,
        )
        contexts.append(context)
        page = context.new_page()
        page.on("console", lambda message: complaints.append(f"console: {message.text}"))
        page.on("pageerror", lambda error: complaints.append(f"script: {error}"))
        page.on("request", lambda request: complaints.extend(_abroad(request.url)))
        return page

    yield make
    for context in contexts:
        context.close()
    assert complaints == []


def accessibility_problems(page: Page) -> list[str]:
    """What axe-core finds that is serious or worse: a line each."""
    from axe_playwright_python.sync_playwright import Axe  # type: ignore[import-untyped]  # it has no types

    found = Axe().run(page).response["violations"]
    return [
        f"{each['id']}: {each['help']}: {each['nodes'][0]['html'][:200]}" for each in found if each["impact"] in SERIOUS
    ]


def overflow(page: Page) -> int:
    """Pixels by which the page is wider than its window."""
    return int(page.evaluate("document.documentElement.scrollWidth - innerWidth"))


def screenshot(page: Page, path: Path) -> None:
    """The whole page as a PNG, for the eye."""
    page.screenshot(path=path, full_page=True)


def _abroad(url: str) -> list[str]:
    parts = urlsplit(url)
    own = parts.scheme in {"data", "blob", "file", "about"} or parts.hostname in {"127.0.0.1", "localhost"}
    return [] if own else [f"request to {url}"]
