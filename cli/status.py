"""`aimon status`: what the history says of each endpoint."""

from __future__ import annotations

import sys
import time
from pathlib import Path  # noqa: TC003  # typer reads the annotations at run time
from typing import TYPE_CHECKING, Annotated

import typer

from aimon.cli import console
from aimon.cli.exits import FAILED, GOOD, UNABLE, USAGE, Stop
from aimon.cli.table import money, seconds
from aimon.outcome import Outcome

if TYPE_CHECKING:
    from collections.abc import Sequence

    from rich.text import Text

    from aimon.probes.standing import Standing
    from aimon.probes.windows import Window

WINDOW_NAMES = ("1h", "24h", "7d", "30d")


def status(
    names: Annotated[list[str] | None, typer.Argument(metavar="[NAME]...", help="Endpoints (default: all).")] = None,
    window: Annotated[list[str] | None, typer.Option(help="1h, 24h, 7d or 30d; may be repeated.")] = None,
    history: Annotated[Path | None, typer.Option(help="The history's file.")] = None,
    as_json: Annotated[bool, typer.Option("--json", help="One JSON object an endpoint on stdout.")] = False,
    last: Annotated[int, typer.Option(min=1, max=200, help="Runs in the bar.")] = 30,
) -> int:
    """Uptime, latency, TTFT, 429 and 401 rates from the history.

    Exit codes: 0 the last probe of each endpoint was well and recent; 1 one failed, or was not repeated in three times
    the usual gap; 2 usage, or nothing was probed yet; 3 the history can't be read.
    """
    from aimon.probes.database import HistoryError, default_path  # noqa: PLC0415  # start-up
    from aimon.probes.history import History  # noqa: PLC0415
    from aimon.probes.standing import standings  # noqa: PLC0415

    wanted = window or ["24h"]
    for name in wanted:
        if name not in WINDOW_NAMES:
            raise Stop(USAGE, f"--window {name}: write one of {', '.join(WINDOW_NAMES)}")
    path = default_path() if history is None else history
    if not path.is_file():
        raise Stop(USAGE, f"nothing was probed yet (there is no {path}): run aimon probe first")
    try:
        with History(path) as opened:
            found = standings(opened, names or (), wanted, last=last, now=time.time())
    except HistoryError as error:
        raise Stop(UNABLE, str(error)) from error
    except KeyError as error:
        raise Stop(USAGE, error.args[0]) from error
    if as_json:
        _print_json(found)
    else:
        show(found)
    return GOOD if all(standing.well for standing in found) else FAILED


def show(found: Sequence[Standing]) -> None:
    """Prints how endpoints stand: a table on a terminal, plain lines elsewhere."""
    if console.is_terminal():
        _print_table(found)
        return
    for standing in found:
        print("\n".join(_lines(standing)))


def _print_json(found: Sequence[Standing]) -> None:
    import msgspec  # noqa: PLC0415  # start-up

    for standing in found:
        sys.stdout.buffer.write(msgspec.json.encode(standing.as_object()) + b"\n")
    sys.stdout.flush()


def _lines(standing: Standing) -> list[str]:
    """An endpoint in plain text: who and how it is now, then a line a window."""
    head = f"{standing.identity.endpoint} {standing.state} last run {_ago(standing)}"
    bar = "".join("." if outcome is Outcome.OK else "x" for outcome in standing.recent)
    lines = [f"{head} [{bar}]"]
    lines += ["  " + " ".join(f"{name} {value}" for name, value in _cells(w).items()) for w in standing.windows]
    return lines


def _cells(window: Window) -> dict[str, str]:
    """A window's figures, by the name of their column."""
    return {
        "WINDOW": _name(window.seconds),
        "UPTIME": "-" if window.availability is None else f"{window.availability:.2%}",
        "OF": str(window.counted),
        **{f"P{q * 100:.0f}": _quantile(window.latency, q) for q in (0.5, 0.95, 0.99)},
        **{f"TTFT P{q * 100:.0f}": _quantile(window.ttft, q) for q in (0.5, 0.95, 0.99)},
        "429": _share(window.rate(Outcome.RATE_LIMITED)),
        "401": _share(window.rate(Outcome.UNAUTHORIZED)),
    }


def _quantile(quantiles: dict[float, float], q: float) -> str:
    # Withheld where there are too few successes, and it says how many it takes.
    return seconds(quantiles[q]) if q in quantiles else f"n<{round(1 / (1 - q))}"


def _share(rate: float | None) -> str:
    return "-" if rate is None else f"{rate:.1%}"


def _name(length: float) -> str:
    from aimon.probes.windows import WINDOWS  # noqa: PLC0415  # start-up

    return next(name for name, each in WINDOWS.items() if each == length)


def _ago(standing: Standing) -> str:
    if standing.age is None:
        return "never"
    for size, unit in ((86400.0, "d"), (3600.0, "h"), (60.0, "min")):
        if standing.age >= 2 * size:
            return f"{standing.age / size:.0f} {unit} ago"
    return f"{max(0.0, standing.age):.0f} s ago"


def _print_table(found: Sequence[Standing]) -> None:
    from rich import box  # noqa: PLC0415  # only on a terminal
    from rich.table import Table  # noqa: PLC0415
    from rich.text import Text  # noqa: PLC0415

    unicode = console.speaks_unicode()
    table = Table(box=box.SIMPLE_HEAD if unicode else box.ASCII2, pad_edge=False)
    columns = ["ENDPOINT", "NOW", "LAST RUN", *_cells(found[0].windows[0]), "TODAY"]
    for name in columns:
        table.add_column(name, no_wrap=True, justify="left" if name in ("ENDPOINT", "NOW") else "right")
    for standing in found:
        colour = "green" if standing.well else "red"
        for i, window in enumerate(standing.windows):
            first = i == 0
            table.add_row(
                Text(standing.identity.endpoint if first else ""),
                Text(standing.state if first else "", style=colour),
                _ago(standing) if first else "",
                *_cells(window).values(),
                money(standing.spent, standing.currency) if first else "",
            )
        table.add_row(_bar(standing, unicode=unicode))
    console.tables().print(table)


def _bar(standing: Standing, *, unicode: bool) -> Text:
    from rich.text import Text  # noqa: PLC0415  # only on a terminal

    bar = Text()
    for outcome in standing.recent:
        good = outcome is Outcome.OK
        mark = ("▇" if good else "▁") if unicode else ("." if good else "x")
        bar.append(mark, style="green" if good else "red")
    return bar
