"""Query parameters and bodies: read by the msgspec types that describe them in the OpenAPI document."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any, TypeVar

import msgspec
from msgspec import inspect

from aimon.config.yaml.issues import shown, suggestion
from aimon.probes.service.api.problems import ProblemError

if TYPE_CHECKING:
    from collections.abc import Iterable

T = TypeVar("T", bound=msgspec.Struct)

LARGEST_BODY = 64_000
"""Bytes."""
# msgspec speaks of types of Python; these are words about JSON.
_PLAIN = {
    "`int | float`": "a number",
    "`int`": "a whole number",
    "`str`": "text",
    "`bool`": "true or false",
    "`null`": "null",
    "`array`": "a list",
    "`object`": "an object",
}
_PLACE = re.compile(r"(?P<problem>.*) - at `\$\.?(?P<place>[^`]*)`", re.DOTALL)


def query(given: Iterable[tuple[str, str]], wanted: type[T]) -> T:
    """The parameters of a query string.

    Raises:
        ProblemError: one is unknown, given twice, or not what it should be.
    """
    fields = {field.encode_name: field for field in msgspec.structs.fields(wanted)}
    values: dict[str, Any] = {}
    for name, value in given:
        if name not in fields:
            known = f"; {suggestion(name, fields)}" if fields else "; there are none here"
            raise ProblemError(400, f"no parameter '{shown(name)}'{known}", shown(name))
        if _is_list(fields[name].type):
            values.setdefault(name, []).append(value)
        elif name in values:
            raise ProblemError(400, f"{name}: given twice: write it once", name)
        else:
            values[name] = value
    try:
        return msgspec.convert(values, wanted, strict=False)
    except msgspec.ValidationError as error:
        raise _problem(error, 400, wanted) from None


def body(content: bytes, wanted: type[T]) -> T:
    """The JSON of a body; an empty one is an empty object.

    Raises:
        ProblemError: it is too large, no JSON, or not what it should be.
    """
    if len(content) > LARGEST_BODY:
        raise ProblemError(413, f"the body has more than {LARGEST_BODY:,} bytes: send less")
    try:
        return msgspec.json.decode(content or b"{}", type=wanted)
    except msgspec.ValidationError as error:
        raise _problem(error, 422, wanted) from None
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise ProblemError(400, f"the body is no JSON: {shown(str(error))}") from None


def _kinds(annotation: Any) -> tuple[inspect.Type, ...]:
    """What a value may be, without descriptions and bounds."""
    found = inspect.type_info(annotation)
    parts = found.types if isinstance(found, inspect.UnionType) else (found,)
    return tuple(part.type if isinstance(part, inspect.Metadata) else part for part in parts)


def _is_list(annotation: Any) -> bool:
    return any(isinstance(kind, inspect.VarTupleType) for kind in _kinds(annotation))


def _words(annotation: Any) -> list[str]:
    """The words that a value may be; none where it may be anything."""
    found: list[str] = []
    for kind in _kinds(annotation):
        item = kind.item_type if isinstance(kind, inspect.VarTupleType) else kind
        if isinstance(item, inspect.EnumType):
            found += [str(member.value) for member in item.cls]
        elif isinstance(item, inspect.LiteralType):
            found += [str(value) for value in item.values]
    return found


def _problem(error: msgspec.ValidationError, status: int, wanted: type[msgspec.Struct]) -> ProblemError:
    message = str(error)
    match = _PLACE.fullmatch(message)
    problem, place = (match["problem"], match["place"]) if match else (message, "")
    for python, plain in _PLAIN.items():
        problem = problem.replace(python, plain)
    problem = shown(problem.replace("`", "'"))
    problem = problem[:1].lower() + problem[1:]
    name = re.split(r"[.\[]", place)[0] or None
    words = [
        word for field in msgspec.structs.fields(wanted) if field.encode_name == name for word in _words(field.type)
    ]
    if words:
        problem += f": write one of {', '.join(words)}"
    return ProblemError(status, f"{place}: {problem}" if place else problem, name)
