"""`expect` of a canary: the checks of `aimon.call.checks`, as a type of value in the file."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from aimon.call import checks
from aimon.config.model.sections import ValueType
from aimon.config.yaml.document import unwritten
from aimon.config.yaml.issues import InvalidSectionError, Issue, kind_of

if TYPE_CHECKING:
    from collections.abc import Mapping

# Checks that apply to an answer without text, such as vectors.
TEXTLESS: Final = frozenset({"latency_max", "ignore_case"})

_TEXTS: Final = {"anyOf": [{"type": "string"}, {"type": "array", "items": {"type": "string"}, "minItems": 1}]}
_COUNT: Final = {"type": "integer", "minimum": 0}
_LIMIT: Final = {"anyOf": [{"type": "string"}, {"type": "number", "exclusiveMinimum": 0}]}

SCHEMA: Final[dict[str, Any]] = {
    "type": "object",
    "additionalProperties": False,
    "properties": {
        "contains": _TEXTS | {"description": "The answer has this text, or each of these."},
        "not_contains": _TEXTS | {"description": "The answer has none of these texts."},
        "equals": {"type": "string", "description": "The answer is this, but for white space and quotes around it."},
        "regex": {"type": "string", "description": "A regular expression (Python's) that matches somewhere."},
        "json_path": {
            "anyOf": [*_TEXTS["anyOf"], {"type": "object"}],
            "description": "JSON paths that must exist, or paths and their values.",
        },
        "json_schema": {"type": "object", "description": "A JSON Schema that the answer keeps to."},
        "min_length": _COUNT | {"description": "Characters, at the least."},
        "max_length": _COUNT | {"description": "Characters, at the most."},
        "max_output_tokens": _COUNT | {"description": "Output tokens, at the most."},
        "latency_max": _LIMIT | {"description": "How long the whole call may take."},
        "ttft_max": _LIMIT | {"description": "How long the first visible text may take."},
        "ignore_case": {"type": "boolean", "description": "Whether comparisons are blind to case."},
    },
}


def read(value: object) -> dict[str, Any]:
    """The expectations, each of which can be checked.

    Raises:
        ValueError: they are no mapping, or (as InvalidSectionError) one of them can't be checked.
    """
    if not isinstance(value, dict):
        raise ValueError(f"expected a check such as {{contains: OK}}, not {kind_of(value)}")  # noqa: TRY004 - as all kinds
    plain: dict[str, Any] = unwritten(value)
    try:
        checks.template(plain)
    except checks.CheckError as error:
        raise InvalidSectionError([Issue((error.key,), error.problem, at_key=error.key not in checks.KINDS)]) from None
    return plain


EXPECT: Final = ValueType(read, SCHEMA)


def wants_text(expect: Mapping[str, Any]) -> bool:
    """Whether an answer without text could not meet the expectations."""
    return not TEXTLESS.issuperset(expect)
