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
                _meter = _make(settings.read())
    return _meter


def configure(**options: Any) -> None:
    """Sets how calls are metered; before the first of them.

    Args:
        options: as `aimon.metering.settings.read` takes them.

    Raises:
        ConfigError: the configuration file is wrong, or not there.
        PriceError: a price, a currency or a rate is none.
        RuntimeError: calls are metered already, and not by several processes, or the other way round.
        OSError: the directory that processes share can't be made.
    """
    use(settings.read(**options))


def use(chosen: Settings) -> None:
    """Meters by these settings from now on.

    Raises:
        RuntimeError: as `configure`.
    """
    global _meter  # noqa: PLW0603 - as above
    with _lock:
        if _meter is None:
            _meter = _make(chosen)
        elif _meter.settings.directory != chosen.directory:
            raise RuntimeError("calls are metered already: call aimon.configure() before anything else of aimon")
        else:
            _meter.settings = chosen


def _make(chosen: Settings) -> Meter:
    # The price list takes a tenth of a second to load, which no call is to wait for.
    chosen.prices.knows("openai", "gpt-4o")
    if chosen.directory is None:
        return Meter(chosen)
    from aimon.metering.shared import SharedMeter  # noqa: PLC0415 - needs Unix

    chosen.directory.mkdir(parents=True, exist_ok=True)
    return SharedMeter(chosen, chosen.directory)
