"""Recognises scenarios on the command line, and lists those that ship with aimon. Reads only their docstrings."""

from __future__ import annotations

import ast
import os
from pathlib import Path
from typing import TYPE_CHECKING

from aimon.cli.console import note
from aimon.cli.exits import USAGE, Stop

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from aimon.config import LoadTestOptions
    from aimon.loadtests.protocol.plan import Scenario

_FOLDER = Path(__file__).parent.parent.parent / "loadtests" / "scenarios"


def split(words: Sequence[str], option: str | None) -> tuple[str | None, list[str]]:
    """The scenario, and the other words: `shop.py:Buyer qwen-prod` or `--scenario chat qwen-prod`.

    Raises:
        Stop: there are two scenarios.
    """
    files = [word for word in words if word.partition(":")[0].endswith(".py")]
    found = files + ([option] if option is not None else [])
    if len(found) > 1:
        raise Stop(USAGE, f"{found[0]} and {found[1]} are two scenarios, and a load test runs one: leave out one")
    return (found[0] if found else None), [word for word in words if word not in files]


def parse(text: str) -> Scenario:
    """A scenario as it is written: NAME or FILE.py, and the classes behind a colon.

    Raises:
        Stop: there is no such scenario, or no such file.
    """
    from aimon.config.yaml import variables
    from aimon.loadtests.protocol.plan import Scenario

    try:
        where, _, classes = variables.expand(text, os.environ).partition(":")
    except ValueError as error:
        raise Stop(USAGE, f"--scenario: {error}") from error
    chosen = [each.strip() for each in classes.split(",") if each.strip()]
    if where.endswith(".py"):
        if not Path(where).is_file():
            raise Stop(USAGE, f"{where}: there is no such file: give the path of a scenario's Python file")
        return Scenario(file=where, classes=chosen)
    known = [name for name, _ in shipped()]
    if where not in known:
        raise Stop(USAGE, f"no scenario '{where}': there are {', '.join(known) or 'none'}; a file of yours ends in .py")
    return Scenario(name=where, classes=chosen)


def scenario_of(text: str, options: LoadTestOptions, endpoints: Sequence[str]) -> Scenario:
    """The scenario of a plan.

    Raises:
        Stop: there is none.
    """
    from msgspec.structs import replace

    return replace(
        parse(text),
        endpoints=[*endpoints],
        tags=[*options.tags],
        exclude_tags=[*options.exclude_tags],
        host=options.host,
        settings=dict(options.settings),
    )


def shipped() -> Iterator[tuple[str, str]]:
    """Name and first line of each scenario that ships with aimon."""
    for path in sorted(_FOLDER.glob("*.py")):
        if path.stem.startswith("_"):
            continue
        said = ast.get_docstring(ast.parse(path.read_text(encoding="utf-8"))) or ""
        yield path.stem, said.partition("\n")[0]


def show() -> int:
    """Prints the scenarios that ship with aimon."""
    found = [*shipped()]
    width = max((len(name) for name, _ in found), default=0)
    for name, said in found:
        print(f"{name:{width}}  {said}")
    note(f"Their files, to read and to copy: {_FOLDER.resolve()}")
    return 0
