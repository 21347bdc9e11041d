"""The time zone of a configuration. UTC needs no data: small images have none."""

from __future__ import annotations

from datetime import UTC, tzinfo
from zoneinfo import ZoneInfo, available_timezones


def time_zone(name: str) -> tzinfo:
    """The zone of that name.

    Raises:
        ValueError: this machine knows none of that name; says what to do.
    """
    if name == "UTC":
        return UTC
    try:
        return ZoneInfo(name)
    except (ValueError, OSError, LookupError):
        if not available_timezones():
            raise ValueError(
                f"no time zone '{name}': this machine has no time zone data: install the package tzdata, "
                "of the system or by pip, or write UTC"
            ) from None
        raise ValueError(f"no time zone '{name}': write a name such as UTC or Asia/Shanghai") from None
