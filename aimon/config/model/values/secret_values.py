"""Values that hold a secret where none belongs: in the file, or on a command line, which others can read."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any, Final

from aimon.config.yaml import variables
from aimon.config.yaml.issues import Issue, is_keylike

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

# Headers and parameters by whose name the value is a secret.
_SENSITIVE: Final = re.compile(
    r"(?i)authori[sz]ation|cookie|secret|password|api-?_?key|(^|[-_.])(key|token|sig|signature|credential)$"
)
_SCHEME: Final = re.compile(r"([A-Za-z]+ +)?")
_MESSAGE: Final = "a secret does not belong {}: export it and write ${{NAME}}"


def is_sensitive(name: str) -> bool:
    """Whether a header or parameter of that name carries a secret."""
    return _SENSITIVE.search(name) is not None


def issues(place: str, values: Mapping[str, str], where: str = "in this file") -> Iterator[Issue]:
    """An issue for each value that is a secret itself, and not the variable that holds one."""
    for name, value in values.items():
        literal = variables.literal(value)
        hidden = variables.names(value) and _SCHEME.fullmatch(literal)
        if is_keylike(literal) or (is_sensitive(name) and not hidden):
            yield Issue((place, name), _MESSAGE.format(where))


def of_body(place: str, value: Any) -> Iterator[Issue]:
    """An issue where a field of a JSON body looks like a key: a body has no variables."""
    for text in _texts(value):
        if is_keylike(text):
            yield Issue((place,), "a secret does not belong here: send it in a header, with ${NAME} for its value")
            return


def _texts(value: Any) -> Iterator[str]:
    if isinstance(value, str):
        yield value
    elif isinstance(value, dict):
        for part in value.values():
            yield from _texts(part)
    elif isinstance(value, list):
        for part in value:
            yield from _texts(part)
