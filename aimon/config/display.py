"""The configuration as it works: `aimon config show`, which is itself a file that can be read."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Any

import yaml

from aimon.call import Timeouts
from aimon.config import rules, variables
from aimon.config.effective import effective
from aimon.config.quantities import duration_text

if TYPE_CHECKING:
    from collections.abc import Mapping

    from aimon.config.model import Config, Endpoint

_HEAD = "# What holds in the end: defaults and presets are filled in, keys stay where they are.\n"


def show(config: Config, environ: Mapping[str, str] = os.environ) -> str:
    """The configuration as YAML, with defaults and presets filled in.

    What comes from the environment stays `${NAME}`: a secret is neither read nor shown. The first lines say which
    variables are set.
    """
    written = config.model_dump(mode="json", exclude_none=True)
    data = {key: value for key, value in written.items() if value not in ({}, [])}
    usual = Timeouts()
    data["defaults"] = _said(
        written["defaults"]
        | {
            "timeout": {name: duration_text(getattr(usual, name)) for name in ("connect", "ttft", "total")}
            | written["defaults"]["timeout"]
        }
    )
    endpoints = [_endpoint(effective(config, endpoint), environ) for endpoint in config.endpoints]
    data["endpoints"] = endpoints
    body = yaml.safe_dump(data, sort_keys=False, allow_unicode=True, width=10_000)
    return _HEAD + _states([data.get("region"), endpoints, data.get("notify")], environ) + body


def _endpoint(endpoint: Endpoint, environ: Mapping[str, str]) -> dict[str, Any]:
    data = endpoint.model_dump(mode="json", exclude_none=True)
    key = rules.usual_key(endpoint)
    if key is not None and (environ.get(key) or not rules.may_be_keyless(endpoint)):
        data["api_key"] = f"${{{key}}}"
    if not variables.names(endpoint.base_url or ""):
        target = rules.target(endpoint, base_url=endpoint.base_url)
        data |= {"dialect": target.dialect, "base_url": target.base_url, "provider": target.provider}
    return _said({name: data[name] for name in type(endpoint).model_fields if name in data})


def _said(data: dict[str, Any]) -> dict[str, Any]:
    """Without the empty lists and mappings, which say nothing."""
    return {key: value for key, value in data.items() if value not in ({}, [])}


def _states(expanded: list[Any], environ: Mapping[str, str]) -> str:
    names = dict.fromkeys(name for text in _texts(expanded) for name in variables.names(text))
    return "".join(f"# {name} is {'set' if environ.get(name) else 'not set'}\n" for name in names)


def _texts(data: Any) -> list[str]:
    if isinstance(data, str):
        return [data]
    parts = data.values() if isinstance(data, dict) else data if isinstance(data, list) else ()
    return [text for part in parts for text in _texts(part)]
