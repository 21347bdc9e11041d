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
    from aimon.metering.by_hand import observe as observe
    from aimon.metering.default import configure as configure
    from aimon.metering.export import Collector as Collector
    from aimon.metering.export import asgi_app as asgi_app
    from aimon.metering.export import batch as batch
    from aimon.metering.export import metrics_text as metrics_text
    from aimon.metering.export import push as push
    from aimon.metering.export import shutdown as shutdown
    from aimon.metering.export import start_http_server as start_http_server
    from aimon.metering.export import wsgi_app as wsgi_app
    from aimon.metering.http.clients import async_http_client as async_http_client
    from aimon.metering.http.clients import http_client as http_client
    from aimon.metering.http.clients import instrument as instrument
    from aimon.metering.http.clients import uninstrument as uninstrument

__version__ = "0.1.0"

_HOMES = {
    "Collector": "export",
    "asgi_app": "export",
    "async_http_client": "http.clients",
    "batch": "export",
    "configure": "default",
    "http_client": "http.clients",
    "instrument": "http.clients",
    "metrics_text": "export",
    "observe": "by_hand",
    "push": "export",
    "shutdown": "export",
    "start_http_server": "export",
    "uninstrument": "http.clients",
    "wsgi_app": "export",
}

__all__ = list(_HOMES)


def __getattr__(name: str) -> object:
    """Loads a public name from the module that defines it."""
    if name not in _HOMES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    from importlib import import_module  # noqa: PLC0415 - a command that meters nothing needs none of it

    return getattr(import_module(f"aimon.metering.{_HOMES[name]}"), name)
