"""How often an endpoint is probed, from its interval or cron expression."""

from __future__ import annotations

from functools import cache

from aimon.config.endpoint import Cron

DAY = 86_400.0
# Enough times to include a weekend's pause, also for an expression of every few minutes.
_LOOKED_AT = 1_000
_LOOKED_FOR = 366 * DAY


def timing(written: float | str, zone: str) -> tuple[float, Cron | None]:
    """The longest time between two probes, in seconds, and the cron expression if it is one."""
    return _cron_timing(written, zone) if isinstance(written, str) else (written, None)


@cache
def _cron_timing(expression: str, zone: str) -> tuple[float, Cron]:
    from datetime import datetime  # noqa: PLC0415 - only cron expressions need these

    from cronsim import CronSim  # noqa: PLC0415

    from aimon.config.time_zone import time_zone  # noqa: PLC0415

    place = time_zone(zone)
    # A fixed year, so that the same expression always gives the same figures.
    times = CronSim(expression, datetime(2024, 1, 1, tzinfo=place))
    first = last = next(times).timestamp()
    longest, count = 0.0, 0
    for found in times:
        at = found.timestamp()
        longest, last, count = max(longest, at - last), at, count + 1
        if count >= _LOOKED_AT or last - first >= _LOOKED_FOR:
            break
    per_day = count * DAY / (last - first) if count else 1 / 366
    return longest or _LOOKED_FOR, Cron(expression, place, per_day)
