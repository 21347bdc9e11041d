"""How endpoints stand, for a person: two tables on a terminal, plain lines elsewhere."""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING

from aimon.call.outcome import Fault, Outcome
from aimon.cli import console
from aimon.cli.advice import explained
from aimon.cli.probe.table import money, seconds

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from rich.table import Table
    from rich.text import Text

    from aimon.metrics.totals import Identity
    from aimon.probes.state.endpoint_status import Standing
    from aimon.probes.state.windows import Window

_QUANTILES = (0.5, 0.95, 0.99)
_PLAIN = (".", "x", "-")
_BLOCKS = ("▇", "▁", "-")


def show(found: Sequence[Standing]) -> None:
    """Prints how endpoints are now, what they did over the windows, and why the bad ones are bad."""
    names = _names(found)
    if not console.is_terminal():
        for standing in found:
            print("\n".join(_lines(standing, names[standing.identity])))
        return
    from rich.text import Text  # noqa: PLC0415  # only on a terminal

    out = console.tables()
    out.print(_now(found, names), _windows(found, names))
    for standing in found:
        for said in filter(None, (_why(standing), _ahead(standing))):
            out.print(Text.assemble((names[standing.identity], "bold red"), f": {said}"))


def _names(found: Sequence[Standing]) -> dict[Identity, str]:
    """What to call each: its name, with model and region where several have it."""
    identities = [standing.identity for standing in found]
    bearers = Counter(each.endpoint for each in identities)
    return {
        each: each.endpoint if bearers[each.endpoint] == 1 else f"{each.endpoint} ({each.model}, {each.region})"
        for each in identities
    }


def _lines(standing: Standing, name: str) -> list[str]:
    """An endpoint in plain text: who and how it is now, why, and a line a window."""
    bar = "".join(_mark(outcome, *_PLAIN)[0] for outcome in standing.recent)
    spent = "" if standing.spent is None else f" today {money(standing.spent, standing.currency)}"
    lines = [f"{name} {standing.state} last run {_ago(standing)}{spent} [{bar}]"]
    lines += [f"  {said}" for said in (_why(standing), _ahead(standing)) if said]
    for window in standing.windows:
        figures = (
            f"uptime {_uptime(window)} of {window.counted}",
            f"latency {_listed(window.latency)}",
            f"ttft {_listed(window.ttft)}",
            f"429 {_share(window.rate(Outcome.RATE_LIMITED))}",
            f"401 {_share(window.rate(Outcome.UNAUTHORIZED))}",
        )
        lines.append(f"  {_name(window)}: {', '.join(figures)}")
    return lines


def _now(found: Sequence[Standing], names: Mapping[Identity, str]) -> Table:
    from rich.text import Text  # noqa: PLC0415  # only on a terminal

    table = _table("ENDPOINT", "NOW")
    for name in ("LAST RUN", "TODAY"):
        table.add_column(name, justify="right", no_wrap=True)
    table.add_column("LAST RUNS, NEWEST RIGHT", overflow="fold")
    for standing in found:
        table.add_row(
            Text(names[standing.identity]),
            Text(standing.state, style="green" if standing.well else "bold red"),
            _ago(standing),
            money(standing.spent, standing.currency),
            _bar(standing),
        )
    return table


def _windows(found: Sequence[Standing], names: Mapping[Identity, str]) -> Table:
    """A row for latency and one for TTFT, so that 80 columns hold all figures uncut."""
    from rich.text import Text  # noqa: PLC0415  # only on a terminal

    table = _table("ENDPOINT", "OVER")
    for name in ("UPTIME", "OF", "429", "401", "", "P50", "P95", "P99"):
        table.add_column(name, justify="right", no_wrap=True)
    for standing in found:
        name = names[standing.identity]
        for window in standing.windows:
            table.add_row(
                Text(name),
                _name(window),
                _uptime(window),
                str(window.counted),
                _share(window.rate(Outcome.RATE_LIMITED)),
                _share(window.rate(Outcome.UNAUTHORIZED)),
                "latency",
                *(_quantile(window.latency, q) for q in _QUANTILES),
            )
            table.add_row(*[""] * 6, "ttft", *(_quantile(window.ttft, q) for q in _QUANTILES))
            name = ""
    return table


def _table(endpoint: str, second: str) -> Table:
    from rich import box  # noqa: PLC0415  # only on a terminal
    from rich.table import Table  # noqa: PLC0415

    table = Table(box=box.SIMPLE_HEAD if console.speaks_unicode() else box.ASCII2, pad_edge=False, padding=0)
    # Names give way on a narrow terminal, figures never: a cut number is a wrong one.
    table.add_column(endpoint, overflow="fold", min_width=8)
    table.add_column(second, no_wrap=True)
    return table


def _bar(standing: Standing) -> Text:
    from rich.text import Text  # noqa: PLC0415  # only on a terminal

    marks = _BLOCKS if console.speaks_unicode() else _PLAIN
    return Text.assemble(*(_mark(outcome, *marks) for outcome in standing.recent))


def _mark(outcome: Outcome, good: str, bad: str, none: str) -> tuple[str, str]:
    """A run as one character and its colour; the third is for one that says nothing of the endpoint."""
    if outcome is Outcome.OK:
        return good, "green"
    return (none, "yellow") if outcome.fault is Fault.PROBER else (bad, "red")


def _why(standing: Standing) -> str:
    """What is wrong and what to do; empty if nothing is."""
    if standing.lead is not None:
        return (
            f"its last run is recorded {_length(standing.lead)} in the future, so nobody knows whether it is recent: "
            "the clock was set back since, and the next probe puts it right."
        )
    if standing.stale:
        before = "" if standing.gap is None else f", and before that every {_length(standing.gap)}"
        return (
            f"not probed for {_length(standing.age)}{before}: "
            "has the prober stopped? Look at cron or at the service that runs it."
        )
    if standing.well or standing.probe is None:
        return ""
    return explained(standing.probe)


def _ahead(standing: Standing) -> str:
    """Which results are in no window, since their times can't be."""
    if not standing.ahead:
        return ""
    return f"recorded in the future: {standing.ahead} (the clock was ahead then, or is behind now), in no window."


def _ago(standing: Standing) -> str:
    if standing.lead is not None:
        return f"in {_length(standing.lead)}"
    return "never" if standing.age is None else f"{_length(standing.age)} ago"


def _length(value: float | None) -> str:
    """A duration in the largest unit that it has two of."""
    value = max(0.0, value or 0.0)
    for size, unit in ((86400.0, "d"), (3600.0, "h"), (60.0, "min")):
        if value >= 2 * size:
            return f"{value / size:.0f} {unit}"
    return f"{value:.0f} s"


def _name(window: Window) -> str:
    from aimon.probes.state.windows import WINDOWS  # noqa: PLC0415  # start-up

    return next(name for name, each in WINDOWS.items() if each == window.seconds)


def _uptime(window: Window) -> str:
    """A share of successes, never rounded up to a 100 % that it is not."""
    if window.availability is None:
        return "-"
    return f"{int(window.availability * 10_000 + 1e-6) / 100:.2f}%"


def _share(rate: float | None) -> str:
    """A share of failures, never rounded down to a 0 that it is not."""
    if rate is None:
        return "-"
    return "<0.1%" if 0 < rate < 0.001 else f"{rate:.1%}"


def _listed(quantiles: Mapping[float, float]) -> str:
    return " ".join(f"P{q * 100:.0f} {_quantile(quantiles, q)}" for q in _QUANTILES)


def _quantile(quantiles: Mapping[float, float], q: float) -> str:
    # Withheld where there are too few successes, and it says how many it takes.
    return seconds(quantiles[q]) if q in quantiles else f"needs {round(1 / (1 - q))}"
