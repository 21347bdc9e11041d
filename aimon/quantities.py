"""Durations, money and ratios as people write them: `1m30s`, `5.00 USD/day`, `99.5%`. Pure functions."""

from __future__ import annotations

import math
import re
from typing import NamedTuple

UNITS = {"ms": 0.001, "s": 1.0, "m": 60.0, "h": 3600.0, "d": 86400.0}
DURATION_PATTERN = r"^([0-9]+(\.[0-9]+)?(ms|s|m|h|d))+$"
_PART = re.compile(r"([0-9]+(?:\.[0-9]+)?)(ms|s|m|h|d)")

MAX_DAYS = 366

# A budget is kept per day; longer periods are spread evenly over their days.
PERIODS = {"day": 1.0, "week": 7.0, "month": 30.0}
MONEY_PATTERN = r"^[0-9]+(\.[0-9]+)?( ?[A-Z]{3})?$"
BUDGET_PATTERN = r"^([0-9]+(\.[0-9]+)?( ?[A-Z]{3})?/(day|week|month)|none)$"
_MONEY = re.compile(r"([0-9]+(?:\.[0-9]+)?)(?: ?([A-Z]{3}))?")


class Amount(NamedTuple):
    """Some money; None stands for the reporting currency. A budget without limit is infinite."""

    value: float
    currency: str | None = None


RATE_PATTERN = r"^[0-9]+(\.[0-9]+)?/(s|m)$"
MOST_RATE = 100_000.0
"""Calls per second: more than any client sends."""
_RATE = re.compile(r"([0-9]+(?:\.[0-9]+)?)/(s|m)")

RATIO_PATTERN = r"^[0-9]+(\.[0-9]+)?%$"


def seconds(value: object) -> float:
    """Reads a duration, such as `1500ms`, `60s`, `5m`, `1h30m` or `1d`.

    Raises:
        ValueError: it is not one; says what to write.
    """
    if isinstance(value, (int, float)) and not isinstance(value, bool):
        raise ValueError(f"a duration needs a unit: write {value}s, {value}ms or {value}m")  # noqa: TRY004 - every kind raises ValueError
    text = value if isinstance(value, str) else ""
    if not re.match(DURATION_PATTERN, text):
        raise ValueError("expected a duration such as 500ms, 30s, 5m, 1h30m or 1d")
    total = sum(float(amount) * UNITS[unit] for amount, unit in _PART.findall(text))
    if total == 0:
        raise ValueError("a duration must be longer than zero")
    if total > MAX_DAYS * UNITS["d"]:
        raise ValueError(f"a duration must be {MAX_DAYS}d at the most")
    return total


def duration_text(value: float) -> str:
    """Writes seconds the way `seconds` reads them, in the largest unit that divides them."""
    for unit in ("d", "h", "m", "s"):
        amount = value / UNITS[unit]
        if amount >= 1 and amount == int(amount):
            return f"{int(amount)}{unit}"
    amount, unit = (value, "s") if value >= 1 else (value * 1000, "ms")
    return f"{amount:.9f}".rstrip("0").rstrip(".") + unit


def money(value: object) -> Amount:
    """Reads an amount, such as `20.00` or `20.00 USD`.

    Raises:
        ValueError: it is not one; says what to write.
    """
    match = _MONEY.fullmatch(str(value))
    if match is None:
        raise ValueError("expected an amount such as 20.00 or 20.00 USD")
    amount = float(match[1])
    if not 0 < amount < math.inf:
        raise ValueError("an amount must be more than zero")
    return Amount(amount, match[2])


def rate(value: object) -> float:
    """Reads a rate of calls, such as `20/s` or `90/m`, as calls per second.

    Raises:
        ValueError: it is not one; says what to write.
    """
    if isinstance(value, (int, float)) and not isinstance(value, bool):
        raise ValueError(f"a rate needs a unit: write {value}/s or {value}/m")  # noqa: TRY004 - every kind raises ValueError
    match = _RATE.fullmatch(value) if isinstance(value, str) else None
    if match is None:
        raise ValueError("expected a rate such as 20/s or 90/m")
    per_second = float(match[1]) / (60 if match[2] == "m" else 1)
    if per_second == 0:
        raise ValueError("a rate must be more than zero")
    if per_second > MOST_RATE:
        raise ValueError(f"a rate must be {MOST_RATE:.0f}/s at the most")
    return per_second


def rate_text(value: float) -> str:
    """Writes calls per second the way `rate` reads them: per minute where that takes fewer digits."""
    number = min((_decimal(value), "s"), (_decimal(value * 60), "m"), key=lambda written: len(written[0]))
    return "/".join(number)


def _decimal(value: float) -> str:
    """A number without exponent, to 15 digits."""
    return f"{value:.{max(0, 14 - math.floor(math.log10(value)))}f}".rstrip("0").rstrip(".") if value else "0"


def price_tag(value: float, currency: str | None, *, bound: bool = False) -> str:
    """Writes an amount for people: `1,336.20 CNY`, `0.047 CNY`; two digits that mean something, never an exponent.

    Args:
        value: 0 or more.
        currency: of it.
        bound: it is the most that something may cost, and rounded up.
    """
    digits = 1 - math.floor(math.log10(value)) if 0 < value < 0.1 else 2
    if bound:
        value = math.ceil(round(value * 10**digits, 6)) / 10**digits
    number = f"{value:,.{digits}f}"
    return f"{number} {currency}" if currency else number


def daily_money(value: object) -> Amount:
    """Reads an amount per period, such as `5.00/day`, `5 USD/day` or `100/month`, as an amount per day.

    Raises:
        ValueError: it is not one; says what to write.
    """
    if value == "none":
        return Amount(math.inf)
    if isinstance(value, (int, float)) and not isinstance(value, bool):
        raise ValueError(f"a budget needs a period: write {value}/day")  # noqa: TRY004 - every kind raises ValueError
    amount, slash, period = str(value).partition("/")
    if not slash or period not in PERIODS or _MONEY.fullmatch(amount) is None:
        raise ValueError("expected a budget such as 5.00/day, 5.00 USD/day or 100/month, or none")
    total = money(amount)
    return Amount(total.value / PERIODS[period], total.currency)


def money_text(amount: Amount) -> str:
    """Writes an amount the way `money` reads it."""
    number = f"{amount.value:.2f}" if round(amount.value, 2) == amount.value else f"{amount.value:.6g}"
    return f"{number} {amount.currency}" if amount.currency else number


def daily_money_text(amount: Amount) -> str:
    """Writes a budget the way `daily_money` reads it."""
    return "none" if amount.value == math.inf else f"{money_text(amount)}/day"


def ratio(value: object) -> float:
    """Reads a share between 0 and 1, written `99.5%` or `0.995`.

    Raises:
        ValueError: it is not one, or it is 0 or 1; says what to write.
    """
    if isinstance(value, str) and re.match(RATIO_PATTERN, value):
        share = float(value[:-1]) / 100
    elif isinstance(value, (int, float)) and not isinstance(value, bool):
        if 1 < value <= 100:
            raise ValueError(f"write {value}% or {value / 100:g}")
        share = float(value)
    else:
        raise ValueError("expected a share such as 99.5% or 0.995")
    if share == 1:
        raise ValueError("an objective of 100% leaves no room for a single failure: write 99.9%")
    if not 0 < share < 1:
        raise ValueError("a share must lie between 0% and 100%")
    return share


def ratio_text(value: float) -> str:
    """Writes a share as a percentage."""
    return f"{round(value * 100, 10):g}%"
