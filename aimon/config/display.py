"""`aimon config show`: the configuration with defaults and presets filled in, as a valid file."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Any

import yaml
from msgspec.structs import asdict, replace

from aimon.call.call import Timeouts
from aimon.config.model import rules
from aimon.config.model.config import TimeoutSection
from aimon.config.resolution.defaults import effective
from aimon.config.yaml import variables

if TYPE_CHECKING:
    from collections.abc import Mapping

    from aimon.config.model.config import Config, EndpointSection

_HEAD = "# What holds in the end: defaults and presets are filled in, keys stay where they are.\n"


def show(config: Config, environ: Mapping[str, str] = os.environ) -> str:
    """The configuration as YAML, with defaults and presets filled in.

    What comes from the environment stays `${NAME}`: a secret is neither read nor shown. The first lines say which
    variables are set.
    """
    usual = Timeouts()
    limits = replace(TimeoutSection(), connect=usual.connect, ttft=usual.ttft, total=usual.total)
    limits = replace(limits, **{name: value for name, value in asdict(config.defaults.timeout).items() if value})
    filled = replace(
        config,
        defaults=replace(config.defaults, timeout=limits),
        endpoints=tuple(_filled(effective(config, endpoint), environ) for endpoint in config.endpoints),
    )
    data = rules.CONFIG.write(filled)
    body = yaml.safe_dump(data, sort_keys=False, allow_unicode=True, width=10_000)
    return _HEAD + _states([data.get("region"), data["endpoints"]], environ) + body


def _filled(endpoint: EndpointSection, environ: Mapping[str, str]) -> EndpointSection:
    """The endpoint with the values of its preset."""
    name = rules.usual_key(endpoint)
    if name is not None and (environ.get(name) or not rules.may_be_keyless(endpoint)):
        endpoint = replace(endpoint, api_key=f"${{{name}}}")
    if variables.names(endpoint.base_url or ""):
        return endpoint
    target = rules.target(endpoint, base_url=endpoint.base_url)
    return replace(endpoint, dialect=target.dialect, base_url=target.base_url, provider=target.provider)


def _states(expanded: list[Any], environ: Mapping[str, str]) -> str:
    names = dict.fromkeys(name for text in _texts(expanded) for name in variables.names(text))
    return "".join(f"# {name} is {'set' if environ.get(name) else 'not set'}\n" for name in names)


def _texts(data: Any) -> list[str]:
    if isinstance(data, str):
        return [data]
    parts = data.values() if isinstance(data, dict) else data if isinstance(data, list) else ()
    return [text for part in parts for text in _texts(part)]
