"""The types of values in the file: how each is read, its JSON Schema, how it is written back."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

from aimon import load_terms, objectives, quantities, token_lengths
from aimon.config.model.sections import ValueType
from aimon.config.yaml import variables
from aimon.config.yaml.document import WrittenFloat, WrittenInt, unwritten
from aimon.config.yaml.issues import kind_of, shown, suggestion
from aimon.metrics import definitions
from aimon.network import proxy as network_proxy

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence


def text(value: object) -> str:
    """Text; a number counts as the characters that were written."""
    if isinstance(value, (WrittenInt, WrittenFloat)):
        return value.text
    if not isinstance(value, str):
        hint = f": put it in quotes, '{str(value).lower()}'" if isinstance(value, bool) else ""
        raise ValueError(f"expected text, not {kind_of(value)}{hint}")  # noqa: TRY004 - every kind raises ValueError
    if not value.strip():
        raise ValueError("expected text, but it is empty")
    return value


def checked(check: Callable[[str], object]) -> Callable[[object], str]:
    """Text as it is written, for which `check` raises no ValueError."""

    def read(value: object) -> str:
        written = text(value)
        check(written)
        return written

    return read


template = checked(variables.check)
"""Text in which `${NAME}` stands for an environment variable."""


def flag(value: object) -> bool:
    """True or false, and no other word for it."""
    if not isinstance(value, bool):
        raise ValueError(f"expected true or false, not {_written(value)}")  # noqa: TRY004 - every kind raises ValueError
    return value


def whole(least: int, most: int) -> Callable[[object], int]:
    """A whole number within bounds."""

    def read(value: object) -> int:
        if not isinstance(value, int) or isinstance(value, bool):
            raise ValueError(f"expected a whole number, not {_written(value)}")  # noqa: TRY004 - every kind raises ValueError
        if not least <= value <= most:
            raise ValueError(f"expected a whole number from {least} to {most}, not {_written(value)}")
        return int(value)

    return read


def number(least: float, most: float) -> Callable[[object], float]:
    """A number within bounds."""

    def read(value: object) -> float:
        if not isinstance(value, (int, float)) or isinstance(value, bool):
            raise ValueError(f"expected a number, not {_written(value)}")  # noqa: TRY004 - every kind raises ValueError
        if not least <= value <= most:
            raise ValueError(f"expected a number from {least:.15g} to {most:.15g}, not {_written(value)}")
        return float(value)

    return read


def choice(known: Sequence[str], what: str) -> Callable[[object], str]:
    """One of some words; the nearest is suggested for any other."""

    def read(value: object) -> str:
        word = text(value)
        if word not in known:
            raise ValueError(f"no {what} '{shown(word)}'; {suggestion(word, known)}")
        return word

    return read


def pattern(regex: str, hint: str) -> Callable[[object], str]:
    """Text that matches from end to end."""
    compiled = re.compile(regex)

    def read(value: object) -> str:
        word = text(value)
        if not compiled.fullmatch(word):
            raise ValueError(f"'{shown(word)}' is not {hint}")
        return word

    return read


def api_key(value: object) -> str:
    """A variable that holds the key, or "" for null: no key at all. The key itself is refused."""
    if value is None:
        return ""
    if isinstance(value, str) and variables.WHOLE.fullmatch(value):
        return value
    if isinstance(value, str) and variables.names(value):
        raise ValueError("write the one variable that holds the key, ${NAME}, without default or other text")
    raise ValueError("a key does not belong in this file: export it and write ${NAME}, or give api_key_file: /path")


def proxy(value: object) -> str:
    """A proxy's URL; a password in it must come from a variable."""
    url = template(value)
    if variables.names(url):
        return url
    try:
        parsed = network_proxy.parse(url, "proxy")
    except ValueError as error:
        raise ValueError(str(error).removeprefix("proxy: ")) from None
    if parsed.password:
        raise ValueError("a password does not belong in this file: export the URL and write ${NAME}")
    return url


def concurrency(value: object) -> tuple[int, ...]:
    """A concurrency, or the steps of a ladder of them.

    Raises:
        ValueError: not one; the message says what to write.
    """
    return load_terms.concurrencies(str(value) if isinstance(value, int) else text(value))


def body_fields(value: object) -> dict[str, Any]:
    """Fields of a JSON body, as plain values."""
    if not isinstance(value, dict):
        raise ValueError(f"expected fields of the body, such as {{user: aimon}}, not {kind_of(value)}")  # noqa: TRY004 - as above
    fields: dict[str, Any] = unwritten(value)
    return fields


def _written(value: object) -> str:
    if isinstance(value, (WrittenInt, WrittenFloat)):
        return shown(value.text)
    return f"'{shown(value)}'" if isinstance(value, str) else kind_of(value)


LABEL_PATTERN = "[a-zA-Z_][a-zA-Z0-9_]*"
HEADER_PATTERN = r"[A-Za-z0-9!#$%&'*+.^_`|~-]+"

# An editor sees a number where a name or a model is written like one.
_TEXT = {"type": ["string", "number"], "minLength": 1}

TEXT = ValueType(text, _TEXT)
TEMPLATE = ValueType(template, _TEXT)
FLAG = ValueType(flag, {"type": "boolean"})
API_KEY = ValueType(
    api_key, {"type": ["string", "null"], "pattern": rf"^\$\{{{variables.NAME}\}}$"}, lambda value: value or None
)
PROXY = ValueType(proxy, _TEXT)
BODY_FIELDS = ValueType(body_fields, {"type": "object"})
LABEL_NAME = ValueType(checked(definitions.check_label_name), {"pattern": f"^{LABEL_PATTERN}$"})
IP_VERSION = ValueType(choice(("any", "4", "6"), "IP version"), {"enum": ["any", 4, 6, "4", "6"]})
RATE = ValueType(quantities.rate, {"type": "string", "pattern": quantities.RATE_PATTERN}, quantities.rate_text)
DURATION = ValueType(
    quantities.seconds, {"type": "string", "pattern": quantities.DURATION_PATTERN}, quantities.duration_text
)
RATIO = ValueType(
    quantities.ratio,
    {
        "anyOf": [
            {"type": "string", "pattern": quantities.RATIO_PATTERN},
            {"type": "number", "exclusiveMinimum": 0, "exclusiveMaximum": 1},
        ]
    },
    quantities.ratio_text,
)
BUDGET = ValueType(
    quantities.daily_money, {"type": "string", "pattern": quantities.BUDGET_PATTERN}, quantities.daily_money_text
)
MONEY = ValueType(
    quantities.money,
    {"anyOf": [{"type": "string", "pattern": quantities.MONEY_PATTERN}, {"type": "number", "exclusiveMinimum": 0}]},
    quantities.money_text,
)


def words(known: Sequence[str], what: str) -> ValueType:
    """The kind of one of some words."""
    return ValueType(choice(known, what), {"enum": list(known)})


def matching(regex: str, hint: str) -> ValueType:
    """The kind of text that matches a regular expression; `hint` continues "is not"."""
    return ValueType(pattern(regex, hint), {"type": ["string", "number"], "pattern": f"^({regex})$"})


def count(least: int, most: int) -> ValueType:
    """The kind of a whole number within bounds."""
    return ValueType(whole(least, most), {"type": "integer", "minimum": least, "maximum": most})


def real(least: float, most: float) -> ValueType:
    """The kind of a number within bounds."""
    return ValueType(number(least, most), {"type": "number", "minimum": least, "maximum": most})


NAME = matching(
    r"[A-Za-z0-9][A-Za-z0-9._-]{0,99}",
    "a name: letters, digits, '.', '_' and '-', beginning with a letter or digit",
)
CURRENCY = matching("[A-Z]{3}", "a currency code: three capital letters, such as CNY or USD")
HEADER_NAME = matching(HEADER_PATTERN, "the name of a header")
SETTING_NAME = matching("[A-Za-z_][A-Za-z0-9_]{0,99}", "the name of a setting: letters, digits and underscores")
AUTH = matching(HEADER_PATTERN, "bearer or the name of a header")
OBJECTIVE = ValueType(checked(objectives.parse), {"type": "string", "pattern": f"^{objectives.PATTERN}$"})
CONCURRENCY = ValueType(
    concurrency,
    {
        "anyOf": [
            {"type": "integer", "minimum": 1, "maximum": load_terms.MOST_USERS},
            {"type": "string", "pattern": f"^({load_terms.CONCURRENCY_PATTERN})$"},
        ]
    },
    lambda steps: steps[0] if len(steps) == 1 else ",".join(map(str, steps)),
)
LENGTH = ValueType(
    checked(token_lengths.parse), {"type": ["string", "number"], "pattern": f"^({token_lengths.PATTERN})$"}
)
TOKENS = count(1, 1_000_000)
TEMPERATURE = real(0, 2)
PRICE = real(0, 1_000_000)
