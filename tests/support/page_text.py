"""What people read on a page, and texts that must not become part of it."""

from __future__ import annotations

from html.parser import HTMLParser

HOSTILE = "<script>alert(1)</script><img src=x onerror=alert(2)>"


def text_of(page: str) -> str:
    """What a reader without styles reads, in one line."""
    parts: list[str] = []

    class Reader(HTMLParser):
        def handle_data(self, data: str) -> None:
            parts.append(data)

    Reader().feed(page)
    return " ".join(" ".join(parts).split())
