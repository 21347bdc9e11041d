"""Words of a load test's processes, for people; whoever should read them may be gone."""

from __future__ import annotations

import sys
from contextlib import suppress


def say(text: str) -> None:
    """Prints a line on stderr, if anybody is there to read it."""
    with suppress(OSError):
        print(text, file=sys.stderr, flush=True)
