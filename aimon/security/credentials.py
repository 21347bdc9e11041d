"""Reads settings and secrets from variables and files, and removes what editors, shells and .env files add to them.

White space, line ends and a byte order mark around a value are dropped, as are the quotes that `docker --env-file`
keeps. Invalid values are refused, and no message shows a value.
"""

from __future__ import annotations

import base64
import os
import re
import unicodedata
from pathlib import Path
from typing import TYPE_CHECKING, Final
from urllib.parse import unquote

from aimon.security.secret import Secret

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

MAX_BYTES: Final = 64 << 10

_MARKS: Final = "\ufeff\ufffe"
_QUOTES: Final = ("'", '"')
# RFC 9110 §5.5: the characters of a header field. Spaces are excluded too: a key has none.
_KEY = re.compile(r"[\x21-\x7e]+")
# A line of an .env file. A key in base64 may end with `=`, so a character must follow it.
_ASSIGNMENT = re.compile(r"(?:export\s+|set\s+)?[A-Za-z][A-Za-z0-9]*_[A-Za-z0-9_]*\s*=\s*[^=\s]")


def trimmed(value: str) -> str:
    """The value without white space, line ends and a byte order mark around it."""
    previous = None
    while value != previous:
        previous, value = value, value.strip().strip(_MARKS)
    return value


def unquoted(value: str) -> str:
    """The value trimmed, and without the pair of quotes around it."""
    value = trimmed(value)
    if len(value) > 1 and value[0] == value[-1] and value[0] in _QUOTES:
        return trimmed(value[1:-1])
    return value


def setting(environ: Mapping[str, str], name: str) -> str | None:
    """The value of a variable, unquoted; None if it is not set or empty.

    Raises:
        ValueError: it contains a control character.
    """
    value = unquoted(environ.get(name, ""))
    check_plain(value, name)
    return value or None


def check_plain(value: str, source: str) -> None:
    """Refuses control and other invisible characters within a value.

    Raises:
        ValueError: there is one; names it.
    """
    found = next((char for char in value if char != "\t" and unicodedata.category(char) in {"Cc", "Cf"}), None)
    if found is not None:
        what = "a line break" if found in "\r\n" else f"the invisible character U+{ord(found):04X}"
        raise ValueError(f"{source} holds {what}: write it again, by hand and on one line")


def key(value: str, source: str) -> str:
    """An API key or a token.

    Args:
        value: as read.
        source: where it was read, for the message.

    Raises:
        ValueError: it can't be a key.
    """
    found = unquoted(value)
    if not found:
        raise ValueError(f"{source} is empty")
    if _ASSIGNMENT.match(found):
        raise ValueError(f"{source} holds NAME=…, a line of an .env file: keep the key alone")
    if re.match(r"(?i)(bearer|basic)\s", found):
        raise ValueError(f"{source} holds the word {found.split()[0]} before the key: keep the key alone")
    if found[0] in "{[" or "-----BEGIN" in found:
        raise ValueError(f"{source} holds {'a PEM file' if '-----BEGIN' in found else 'JSON'}: keep the key alone")
    if found[0] in _QUOTES or found[-1] in _QUOTES:
        raise ValueError(f"{source} holds a quote on one side only: keep the key alone")
    if not _KEY.fullmatch(found):
        raise ValueError(f"{source} holds spaces, line breaks or other characters that no key has{_which(found)}")
    return found


def password(value: str, source: str) -> str:
    """A user name or password: any characters but control characters; a line end is not part of it.

    Raises:
        ValueError: it contains control characters, or is empty.
    """
    found = value.strip(_MARKS).strip("\r\n").strip(_MARKS)
    if not found:
        raise ValueError(f"{source} is empty")
    check_plain(found, source)
    return found


def read(path: str | Path, source: str) -> str:
    """The text of a small file with a secret.

    Args:
        path: of the file.
        source: its name in messages.

    Raises:
        ValueError: it can't be read, or can't be a secret.
    """
    try:
        with Path(path).open("rb") as file:
            content = file.read(MAX_BYTES + 1)
    except OSError as error:
        raise ValueError(f"{source} can't be read: {error.strerror}") from None
    except ValueError:  # a NUL in the path
        raise ValueError(f"{source} can't be read: that is no path") from None
    if len(content) > MAX_BYTES:
        raise ValueError(f"{source} is too large to be a key")
    # Windows editors write a byte order mark.
    encoding = "utf-16" if content[:2] in {b"\xff\xfe", b"\xfe\xff"} else "utf-8-sig"
    try:
        return content.decode(encoding)
    except UnicodeDecodeError:
        raise ValueError(f"{source} is not text") from None


def read_key(path: str | Path, source: str) -> str:
    """The key in a file that contains nothing else.

    Raises:
        ValueError: it can't be read, or contains no key.
    """
    return key(read(path, source), source)


def authorization(
    prefix: str, username: str | None, secret: str | None, environ: Mapping[str, str] | None = None
) -> Secret | None:
    """The Authorization header for a server; one rule for all servers other than AI endpoints.

    The environment takes precedence: `PREFIX_TOKEN` (bearer), or `PREFIX_USERNAME` with `PREFIX_PASSWORD`; each may be
    in a file that `…_FILE` names. Without them, the user and password of the address are used. Else None.

    Args:
        prefix: of the variables, such as AIMON_PUSH.
        username: of the address, percent-encoded; None without.
        secret: the password of the address, percent-encoded; None without.
        environ: the environment variables.

    Raises:
        ValueError: a credential is invalid; names the variable.
    """
    environ = os.environ if environ is None else environ
    if (token := _from(environ, f"{prefix}_TOKEN", key)) is not None:
        return Secret(f"Bearer {token}")
    user = _from(environ, f"{prefix}_USERNAME", password)
    if user is not None:
        if ":" in user:
            raise ValueError(f"{prefix}_USERNAME holds a colon, which no user name may (RFC 7617)")
        return basic(user, _from(environ, f"{prefix}_PASSWORD", password) or "")
    if username is None:
        return None
    return basic(unquote(username), unquote(secret or ""))


def basic(username: str, secret: str) -> Secret:
    """The header of a user and a password (RFC 7617)."""
    return Secret("Basic " + base64.b64encode(f"{username}:{secret}".encode()).decode())


def from_environment(environ: Mapping[str, str], name: str) -> str | None:
    """The key or token of the variable, or of the file that `NAME_FILE` names; None without either.

    Raises:
        ValueError: it is invalid.
    """
    return _from(environ, name, key)


def _from(environ: Mapping[str, str], name: str, clean: Callable[[str, str], str]) -> str | None:
    if trimmed(environ.get(name, "")):
        return clean(environ[name], name)
    path = setting(environ, f"{name}_FILE")
    return None if path is None else clean(read(path, f"{name}_FILE: {path}"), f"{name}_FILE: {path}")


def _which(found: str) -> str:
    """The name of a character that is invisible or resembles another, such as a zero-width space or a curly quote."""
    odd = next((c for c in found if unicodedata.category(c) in {"Cf", "Zs", "Pi", "Pf"} and c != " "), None)
    return "" if odd is None else f" (U+{ord(odd):04X})"
