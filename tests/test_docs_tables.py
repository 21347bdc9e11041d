"""The generated tables of the documentation say what the code says."""

import importlib.util
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
PAGES = sorted((ROOT / "docs").glob("*.md"))

_spec = importlib.util.spec_from_file_location("docs_tables", ROOT / "scripts" / "docs_tables.py")
assert _spec is not None
assert _spec.loader is not None
docs_tables = importlib.util.module_from_spec(_spec)
_spec.loader.exec_module(docs_tables)


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_page_is_fresh(page: Path) -> None:
    """Nobody edited a generated table, and nobody changed the code without running the script."""
    text = page.read_text(encoding="utf-8")
    assert docs_tables.rewritten(text) == text


def test_a_stale_table_is_mended() -> None:
    """Only what stands between the markers is replaced."""
    page = "before\n<!-- generated:outcomes -->\nold\n<!-- /generated -->\nafter\n"
    fresh = docs_tables.rewritten(page)
    assert fresh.startswith("before\n<!-- generated:outcomes -->\n| outcome | fault | HTTP status alone |\n| --- |")
    assert "| `rate_limited` | account | 429 |" in fresh
    assert fresh.endswith("<!-- /generated -->\nafter\n")
