"""aimon: watches AI APIs from the outside and finds their limits.

The core: what is asked and how it went (`call`), the wire formats of AI APIs (`dialects`), from bytes to a Result
(`exchange`), and from Results to Prometheus (`metrics`). It imports nothing of `aimon.probes`, `aimon.loadtests` or
`aimon.cli`.

An application meters its own calls with the functions that are named here (`aimon.metering`); they are loaded on first
use.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from aimon.metering.clients import async_http_client as async_http_client
    from aimon.metering.clients import http_client as http_client
    from aimon.metering.clients import instrument as instrument
    from aimon.metering.clients import uninstrument as uninstrument
    from aimon.metering.default import configure as configure

__version__ = "0.1.0"

_HOMES = {
    "async_http_client": "clients",
    "configure": "default",
    "http_client": "clients",
    "instrument": "clients",
    "uninstrument": "clients",
}

__all__ = list(_HOMES)


def __getattr__(name: str) -> object:
    """Loads a public name from the module that defines it."""
    if name not in _HOMES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    from importlib import import_module  # noqa: PLC0415 - a command that meters nothing needs none of it

    return getattr(import_module(f"aimon.metering.{_HOMES[name]}"), name)
