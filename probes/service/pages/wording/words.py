"""How a page says things in the reader's language: texts, durations, shares, times, money."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import TYPE_CHECKING

from aimon.formatting import format_duration
from aimon.language import CHINESE
from aimon.probes.service.pages.wording.texts import translator

if TYPE_CHECKING:
    from collections.abc import Callable

_UNITS = ((86_400.0, "d", "天"), (3600.0, "h", "小时"), (60.0, "min", "分钟"), (1.0, "s", "秒"))
# Hours between labels of a time axis.
_STEPS = (6, 24, 5 * 24, 15 * 24)
_SIGNS = {"CNY": "¥", "USD": "$", "EUR": "€"}


@dataclass(frozen=True, slots=True)
class Moment:
    """A point in time: for programs in RFC 3339, for people as a text."""

    iso: str
    text: str


class Words:
    """Speaks one language, at one time.

    Args:
        language: `en` or `zh`.
        now: unix time to which "3 min ago" refers.
    """

    def __init__(self, language: str, now: float) -> None:
        self.language, self.now = language, now
        self.t: Callable[..., str] = translator(language)
        self._stretches: dict[tuple[float, float], str] = {}

    def span(self, seconds: float) -> str:
        """A duration in its largest two units at the most: `3 d 4 h`, `12 min`, `40 s`."""
        left = max(0.0, seconds)
        parts: list[str] = []
        for size, english, chinese in _UNITS:
            count = int(left // size)
            if count and not (parts and size == 1.0):
                parts.append(f"{count} {chinese if self.language == CHINESE else english}")
                left -= count * size
            elif parts:
                break
            if len(parts) == 2:
                break
        return " ".join(parts) or f"0 {'秒' if self.language == CHINESE else 's'}"

    def ago(self, when: float) -> Moment:
        """A time as its distance from now."""
        distance = self.now - when
        text = "{span} ago" if distance >= 0 else "{span} from now"
        return Moment(_local(when).isoformat(timespec="seconds"), self.t(text, span=self.span(abs(distance))))

    def at(self, when: float) -> Moment:
        """A time as date and time of day, in the zone of the server."""
        return Moment(_local(when).isoformat(timespec="seconds"), f"{_local(when):%Y-%m-%d %H:%M %Z}")

    def axis(self, since: float, until: float) -> tuple[tuple[float, str], ...]:
        """Round times between two, with their labels: four to six of a day's hours, or days."""
        hours = next(step for step in _STEPS if (until - since) / 3600 <= 8 * step or step == _STEPS[-1])
        mark = _local(since).replace(hour=0, minute=0, second=0, microsecond=0)
        found = []
        while mark.timestamp() < until:
            if mark.timestamp() >= since:
                found.append((mark.timestamp(), f"{mark:%H:%M}" if hours < 24 else f"{mark:%m-%d}"))
            # By the calendar, so that a day with a change of clocks is a day.
            mark = (mark.replace(tzinfo=None) + timedelta(hours=hours)).astimezone()
        return tuple(found)

    def stretch(self, since: float, until: float) -> str:
        """From when to when; the endpoints of a page share their segments, so each text is made once."""
        if (known := self._stretches.get((since, until))) is not None:
            return known
        start, end = _local(since), _local(min(until, self.now))
        if until - since >= 86_400:
            text = f"{start:%Y-%m-%d}"
        elif start.date() == end.date():
            text = f"{start:%m-%d %H:%M} – {end:%H:%M}"
        else:
            text = f"{start:%m-%d %H:%M} – {end:%m-%d %H:%M}"
        self._stretches[since, until] = text
        return text

    def duration(self, seconds: float) -> str:
        """A short duration with three significant digits: `412 ms`, `1.24 s`."""
        return format_duration(seconds)

    def money(self, amount: float, currency: str) -> str:
        """An amount: `¥12.30`, `$0.0042`; never 0.00 for what is more than nothing."""
        digits = 2 if amount == 0 or amount >= 0.995 else 4 if amount >= 0.0001 else 6
        sign = _SIGNS.get(currency)
        return f"{sign}{amount:,.{digits}f}" if sign else f"{amount:,.{digits}f} {currency}"


def share(value: float | None) -> str:
    """A share in percent with up to three decimals; never 100 % where something is missing; a dash for None."""
    if value is None:
        return "–"
    percent = value * 100
    if percent >= 100:
        return "100 %"
    if percent > 99.999:
        return ">99.999 %"
    # Cut, not rounded: 99.9996 % is not 100 %.
    digits = 3 if percent > 99.9 else 2 if percent > 90 else 1
    cut = int(percent * 10**digits + 1e-9) / 10**digits
    return f"{cut:.{digits}f}".rstrip("0").rstrip(".") + " %"


def _local(when: float) -> datetime:
    return datetime.fromtimestamp(when).astimezone()
