"""`aimon version`: which aimon this is."""

from __future__ import annotations

from aimon import __version__


def version() -> None:
    """Print the version."""
    print(f"aimon {__version__}")
