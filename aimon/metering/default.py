"""The meter of this process, made on first use, and its settings: region, currency, prices, who gets the results."""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path
from threading import Lock
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, Final

from msgspec.structs import asdict

from aimon.metering.meter import Meter
from aimon.pricing import Price, PriceBook

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from aimon.call.result import Result

DIRECTORY: Final = "AIMON_MULTIPROC_DIR"
_NONE: Mapping[str, Any] = MappingProxyType({})
_lock = Lock()
_meter: Meter | None = None


@dataclass(frozen=True, slots=True)
class Settings:
    """What `aimon.configure` sets.

    `directory` is where several processes keep their counts; None for one process. `on_result` is called with the
    Result of each call, whose answer it holds only with `keep_text`.
    """

    region: str
    prices: PriceBook
    directory: Path | None
    keep_text: bool
    on_result: tuple[Callable[[Result], object], ...]


def read(
    *,
    config: str | Path | None = None,
    region: str | None = None,
    currency: str | None = None,
    fx: Mapping[str, float] = _NONE,
    prices: Mapping[str, Mapping[str, object]] = _NONE,
    directory: str | Path | None = None,
    keep_text: bool = False,
    on_result: tuple[Callable[[Result], object], ...] = (),
    opentelemetry: Any = None,
    environ: Mapping[str, str] = os.environ,
) -> Settings:
    """Settings from arguments, over those of a configuration file.

    Args:
        config: an aimon.yaml, whose region, currency, rates and prices hold for the application, too.
        region: where the application runs.
        currency: what costs are reported in.
        fx: what one unit of another currency is worth in it.
        prices: by `provider/model` or `model`, which may hold `*`: `{"qwen-*": {"input": 0.8, "output": 2.0}}`.
        directory: where several processes keep their counts; $AIMON_MULTIPROC_DIR where it is left out.
        keep_text: whether Results hold the text of answers.
        on_result: functions that are called with each Result.
        opentelemetry: True, or a MeterProvider: exports calls to OpenTelemetry too.
        environ: the environment.

    Raises:
        ConfigError: the file is wrong, or not there.
        PriceError: a price, a currency or a rate is none.
        ImportError: OpenTelemetry is not installed.
    """
    from aimon.config.loader import load  # noqa: PLC0415 - YAML, which settings without a file do without
    from aimon.config.model.config import Config  # noqa: PLC0415 - as above
    from aimon.config.model.currency import rates  # noqa: PLC0415 - as above
    from aimon.config.yaml.variables import expand  # noqa: PLC0415 - as above

    written = Config() if config is None else load(Path(config))
    reported = currency or written.currency
    known = rates(written if reported == written.currency else Config(currency=reported)) | dict(fx)
    own = {name: Price.of(spec, currency=reported) for name, spec in prices.items()}
    where = directory or environ.get(DIRECTORY)
    if opentelemetry:
        from aimon.metering.opentelemetry import exporter  # noqa: PLC0415 - an extra

        on_result = (*on_result, exporter(None if opentelemetry is True else opentelemetry))
    return Settings(
        region=region or expand(written.region, environ),
        prices=PriceBook(endpoints=_by_endpoint(written), models=own | _by_model(written), currency=reported, fx=known),
        directory=Path(where) if where else None,
        keep_text=keep_text,
        on_result=on_result,
    )


def _by_endpoint(config: Any) -> dict[str, Price]:
    return {
        each.name: Price.of(asdict(each.prices), currency=config.currency)
        for each in config.endpoints or ()
        if each.prices is not None
    }


def _by_model(config: Any) -> dict[str, Price]:
    """What the file says a model costs holds for the application's calls of it, whatever it calls them."""
    found: dict[str, Price] = {}
    for each in config.endpoints or ():
        if each.prices is not None and each.model is not None:
            name = f"{each.provider or each.preset or 'custom'}/{each.model}"
            found.setdefault(name, Price.of(asdict(each.prices), currency=config.currency))
    return found


def meter() -> Meter:
    """The meter of this process."""
    global _meter  # noqa: PLW0603 - one a process, like a registry of metrics
    if _meter is None:
        with _lock:
            if _meter is None:
                _meter = _make(read())
    return _meter


def configure(**options: Any) -> None:
    """Sets how calls are metered; before the first of them.

    Args:
        options: as `read` takes them.

    Raises:
        ConfigError: the configuration file is wrong, or not there.
        PriceError: a price, a currency or a rate is none.
        RuntimeError: calls are metered already, and not by several processes, or the other way round.
        OSError: the directory that processes share can't be made.
    """
    use(read(**options))


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
