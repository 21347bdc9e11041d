"""The documentation site: every page is in its navigation, and every link of every document leads somewhere."""

from __future__ import annotations

import re
import tomllib
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from collections.abc import Iterator

ROOT = Path(__file__).resolve().parent.parent
DOCS = ROOT / "docs"
SITE: dict[str, Any] = tomllib.loads((ROOT / "zensical.toml").read_text(encoding="utf-8"))["project"]
PAGES = sorted(DOCS.rglob("*.md"))
DOCUMENTS = [*sorted(ROOT.glob("*.md")), *PAGES]
NAME_SOURCES = [ROOT / "CONTRIBUTING.md", ROOT / "SECURITY.md", *PAGES]
DRAWINGS = sorted((DOCS / "images").glob("architecture-*.svg"))


def prose(document: Path) -> str:
    """A document without its code, fenced or inline."""
    text = re.sub(r"^( *)(```+).*?^\1\2$", "", document.read_text(encoding="utf-8"), flags=re.MULTILINE | re.DOTALL)
    return re.sub(r"(`+)(?!`).+?(?<!`)\1(?!`)", "", text)


def anchors(document: Path) -> set[str]:
    """The anchors that GitHub and the site give to the headings of a document."""
    text = re.sub(r"^( *)(```+).*?^\1\2$", "", document.read_text(encoding="utf-8"), flags=re.MULTILINE | re.DOTALL)
    headings = re.findall(r"^#+ (.*)$", text, re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", heading.lower()).strip().replace(" ", "-") for heading in headings}


def broken(document: Path) -> Iterator[str]:
    """The relative links of a document that lead to no file, or to no heading of one."""
    for link in re.findall(r"\]\(([^)\s]+)\)", prose(document)):
        if re.match(r"[a-z]+:", link):
            continue
        path, _, anchor = link.partition("#")
        target = document.parent / path if path else document
        if not target.exists() or (anchor and anchor not in anchors(target)):
            yield link


@pytest.mark.parametrize("document", DOCUMENTS, ids=lambda document: str(document.relative_to(ROOT)))
def test_every_link_leads_to_a_file_and_a_heading(document: Path) -> None:
    """Images, downloads and anchors included; zensical looks at links between pages alone."""
    assert list(broken(document)) == []


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(DOCS)))
def test_no_link_of_a_page_leaves_the_documentation(page: Path) -> None:
    """Neither the site nor an installed package has what is beside docs/."""
    links = re.findall(r"\]\(([^)#\s]+)", prose(page))
    outside = [
        link
        for link in links
        if not re.match(r"[a-z]+:", link) and not (page.parent / link).resolve().is_relative_to(DOCS)
    ]
    assert outside == []


@pytest.mark.parametrize("document", NAME_SOURCES, ids=lambda document: document.name)
def test_every_source_file_it_names_is_there(document: Path) -> None:
    """Paths from the root of the repository, as in `aimon/call/result.py`; a folder ends with a slash."""
    named = re.findall(
        r"`((?:aimon|probes|loadtests|simulator|dashboards|cli|tests|scripts|benchmarks|deploy)/[\w./-]*)`",
        document.read_text(encoding="utf-8"),
    )
    assert [path for path in named if not (ROOT / path).exists()] == []


def test_the_link_check_finds_what_is_broken(tmp_path: Path) -> None:
    """A missing file, a missing heading here and elsewhere; code is no link."""
    (tmp_path / "other.md").write_text("# A `title`, with *signs*\n\n```sh\n# no heading\n```\n")
    page = tmp_path / "page.md"
    page.write_text(
        "# Here\n[1](none.md) [2](other.md) [3](other.md#a-title-with-signs) [4](#here) [5](#there) "
        "[6](other.md#no-heading) [7](https://example.com/#x) `[8](gone.md)` ![9](none.png)\n"
    )
    assert list(broken(page)) == ["none.md", "#there", "other.md#no-heading", "none.png"]


def test_every_page_is_in_the_navigation_once() -> None:
    """A page that nobody can find from the site's start is no documentation."""
    named = [page for section in SITE["nav"] for pages in section.values() for page in pages]
    assert sorted(named) == [str(page.relative_to(DOCS)) for page in PAGES]


def test_the_index_names_every_page() -> None:
    """The index by task; decisions, which are read in order, have an index of their own."""
    links = set(re.findall(r"\]\(([^)#]+)", (DOCS / "index.md").read_text(encoding="utf-8")))
    assert {page.name for page in DOCS.glob("*.md")} - links == {"index.md"}
    decisions = (DOCS / "decisions" / "index.md").read_text(encoding="utf-8")
    listed = set(re.findall(r"\]\(([^)#]+)", decisions))
    assert {page.name for page in (DOCS / "decisions").glob("*.md")} - listed == {"index.md"}


@pytest.mark.parametrize("drawing", DRAWINGS, ids=lambda drawing: drawing.stem)
def test_every_source_file_of_a_drawing_is_there(drawing: Path) -> None:
    """Drawings name files and folders of the code as pages do."""
    named = re.findall(r">((?:aimon|probes|loadtests|cli)/[\w./-]*)<", drawing.read_text(encoding="utf-8"))
    assert [path for path in named if not (ROOT / path).exists()] == []
