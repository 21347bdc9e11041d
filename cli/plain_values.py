"""Values of options read without pydantic, which typer would import for them: 50 ms of every command.

Only unambiguous values are read here. All others, including invalid ones, are left to typer, so that values and
messages stay the same.
"""

from __future__ import annotations

import os
import re
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar, get_args, get_origin

from typer.core import TyperCommand

if TYPE_CHECKING:
    from collections.abc import Callable

    from typer.models import ParameterInfo

_Number = TypeVar("_Number", int, float)

_INTEGER = re.compile(r"-?[0-9]{1,15}")
_DECIMAL = re.compile(r"-?[0-9]{1,15}(\.[0-9]{1,15})?")
_PATH_CHECKS = ("exists", "writable", "resolve_path", "allow_dash")


class Plain:
    """Commands and groups whose usual values are read without pydantic."""

    get_params: Callable[[Any], list[Any]]

    def parse_args(self, ctx: Any, args: list[str]) -> list[str]:
        """As typer's."""
        for param in self.get_params(ctx):
            # Where typer caches the reader of a parameter's values; versions without it read all values themselves.
            if getattr(param, "_runtime_param", self) is None:
                param._runtime_param = _PlainValues()  # noqa: SLF001
        rest: list[str] = super().parse_args(ctx, args)  # type: ignore[misc]
        return rest


class PlainCommand(Plain, TyperCommand):
    """A command."""


class _PlainValues:
    """Replaces typer's RuntimeParam."""

    def coerce(self, value: Any, param: Any, ctx: Any) -> Any:
        """The value of a parameter from its text."""
        if value is None:
            return () if param.multiple or param.nargs == -1 else None
        try:
            return _read(value, param.type_descriptor.annotation, param.type_descriptor.parameter_info)
        except ValueError:
            param._runtime_param = None  # noqa: SLF001
            return param.get_runtime_param().coerce(value, param=param, ctx=ctx)


def _read(value: Any, kind: Any, info: ParameterInfo) -> Any:
    """The value, if it is unambiguously of that type.

    Raises:
        ValueError: it is ambiguous or invalid.
    """
    if get_origin(kind) is list and isinstance(value, (list, tuple)):
        return [_read(each, get_args(kind)[0], info) for each in value]
    if kind in (int, float) and type(value) is kind:
        return _within(value, info)
    read = _READERS.get(kind)
    if read is None or info.parser is not None or not isinstance(value, (str, kind)):
        raise ValueError(value)
    return read(str(value), info)


def _text(text: str, _: ParameterInfo) -> str:
    text.encode()  # bytes that are not valid text are an error
    return text


def _path(text: str, info: ParameterInfo) -> Path:
    path = Path(_text(text, info))
    if info.path_type is not None or any(getattr(info, name) for name in _PATH_CHECKS):
        raise ValueError(text)
    if not (info.file_okay and info.dir_okay) or (os.access(path, os.F_OK) and not os.access(path, os.R_OK)):
        raise ValueError(text)
    return path


def _integer(text: str, info: ParameterInfo) -> int:
    if _INTEGER.fullmatch(text) is None:
        raise ValueError(text)
    return _within(int(text), info)


def _decimal(text: str, info: ParameterInfo) -> float:
    if _DECIMAL.fullmatch(text) is None:
        raise ValueError(text)
    return _within(float(text), info)


def _within(value: _Number, info: ParameterInfo) -> _Number:
    if info.clamp or (info.min is not None and value < info.min) or (info.max is not None and value > info.max):
        raise ValueError(value)
    return value


_READERS: dict[Any, Callable[[str, ParameterInfo], Any]] = {str: _text, Path: _path, int: _integer, float: _decimal}
