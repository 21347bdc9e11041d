"""When things happen, as it is written: intervals and cron expressions, points in time, time zones."""

from __future__ import annotations

from typing import Any

from aimon import quantities
from aimon.config.model.sections import ValueType
from aimon.config.model.values import types
from aimon.distribution import NAME

SHORTEST = 1.0
"""Seconds between two probes of an endpoint: every probe costs money."""


def interval(value: object) -> float | str:
    """Seconds, or a cron expression, which is told by its spaces.

    Raises:
        ValueError: it is neither; says what to write.
    """
    if isinstance(value, str) and len(value.split()) > 2:
        return cron(value)
    try:
        seconds = quantities.seconds(value)
    except ValueError as error:
        if isinstance(value, str) and not value[:1].isdigit():
            raise ValueError(f'{error}, or a cron expression such as "*/5 * * * *"') from None
        raise
    if seconds < SHORTEST:
        raise ValueError("at least 1s, since every probe costs money")
    return seconds


def cron(value: object) -> str:
    """A cron expression of five fields.

    Raises:
        ValueError: it is not one, or cronsim, which reads them, is not installed.
    """
    written = " ".join(types.text(value).split())
    try:
        from cronsim import CronSim, CronSimError  # noqa: PLC0415 - only cron expressions need it
    except ModuleNotFoundError:
        raise ValueError(f"cron expressions need cronsim: pip install '{NAME}[serve]'") from None
    from datetime import UTC, datetime  # noqa: PLC0415 - likewise

    if len(written.split(" ")) != 5:
        raise ValueError('expected five fields: minute, hour, day, month, weekday, such as "*/5 * * * *"')
    try:
        next(CronSim(written, datetime(2024, 1, 1, tzinfo=UTC)))
    except CronSimError as error:
        field = str(error).lower().removeprefix("bad ")
        raise ValueError(f"'{written}' is no cron expression: look at its {field}") from None
    except StopIteration:
        raise ValueError(f"'{written}' never comes: there is no such day") from None
    return written


def interval_text(value: float | str) -> str:
    """Writes an interval the way `interval` reads it."""
    return value if isinstance(value, str) else quantities.duration_text(value)


def time_zone(value: object) -> str:
    """The name of a time zone, such as Asia/Shanghai.

    Raises:
        ValueError: this machine knows none of that name.
    """
    written = types.text(value)
    if written == "UTC":
        return written
    from aimon.config import time_zone as zones  # noqa: PLC0415 - few files name one

    zones.time_zone(written)
    return written


def moment(value: object) -> str:
    """A date and a time of day; without an offset from UTC it is meant in the file's time zone.

    Raises:
        ValueError: it is not one.
    """
    from datetime import datetime  # noqa: PLC0415 - as above

    written = types.text(value)
    try:
        datetime.fromisoformat(written)
    except ValueError:
        raise ValueError("expected a date and a time, such as 2027-01-31T02:00 or 2027-01-31T02:00+08:00") from None
    return written


def _schema(pattern: str) -> dict[str, Any]:
    return {"type": "string", "pattern": pattern}


_CRON_PATTERN = r"^\S+( +\S+){4}$"
INTERVAL = ValueType(interval, {"anyOf": [_schema(quantities.DURATION_PATTERN), _schema(_CRON_PATTERN)]}, interval_text)
CRON = ValueType(cron, _schema(_CRON_PATTERN))
TIME_ZONE = ValueType(time_zone, {"type": "string"})
MOMENT = ValueType(moment, {"type": "string"})
