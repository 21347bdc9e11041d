"""Draws charts as SVG: scales, a frame with its grid, lines and bars. Colours come from the page's CSS classes."""

from __future__ import annotations

import math
from dataclasses import dataclass
from html import escape
from itertools import pairwise
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence

LEFT, RIGHT, TOP, BOTTOM = 58, 14, 12, 34
# Half the width of the column around a single value, in pixels.
_ALONE = 20.0


@dataclass(frozen=True, slots=True)
class Scale:
    """A linear or logarithmic axis with its labelled values."""

    low: float
    high: float
    ticks: tuple[tuple[float, str], ...]
    log: bool = False

    def share(self, value: float) -> float:
        """Position of a value on the axis, from 0 to 1."""
        low, high, value = self.low, self.high, max(value, self.low)
        if self.log:
            low, high, value = math.log(low), math.log(high), math.log(value)
        return min(1.0, (value - low) / (high - low))


def linear(low: float, high: float, label: Callable[[float], str], *, about: int = 4) -> Scale:
    """From `low` to a round number at `high` or above, with about `about` labels."""
    high = high if high > low else low + 1.0
    step = _round((high - low) / about)
    top = low + step * math.ceil((high - low) / step - 1e-9)
    count = round((top - low) / step)
    return Scale(low, top, tuple((low + k * step, label(low + k * step)) for k in range(count + 1)))


def exact(low: float, high: float, label: Callable[[float], str], *, about: int = 6) -> Scale:
    """From `low` to exactly `high`, labelled at round numbers."""
    high = high if high > low else low + 1.0
    step = _round((high - low) / about)
    first = math.ceil(low / step - 1e-9)
    ticks = tuple((k * step, label(k * step)) for k in range(first, math.floor(high / step + 1e-9) + 1))
    return Scale(low, high, ticks)


def logarithmic(low: float, high: float, label: Callable[[float], str], *, apart: float = 0.12) -> Scale:
    """From `low` to `high`, both above zero; with as many labels at round numbers as fit at a distance of `apart`."""
    decades = range(math.floor(math.log10(low)), math.ceil(math.log10(high)) + 1)
    for digits in ((1, 1.5, 2, 3, 4, 5, 6, 7, 8, 9), (1, 2, 3, 5), (1, 2, 5), (1, 3), (1,)):
        places = [digit * 10.0**decade for decade in decades for digit in digits]
        places = [place for place in places if low <= place <= high]
        shares = [math.log(place / low) / math.log(high / low) for place in places]
        if len(places) > 1 and all(after - before >= apart for before, after in pairwise(shares)):
            return Scale(low, high, tuple((place, label(place)) for place in places), log=True)
    return Scale(low, high, exact(low, high, label, about=3).ticks, log=True)


def _round(step: float) -> float:
    power = 10.0 ** math.floor(math.log10(step))
    return next(digit * power for digit in (1, 2, 2.5, 5, 10) if digit * power >= step * (1 - 1e-9))


@dataclass(frozen=True, slots=True)
class Frame:
    """The area of a chart, with a scale for each axis."""

    width: int
    height: int
    x: Scale
    y: Scale

    def across(self, value: float) -> float:
        """Position of a value from the left, in pixels."""
        return LEFT + self.x.share(value) * (self.width - LEFT - RIGHT)

    def up(self, value: float) -> float:
        """Position of a value from the top, in pixels."""
        return self.height - BOTTOM - self.y.share(value) * (self.height - BOTTOM - TOP)

    def grid(self, across: str, up: str) -> str:
        """Grid lines, labels and titles of both axes."""
        right, floor = self.width - RIGHT, self.height - BOTTOM
        parts = [
            f'<line class="grid" x1="{LEFT}" x2="{right}" y1="{self.up(value):.1f}" y2="{self.up(value):.1f}"/>'
            f'<text class="tick" x="{LEFT - 7}" y="{self.up(value) + 3.5:.1f}" text-anchor="end">{escape(label)}</text>'
            for value, label in self.y.ticks
        ]
        parts += [
            f'<line class="mark" x1="{self.across(value):.1f}" x2="{self.across(value):.1f}" y1="{floor}" '
            f'y2="{floor + 4}"/><text class="tick" x="{self.across(value):.1f}" y="{floor + 15}" '
            f'text-anchor="middle">{escape(label)}</text>'
            for value, label in self.x.ticks
        ]
        parts.append(f'<line class="axis" x1="{LEFT}" x2="{right}" y1="{floor}" y2="{floor}"/>')
        parts.append(f'<text class="unit" x="{right}" y="{self.height - 4}" text-anchor="end">{escape(across)}</text>')
        middle = (TOP + floor) / 2
        parts.append(
            f'<text class="unit" x="11" y="{middle:.1f}" text-anchor="middle" '
            f'transform="rotate(-90 11 {middle:.1f})">{escape(up)}</text>'
        )
        return "".join(parts)

    def line(self, stretches: Iterable[Sequence[tuple[float, float]]], kind: str) -> str:
        """A line with gaps; a single point is drawn as a dot."""
        parts = []
        for stretch in stretches:
            places = [(self.across(x), self.up(y)) for x, y in stretch]
            if len(places) == 1:
                parts.append(f'<circle class="dot {kind}" cx="{places[0][0]:.1f}" cy="{places[0][1]:.1f}" r="2.5"/>')
            else:
                path = " ".join(f"{x:.1f},{y:.1f}" for x, y in places)
                parts.append(f'<polyline class="line {kind}" points="{path}"/>')
        return "".join(parts)

    def bar(self, x: tuple[float, float], y: tuple[float, float], kind: str, title: str = "") -> str:
        """A box between two values on each axis, with a tooltip if there is a title."""
        left, right = self.across(x[0]), self.across(x[1])
        upper, lower = self.up(y[1]), self.up(y[0])
        # Leaves a narrow gap between neighbours if they are wide enough.
        width = max(0.5, right - left - (0.6 if right - left > 3 else 0))
        return (
            f'<rect class="bar {kind}" x="{left:.1f}" y="{upper:.1f}" width="{width:.1f}" '
            f'height="{max(0.0, lower - upper):.1f}">{f"<title>{escape(title)}</title>" if title else ""}</rect>'
        )

    def dot(self, x: float, y: float, kind: str, *, radius: float = 4) -> str:
        """A point of a line; `kind` has its class and colour."""
        return f'<circle class="{kind}" cx="{self.across(x):.1f}" cy="{self.up(y):.1f}" r="{radius:g}"/>'

    def hits(self, points: Sequence[tuple[float, str]]) -> str:
        """Invisible columns around values of the x axis, each with its exact values as a tooltip.

        `script` shows the same on touch and for a keyboard. A text has its heading on the first line.
        """
        return self.bands(
            list(zip(_edges([self.across(x) for x, _ in points]), (text for _, text in points), strict=True))
        )

    def bands(self, columns: Sequence[tuple[tuple[float, float], str]]) -> str:
        """Invisible columns between two positions in pixels."""
        height = self.height - BOTTOM - TOP
        return "".join(
            f'<rect class="hit" x="{left:.1f}" y="{TOP}" width="{max(1.0, right - left):.1f}" height="{height}">'
            f"<title>{escape(text)}</title></rect>"
            for (left, right), text in columns
        )

    def upright(self, value: float, kind: str) -> str:
        """A vertical line."""
        x = self.across(value)
        return f'<line class="line {kind}" x1="{x:.1f}" x2="{x:.1f}" y1="{TOP}" y2="{self.height - BOTTOM}"/>'

    def note(self, x: float, y: float, text: str, *, anchor: str = "start", kind: str = "") -> str:
        """A text at a position in pixels."""
        return f'<text class="note {kind}" x="{x:.1f}" y="{y:.1f}" text-anchor="{anchor}">{escape(text)}</text>'

    def drawing(self, title: str, text: str, parts: Iterable[str]) -> str:
        """The whole chart, with a text for screen readers."""
        return (
            f'<svg viewBox="0 0 {self.width} {self.height}" role="img" aria-label="{escape(title)}. {escape(text)}">'
            f"{''.join(parts)}</svg>"
        )


def _edges(places: Sequence[float]) -> list[tuple[float, float]]:
    """The stretch around each place, up to the middle between neighbours; at the ends as far as on the other side."""
    if len(places) == 1:
        return [(places[0] - _ALONE, places[0] + _ALONE)]
    middles = [(before + after) / 2 for before, after in pairwise(places)]
    first, last = 2 * places[0] - middles[0], 2 * places[-1] - middles[-1]
    return list(pairwise([first, *middles, last]))
