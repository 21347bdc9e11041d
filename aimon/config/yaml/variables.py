"""`${NAME}` and `${NAME:-default}` in values of the configuration; `$${` stands for a literal `${`.

The configuration keeps values as they are written and expands them when an endpoint is resolved: so a key never
sits in the model, in an error or in `config show`, and an endpoint that is not probed needs no variables.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from aimon.security import credentials

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

NAME = r"[A-Za-z_][A-Za-z0-9_]*"
WHOLE = re.compile(rf"\$\{{({NAME})\}}")
_TOKEN = re.compile(rf"\$\$\{{|\$\{{({NAME})(?::-([^}}]*))?\}}|\$\{{")


class UnsetError(ValueError):
    """A variable that has no value and no default; `name` says which."""

    def __init__(self, name: str, *, empty: bool) -> None:
        self.name = name
        super().__init__(f"the variable {name} is {'empty' if empty else 'not set'}: export {name}=…")


def is_name(text: str) -> bool:
    """Whether a text is a valid name of a variable."""
    return re.fullmatch(NAME, text) is not None


def expand(template: str, environ: Mapping[str, str], clean: Callable[[str], str] = credentials.unquoted) -> str:
    """The text with variables replaced. An empty variable counts as unset, as in a shell's `:-`.

    Args:
        template: the text.
        environ: where variables are looked up.
        clean: takes off what can't belong to a variable's value, such as the CR of an .env file from Windows.

    Raises:
        UnsetError: a variable without default has no value.
        ValueError: a value holds control characters; says which variable's.
    """

    def value(match: re.Match[str]) -> str:
        name, default = match[1], match[2]
        if name is None:
            return "${"
        found = environ.get(name)
        if found and (cleaned := clean(found)):
            credentials.check_plain(cleaned, name)
            return cleaned
        if default is None:
            raise UnsetError(name, empty=found is not None)
        return str(default)

    return _TOKEN.sub(value, template)


def check(template: str) -> None:
    """Checks that each `${` opens a variable.

    Raises:
        ValueError: one does not; says what to write.
    """
    if any(match[0] == "${" for match in _TOKEN.finditer(template)):
        raise ValueError("'${' opens a variable: write ${NAME} or ${NAME:-default}, or $${ for the characters")


def names(template: str) -> tuple[str, ...]:
    """The variables that a text uses, in order."""
    return tuple(match[1] for match in _TOKEN.finditer(template) if match[1])


def literal(template: str) -> str:
    """What stands in the file itself: the text without its variables, but with their defaults."""
    return _TOKEN.sub(lambda match: match[2] or "", template)
