"""Turns what pydantic found into problems in the words, and at the places, of the file."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, get_args, get_origin

from pydantic import BaseModel

from aimon.config.problems import MisfitError, kind, place, suggestion

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from pydantic import ValidationError
    from pydantic.fields import FieldInfo
    from pydantic_core import ErrorDetails

    from aimon.config.document import Document
    from aimon.config.problems import Path, Problem

_EXPECTED = {
    "model_type": "keys and values",
    "model_attributes_type": "keys and values",
    "dict_type": "keys and values",
    "mapping_type": "keys and values",
    "tuple_type": "a list: lines that begin with '- '",
}


def problems(error: ValidationError, model: type[BaseModel], document: Document) -> list[Problem]:
    """All that is wrong, in the order of the file."""
    details = error.errors(include_url=False)
    renamed = {_renamed(detail, model) for detail in details if detail["type"] == "extra_forbidden"}
    found = [problem for detail in details for problem in _explain(detail, model, document, renamed)]
    return sorted(found, key=lambda problem: (problem.line, problem.column))


def _explain(
    detail: ErrorDetails, model: type[BaseModel], document: Document, renamed: set[Path | None]
) -> Iterator[Problem]:
    # pydantic marks a bad key with a last part of "[key]".
    path: Path = detail["loc"]
    at_key = path[-1:] == ("[key]",)
    path = path[:-1] if at_key else path
    match detail["type"]:
        case "extra_forbidden":
            known = _fields(_model_at(path[:-1], model))
            yield document.problem(path, f"unknown key; {suggestion(str(path[-1]), known)}", at_key=True)
        case "missing" if path not in renamed:
            yield document.problem(path, _missing(path, model))
        case "missing":
            pass  # a misspelt key, which has a problem of its own
        case "value_error" if isinstance(cause := detail["ctx"]["error"], MisfitError):
            for below, message in cause.found:
                yield document.problem((*path, *below), message, at_key=_is_unknown(cause, below))
        case "value_error":
            yield document.problem(path, str(detail["ctx"]["error"]), at_key=at_key)
        case other:
            expected = _EXPECTED.get(other)
            given = kind(detail["input"])
            yield document.problem(path, f"expected {expected}, not {given}" if expected else detail["msg"])


def _is_unknown(cause: MisfitError, below: Path) -> bool:
    """Whether it is the key that is wrong, and not its value."""
    return dict(cause.found)[below].startswith("unknown ")


def _renamed(detail: ErrorDetails, model: type[BaseModel]) -> Path | None:
    """The path of the key that an unknown one was probably meant to be."""
    from difflib import get_close_matches  # noqa: PLC0415 - only failures need it

    *parent, key = detail["loc"]
    near = get_close_matches(str(key), _fields(_model_at(parent, model)), n=1)
    return (*parent, near[0]) if near else None


def _missing(path: Path, model: type[BaseModel]) -> str:
    holder = _model_at(path[:-1], model)
    key = str(path[-1])
    info = holder.model_fields.get(key) if holder is not None else None
    examples = info.examples if info is not None else None
    example = f", such as {key}: {examples[0]}" if examples else ""
    return f"missing; add it to {place(path[:-1]) or 'the file'}{example}"


def _fields(model: type[BaseModel] | None) -> tuple[str, ...]:
    return tuple(model.model_fields) if model is not None else ()


def _model_at(path: Sequence[str | int], model: type[BaseModel]) -> type[BaseModel] | None:
    """The model of the mapping at a path."""
    at: Any = model
    for part in path:
        if isinstance(at, type) and issubclass(at, BaseModel):
            info: FieldInfo | None = at.model_fields.get(str(part))
            if info is None:
                return None
            at = info.annotation
        else:
            at = get_args(at)[1 if get_origin(at) is dict else 0]
        at = _bare(at)
    return at if isinstance(at, type) and issubclass(at, BaseModel) else None


def _bare(annotation: Any) -> Any:
    """The annotation without `| None` and without metadata."""
    while True:
        parts = [part for part in get_args(annotation) if part is not type(None)]
        if get_origin(annotation) in (dict, tuple) or not parts:
            return annotation
        annotation = parts[0]
