"""`aimon config`: check the configuration, show it with defaults, print its schema."""

from __future__ import annotations

import json
from pathlib import Path  # typer reads the annotations at run time
from typing import TYPE_CHECKING, Annotated

import typer

from aimon.cli.console import note, write_data
from aimon.cli.exits import USAGE, Stop

if TYPE_CHECKING:
    from collections.abc import Iterator

    from aimon.config import Config
    from aimon.config.endpoint import Endpoint
    from aimon.config.yaml.issues import LocatedIssue

app = typer.Typer(help="Check, show and describe the configuration.", no_args_is_help=True, rich_markup_mode=None)

ConfigOption = Annotated[Path | None, typer.Option("--config", "-c", help="Configuration file.")]


@app.command()
def check(config: ConfigOption = None) -> None:
    """Report everything that is wrong, with file, line and column, keys included; else what probing costs."""
    from aimon.cli.probe import cost
    from aimon.config import ConfigError, find, passed_over, price_book, resolve
    from aimon.network.ca_files import ignored_stores
    from aimon.probes.notify.channels import usable

    loaded = _load(config)
    try:
        endpoints = resolve(loaded)
        usable(loaded)
    except ConfigError as error:
        raise Stop(USAGE, str(error)) from error
    problems = [*_load_test_problems(loaded, endpoints, config)]
    if problems:
        raise Stop(USAGE, "\n".join(map(str, problems)))
    for said in (*passed_over(config), *ignored_stores()):
        note(said)
    probes = sum(len(endpoint.canaries) for endpoint in endpoints)
    print(f"{find(config)}: all is well: endpoints: {len(endpoints)}, probes a round: {probes}")
    cost.say(endpoints, price_book(loaded, endpoints))


def _load_test_problems(loaded: Config, endpoints: tuple[Endpoint, ...], path: Path | None) -> Iterator[LocatedIssue]:
    """The errors with which `aimon loadtest NAME` would refuse each load test in the file."""
    if not loaded.loadtests:
        return
    from aimon.cli.loadtest import forecast
    from aimon.cli.loadtest.plan import make_plan, with_request
    from aimon.config import find, price_book
    from aimon.config.model.loadtest import in_keys
    from aimon.probes.selection import Selection

    owner = str(find(path))
    for name, test in loaded.loadtests.items():
        named = tuple(each for each in endpoints if each.name == test.endpoint)
        prices = price_book(loaded, named)
        try:
            chosen = tuple(with_request(each, test) for each in named)
            selection = Selection(chosen, chosen[0].region, loaded.currency, prices, owner, whole=False)
            forecast.bounds(make_plan(chosen[0], test, prices), selection, path)
        except Stop as stop:
            yield loaded.document.problem(("loadtests", name), in_keys(" ".join(stop.message.split())))


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
