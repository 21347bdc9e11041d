"""Numbers as people read them."""

from __future__ import annotations

_MINUTE, _HOUR = 60.0, 3600.0


def length(seconds: float) -> str:
    """A duration with three digits in the unit that fits: `85 µs`, `512 ms`, `1.53 s`, `2 min`, `1.5 h`."""
    if seconds == 0:
        return "0"
    for below, scale, unit in ((9.995e-4, 1e6, "µs"), (0.9995, 1e3, "ms"), (3 * _MINUTE, 1.0, "s")):
        if seconds < below:
            return f"{_three(seconds * scale)} {unit}"
    if seconds < 3 * _HOUR:
        return f"{_three(seconds / _MINUTE)} min"
    return f"{_three(seconds / _HOUR)} h"


def plain(value: float) -> str:
    """A number with three digits, and commas where it is long."""
    return f"{value:,.0f}" if abs(value) >= 1000 else _three(value)


def percent(share: float) -> str:
    """A share; small ones keep two digits, and only nothing is 0 %."""
    if share in (0, 1):
        return f"{share * 100:.0f} %"
    return f"{share * 100:.1f} %" if 0.001 <= share <= 0.999 else f"{share * 100:.2g} %" if share < 0.5 else "> 99.9 %"


def _three(value: float) -> str:
    return f"{value:.3g}" if abs(value) < 1000 else f"{value:.0f}"
