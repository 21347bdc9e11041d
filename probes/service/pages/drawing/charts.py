"""Percentiles over a period, as SVG: a line each, and a text for each part of the period."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from markupsafe import Markup, escape

from aimon.svg import BOTTOM, TOP, Frame, Scale, linear

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

_WIDTH, _HEIGHT = 500, 220


@dataclass(frozen=True, slots=True)
class Part:
    """A part of the period: from `start` to `end` (unix time), a value in seconds or None for each line, and a text."""

    start: float
    end: float
    values: tuple[float | None, ...]
    text: str


def percentile_chart(
    title: str,
    key: str,
    names: Sequence[str],
    parts: Sequence[Part],
    *,
    duration: Callable[[float], str],
    axis: Callable[[float, float], tuple[tuple[float, str], ...]],
    empty: str,
) -> Markup:
    """The chart, or the text `empty` where no part has a value.

    Args:
        title: what is shown.
        key: unique on the page, fit for an id.
        names: of the lines.
        parts: oldest first, without gaps.
        duration: how a value is written.
        axis: gives the labelled times between two.
        empty: said in place of the chart.
    """
    values = [value for part in parts for value in part.values if value is not None]
    if not values:
        return Markup("<figure><figcaption><h3>{}</h3></figcaption><p class='soft'>{}</p></figure>").format(
            title, empty
        )
    start, end = parts[0].start, parts[-1].end
    frame = Frame(_WIDTH, _HEIGHT, Scale(start, end, axis(start, end)), linear(0.0, max(values), duration))
    drawn = [frame.grid("", "")]
    drawn += [frame.line(_stretches(parts, line), f"c{line} d{line}") for line in range(len(names))]
    drawn += [_mark(frame, part) for part in parts]
    keys = "".join(f'<li class="c{k} d{k}">{escape(name)}</li>' for k, name in enumerate(names))
    return Markup(  # noqa: S704 - every text in it is escaped
        f'<figure><figcaption><h3>{escape(title)}</h3><ul class="keys">{keys}</ul></figcaption>'
        f'<svg class="marks" id="chart-{escape(key)}" viewBox="0 0 {_WIDTH} {_HEIGHT}" role="img" tabindex="0" '
        f'aria-label="{escape(title)}. {escape(_last(parts))}">{"".join(drawn)}</svg></figure>'
    )


def _stretches(parts: Sequence[Part], line: int) -> list[list[tuple[float, float]]]:
    stretches: list[list[tuple[float, float]]] = [[]]
    for part in parts:
        value = part.values[line]
        if value is not None:
            stretches[-1].append(((part.start + part.end) / 2, value))
        elif stretches[-1]:
            stretches.append([])
    return [stretch for stretch in stretches if stretch]


def _mark(frame: Frame, part: Part) -> str:
    left, right = frame.across(part.start), frame.across(part.end)
    return (
        f'<rect class="hit" x="{left:.1f}" y="{TOP}" width="{max(right - left, 0.5):.1f}" '
        f'height="{frame.height - BOTTOM - TOP}"><title>{escape(part.text)}</title></rect>'
    )


def _last(parts: Sequence[Part]) -> str:
    return next((part.text for part in reversed(parts) if any(value is not None for value in part.values)), "")
