"""Hides secrets in text, and keeps text from outside on one line.

Known secrets are replaced in any encoding, whole or in part (`secret_matcher`). Text that looks like a key is replaced
too, since providers echo unknown and half-masked keys. Text is redacted before it is cut: a key without its end would
not be recognised.
"""

from __future__ import annotations

import json
import re
from functools import lru_cache
from typing import TYPE_CHECKING, NamedTuple
from urllib.parse import quote

from aimon.security.secret import Secret
from aimon.security.secret_matcher import PREFIXES, known

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable
    from logging import LogRecord

MASK = "****"
MIN_SECRET_CHARS = 6
"""Shorter secrets are replaced only where a header or parameter says that they are one.

A local server whose key is "x" must not turn every x of every message into asterisks.
"""
LINE_CHARS = 300
# A text that still matches after this many passes was crafted to, and is hidden as a whole.
_PASSES = 6

_TERMINAL_ESCAPE = re.compile(r"\x1b(?:\[[0-?]*[ -/]*[@-~]|\][^\x07\x1b]*(?:\x07|\x1b\\)?)")


class Redactor:
    """Replaces secrets by `****`.

    It is a logging filter, too; install it on handlers, since the filters of a logger do not see the records of
    its children: `handler.addFilter(redactor)`.
    """

    __slots__ = ("_forms", "_known")

    def __init__(self, secrets: Iterable[Secret | str] = ()) -> None:
        values = [secret.reveal() if isinstance(secret, Secret) else secret for secret in secrets]
        forms = {form for value in values for form in _forms(value.strip())}
        # The longest first, so that no end remains of a secret that begins with another one.
        self._forms = tuple(sorted(forms, key=lambda form: (-len(form), form)))
        self._known = known(tuple(value.strip() for value in values if len(value.strip()) >= MIN_SECRET_CHARS))

    def __repr__(self) -> str:
        return "Redactor()"

    def text(self, text: str) -> str:
        """The text without secrets. Redacting it again changes nothing."""
        for _ in range(_PASSES):
            if (redacted := self._pass(text)) == text:
                return text
            # A replacement can join the two halves of a secret.
            text = redacted
        return MASK

    def line(self, text: str, limit: int = LINE_CHARS) -> str:
        """The text without secrets, on one line of at most `limit` characters."""
        # Twice, because dropping terminal escapes can join the halves of a secret, and dropping line breaks
        # can split a secret that contains some.
        return _cut(self.text(_one_line(self.text(text))), limit)

    def filter(self, record: LogRecord) -> bool:
        """Redacts the message, the traceback and the stack of a log record. Lets every record pass."""
        try:
            message = record.getMessage()
        except Exception:  # noqa: BLE001 - logging would print the raw arguments of a record it cannot format
            message = f"{record.msg} {record.args}"
        record.msg, record.args = self.text(message), None
        if record.exc_info and not record.exc_text:
            from traceback import format_exception  # noqa: PLC0415 - only failures pay for it

            record.exc_text = "".join(format_exception(*record.exc_info)).rstrip("\n")
        if record.exc_text:
            record.exc_text = self.text(record.exc_text)
        if record.stack_info:
            record.stack_info = self.text(record.stack_info)
        return True

    def _pass(self, text: str) -> str:
        for form in self._forms:
            if form in text:
                text = text.replace(form, MASK)
        if spans := self._known.spans(text):
            text = _masked(text, spans)
        if not _hints_at_a_secret(text.lower()):
            return text  # as almost every answer
        for shape in _SHAPES:
            text = shape.pattern.sub(shape.replacement, text)
        return text


def bounded(text: str, limit: int = LINE_CHARS) -> str:
    """The text on one line of at most `limit` characters, with `…` where it was cut.

    Terminal escapes vanish; line breaks, other control characters, direction marks and lone surrogates become
    spaces, and runs of spaces become one: text from outside can neither forge a log line nor control a terminal.
    """
    # The dropped characters may be many; only a part of the text need be read.
    return _cut(_one_line(text[: 4 * limit]), limit)


def _one_line(text: str) -> str:
    if not text.isprintable():
        text = _TERMINAL_ESCAPE.sub("", text)
        text = "".join(char if char.isprintable() else " " for char in text)
    return " ".join(text.split())


def _cut(text: str, limit: int) -> str:
    return text if len(text) <= limit else text[: max(0, limit - 1)] + "…"


def _masked(text: str, spans: Iterable[tuple[int, int]]) -> str:
    parts: list[str] = []
    done = 0
    for start, end in spans:
        parts += text[done:start], MASK
        done = end
    return "".join((*parts, text[done:]))


@lru_cache(maxsize=256)
def _forms(secret: str) -> frozenset[str]:
    """The encodings of a whole secret; these also hide a secret whose parts are too common to be matched."""
    if len(secret) < MIN_SECRET_CHARS:
        return frozenset()
    raw = secret.encode("utf-8", "surrogatepass")
    forms = {
        secret,
        quote(raw, safe=""),
        json.dumps(secret)[1:-1],
        json.dumps(secret, ensure_ascii=False)[1:-1],
        repr(secret)[1:-1],
    }
    return frozenset(form for form in forms if len(form) >= MIN_SECRET_CHARS)


class _Shape(NamedTuple):
    """A pattern of text that looks like a secret."""

    pattern: re.Pattern[str]
    replacement: str | Callable[[re.Match[str]], str]


def _keep_quotes(match: re.Match[str]) -> str:
    quoted = match["quote"] or ""
    return f"{match['name']}{match['between']}{quoted}{MASK}{quoted}"


_SHAPES = (
    # A vendor's key, whole or half-masked ("sk-abc…xyz", "sk-ab****yz"). It has a digit or a gap, or it is
    # long: "task-force" and "sk-learn" are words.
    _Shape(
        re.compile(
            rf"(?<![A-Za-z0-9])(?:{'|'.join(PREFIXES)})"
            r"(?=[\w*•-]{0,80}(?:[0-9*•…]|\.\.)|[\w-]{24})(?:[\w*•…-]|\.{2,}){4,}"
        ),
        MASK,
    ),
    # A JSON web token.
    _Shape(re.compile(r"(?<![\w-])eyJ[\w-]{8,}\.[\w-]{4,}(?:\.[\w-]*)?"), MASK),
    # "Bearer authentication required" is prose; a token has a digit or a sign, or it is long.
    _Shape(
        re.compile(
            r"(?i)\b(bearer|basic)(\s+)(?=[^\s\"',;)]{0,80}?[0-9*=+/…]|[^\s\"',;)]{24})[^\s\"',;)]+",
        ),
        rf"\1\2{MASK}",
    ),
    # A header or a field in a dump: api-key: …, "authorization": "Bearer …", (b'x-api-key', b'…'), X_API_KEY=…
    _Shape(
        re.compile(
            r"""(?ix)
            (?P<name> (?<![\w-]) [\w-]{0,64}? (?: authorization | api[-_]?key | password | passwd | secret
                | (?:access|auth|refresh|session|security)[-_]?token | (?:access|client|secret)[-_]?key ) )
            (?P<between> ["']? \s* (?: [:=] | , (?=\s*b?["']) ) \s* (?:b(?=["']))? )
            (?: (?P<quote>["']) (?: (?!(?P=quote)) [^\r\n] )* (?P=quote)?
              | (?:(?:bearer|basic|digest|token|apikey)\s+)? [^\s"',;&)}\]]+ )
            """
        ),
        _keep_quotes,
    ),
    # A query parameter.
    _Shape(re.compile(r"(?i)(?<![\w-])(key|token|sig|signature)=[^\s&#\"'<>;,)]+"), rf"\1={MASK}"),
    # User and password in a URL, such as a proxy's.
    _Shape(
        re.compile(r"(?i)(?<![a-z0-9+.-])([a-z][a-z0-9+.-]{0,20}://)[^\s/?#\"'<>]+@"),
        rf"\1{MASK}@",
    ),
)

# A fast check before the patterns: a text without any of these, in lower case, matches no pattern.
_HINTS = (
    *(prefix.lower() for prefix in PREFIXES),
    *("eyj", "bearer", "basic", "authorization", "key", "token", "secret", "passw", "sig=", "signature=", "://"),
)

# A faster check before that: a text without a character has no hint with it. Punctuation first, then rare letters.
_BY_RARITY = "=_:-/0123456789zqjxkvbywgpfmucdlhrsnioate"
_HINTS_BY_CHARACTER = tuple(
    (character, hints)
    for character in _BY_RARITY
    if (hints := tuple(hint for hint in _HINTS if min(hint, key=_BY_RARITY.index) == character))
)


def _hints_at_a_secret(lowered: str) -> bool:
    for character, hints in _HINTS_BY_CHARACTER:
        if character in lowered:
            for hint in hints:
                if hint in lowered:
                    return True
    return False
