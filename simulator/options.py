"""Parses profiles and rules of a command line: durations with units, rules as `fault:option=value,…`."""

from __future__ import annotations

import re
from typing import Any

from aimon.simulator.model.faults import RULE_FIELDS, Rule, rule_from_mapping
from aimon.simulator.model.profile import Profile, SettingError, known

_DURATION = re.compile(r"(\d+(?:\.\d+)?|\.\d+)(us|ms|s|m|h)?")
_UNITS = {"us": 1e-6, "ms": 1e-3, "s": 1.0, "m": 60.0, "h": 3600.0, None: 1.0}
_WHOLE = ("count", "after")
_TIMES = ("seconds", "retry_after")
_WORDS = ("profile", "model", "dialect", "how", "style")


def profile_from_options(
    name: str = "sim",
    *,
    ttft: str | None = None,
    itl: str | None = None,
    rps: float | None = None,
    **fields: Any,
) -> Profile:
    """A Profile from the options of a command line; None leaves a field at its default.

    Args:
        name: The path prefix.
        ttft: A duration such as `200ms`, `1.5s`, or a number of seconds.
        itl: Likewise.
        rps: Requests per second, instead of rpm.
        **fields: Other fields of Profile.

    Raises:
        SettingError: An invalid value, or both rps and rpm.
    """
    if rps is not None:
        if fields.get("rpm") is not None:
            raise SettingError("rps, rpm: give one of them; rpm is 60 times rps")
        fields["rpm"] = rps * 60
    for field, text in (("ttft", ttft), ("itl", itl)):
        if text is not None:
            fields[field] = duration(text, field)
    return Profile(name=name, **{field: value for field, value in fields.items() if value is not None})


def rule_from_text(text: str) -> Rule:
    """A Rule from `fault` or `fault:option=value,option=value`, such as `cut:share=0.2,after=3`.

    Raises:
        SettingError: The text has another form, or the rule is invalid.
    """
    fault, _, rest = text.partition(":")
    values: dict[str, Any] = {"fault": fault.strip()}
    for part in filter(None, rest.split(",")):
        name, equals, value = (piece.strip() for piece in part.partition("="))
        if not equals or not value:
            raise SettingError(f"fault {text!r}: {part!r} must be option=value, such as share=0.2")
        known(name, RULE_FIELDS[1:], f"fault {fault}")
        values[name] = _value(name, value)
    return rule_from_mapping(values)


def duration(text: str, name: str) -> float:
    """Seconds in `200ms`, `1.5s`, `2m`, or a plain number.

    Raises:
        SettingError: It is not a duration.
    """
    found = _DURATION.fullmatch(str(text).strip())
    if found is None:
        raise SettingError(f"{name}: {text!r} is no duration; write 200ms, 1.5s or a number of seconds")
    return float(found[1]) * _UNITS[found[2]]


def _value(name: str, text: str) -> Any:
    if name in _WORDS:
        return text
    if name in _TIMES:
        return duration(text, name)
    try:
        return int(text) if name in _WHOLE else float(text.removesuffix("%")) / (100 if text.endswith("%") else 1)
    except ValueError:
        kind = "whole number" if name in _WHOLE else "number"
        raise SettingError(f"{name}: {text!r} is no {kind}") from None
