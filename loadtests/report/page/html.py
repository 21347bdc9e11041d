"""The building blocks of HTML pages: document, banner, section and tables."""

from __future__ import annotations

from html import escape
from typing import TYPE_CHECKING

from aimon.language import current
from aimon.loadtests.report.page.chinese import local
from aimon.loadtests.report.page.style import CSS

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence


def document(title: str, parts: Iterable[str]) -> str:
    """A whole page."""
    return "\n".join(
        [
            "<!doctype html>",
            f'<html lang="{current()}"><head><meta charset="utf-8">',
            '<meta name="viewport" content="width=device-width, initial-scale=1">',
            "<meta http-equiv=\"Content-Security-Policy\" content=\"default-src 'none'; style-src 'unsafe-inline'\">",
            f"<title>{escape(title)}</title><style>{CSS}</style></head><body>",
            *(part for part in parts if part),
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


def table(header: Sequence[str], rows: Iterable[Sequence[str]], numbers: Sequence[int] = ()) -> str:
    """A table with a header; `numbers` are the indices of numeric columns. Cells are HTML."""
    kinds = [' class="n"' if k in numbers else "" for k in range(len(header))]
    top = "".join(f'<th scope="col"{kind}>{local(cell)}</th>' for kind, cell in zip(kinds, header, strict=True))
    body = "".join(
        f'<tr><th scope="row"{kinds[0]}>{local(first)}</th>'
        + "".join(f"<td{kind}>{cell}</td>" for kind, cell in zip(kinds[1:], rest, strict=True))
        + "</tr>"
        for first, *rest in rows
    )
    return f'<div class="wide"><table><thead><tr>{top}</tr></thead><tbody>{body}</tbody></table></div>'


def pairs(rows: Iterable[tuple[str, str]]) -> str:
    """A table of names and values; values are HTML."""
    body = "".join(f'<tr><th scope="row">{escape(local(name))}</th><td>{value}</td></tr>' for name, value in rows)
    return f'<table class="pairs"><tbody>{body}</tbody></table>'
