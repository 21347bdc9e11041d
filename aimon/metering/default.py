"""The meter of this process, made on first use."""

from __future__ import annotations

from threading import Lock
from typing import TYPE_CHECKING, Any

from aimon.metering import settings
from aimon.metering.meter import Meter

if TYPE_CHECKING:
    from aimon.metering.settings import Settings

_lock = Lock()
_meter: Meter | None = None


def meter() -> Meter:
    """The meter of this process."""
    global _meter  # noqa: PLW0603 - one a process, like a registry of metrics
    if _meter is None:
        with _lock:
            if _meter is None:
                _meter = Meter(settings.read())
    return _meter


def configure(**options: Any) -> None:
    """Sets how calls are metered; before the first of them.

    Args:
        options: as `aimon.metering.settings.read` takes them.

    Raises:
        ConfigError: the configuration file is wrong, or not there.
        PriceError: a price, a currency or a rate is none.
        RuntimeError: calls are metered already, and something else than prices would change.
    """
    use(settings.read(**options))


def use(chosen: Settings) -> None:
    """Meters by these settings from now on."""
    global _meter  # noqa: PLW0603 - as above
    with _lock:
        if _meter is None:
            _meter = Meter(chosen)
        else:
            _meter.settings = chosen
