"""`aimon version` and `aimon --version`: which aimon this is."""

from __future__ import annotations

import typer

from aimon import __version__


def version() -> None:
    """Print the version."""
    print(f"aimon {__version__}")


def print_and_leave(wanted: bool) -> None:
    """Prints the version before any command is looked at.

    Raises:
        Exit: after the version was printed.
    """
    if wanted:
        version()
        raise typer.Exit
