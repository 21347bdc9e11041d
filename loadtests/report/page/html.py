"""The building blocks of HTML pages: document, banner, section and tables. Cells of tables are HTML."""

from __future__ import annotations

from html import escape
from itertools import repeat
from typing import TYPE_CHECKING

from aimon.language import current, pick
from aimon.loadtests.report.page.chinese import local
from aimon.loadtests.report.page.script import HASH, SCRIPT
from aimon.loadtests.report.page.style import CSS

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence
    from typing import Any

_POLICY = f"default-src 'none'; style-src 'unsafe-inline'; script-src '{HASH}'"
# A table with more columns than this scrolls sideways on a small screen, beside its first column.
_FITTING = 4


def document(title: str, parts: Iterable[str]) -> str:
    """A whole page."""
    return "\n".join(
        [
            "<!doctype html>",
            f'<html lang="{current()}"><head><meta charset="utf-8">',
            '<meta name="viewport" content="width=device-width, initial-scale=1">',
            f'<meta http-equiv="Content-Security-Policy" content="{_POLICY}">',
            f"<title>{escape(title)}</title><style>{CSS}</style></head><body>",
            *(part for part in parts if part),
            f"<script>{SCRIPT}</script>",
            "</body></html>\n",
        ]
    )


def banner(text: str, kind: str, more: str = "") -> str:
    """A highlighted line."""
    return f'<p class="banner {kind} {more}">{escape(text)}</p>'


def section(title: str, *parts: str, text: str = "") -> str:
    """A section of the page; empty without contents."""
    if not any(parts):
        return ""
    said = f'<p class="text">{escape(text)}</p>' if text else ""
    return f"<section><h2>{escape(local(title))}</h2>{said}{''.join(parts)}</section>"


def suspect() -> str:
    """Marks a number of a busy client."""
    return f'<span class="suspect">&#9888; {pick("suspect", "可疑")}</span>'


def suspect_mark(report: dict[str, Any]) -> str:
    """The mark, if the client was the bottleneck."""
    return suspect() if report["client"]["bottleneck"] else ""


def table(
    header: Sequence[str],
    rows: Iterable[Sequence[str]],
    numbers: Sequence[int] = (),
    *,
    name: str = "",
    below: Sequence[str] = (),
) -> str:
    """A table with a header.

    Args:
        header: texts of the first row.
        rows: cells, as HTML.
        numbers: indices of numeric columns.
        name: of a table that may have to scroll, for screen readers.
        below: for each row a line under it, over its whole width, or an empty text.
    """
    kinds = [' class="n"' if k in numbers else "" for k in range(len(header))]
    top = "".join(_head(local(cell), kind) for kind, cell in zip(kinds, header, strict=True))
    body = []
    for (first, *rest), note in zip(rows, below or repeat(""), strict=False):
        cells = "".join(f"<td{kind}>{cell}</td>" for kind, cell in zip(kinds[1:], rest, strict=True))
        noted = ' class="noted"' if note else ""
        body.append(f'<tr{noted}><th scope="row"{kinds[0]}>{first}</th>{cells}</tr>')
        if note:
            body.append(f'<tr><td class="note-row" colspan="{len(header)}">{note}</td></tr>')
    scrolls = f' tabindex="0" role="region" aria-label="{escape(local(name))}"' if len(header) > _FITTING else ""
    return (
        f'<div class="wide"{scrolls}><table><thead><tr>{top}</tr></thead><tbody>{"".join(body)}</tbody></table></div>'
    )


def _head(text: str, kind: str) -> str:
    return f'<th scope="col"{kind}>{escape(text)}</th>' if text else f"<td{kind}></td>"


def pairs(rows: Iterable[tuple[str, str]]) -> str:
    """A table of names and values; on a small screen each value is below its name."""
    body = "".join(f'<tr><th scope="row">{escape(local(name))}</th><td>{value}</td></tr>' for name, value in rows)
    return f'<table class="pairs"><tbody>{body}</tbody></table>'
