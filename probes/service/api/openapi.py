"""The OpenAPI document (3.1), made from the table of operations and the types that it names."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

import msgspec

from aimon import __version__
from aimon.probes.service.api.operation import PREFIX
from aimon.probes.service.api.operations import OPERATIONS
from aimon.probes.service.api.problems import MEDIA_TYPE, Problem

if TYPE_CHECKING:
    from aimon.probes.service.api.operation import Operation

_REF = "#/components/schemas/{name}"
_PARAMETER = re.compile(r"\{(\w+)\}")
_PATH_SCHEMAS: dict[str, dict[str, Any]] = {
    "name": {"type": "string", "minLength": 1},
    "id": {"type": "integer", "minimum": 1, "maximum": 2**63 - 1},
}
_WHY = {
    400: "A parameter is wrong; the answer says which, and what to write.",
    401: "The token is missing or wrong.",
    403: "Another site's page asked for this.",
    404: "There is nothing of this name or number.",
    413: "The body is too large.",
    422: "The body is wrong; the answer says where, and what to write.",
    503: "The history can't be used at present; the answer says why.",
}


def document() -> dict[str, Any]:
    """The document."""
    bodies = [operation.body for operation in OPERATIONS if operation.body is not None]
    types = [operation.answer for operation in OPERATIONS if operation.answer is not None] + bodies + [Problem]
    schemas, components = msgspec.json.schema_components(types, ref_template=_REF)
    refs = dict(zip(types, schemas, strict=True))
    paths: dict[str, Any] = {}
    for operation in OPERATIONS:
        parameters, more = _parameters(operation)
        components |= more
        paths.setdefault(PREFIX + operation.path, {})[operation.method.lower()] = _operation(
            operation, parameters, refs
        )
    return {
        "openapi": "3.1.0",
        "info": {
            "title": "aimon",
            "version": __version__,
            "description": "What aimon serve measures. Times are RFC 3339 in UTC, durations are in seconds; null is "
            "what is not known, never 0. Keys are only added.",
            "license": {"name": "Apache-2.0", "identifier": "Apache-2.0"},
        },
        "servers": [{"url": "/"}],
        "security": [{}, {"token": []}],
        "paths": paths,
        "components": {
            "schemas": components,
            "securitySchemes": {"token": {"type": "http", "scheme": "bearer"}},
        },
    }


def _operation(operation: Operation, parameters: list[dict[str, Any]], refs: dict[type, Any]) -> dict[str, Any]:
    good: dict[str, Any] = {"description": operation.summary + "."}
    if operation.answer is not None:
        good["content"] = {"application/json": {"schema": refs[operation.answer]}}
    problem = {MEDIA_TYPE: {"schema": refs[Problem]}}
    statuses = {400, 503, *operation.errors, *((413, 422) if operation.body is not None else ())}
    described: dict[str, Any] = {
        "operationId": operation.name,
        "summary": operation.summary,
        "tags": [operation.group],
        "parameters": parameters,
        "responses": {
            str(operation.status): good,
            **{str(status): {"description": _WHY[status], "content": problem} for status in sorted(statuses)},
        },
    }
    if operation.description:
        described["description"] = operation.description
    if operation.body is not None:
        described["requestBody"] = {"content": {"application/json": {"schema": refs[operation.body]}}}
    return described


def _parameters(operation: Operation) -> tuple[list[dict[str, Any]], dict[str, Any]]:
    """The parameters of an operation, and the components that they name."""
    found: list[dict[str, Any]] = [
        {"name": name, "in": "path", "required": True, "schema": _PATH_SCHEMAS[name]}
        for name in _PARAMETER.findall(operation.path)
    ]
    components: dict[str, Any] = {}
    for field in msgspec.structs.fields(operation.query):
        [schema], more = msgspec.json.schema_components([field.type], ref_template=_REF)
        components |= more
        schema = _without_null(schema)
        text = schema.pop("description", None)
        default = None if field.default is msgspec.NODEFAULT else field.default
        if default not in (None, ()):
            schema = {**schema, "default": default}
        parameter = {"name": field.encode_name, "in": "query", "schema": schema}
        found.append(parameter if text is None else {**parameter, "description": text})
    return found, components


def _without_null(schema: dict[str, Any]) -> dict[str, Any]:
    """A query string has no null: what may be left out is not required."""
    kinds = [kind for kind in schema.get("anyOf", ()) if kind != {"type": "null"}]
    if len(kinds) != 1:
        return dict(schema)
    only: dict[str, Any] = kinds[0]
    return {name: value for name, value in schema.items() if name != "anyOf"} | only
