"""Messages of a load test's processes on stderr."""

from __future__ import annotations

import sys
from contextlib import suppress


def say(text: str) -> None:
    """Prints a line on stderr; ignores a closed stderr, since the process that started this one may have ended."""
    with suppress(OSError):
        print(text, file=sys.stderr, flush=True)
