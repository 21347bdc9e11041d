"""The configuration file: found, read with line numbers, validated, resolved into what the prober runs.

Exported lazily: a probe that runs needs neither YAML nor the model of the file.

    load(path)                      Config                validated; raises ConfigError with all problems at once
    find(path)                      Path | None           which file would be read
    passed_over(path)               list[str]             which places `find` could not read, in words
    from_flags(preset=…, …)         Config                for a run without a file: one endpoint, made of flags
    to_data(config, endpoint)       dict                  what another process needs of it; from_data() reads that
    override(options, texts)        LoadTestOptions       options of a load test, with those of the command line
    missing(options)                str | None            what a run with these options still needs
    resolve(config, names)          tuple[Endpoint, ...]  what to probe, with keys taken from the environment
    channels(config, environ)       tuple[Channel, ...]   where notifications go, with their secrets
    key_files(config, environ)      dict[str, Path]       where keys are that are in files, by endpoint
    maintenance_of(config)        tuple[Maintenance, …]  when aimon serve does not probe
    price_book(config, endpoints)   PriceBook             what their calls cost, in the reporting currency
    example(environ)                str                   a commented file to begin with
    show(config, environ)           str                   the file with defaults filled in, as YAML
    schema()                        dict                  JSON Schema, for editors
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from aimon.config.channel import Channel
    from aimon.config.display import show
    from aimon.config.endpoint import Budget, Canary, Endpoint, LatencyObjective, Slo, Transport, new_nonce
    from aimon.config.flags import from_flags, override
    from aimon.config.loader import find, from_data, load, passed_over, to_data
    from aimon.config.maintenance import maintenance_of
    from aimon.config.model.config import Config
    from aimon.config.model.json_schema import schema
    from aimon.config.model.loadtest import LoadTestOptions, missing
    from aimon.config.resolution.channels import channels
    from aimon.config.resolution.resolver import key_files, price_book, resolve
    from aimon.config.template import example
    from aimon.config.yaml.issues import ConfigError

_HOME = {
    "Budget": "endpoint",
    "Canary": "endpoint",
    "Channel": "channel",
    "Config": "model.config",
    "ConfigError": "yaml.issues",
    "Endpoint": "endpoint",
    "LatencyObjective": "endpoint",
    "Slo": "endpoint",
    "Transport": "endpoint",
    "channels": "resolution.channels",
    "example": "template",
    "LoadTestOptions": "model.loadtest",
    "find": "loader",
    "from_data": "loader",
    "from_flags": "flags",
    "key_files": "resolution.resolver",
    "load": "loader",
    "maintenance_of": "maintenance",
    "missing": "model.loadtest",
    "override": "flags",
    "new_nonce": "endpoint",
    "passed_over": "loader",
    "price_book": "resolution.resolver",
    "resolve": "resolution.resolver",
    "schema": "model.json_schema",
    "show": "display",
    "to_data": "loader",
}

__all__ = [
    "Budget",
    "Canary",
    "Channel",
    "Config",
    "ConfigError",
    "Endpoint",
    "LatencyObjective",
    "LoadTestOptions",
    "Slo",
    "Transport",
    "channels",
    "example",
    "find",
    "from_data",
    "from_flags",
    "key_files",
    "load",
    "maintenance_of",
    "missing",
    "new_nonce",
    "override",
    "passed_over",
    "price_book",
    "resolve",
    "schema",
    "show",
    "to_data",
]


def __getattr__(name: str) -> object:
    if name not in _HOME:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(f"aimon.config.{_HOME[name]}"), name)
