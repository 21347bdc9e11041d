"""Shows the status of endpoints: two tables on a terminal, otherwise plain lines."""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING

from aimon.call.outcome import Fault, Outcome
from aimon.cli import console
from aimon.cli.advice import explained
from aimon.cli.format import money
from aimon.formatting import format_age, format_milliseconds, format_ratio, format_uptime
from aimon.language import pick

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from rich.table import Table
    from rich.text import Text

    from aimon.metrics.totals import Identity
    from aimon.probes.history.endpoint_status import EndpointStatus
    from aimon.probes.history.windows import Window

_QUANTILES = (0.5, 0.95, 0.99)
_PLAIN = (".", "x", "-")
_BLOCKS = ("▇", "▁", "-")


def show(found: Sequence[EndpointStatus]) -> None:
    """Prints the present status of endpoints, their windows, and the reasons of failures."""
    names = _names(found)
    plain = ["\n".join(_lines(status, names[status.identity])) for status in found]
    if not console.is_terminal():
        print("\n".join(plain))
        return
    from rich.text import Text

    out = console.tables()
    drawn = (_now(found, names), _windows(found, names))
    if not all(console.fits(table, out) for table in drawn):
        out.print(Text("\n".join(plain)))
        return
    out.print(*drawn)
    for status in found:
        for said in filter(None, (_why(status), _ahead(status))):
            out.print(Text.assemble((names[status.identity], "bold red"), f": {said}"))


def _names(found: Sequence[EndpointStatus]) -> dict[Identity, str]:
    """The label of each: its name, with model and region if several share the name."""
    identities = [status.identity for status in found]
    bearers = Counter(each.endpoint for each in identities)
    return {
        each: each.endpoint if bearers[each.endpoint] == 1 else f"{each.endpoint} ({each.model}, {each.region})"
        for each in identities
    }


def _lines(status: EndpointStatus, name: str) -> list[str]:
    """An endpoint in plain text: name and present status, the reason, and a line for each window."""
    bar = "".join(_mark(outcome, *_PLAIN)[0] for outcome in status.recent)
    spent = "" if status.spent is None else f" {pick('today', '今日')} {money(status.spent, status.currency)}"
    lines = [f"{name} {_state(status)} {pick('last run', '上次运行')} {_ago(status)}{spent} [{bar}]"]
    lines += [f"  {said}" for said in (_why(status), _ahead(status)) if said]
    for window in status.windows:
        figures = (
            pick("uptime {} of {}", "可用率 {}，共 {} 次").format(format_uptime(window.availability), window.counted),
            f"{pick('latency', '延迟')} {_listed(window.latency)}",
            f"ttft {_listed(window.ttft)}",
            f"429 {_share(window, Outcome.RATE_LIMITED)}",
            f"401 {_share(window, Outcome.UNAUTHORIZED)}",
        )
        lines.append(f"  {_name(window)}: {pick(', ', '，').join(figures)}")
    return lines


def _now(found: Sequence[EndpointStatus], names: Mapping[Identity, str]) -> Table:
    from rich.text import Text

    table = _table(pick("ENDPOINT", "端点"), pick("NOW", "现状"))
    for name in (pick("LAST RUN", "上次运行"), pick("TODAY", "今日费用")):
        table.add_column(name, justify="right", no_wrap=True)
    table.add_column(pick("LAST RUNS, NEWEST RIGHT", "最近的运行，最新在右"), overflow="fold")
    for status in found:
        table.add_row(
            Text(names[status.identity]),
            Text(_state(status), style="green" if status.healthy else "bold red"),
            _ago(status),
            money(status.spent, status.currency),
            _bar(status),
        )
    return table


def _windows(found: Sequence[EndpointStatus], names: Mapping[Identity, str]) -> Table:
    """A row for latency and one for TTFT, so that 80 columns hold all figures uncut."""
    from rich.text import Text

    table = _table(pick("ENDPOINT", "端点"), pick("OVER", "时段"))
    for name in (pick("UPTIME", "可用率"), pick("OF", "次数"), "429", "401", "", "P50", "P95", "P99"):
        table.add_column(name, justify="right", no_wrap=True)
    for status in found:
        name = names[status.identity]
        for window in status.windows:
            table.add_row(
                Text(name),
                _name(window),
                format_uptime(window.availability),
                str(window.counted),
                _share(window, Outcome.RATE_LIMITED),
                _share(window, Outcome.UNAUTHORIZED),
                pick("latency", "延迟"),
                *(_quantile(window.latency, q) for q in _QUANTILES),
            )
            table.add_row(*[""] * 6, "ttft", *(_quantile(window.ttft, q) for q in _QUANTILES))
            name = ""
    return table


def _table(endpoint: str, second: str) -> Table:
    from rich import box
    from rich.table import Table

    table = Table(box=box.SIMPLE_HEAD if console.speaks_unicode() else box.ASCII2, pad_edge=False, padding=0)
    # On a narrow terminal names are wrapped, figures never: a cut number would be wrong.
    table.add_column(endpoint, overflow="fold", min_width=8)
    table.add_column(second, no_wrap=True)
    return table


def _bar(status: EndpointStatus) -> Text:
    from rich.text import Text

    marks = _BLOCKS if console.speaks_unicode() else _PLAIN
    return Text.assemble(*(_mark(outcome, *marks) for outcome in status.recent))


def _mark(outcome: Outcome, good: str, bad: str, none: str) -> tuple[str, str]:
    """A run as one character and its colour; the third is for results that say nothing about the endpoint."""
    if outcome is Outcome.OK:
        return good, "green"
    return (none, "yellow") if outcome.fault is Fault.PROBER else (bad, "red")


def _why(status: EndpointStatus) -> str:
    """What failed and what to do; empty if nothing failed."""
    if status.lead is not None:
        return pick(
            "its last run is recorded {} in the future, so nobody knows whether it is recent: "
            "the clock was set back since, and the next probe puts it right.",
            "上次运行记录在 {} 之后的未来，无法知道它是否最近：时钟后来被调回，下一次探测会改正。",
        ).format(format_age(status.lead))
    if status.stale:
        known = pick(", and before that every {}", "，此前每 {} 一次")
        before = "" if status.gap is None else known.format(format_age(status.gap))
        return pick(
            "not probed for {}{}: has the prober stopped? Look at cron or at the service that runs it.",
            "已有 {} 没有探测{}：探测程序停了吗？请查看 cron 或运行它的服务。",
        ).format(format_age(status.age or 0.0), before)
    if status.healthy or status.probe is None:
        return ""
    return explained(status.probe)


def _ahead(status: EndpointStatus) -> str:
    """The note about results with times in the future, which are in no window."""
    if not status.ahead:
        return ""
    return pick(
        "recorded in the future: {} (the clock was ahead then, or is behind now), in no window.",
        "记录在未来的：{} 条（当时时钟快了，或现在慢了），不计入任何时段。",
    ).format(status.ahead)


def _ago(status: EndpointStatus) -> str:
    if status.lead is not None:
        return pick("in {}", "{} 之后").format(format_age(status.lead))
    if status.age is None:
        return pick("never", "从未")
    return pick("{} ago", "{} 前").format(format_age(status.age or 0.0))


def _state(status: EndpointStatus) -> str:
    """The outcome of the last run, which is the same code in every language, or a text if there is none."""
    words = {"no recent run": "近期没有运行", "never probed": "从未探测"}
    return pick(status.state, words.get(status.state, status.state))


def _name(window: Window) -> str:
    from aimon.probes.history.windows import WINDOWS

    return next(name for name, each in WINDOWS.items() if each == window.seconds)


def _share(window: Window, outcome: Outcome) -> str:
    """The share of calls that ended in this outcome; a dash without calls."""
    rate = window.rate(outcome)
    return "-" if rate is None else format_ratio(rate, 1)


def _listed(quantiles: Mapping[float, float]) -> str:
    return " ".join(f"P{q * 100:.0f} {_quantile(quantiles, q)}" for q in _QUANTILES)


def _quantile(quantiles: Mapping[float, float], q: float) -> str:
    # Withheld with too few successes; the text says how many are needed.
    if q not in quantiles:
        return pick("needs {}", "需 {} 次").format(round(1 / (1 - q)))
    return format_milliseconds(quantiles[q])
