"""Text tables fitted to a terminal, shared by all drawings of results."""

from __future__ import annotations

from typing import TYPE_CHECKING

from aimon.cli import console

if TYPE_CHECKING:
    from collections.abc import Sequence

    from rich.console import Console
    from rich.table import Table
    from rich.text import Text

# A longer word is broken on a narrow terminal.
_LONGEST = 16
COLOURS = {"good": "green", "bad": "bold red", "warn": "yellow", "plain": "default", "quiet": "dim"}


def table(rows: Sequence[Sequence[str | Text]], *, words: Sequence[int] = ()) -> Table:
    """A table; the first row is its header.

    Args:
        rows: of equal length; the first column is of names, the others are of figures.
        words: columns of text, which may be broken into lines; figures never are, since a cut number would be wrong.
    """
    from rich import box
    from rich.table import Table

    header, *rest = rows
    drawn = Table(
        box=box.SIMPLE_HEAD if console.speaks_unicode() else box.ASCII2,
        pad_edge=False,
        show_edge=False,
        padding=(0, 1, 0, 0),
    )
    for k, head in enumerate(header):
        if k in words or not k:
            longest = max((len(word) for row in rest for word in str(row[k]).split()), default=8)
            drawn.add_column(head, overflow="fold", min_width=min(longest, _LONGEST))
        else:
            drawn.add_column(head, justify="right", no_wrap=True)
    for row in rest:
        drawn.add_row(*row)
    return drawn


def fitting(rows: Sequence[Sequence[str | Text]], out: Console, *, dispensable: Sequence[int] = ()) -> Table | None:
    """The table without as many `dispensable` columns, in their order, as needed to fit; None if still too wide."""
    for count in range(len(dispensable) + 1):
        left_out = set(dispensable[:count])
        drawn = table([[cell for k, cell in enumerate(row) if k not in left_out] for row in rows])
        if console.fits(drawn, out):
            return drawn
    return None


def pairs(rows: Sequence[tuple[str, str | Text]]) -> Table:
    """Names and values in two columns."""
    from rich.table import Table

    drawn = Table.grid(padding=(0, 2, 0, 0))
    drawn.add_column(style="dim", no_wrap=True)
    drawn.add_column(overflow="fold")
    for row in rows:
        drawn.add_row(*row)
    return drawn
