"""Formats amounts of money in tables and live views; `aimon.formatting` formats everything else."""

from __future__ import annotations

from aimon import quantities


def money(value: float | None, currency: str | None) -> str:
    """An amount with its currency; a dash if unknown."""
    if value is None:
        return "-"
    return quantities.price_tag(value, currency)
