"""The uptime bar: one segment for each part of a period, as SVG; each has a text for pointer and keyboard."""

from __future__ import annotations

from typing import TYPE_CHECKING

from markupsafe import Markup, escape

if TYPE_CHECKING:
    from collections.abc import Iterable

# The CSS class of a segment by the kind of state; `n` where nothing was measured.
CLASSES = {"up": "u", "degraded": "g", "down": "d", "account": "a", "maintenance": "m"}
_WIDTH, _GAP, _HEIGHT = 10, 2, 34


def uptime_bar(segments: Iterable[tuple[str, str]], label: str, key: str) -> Markup:
    """The bar of these segments, oldest first.

    Args:
        segments: kind of state and text of each.
        label: what a screen reader says of the bar as a whole.
        key: unique on the page, fit for an id.
    """
    parts = []
    place = 0
    for kind, text in segments:
        name = CLASSES.get(kind, "n")
        parts.append(
            f'<rect class="{name}" x="{place}" width="{_WIDTH - _GAP}" height="{_HEIGHT}">'
            f"<title>{escape(text)}</title></rect>"
        )
        place += _WIDTH
    return Markup(  # noqa: S704 - texts are escaped above
        f'<svg class="bar marks" id="bar-{escape(key)}" viewBox="0 0 {max(place - _GAP, 1)} {_HEIGHT}" '
        f'preserveAspectRatio="none" role="img" tabindex="0" aria-label="{escape(label)}">{"".join(parts)}</svg>'
    )
