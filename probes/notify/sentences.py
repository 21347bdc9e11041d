"""What an incident says that no call led to: kept in English, which programs read, and told in the reader's language.

Errors of calls are what a server or this machine said, and stay as they are.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Final

from aimon.quantities import duration_text

if TYPE_CHECKING:
    from collections.abc import Iterator

_SILENT: Final = "no report for more than {patience}"
_LEFT: Final = "{amount} {currency} left"
_LEFT_FOR: Final = "{amount} {currency} left, {days} days at the present rate"
_CHINESE: Final = {
    _SILENT: "超过 {patience} 没有上报",
    _LEFT: "剩余 {amount} {currency}",
    _LEFT_FOR: "剩余 {amount} {currency}，按目前的速度可用 {days} 天",
}


def silent(patience: float) -> str:
    """That a program has not reported in for more than that many seconds."""
    return _SILENT.format(patience=duration_text(patience))


def left(amount: float, currency: str, days: float | None) -> str:
    """What is left in an account; for how long, where the rate of spending is known."""
    said = {"amount": f"{amount:,.2f}", "currency": currency}
    return _LEFT.format(**said) if days is None else _LEFT_FOR.format(**said, days=f"{days:.1f}")


def told(said: str | None, *, chinese: bool) -> str | None:
    """One of these sentences in the reader's language; anything else as it is."""
    if said is not None and chinese:
        for pattern, translation in _patterns():
            if (found := pattern.fullmatch(said)) is not None:
                return translation.format(**found.groupdict())
    return said


def _patterns() -> Iterator[tuple[re.Pattern[str], str]]:
    for english, chinese in _CHINESE.items():
        yield re.compile(re.sub(r"\\{(\w+)\\}", r"(?P<\1>[^ ]+)", re.escape(english))), chinese
