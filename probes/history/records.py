"""Results as they are stored in full: JSON without the endpoint's own labels, and without what is absent."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import msgspec

from aimon.call.result import Result
from aimon.metrics.definitions import IDENTITY

if TYPE_CHECKING:
    from aimon.metrics.totals import Identity


def encoded(result: Result) -> str:
    """A result as it is stored."""
    fields = msgspec.to_builtins(result, str_keys=True)
    return json.dumps(
        _without_none({name: value for name, value in fields.items() if name not in IDENTITY}), separators=(",", ":")
    )


def decoded(identity: Identity, record: str) -> Result | None:
    """The result of an endpoint that was stored; None if it is none."""
    try:
        # Not strict: JSON has turned the bucket numbers into strings.
        return msgspec.convert({**json.loads(record), **identity.labels}, Result, strict=False)
    except (ValueError, TypeError, RecursionError):
        return None


def _without_none(value: Any) -> Any:
    # Most fields of most results are absent: leaving them out halves the file.
    if isinstance(value, dict):
        return {name: _without_none(part) for name, part in value.items() if part is not None}
    return value
