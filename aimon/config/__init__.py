"""The configuration file: found, read with line numbers, validated, resolved into what the prober runs.

Exported lazily, because pydantic and PyYAML are needed only where a file is read:

    load(path)               Config                validated; raises ConfigError with every problem at once
    find(path)               Path | None           which file would be read
    resolve(config, names)   tuple[Endpoint, ...]  what to probe, with keys taken from the environment
    from_flags(...)          Endpoint              the same for a run without a file
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from aimon.config.loader import find, load
    from aimon.config.model import Config
    from aimon.config.problems import ConfigError
    from aimon.config.resolver import resolve

_HOME = {
    "Budget": "endpoint",
    "Canary": "endpoint",
    "Config": "model",
    "ConfigError": "problems",
    "Endpoint": "endpoint",
    "Objective": "endpoint",
    "Slo": "endpoint",
    "Transport": "endpoint",
    "find": "loader",
    "from_flags": "flags",
    "load": "loader",
    "new_nonce": "endpoint",
    "resolve": "resolver",
}

__all__ = [
    "Budget",
    "Canary",
    "Config",
    "ConfigError",
    "Endpoint",
    "Objective",
    "Slo",
    "Transport",
    "find",
    "from_flags",
    "load",
    "new_nonce",
    "resolve",
]


def __getattr__(name: str) -> object:
    if name not in _HOME:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(f"aimon.config.{_HOME[name]}"), name)
