"""Decodes JSON that the fast decoder refuses, and finds whether the invalid parts affect the answer.

Client libraries accept `NaN` and lone surrogates, and ignore fields that they do not need. This does the same: a field
of an unexpected type is dropped unless it holds the answer itself; an empty value (`{}`, `[]`, `""`, `0`, `false`) of
an unexpected type counts as null everywhere.
"""

from __future__ import annotations

import json
import math
from functools import lru_cache
from typing import Any, Final

import msgspec
import msgspec.inspect

# Fields that hold the answer: an invalid value in one of them makes the answer unreadable.
_ANSWERS: Final = frozenset(
    ("choices", "delta", "message", "content", "text", "candidates", "parts", "output", "item", "content_block",
     "response", "data", "embedding", "type")
)  # fmt: skip
# Fields in which a finish reason of another type still means that the answer is finished.
_FINISHES: Final = frozenset(("finish_reason", "finishReason", "stop_reason"))
# Longer numbers are not counts, and Python parses them slowly.
_MAX_DIGITS: Final = 24


def decode(data: bytes) -> Any:
    """The document, decoded as tolerantly as the most tolerant client libraries do.

    Raises:
        ValueError: it is not JSON (msgspec.DecodeError), or not UTF-8.
        RecursionError: it is nested too deeply.
    """
    try:
        return msgspec.json.decode(data)
    except msgspec.DecodeError as fault:
        try:
            return json.loads(data.decode(), parse_constant=_no_number, parse_int=_integer)
        except json.JSONDecodeError:
            raise fault from None  # it says where


def _no_number(_: str) -> float:
    return math.nan


def _integer(digits: str) -> float:
    return int(digits) if len(digits) <= _MAX_DIGITS else math.inf


def fitted(document: Any, kind: Any) -> Any:
    """The document as `kind`, a struct or a union with one, without invalid fields that do not hold the answer.

    Raises:
        msgspec.ValidationError: a field that holds the answer is invalid.
    """
    return msgspec.convert(_fit(document, msgspec.inspect.type_info(kind), "$"), kind)


def _fit(value: Any, kind: msgspec.inspect.Type, path: str) -> Any:
    """The value without its invalid fields; None if nothing is left."""
    kinds = kind.types if isinstance(kind, msgspec.inspect.UnionType) else (kind,)
    for each in kinds:
        match each:
            case msgspec.inspect.StructType() if isinstance(value, dict):
                return _fit_fields(value, each, path)
            case msgspec.inspect.ListType() if isinstance(value, list):
                return [_fit(item, each.item_type, f"{path}[{i}]") for i, item in enumerate(value)]
            case msgspec.inspect.StrType() if isinstance(value, str):
                return value
            case msgspec.inspect.FloatType() if isinstance(value, (int, float)) and not isinstance(value, bool):
                return value
            case msgspec.inspect.BoolType() if isinstance(value, bool):
                return value
            case msgspec.inspect.AnyType():
                return value
            case _:
                continue
    if not value and any(isinstance(each, msgspec.inspect.NoneType) for each in kinds):
        return None
    raise msgspec.ValidationError(f"{_shown(value)} - at `{path}`")


def _fit_fields(value: dict[str, Any], kind: msgspec.inspect.StructType, path: str) -> dict[str, Any]:
    fitted = {}
    for name, (type_, required) in _fields(kind.cls).items():
        if name not in value:
            continue
        try:
            fitted[name] = _fit(value[name], type_, f"{path}.{name}")
        except msgspec.ValidationError:
            if value[name] and (required or name in _ANSWERS):
                raise
            if value[name] and name in _FINISHES:
                fitted[name] = str(value[name])[:64]
    return fitted


@lru_cache(maxsize=64)
def _fields(kind: type) -> dict[str, tuple[msgspec.inspect.Type, bool]]:
    described = msgspec.inspect.type_info(kind)
    assert isinstance(described, msgspec.inspect.StructType)  # noqa: S101 - of which it was made
    return {field.encode_name: (field.type, field.required) for field in described.fields}


def _shown(value: Any) -> str:
    said = json.dumps(value, default=str)
    return f"unexpected {type(value).__name__}, {said[:60]}"
