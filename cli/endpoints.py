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
    from aimon.probes.selection import Selection


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


def load(path: Path | None, flags: Flags) -> Config:
    """The configuration: from the flags, if any are given, else from the file.

    Raises:
        Stop: it is invalid or missing; with what to write instead.
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

    `loaded` is the configuration, if it was loaded before. With `lenient`, endpoints that lack a key or another
    variable are in `unready`, unless all do.

    Raises:
        Stop: the configuration is invalid or missing; with what to write instead.
    """
    from aimon import config
    from aimon.network.ca_files import ignored_stores
    from aimon.probes.selection import Selection

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
