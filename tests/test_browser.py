"""The browser of the tests notices what a page must not do."""

from __future__ import annotations

from typing import TYPE_CHECKING

from browser import accessibility_problems, overflow

if TYPE_CHECKING:
    from collections.abc import Callable

    from playwright.sync_api import Page


def test_a_quiet_page_passes_and_a_wide_one_is_measured(browser_page: Callable[..., Page]) -> None:
    """A page without requests or messages is fine; how much it is wider than its window is known."""
    page = browser_page(width=390)
    page.set_content("<!doctype html><html lang=en><title>t</title><main><h1>t</h1><div style='width:500px'>x</div>")
    assert overflow(page) == 500 + 8 - 390
    assert accessibility_problems(page) == []


def test_axe_finds_a_text_that_nobody_can_read(browser_page: Callable[..., Page]) -> None:
    """Grey on grey is a serious violation."""
    page = browser_page()
    page.set_content(
        "<!doctype html><html lang=en><title>t</title><main><p style='color:#bbb;background:#aaa'>hello</p>"
    )
    [problem] = accessibility_problems(page)
    assert problem.startswith("color-contrast")
