"""JSON Schema of the configuration, for completion and checks in editors: `aimon config schema`."""

from __future__ import annotations

from typing import Any

from aimon.config.model import Config, Defaults

DRAFT = "https://json-schema.org/draft/2020-12/schema"


def schema() -> dict[str, Any]:
    """The schema of aimon.yaml, draft 2020-12.

    It accepts all that `load` accepts; what it can't say (keys that belong together, names that must exist) is left
    to `aimon config check`.
    """
    generated = _tidied(Config.model_json_schema(mode="validation"))
    written = Defaults.model_construct().model_dump(mode="json")
    for name, described in generated["$defs"]["Defaults"]["properties"].items():
        if "default" in described:
            described["default"] = written[name]
    return {"$schema": DRAFT, **generated, "title": "aimon.yaml"}


def _tidied(node: Any) -> Any:
    """Without the defaults of null, which say only that a key may be left out."""
    if isinstance(node, list):
        return [_tidied(part) for part in node]
    if not isinstance(node, dict):
        return node
    return {key: _tidied(part) for key, part in node.items() if (key, part) != ("default", None)}
