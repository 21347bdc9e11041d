"""`--lang`: the option of every command with long texts for people."""

from __future__ import annotations

import os
from typing import Annotated

import typer

from aimon.cli.exits import USAGE, Stop
from aimon.language import LANGUAGES, VARIABLE


def _use(name: str | None) -> str | None:
    if name is not None:
        if name not in LANGUAGES:
            raise Stop(USAGE, f"--lang {name}: write {' or '.join(LANGUAGES)}")
        os.environ[VARIABLE] = name
    return name


# The callback sets the language; no command needs the value.
Language = Annotated[
    str | None,
    typer.Option(
        "--lang",
        metavar="en|zh",
        callback=_use,
        help="Language of tables, reports and advice; by default that of the locale.",
    ),
]
