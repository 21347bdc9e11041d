"""Rates, durations and amounts as people write them in options; None stays None."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from aimon.cli.exits import USAGE, Stop

if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import TypeVar

    from aimon.quantities import Amount

    _Value = TypeVar("_Value")

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


def rate_of(option: str, text: str | None) -> float | None:
    """A rate, per second. Raises Stop if it is none."""
    return _read(option, text, rate)


def seconds_of(option: str, text: str | None) -> float | None:
    """A duration in seconds. Raises Stop if it is none."""
    from aimon import quantities

    return _read(option, text, quantities.seconds)


def amount(option: str, text: str | None) -> Amount | None:
    """An amount of money. Raises Stop if it is none."""
    from aimon import quantities

    return _read(option, text, quantities.money)


def _read(option: str, text: str | None, reader: Callable[[str], _Value]) -> _Value | None:
    if text is None:
        return None
    try:
        return reader(text)
    except ValueError as error:
        raise Stop(USAGE, f"{option} {text}: {error}") from error
