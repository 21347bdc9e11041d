"""Shows rounds of probes as they end: a line each, and on a terminal a progress bar."""

from __future__ import annotations

from contextlib import contextmanager
from itertools import count
from typing import TYPE_CHECKING

from aimon.call.outcome import Outcome
from aimon.cli import console
from aimon.formatting import format_milliseconds

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from aimon.call.result import Result


@contextmanager
def progress(rounds: int) -> Iterator[Callable[[Sequence[Result]], None]]:
    """Returns the function that shows a round's Results after its end."""
    numbers = count(1)
    if not console.is_terminal():
        yield lambda results: print(f"{_round(next(numbers), rounds)}{_cells(results)}".rstrip(), flush=True)
        return
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn
    from rich.text import Text

    columns = (TextColumn("  probing"), BarColumn(), MofNCompleteColumn(), TextColumn("rounds"))
    with Progress(*columns, console=console.tables(), transient=True) as bar:
        task = bar.add_task("", total=rounds)

        def shown(results: Sequence[Result]) -> None:
            styled = [(_cell(r), "green" if r.outcome is Outcome.OK else "red") for r in results]
            bar.console.print(Text.assemble(_round(next(numbers), rounds), *styled))
            bar.advance(task)

        yield shown


def _round(number: int, rounds: int) -> str:
    return f"  round {number:{len(str(rounds))}}/{rounds}  "


def _cells(results: Sequence[Result]) -> str:
    return "".join(map(_cell, results))


def _cell(result: Result) -> str:
    """The latency of a success, the outcome of a failure."""
    word = format_milliseconds(result.latency) if result.outcome is Outcome.OK else result.outcome.value
    return f"{result.endpoint} {word:<8}  "
