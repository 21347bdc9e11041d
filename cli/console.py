"""Output: data on stdout, everything else on stderr; colour, boxes and progress only on a terminal."""

from __future__ import annotations

import os
import sys
from contextlib import suppress
from io import TextIOWrapper
from typing import TYPE_CHECKING, TextIO

from aimon.cli.exits import UNABLE

if TYPE_CHECKING:
    from rich.console import Console
    from rich.table import Table


def open_closed_streams() -> None:
    """Opens /dev/null for each of stdin, stdout and stderr that is closed (`>&-`).

    Python sets them to None, and the next file or connection would get one of these descriptors, and with it everything
    that is written to that stream.
    """
    for number, name in enumerate(("stdin", "stdout", "stderr")):
        try:
            os.fstat(number)
        except OSError:
            # open() returns the lowest free descriptor.
            os.set_inheritable(os.open(os.devnull, os.O_RDWR), True)
            setattr(sys, name, open(number, "w" if number else "r", encoding="utf-8", closefd=False))  # noqa: SIM115


def finish(code: int) -> int:
    """Flushes stdout; returns the exit code.

    A closed pipe (`| head`) is not a failure; a full disk is one.
    """
    try:
        sys.stdout.flush()
    except BrokenPipeError:
        mute()
    except OSError as error:
        mute()
        note(f"aimon: stdout can't be written: {error.strerror}")
        return code or UNABLE
    return code


def take_any_text() -> None:
    """Makes stdout and stderr escape characters that their encoding lacks: an emoji must not end a run."""
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, TextIOWrapper):
            stream.reconfigure(errors="backslashreplace")


def write_data(text: str | bytes) -> None:
    """Writes machine-readable output to stdout, always in UTF-8.

    Raises:
        OSError: stdout can't be written.
    """
    sys.stdout.flush()
    sys.stdout.buffer.write(text if isinstance(text, bytes) else text.encode("utf-8", "backslashreplace"))
    sys.stdout.flush()


def is_terminal() -> bool:
    """Whether stdout is a terminal."""
    return sys.stdout.isatty()


def note(message: str) -> None:
    """Writes a message to stderr, if it is open."""
    with suppress(OSError):
        print(message, file=sys.stderr)


def mute() -> None:
    """Redirects stdout to /dev/null, also for output at exit, after its pipe was closed or its disk was full."""
    os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())


def speaks_unicode() -> bool:
    """Whether stdout can show more than ASCII."""
    return (sys.stdout.encoding or "ascii").lower().replace("-", "") in {"utf8", "utf16", "gb18030"}


def can_draw(stream: TextIO) -> bool:
    """Whether a live view can be drawn on this stream."""
    return stream.isatty() and os.environ.get("TERM", "") not in {"", "dumb", "unknown"}


def fits(table: Table, out: Console) -> bool:
    """Whether a table's figures fit the width; rich would cut them silently."""
    from rich.cells import cell_len

    needed = [
        max(cell_len(str(cell)) for cell in (column.header, *column.cells)) if column.no_wrap else column.min_width or 1
        for column in table.columns
    ]
    between = 1 + table.padding[1]
    return sum(needed) + between * (len(needed) - 1) <= out.width


def tables() -> Console:
    """A rich console on stdout; NO_COLOR and TERM=dumb are honoured by rich itself."""
    from rich.console import Console

    return Console(highlight=False, safe_box=not speaks_unicode())
