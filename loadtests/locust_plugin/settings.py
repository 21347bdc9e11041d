"""What a scenario's file may ask for: values of `--set name=value`, and the endpoints that the command line names.

from aimon.loadtests import endpoints, setting

TURNS = setting("turns", 3)      # --set turns=5, or AIMON_SET_TURNS=5 in the environment
"""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, TypeVar

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

Value = TypeVar("Value", int, float, str)

PREFIX = "AIMON_SET_"

_given: dict[str, str] = {}
_asked: set[str] = set()
_endpoints: tuple[str, ...] = ()
_used = False


class SettingError(ValueError):
    """A value of `--set` can't be used; says what to write instead."""


def setting(name: str, default: Value) -> Value:
    """The value of `--set name=value`, or of AIMON_SET_NAME in the environment; both win over `default`.

    Args:
        name: letters, digits and underscores.
        default: the value without either; a number's type is the type that the others must have.

    Raises:
        SettingError: what was given is no such number.
    """
    _asked.add(name)
    text = _given.get(name, os.environ.get(PREFIX + name.upper()))
    if text is None:
        return default
    kind = type(default)
    try:
        return kind(text)
    except ValueError:
        what = "a whole number" if kind is int else "a number"
        raise SettingError(f"--set {name}={text}: write {what}, such as {name}={default}") from None


def endpoints() -> tuple[str, ...]:
    """The names of the endpoints that the command line gives the scenario; empty where it names none."""
    return _endpoints


def use(given: Mapping[str, str], names: Sequence[str]) -> None:
    """Sets what `setting` and `endpoints` return, before a scenario's file is read."""
    global _endpoints, _used  # noqa: PLW0603 - one scenario a process, read once
    _used = True
    _given.clear()
    _given.update(given)
    _asked.clear()
    _endpoints = tuple(names)


def in_aimon() -> bool:
    """Whether `aimon loadtest` reads the file, and not Locust's own command."""
    return _used


def unused() -> list[str]:
    """Names that were given and that no `setting` has asked for."""
    return sorted(set(_given) - _asked)


def known() -> list[str]:
    """Names that the scenario has asked for."""
    return sorted(_asked)
