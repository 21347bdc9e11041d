"""API keys, from where they are kept: the environment or a file."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Final

MAX_BYTES: Final = 64 << 10

# RFC 9110 §5.5: what a header can carry. Keys hold no spaces either; one that does was pasted with something else.
_KEY = re.compile(r"[\x21-\x7e]+")


def clean(value: str, source: str) -> str:
    """The key without white space around it.

    Args:
        value: as it was found.
        source: where, for the message.

    Raises:
        ValueError: it can't be a key. The message does not show it.
    """
    key = value.strip()
    if not key:
        raise ValueError(f"{source} is empty")
    if not _KEY.fullmatch(key):
        raise ValueError(f"{source} holds spaces, line breaks or other characters that no key has")
    return key


def read(path: str, source: str) -> str:
    """The key in a file, which holds nothing else.

    Args:
        path: of the file.
        source: what to call it in messages.

    Raises:
        ValueError: it can't be read, or holds no key.
    """
    try:
        with Path(path).open("rb") as file:
            content = file.read(MAX_BYTES + 1)
        text = content.decode()
    except OSError as error:
        raise ValueError(f"{source} can't be read: {error.strerror}") from None
    except UnicodeDecodeError:
        raise ValueError(f"{source} is not text") from None
    if len(content) > MAX_BYTES:
        raise ValueError(f"{source} is too large to be a key")
    return clean(text, source)
