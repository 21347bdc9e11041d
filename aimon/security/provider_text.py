"""Makes text from a provider safe to store: limited in length, without control and direction characters."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Final

from aimon.security.redact import bounded

if TYPE_CHECKING:
    from aimon.security.redact import Redactor

# For ids, models and finish reasons; twice the longest that vendors use.
MAX_NAME: Final = 128
MAX_TEXT: Final = 64 << 10

# Control characters but for tab and line feed, direction overrides and isolates, halves of surrogate pairs.
_UNSAFE = re.compile("[\x00-\x08\x0b-\x1f\x7f-\x9f\u202a-\u202e\u2066-\u2069\ud800-\udfff]")


def paired(text: str) -> str:
    """Joins surrogate pairs that were received in two halves; a remaining half becomes U+FFFD."""
    if text.isascii():
        return text
    try:
        text.encode()
    except UnicodeEncodeError:
        return text.encode("utf-16", "surrogatepass").decode("utf-16", "replace")
    return text


def text(answer: str, redactor: Redactor) -> str:
    """An answer's text without secrets, with its line breaks; unsafe characters become U+FFFD."""
    if _UNSAFE.search(answer):
        answer = _UNSAFE.sub("\ufffd", answer.replace("\r\n", "\n"))
    return redactor.text(answer)


def name(value: str, redactor: Redactor) -> str:
    """An id or a name from the provider without secrets, on one line."""
    if len(value) > MAX_NAME or not value.isprintable():
        return redactor.line(value[: 8 * MAX_NAME], MAX_NAME)
    said = redactor.text(value)
    return said if len(said) <= MAX_NAME else bounded(said, MAX_NAME)
