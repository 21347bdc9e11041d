"""Selects the endpoints of a command: from a configuration file, or the one that the flags describe."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING

from aimon.cli.console import note
from aimon.cli.exits import USAGE, Stop

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from aimon.config import Config
    from aimon.config.endpoint import Endpoint
    from aimon.pricing import PriceBook
    from aimon.probes.key_files import KeyFiles
    from aimon.probes.state.monitored import MonitoredEndpoint
    from aimon.security.redact import Redactor


@dataclass(frozen=True, slots=True)
class Flags:
    """An endpoint on the command line, for a run without a file."""

    preset: str | None = None
    dialect: str | None = None
    base_url: str | None = None
    model: str | None = None
    api_key_env: str | None = None

    @property
    def given(self) -> bool:
        """Whether any flag was given."""
        return any((self.preset, self.dialect, self.base_url, self.model, self.api_key_env))


@dataclass(frozen=True, slots=True)
class Selection:
    """The endpoints that a command works on.

    Attributes:
        endpoints: those that were asked for.
        region: the prober's.
        currency: the reporting currency.
        prices: what calls cost.
        owner: the file whose endpoints they are; None for flags.
        whole: whether they are all of that file's.
        config: what the file says; None for flags.
    """

    endpoints: tuple[Endpoint, ...]
    region: str
    currency: str
    prices: PriceBook
    owner: str | None
    whole: bool
    config: Config | None = None

    def redactor(self) -> Redactor:
        """Hides every secret of the selection."""
        from aimon.security.redact import Redactor

        return Redactor([secret for endpoint in self.endpoints for secret in endpoint.secrets])

    def key_files(self) -> KeyFiles | None:
        """Reads keys again whose files change; None where there is no file that could name one."""
        from aimon.config import key_files, resolve
        from aimon.probes.key_files import KeyFiles

        if (config := self.config) is None:
            return None
        return KeyFiles(self.endpoints, key_files(config), lambda name: resolve(config, [name])[0], note)

    def monitored(self, *, published: bool = True) -> list[MonitoredEndpoint]:
        """What metrics and state need to know of the endpoints.

        The price list, which takes long to import, is only asked beforehand where metrics are `published`.
        """
        from aimon.probes.state.monitored import MonitoredEndpoint

        return [
            MonitoredEndpoint.of(endpoint, self.currency, priced=not published or self._priced(endpoint))
            for endpoint in self.endpoints
        ]

    def _priced(self, endpoint: Endpoint) -> bool:
        target = endpoint.target
        return self.prices.knows(target.provider, target.model, endpoint.name)


def load(path: Path | None, flags: Flags) -> Config:
    """The configuration: of the flags, if any are given, else of the file.

    Raises:
        Stop: it is wrong, or there is none; with what to write instead.
    """
    from aimon import config

    try:
        return config.from_flags(**asdict(flags)) if flags.given else config.load(path)
    except config.ConfigError as error:
        raise Stop(USAGE, str(error)) from error


def select(
    names: Sequence[str], path: Path | None, flags: Flags, *, lenient: bool = False, loaded: Config | None = None
) -> Selection:
    """The endpoints of these names (default: all), from the flags if any are given, else from the file.

    `loaded` is the configuration, if it was loaded before. With `lenient` one that lacks a key or another variable is
    among them, as `unready`, unless all do.

    Raises:
        Stop: the configuration is wrong, or there is none; with what to write instead.
    """
    from aimon import config
    from aimon.network.tls_context import ignored_stores

    if flags.given and names:
        raise Stop(USAGE, "names choose endpoints of a configuration file: leave them out, or leave out --preset etc.")
    loaded = loaded or load(path, flags)
    try:
        endpoints = config.resolve(loaded, names, lenient=lenient)
        if not flags.given:
            for said in config.passed_over(path):
                note(said)
    except config.ConfigError as error:
        raise Stop(USAGE, str(error)) from error
    for said in ignored_stores():
        note(said)
    # A run of some endpoints must not treat the others as removed.
    owner = None if flags.given else str(config.find(path))
    prices = config.price_book(loaded, endpoints)
    file = None if flags.given else loaded
    return Selection(endpoints, endpoints[0].region, loaded.currency, prices, owner, whole=not names, config=file)
