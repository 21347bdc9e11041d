"""`aimon config`: is the configuration right, what does it say with everything filled in, what may it say."""

from __future__ import annotations

import json
from pathlib import Path  # typer reads the annotations at run time
from typing import TYPE_CHECKING, Annotated

import typer

from aimon.cli.console import note, write_data
from aimon.cli.exits import USAGE, Stop

if TYPE_CHECKING:
    from aimon.config import Config

app = typer.Typer(help="Check, show and describe the configuration.", no_args_is_help=True, rich_markup_mode=None)

ConfigOption = Annotated[Path | None, typer.Option("--config", "-c", help="Configuration file.")]


@app.command()
def check(config: ConfigOption = None) -> None:
    """Report everything that is wrong, with file, line and column, keys included; else what probing costs."""
    from aimon.cli.probe import cost
    from aimon.config import ConfigError, find, passed_over, price_book, resolve
    from aimon.network.tls_context import ignored_stores

    loaded = _load(config)
    try:
        endpoints = resolve(loaded)
    except ConfigError as error:
        raise Stop(USAGE, str(error)) from error
    for said in (*passed_over(config), *ignored_stores()):
        note(said)
    probes = sum(len(endpoint.canaries) for endpoint in endpoints)
    print(f"{find(config)}: all is well: endpoints: {len(endpoints)}, probes a round: {probes}")
    cost.say(endpoints, price_book(loaded, endpoints))


@app.command()
def show(config: ConfigOption = None) -> None:
    """Print the configuration with defaults and presets filled in; secrets stay the names of their variables."""
    from aimon.config import show as shown

    write_data(shown(_load(config)))


@app.command()
def schema() -> None:
    """Print the JSON Schema of the file, for editors."""
    from aimon.config import schema as described

    write_data(f"{json.dumps(described(), indent=2, ensure_ascii=False)}\n")


def _load(path: Path | None) -> Config:
    from aimon.config import ConfigError, load

    try:
        return load(path)
    except ConfigError as error:
        raise Stop(USAGE, str(error)) from error
