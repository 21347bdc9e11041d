"""Shows the Results of a run: a table on a terminal, otherwise a line each."""

from __future__ import annotations

from typing import TYPE_CHECKING

from aimon.call.outcome import Fault, Outcome
from aimon.cli import console
from aimon.cli.advice import explained, whose
from aimon.cli.format import money
from aimon.formatting import format_milliseconds
from aimon.language import pick

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence
    from collections.abc import Set as AbstractSet

    from rich.table import Table
    from rich.text import Text

    from aimon.call.result import Limits, Result

_COLOURS = {
    None: "green",
    Fault.NETWORK: "red",
    Fault.PROVIDER: "red",
    Fault.ACCOUNT: "magenta",
    Fault.CONFIG: "yellow",
    Fault.PROBER: "cyan",
}


def show(results: Sequence[Result]) -> None:
    """Prints the Results, and for each failure what to do."""
    if not console.is_terminal():
        for result in results:
            print(line(result))
        return
    from rich.text import Text

    out = console.tables()
    if not console.fits(drawn := table(results), out):
        for result in results:
            text = Text("\n".join(filter(None, (line(result), _rest(result)))))
            text.stylize(f"bold {_COLOURS[result.fault]}", 0, len(result.endpoint))
            out.print(text)
        return
    out.print(drawn)
    failed = [result for result in results if result.outcome is not Outcome.OK]
    if failed:
        out.print()
    for result in failed:
        out.print(why(result))


def _rest(result: Result) -> str:
    """The figures of the table that `line` leaves out."""
    words = [f"{_head(name).lower()} {of(result)}" for name, of in _FIGURES.items() if name not in {"LATENCY", "TTFT"}]
    known = [each for each in words if not each.endswith(" -")]
    return f"  {', '.join(known)}" if known else ""


def why(result: Result) -> Text:
    """Why a call failed and what to do, with the endpoint's name in the colour of the fault."""
    from rich.text import Text

    return Text.assemble((result.endpoint, f"bold {_COLOURS[result.fault]}"), ": ", explained(result))


def line(result: Result) -> str:
    """One Result on one line: name, outcome, latency, TTFT, and for a failure the reason and what to do."""
    words = [short(result)]
    if result.ttft is not None:
        words.append(f"ttft {format_milliseconds(result.ttft)}")
    if result.outcome is not Outcome.OK:
        words.append(f"({whose(result)}) {explained(result)}")
    return " ".join(words)


def short(result: Result) -> str:
    """Name, outcome and latency."""
    return f"{result.endpoint} {result.outcome.value} {pick('latency', '延迟')} {format_milliseconds(result.latency)}"


def cells(result: Result) -> tuple[str, ...]:
    """All texts shown for one Result."""
    return (line(result), *(of(result) for of in _FIGURES.values()))


def headroom(limits: Limits | None) -> str:
    """The remaining share of the tighter rate limit: `87% req`."""
    if limits is None:
        return "-"
    left = [
        (remaining / limit, f"{remaining / limit:.0%} {unit}")
        for limit, remaining, unit in (
            (limits.requests_limit, limits.requests_remaining, "req"),
            (limits.tokens_limit, limits.tokens_remaining, "tok"),
        )
        if limit and remaining is not None
    ]
    return min(left)[1] if left else "-"


def _tokens(result: Result) -> str:
    usage = result.usage
    if usage.output is None and usage.input is None:
        return "-"
    read, written = ("?" if count is None else count for count in (usage.input, usage.output))
    return f"{read}+{written}"


_CHINESE_HEADS = {
    "ENDPOINT": "端点",
    "MODEL": "模型",
    "OUTCOME": "结果",
    "LATENCY": "延迟",
    "TOKENS": "TOKEN",
    "COST": "费用",
    "HEADROOM": "余量",
    "IN A ROW": "连续",
    "AT": "时刻",
}


def _head(name: str) -> str:
    return pick(name, _CHINESE_HEADS.get(name, name))


# A column without values is omitted, which leaves more room for the names.
_FIGURES: dict[str, Callable[[Result], str]] = {
    "LATENCY": lambda result: format_milliseconds(result.latency),
    "TTFT": lambda result: format_milliseconds(result.ttft),
    "TOKENS": _tokens,
    "COST": lambda result: money(result.cost, result.currency),
    "HEADROOM": lambda result: headroom(result.limits),
}


def table(
    results: Sequence[Result],
    also: Mapping[str, Sequence[str]] | None = None,
    *,
    without: AbstractSet[str] = frozenset(),
) -> Table:
    """The Results as a table for a terminal, with the additional columns `also`, and without those in `without`."""
    from rich import box
    from rich.table import Table
    from rich.text import Text

    figures = {name: [of(each) for each in results] for name, of in _FIGURES.items() if name not in without}
    shown = {name: cells for name, cells in figures.items() if set(cells) != {"-"}}
    shown |= {name: list(cells) for name, cells in (also or {}).items()}
    drawn = Table(
        box=box.SIMPLE_HEAD if console.speaks_unicode() else box.ASCII2,
        pad_edge=False,
        show_edge=False,
        padding=(0, 1, 0, 0),
    )
    # On a narrow terminal names are wrapped, figures never: a cut number would be wrong.
    named = [name for name in ("ENDPOINT", "MODEL") if name not in without]
    for name in named:
        drawn.add_column(_head(name), overflow="fold", min_width=8)
    drawn.add_column(_head("OUTCOME"), no_wrap=True)
    for name in shown:
        drawn.add_column(_head(name), justify="right", no_wrap=True)
    for i, result in enumerate(results):
        outcome = Text(result.outcome.value, style=_COLOURS[result.fault])
        names = [Text(result.endpoint), Text(result.model)][: len(named)]
        drawn.add_row(*names, outcome, *(cells[i] for cells in shown.values()))
    return drawn
