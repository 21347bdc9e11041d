"""`--out-mode`: who may read what is written."""

from __future__ import annotations

import re

from aimon.cli.exits import USAGE, Stop
from aimon.files import OWNER_ALONE


def out_mode(text: str | None) -> int:
    """The mode of the files of a run; by default only their owner may read them.

    Raises:
        Stop: it is not an octal number, or the owner could not read and write them.
    """
    if text is None:
        return OWNER_ALONE
    mode = int(text, 8) if re.fullmatch("0?[0-7]{3}", text) else 0
    if mode & OWNER_ALONE != OWNER_ALONE or mode & 0o111:
        raise Stop(USAGE, f"--out-mode {text}: write 600, 640 or 644: three octal digits, the first of them 6")
    return mode
