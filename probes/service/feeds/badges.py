"""SVG badges: `/badge/NAME.svg?metric=state`, `uptime` or `latency`."""

from __future__ import annotations

import unicodedata
from typing import TYPE_CHECKING
from xml.sax.saxutils import escape, quoteattr

from aimon.probes.history.queries.overview import overviews
from aimon.probes.history.queries.uptime import BAR_WINDOWS
from aimon.probes.service.feeds.condition import Condition, conditions

if TYPE_CHECKING:
    from collections.abc import Callable

    from aimon.config.endpoint import Endpoint
    from aimon.probes.history.queries.overview import Overview
    from aimon.probes.service.context import ServiceContext
    from aimon.probes.service.feeds.condition import Conditioned

LANGUAGES = ("en", "zh")
LONGEST_LABEL = 60
# Dark enough for white text to be read: a contrast of 4.5 at least.
_GREEN, _YELLOW, _RED, _GREY, _BLUE = "#2b7a34", "#8a6100", "#b3261e", "#5b5b5b", "#1f5fa8"
_COLOURS = {
    Condition.UP: _GREEN,
    Condition.DEGRADED: _YELLOW,
    Condition.BLOCKED: _YELLOW,
    Condition.DOWN: _RED,
    Condition.MAINTENANCE: _BLUE,
    Condition.PAUSED: _GREY,
    Condition.UNKNOWN: _GREY,
}
_CHINESE = {
    "up": "正常",
    "degraded": "降级",
    "blocked": "被拒绝",
    "down": "故障",
    "maintenance": "维护中",
    "paused": "预算已用完",
    "unknown": "未知",
    "uptime": "可用率",
    "latency": "延迟",
}
_CHARACTER, _WIDE, _PADDING, _HEIGHT = 6.6, 11.5, 6, 20
_QUANTILE = 0.95


def badge(context: ServiceContext, endpoint: Endpoint, metric: str, window: str, language: str, now: float) -> str:
    """The badge of an endpoint.

    Raises:
        KeyError: there is no such metric.
        HistoryError: the history cannot be read.
    """
    words = _CHINESE if language == "zh" else {}
    if metric == "state":
        [found] = conditions(context, [endpoint], now)
        label, value, colour = _state(found, words)
    else:
        database = context.open_history().database
        [overview] = overviews(database, now, {endpoint.identity: endpoint.interval})
        label, value, colour = _FIGURES[metric](overview, window, words)
    return draw(f"{endpoint.name}{label}", value, colour)


def draw(label: str, value: str, colour: str) -> str:
    """A badge with these texts, whatever they are; the colour is one of ours."""
    label, value = _printable(label), _printable(value)
    left, right = _width(label), _width(value)
    whole = left + right
    said = quoteattr(f"{label}: {value}")
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" width="{whole}" height="{_HEIGHT}" role="img" aria-label={said}>'
        f"<title>{escape(f'{label}: {value}')}</title>"
        f'<rect width="{whole}" height="{_HEIGHT}" rx="3" fill="#3c3c3c"/>'
        f'<path d="M{left} 0h{right - 3}a3 3 0 0 1 3 3v{_HEIGHT - 6}a3 3 0 0 1-3 3h-{right - 3}z" fill="{colour}"/>'
        '<g fill="#fff" text-anchor="middle" font-family="Verdana,DejaVu Sans,sans-serif" font-size="11">'
        f'<text x="{left / 2:g}" y="14">{escape(label)}</text>'
        f'<text x="{left + right / 2:g}" y="14">{escape(value)}</text></g></svg>'
    )


def _state(found: Conditioned, words: dict[str, str]) -> tuple[str, str, str]:
    return "", words.get(found.condition.value, found.condition.value), _COLOURS[found.condition]


def _uptime(found: Overview, window: str, words: dict[str, str]) -> tuple[str, str, str]:
    label = f" {words.get('uptime', 'uptime')} {window}"
    share = found.uptime[window].plain
    if share is None:
        return label, words.get("unknown", "unknown"), _GREY
    colour = _GREEN if share >= 0.999 else _YELLOW if share >= 0.99 else _RED
    # Down, so that 100 % means that nothing failed.
    return label, f"{int(share * 10_000) / 100:.2f} %".replace("100.00", "100"), colour


def _latency(found: Overview, _: str, words: dict[str, str]) -> tuple[str, str, str]:
    label = f" {words.get('latency', 'latency')} P95"
    seconds = found.quantiles.latency.get(_QUANTILE)
    if seconds is None:
        return label, words.get("unknown", "unknown"), _GREY
    # Two digits that the histogram's half a percent can't change by more than one.
    return label, f"{seconds:.{2 if seconds < 1 else 1 if seconds < 10 else 0}f} s", _BLUE


_FIGURES: dict[str, Callable[[Overview, str, dict[str, str]], tuple[str, str, str]]] = {
    "uptime": _uptime,
    "latency": _latency,
}
METRICS = ("state", *_FIGURES)
"""What a badge can show. Each function has what is written behind the endpoint's name, the value, and its colour."""
WINDOWS = tuple(BAR_WINDOWS)


def _printable(text: str) -> str:
    """Without what XML can't hold, on one line, and not too long."""
    kept = "".join(
        " " if char.isspace() else char for char in text if unicodedata.category(char)[0] != "C" or char.isspace()
    )
    return kept if len(kept) <= LONGEST_LABEL else f"{kept[: LONGEST_LABEL - 1]}…"


def _width(text: str) -> int:
    wide = sum(unicodedata.east_asian_width(char) in "WF" for char in text)
    return round((len(text) - wide) * _CHARACTER + wide * _WIDE) + 2 * _PADDING
