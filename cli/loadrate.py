"""Rates as people write them."""

from __future__ import annotations

import re

_RATE = re.compile(r"([0-9]+(?:\.[0-9]+)?)/(s|m)")


def rate(text: str) -> float:
    """Reads `20/s` or `90/m`, as calls per second.

    Raises:
        ValueError: it is neither; says what to write.
    """
    found = _RATE.fullmatch(text.strip())
    if found is None or float(found[1]) == 0:
        raise ValueError("expected a rate such as 20/s or 90/m")
    return float(found[1]) / (60 if found[2] == "m" else 1)
