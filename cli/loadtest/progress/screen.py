"""The view of a load test on a terminal, drawn with rich on stderr, so that stdout stays for data.

It is drawn for each progress record, once a second, without a thread of its own: if the view does not change, the run
reports no progress.
"""

from __future__ import annotations

from textwrap import wrap
from typing import TYPE_CHECKING, Any, NamedTuple

from rich.cells import cell_len
from rich.console import Console
from rich.live import Live
from rich.text import Text

from aimon.call.outcome import Fault, Outcome
from aimon.cli.format import money
from aimon.cli.loadtest.progress.figures import percentile, verdict
from aimon.cli.loadtest.progress.view import last_line
from aimon.formatting import format_clock, format_rate, format_ratio, format_time

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from rich.console import ConsoleOptions, RenderResult

    from aimon.cli.loadtest.progress.view import Subject
    from aimon.loadtests.protocol.progress import Progress, RequestProgress, Times

_LABEL, _CELL, _GAP, _BAR = 15, 9, 4, 30
_FAILURES = 3  # lines
_TIMES = (
    ("latency", "latency"),
    ("latency_from_schedule", "from schedule"),
    ("ttft", "TTFT"),
    ("itl", "ITL"),
    ("tpot", "TPOT"),
)
_NOW, _WHOLE = "last seconds", "whole run"
# The headers and percentiles of the table, for decreasing widths of the terminal.
_LAYOUTS: tuple[tuple[tuple[str, ...], tuple[str, ...]], ...] = (
    ((_NOW, _WHOLE), ("p50", "p95", "p99")),
    ((_NOW, _WHOLE), ("p50", "p99")),
    ((_WHOLE,), ("p50", "p99")),
    ((_WHOLE,), ("p99",)),
)
_COLOURS = {None: "green", Fault.ACCOUNT: "magenta", Fault.CONFIG: "yellow", Fault.PROBER: "cyan"}
_OTHERS = "red"


class Screen:
    """The view, from the first moment that is shown until it is closed."""

    def __init__(self, subject: Subject, console: Console | None = None) -> None:
        self._subject = subject
        self._console = console or Console(stderr=True, highlight=False, emoji=False, markup=False)
        self._live = Live(
            console=self._console, auto_refresh=False, transient=True, redirect_stdout=False, vertical_overflow="crop"
        )
        self._last: Progress | None = None

    def show(self, moment: Progress) -> None:
        """Draws it."""
        self._last = moment
        if not self._live.is_started:
            self._live.start()
        self._live.update(Picture(self._subject, moment), refresh=True)

    def say(self, text: str) -> None:
        """Prints a line above the view."""
        self._console.print(Text(text), soft_wrap=True)

    def close(self) -> None:
        """Replaces the view with a line."""
        if self._live.is_started:
            self._live.stop()
            if self._last is not None:
                self._console.print(Text(last_line(self._last)), soft_wrap=True)


class _Row(NamedTuple):
    """A line of the view; lines with the highest `rank` are dropped first if there is not enough room."""

    rank: int
    text: Text


class Picture:
    """One state of the view, fitted to the terminal."""

    def __init__(self, subject: Subject, moment: Progress) -> None:
        self._subject, self._moment = subject, moment

    def __rich_console__(self, console: Console, options: ConsoleOptions) -> RenderResult:
        """Yields the lines that fit."""
        # The cursor stays at the end of the last line: a full line would wrap.
        width, room = max(options.max_width - 1, 1), max(console.height - 1, 1)
        rows = list(self._rows(width, "#-" if options.ascii_only else "━─"))
        while len(rows) > room:
            # The lowest line among those with the highest rank.
            del rows[max(range(len(rows)), key=lambda k: (rows[k].rank, k))]
        for row in rows:
            row.text.truncate(width, overflow="ellipsis" if not options.ascii_only else "crop")
            row.text.no_wrap = True
            yield row.text

    def _rows(self, width: int, bar: str) -> Iterator[_Row]:
        moment = self._moment
        yield _Row(1, self._title())
        yield _Row(2, _progress(moment, width, bar))
        yield _Row(9, Text())
        yield from _flow("rate", self._load(), width, (0, 2))
        yield from _flow("calls", _calls(moment), width, (0, 3))
        yield from _flow("", _failures(moment), width, (3, 7), most=_FAILURES)
        yield from _flow("tokens", self._spending(), width, (7, 7))
        for row in moment.slo:
            yield from _flow("objective", [Text(row["expr"]), _verdict(row)], width, (6, 6))
        yield _Row(9, Text())
        yield from _table(moment, width)
        yield from _by_name(moment, width)
        yield from _client(moment, width)

    def _title(self) -> Text:
        subject, moment = self._subject, self._moment
        profile, phase = subject.profile, moment.phase
        known = phase if phase.startswith(profile) else f"{profile}, {phase}"
        # Not at the right edge: in a terminal made narrower it would wrap, and remains of the view would stay.
        workers = f"{moment.workers} worker{'s' * (moment.workers != 1)}"
        parts = (("aimon loadtest  ", "dim"), (subject.endpoint, "bold"), "  ", known, "  ")
        return Text.assemble(*parts, (workers, "dim" if moment.workers else "bold red"))

    def _load(self) -> list[Text]:
        moment = self._moment
        parts = [Text.assemble((format_rate(moment.achieved), "bold"))]
        if moment.asked is not None:
            parts[0].append(f" of {format_rate(moment.asked)} asked")
        if moment.users is not None:
            parts.append(Text(f"users {moment.users:,}"))
        return [*parts, Text.assemble("in flight ", (f"{moment.in_flight:,}", "bold"))]

    def _spending(self) -> list[Text]:
        moment = self._moment
        flow = "-" if moment.tokens_per_s is None else format_rate(moment.tokens_per_s)
        parts = [Text.assemble("about " if moment.tokens_estimated else "", (flow, "bold"), " out")]
        if moment.cost is not None:
            parts.append(Text.assemble("cost ", (money(moment.cost, moment.currency), "bold")))
            limit = self._subject.max_cost
            if limit is not None:
                parts[-1].append(f" of at most {money(limit, moment.currency)}", _near(moment.cost, limit))
        return parts


def _near(cost: float, limit: float) -> str:
    return "yellow" if cost > 0.8 * limit else ""


def _flow(label: str, parts: list[Text], width: int, ranks: tuple[int, int], most: int = 9) -> Iterator[_Row]:
    """The parts after a label, on as many lines as needed; `ranks` are of the first line and of the others."""
    lines: list[Text] = []
    for part in parts:
        if lines and lines[-1].cell_len + _GAP + part.cell_len <= width:
            lines[-1].append(" " * _GAP).append_text(part)
        elif len(lines) == most:
            lines[-1].append("  ...")
            break
        else:
            lines.append(_labelled("" if lines else label).append_text(part))
    for k, text in enumerate(lines):
        yield _Row(ranks[k > 0], text)


def _labelled(label: str) -> Text:
    return Text.assemble((f"{label:{_LABEL}}", "dim"))


def _verdict(row: dict[str, Any]) -> Text:
    said = verdict(row)
    return Text(f"{said} so far", {"met": "green", "MISSED": "bold red"}.get(said, "yellow"))


def _progress(moment: Progress, width: int, bar: str) -> Text:
    done, words = _done(moment)
    length = min(_BAR, width - len(words) - 2)
    if length < 10:
        return Text(words)
    filled = round(done * length)
    return Text.assemble((bar[0] * filled, "cyan"), (bar[1] * (length - filled), "bright_black"), f"  {words}")


def _done(moment: Progress) -> tuple[float, str]:
    """The finished share of the run, from 0 to 1, and as text."""
    if moment.elapsed < 0:
        return 0.0, f"warm-up, counting starts in {format_clock(-moment.elapsed)}"
    if moment.duration is not None:
        left = moment.duration - moment.elapsed
        if left <= 0:
            return 1.0, f"waiting for {moment.in_flight:,} calls to end"
        done = moment.elapsed / moment.duration
        return done, f"{format_clock(moment.elapsed)} of {format_clock(moment.duration)}, {format_clock(left)} left"
    if moment.requests:
        done = min(1.0, moment.sent / moment.requests)
        guess = f", about {format_clock(moment.elapsed * (1 - done) / done)} left" if done else ""
        return done, f"{moment.sent:,} of {moment.requests:,} calls{guess}"
    return 0.0, format_clock(moment.elapsed)


def _calls(moment: Progress) -> list[Text]:
    parts = [Text.assemble((f"{moment.sent:,}", "bold"), " ended")]
    if moment.sent:
        ok = (f"{moment.ok:,} ok", "green" if moment.ok == moment.sent else "bold")
        parts.append(Text.assemble(ok, f" ({format_ratio(moment.ok, moment.sent)})"))
    return parts


def _failures(moment: Progress) -> list[Text]:
    """Every outcome but ok, with its share."""
    return [
        Text.assemble((f"{name} {count:,}", _colour(name)), f" ({format_ratio(count, moment.sent)})")
        for name, count in moment.outcomes.items()
        if name != Outcome.OK and count
    ]


def _colour(outcome: str) -> str:
    return _COLOURS.get(Outcome(outcome).fault, _OTHERS)


def _table(moment: Progress, width: int) -> Iterator[_Row]:
    """Percentiles of the last seconds and of the whole run; fewer on a narrow terminal."""
    fitting = (layout for layout in _LAYOUTS if _LABEL + _table_width(*layout) <= width)
    heads, quantiles = next(fitting, _LAYOUTS[-1])
    block = len(quantiles) * _CELL
    gap = " " * _GAP
    yield _Row(8, _labelled("").append(gap.join(f"{head:>{block}}" for head in heads), "dim"))
    names = "".join(f"{name:>{_CELL}}" for name in quantiles)
    yield _Row(1, _labelled("").append(gap.join([names] * len(heads)), "dim"))
    for rank, (name, label) in enumerate(_TIMES, start=1):
        if name == "latency_from_schedule" and moment.asked is None:
            continue  # in a closed loop nothing is late
        sides = (moment.now, moment.overall)[-len(heads) :]
        yield _Row(rank, _labelled(label).append(gap.join(_cells(side.get(name), quantiles) for side in sides)))


def _table_width(heads: tuple[str, ...], quantiles: tuple[str, ...]) -> int:
    return len(heads) * (len(quantiles) * _CELL + _GAP) - _GAP


def _cells(times: Times | None, quantiles: tuple[str, ...]) -> str:
    return "".join(f"{percentile(times, name):>{_CELL}}" for name in quantiles)


def _by_name(moment: Progress, width: int) -> Iterator[_Row]:
    """A line for each request name of a scenario, over the whole run; fewer columns on a narrow terminal."""
    if not moment.by_name:
        return
    name_width = min(max(_LABEL, *(cell_len(each.name) + 2 for each in moment.by_name)), max(_LABEL, width // 3))
    columns: dict[str, Callable[[RequestProgress], str]] = {
        "calls": lambda each: f"{each.sent:,}",
        "ok": lambda each: format_ratio(each.ok, each.sent) if each.sent else "-",
        "p50": lambda each: percentile(each.latency, "p50"),
        "p99": lambda each: percentile(each.latency, "p99"),
        "TTFT p50": lambda each: percentile(each.ttft, "p50"),
    }
    shown = list(columns)[: max(2, (width - name_width) // _CELL)]
    yield _Row(9, Text())
    yield _Row(8, Text("request".ljust(name_width) + "".join(f"{head:>{_CELL}}" for head in shown), "dim"))
    for each in moment.by_name:
        name = Text(each.name, "dim")
        name.truncate(name_width - 1, overflow="ellipsis", pad=True)
        yield _Row(8, name.append(" " + "".join(f"{columns[head](each):>{_CELL}}" for head in shown)))


def _client(moment: Progress, width: int) -> Iterator[_Row]:
    """The self-check; if the client is the bottleneck, in red with a message."""
    client = moment.client
    if client.get("bottleneck"):
        yield _Row(9, Text())
        yield _Row(0, _labelled("client").append("IS THE BOTTLENECK: these numbers are suspect", "bold red"))
        for reason in client.get("reasons", ()):
            for part in wrap(reason, max(width - _LABEL, 20)):
                yield _Row(3, _labelled("").append(part, "red"))
    elif client.get("cpu") is not None:
        parts = [Text("keeps up", "green"), Text(f"{client['cpu']:.0%} of a core")]
        if client.get("lag_p99_s") is not None:
            parts.append(Text(f"p99 of its lag {format_time(client['lag_p99_s'])}"))
        yield _Row(9, Text())
        yield from _flow("client", parts, width, (5, 6))
