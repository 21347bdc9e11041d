"""JSON Schema of the configuration, for completion and checks in editors: `aimon config schema`."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from aimon.config.model import alerting, config, service, storage
from aimon.config.model.loadtest import LoadTestOptions
from aimon.config.model.sections import section_name

if TYPE_CHECKING:
    from aimon.config.model.sections import Section

DRAFT: Final = "https://json-schema.org/draft/2020-12/schema"
SECTIONS: Final = (
    config.DefaultsSection,
    config.EndpointSection,
    config.TimeoutSection,
    config.SloSection,
    config.PricesSection,
    config.QuirksSection,
    config.CanarySection,
    config.MessageSection,
    service.ServeSection,
    service.TlsSection,
    service.MaintenanceSection,
    storage.HistorySection,
    storage.HeartbeatSection,
    LoadTestOptions,
    *alerting.SECTIONS,
)
"""All sections within the file, which itself is `config.Config`."""


def schema() -> dict[str, Any]:
    """The schema of aimon.yaml, draft 2020-12.

    It accepts all that `load` accepts; what it can't say (keys that belong together, names that must exist) is left
    to `aimon config check`.
    """
    sections = {section_name(section): _section(section) for section in SECTIONS}
    # Where YAML's anchors live.
    extensions: dict[str, Any] = {"patternProperties": {"^x-": {}}}
    return {"$schema": DRAFT, **_section(config.Config), **extensions, "title": "aimon.yaml", "$defs": sections}


def _section(section: type[Section]) -> dict[str, Any]:
    properties: dict[str, Any] = {}
    for name, key in section.KEYS.items():
        described: dict[str, Any] = {"title": name, "description": key.description, **key.kind.schema}
        if key.default not in (None, ()):
            described["default"] = key.kind.write(key.default)
        if key.example is not None:
            described["examples"] = [key.example]
        properties[name] = described
    return {
        "type": "object",
        "title": section_name(section),
        "description": (section.__doc__ or "").split("\n", maxsplit=1)[0],
        "additionalProperties": False,
        "required": [name for name, key in section.KEYS.items() if key.required],
        "properties": properties,
    }
