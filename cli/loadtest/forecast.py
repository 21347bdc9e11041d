"""The bounds of a load test, shown before anything is sent, and the confirmation of a high or expensive load."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING

import msgspec

from aimon import quantities
from aimon.cli.console import note, write_data
from aimon.cli.exits import USAGE, Stop
from aimon.formatting import format_long_duration, format_rate
from aimon.loadtests.prediction import Prediction, predict

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from aimon.loadtests.protocol.plan import Plan
    from aimon.probes.selection import Selection

# In the reporting currency: loads that may cost more need a confirmation.
ASK_ABOVE = 20.0


def bounds(plan: Plan, selection: Selection, file: Path | None, *, runs: int = 1) -> Prediction:
    """The most that a plan sends and costs.

    Args:
        plan: of a run.
        selection: its one endpoint.
        file: the configuration, where one was named.
        runs: number of runs.

    Raises:
        Stop: it has a cost limit, which can't be kept without a known price.
    """
    found = predict(plan, selection.endpoints[0], selection.prices)
    if plan.max_cost is not None and found.cost is None and plan.scenario is None:
        raise Stop(USAGE, f"--max-cost can't be kept: {_unpriced(found, selection, file)}")
    return found if runs == 1 else _repeated(found, runs)


def _repeated(found: Prediction, runs: int) -> Prediction:
    """The bounds of that many runs; rates and concurrency are per run."""
    return msgspec.structs.replace(
        found,
        requests=found.requests * runs,
        input_tokens=_times(found.input_tokens, runs),
        output_tokens=_times(found.output_tokens, runs),
        cost=None if found.cost is None else found.cost * runs,
        duration_s=None if found.duration_s is None else found.duration_s * runs,
    )


def _times(tokens: int | None, runs: int) -> int | None:
    return None if tokens is None else tokens * runs


def show(plan: Plan, selection: Selection, file: Path | None, *, runs: int = 1) -> int:
    """Prints the bounds of a plan, and sends nothing.

    Raises:
        Stop: the cost limit could not be kept.
    """
    found = bounds(plan, selection, file, runs=runs)
    if plan.as_json:
        write_data(f"{msgspec.json.encode(found).decode()}\n")
    else:
        for name, value in _rows(plan, found):
            print(f"{name}: {value}")
    if found.doubt is not None:
        note(f"--trace {plan.workload.trace}: {found.doubt}: if that is wrong, say the right one with --trace-unit")
    note("nothing was sent; answers that end early take fewer tokens")
    return 0


def confirm(plan: Plan, selection: Selection, file: Path | None, *, yes: bool, quiet: bool, runs: int = 1) -> None:
    """Prints a line with the possible cost of a run, and asks for confirmation if the load is implausible or expensive.

    Raises:
        Stop: the answer was no, there is no terminal to ask, or the limit of cost could not be kept.
    """
    found = bounds(plan, selection, file, runs=runs)
    if not quiet:
        note(_outlay(plan, found))
    if yes:
        return
    if found.doubt is not None:
        _ask(f"--trace {plan.workload.trace}: {found.doubt}", "say the unit with --trace-unit, or agree with --yes")
    if found.cost is not None and plan.max_cost is None and found.cost > ASK_ABOVE:
        most = quantities.price_tag(found.cost, found.currency, bound=True)
        _ask(f"this may cost up to {most}", "bound it with --max-cost, or agree with --yes")


def _ask(what: str, otherwise: str) -> None:
    if not (sys.stdin.isatty() and sys.stderr.isatty()):
        raise Stop(USAGE, f"{what}: {otherwise}")
    print(f"{what}. Send it? [y/N] ", end="", file=sys.stderr, flush=True)
    if sys.stdin.readline().strip().lower() not in ("y", "yes"):
        raise Stop(USAGE, f"nothing was sent: {otherwise}")


def _outlay(plan: Plan, found: Prediction) -> str:
    calls = f"up to {found.requests:,} calls"
    if found.scenario is not None:
        calls = f"up to {found.requests:,} iterations of {found.scenario}"
    limit = "no --max-cost"
    if plan.max_cost is not None:
        limit = f"ends at {quantities.price_tag(plan.max_cost, found.currency)} (--max-cost)"
    if found.cost is None:
        return f"{calls}; what they cost is not known: {found.unpriced}"
    assumed = f", assuming {found.assumption}" if found.assumption else ""
    return f"{calls}, up to {quantities.price_tag(found.cost, found.currency, bound=True)}{assumed}; {limit}"


def _rows(plan: Plan, found: Prediction) -> Iterator[tuple[str, str]]:
    if found.scenario is None:
        yield "requests", f"at most {found.requests:,}, the first call included"
    else:
        yield "scenario", found.scenario
        yield "iterations", f"at most {found.requests:,}, the first included; each makes as many calls as its code says"
    if found.duration_s is not None:
        yield "duration", format_long_duration(found.duration_s)
    if found.rate_peak is not None:
        mean = "" if found.rate_mean is None else f"{format_rate(found.rate_mean)} on average, "
        yield "rate", f"{mean}{format_rate(found.rate_peak)} at its peak"
    if found.concurrency is not None and found.rate_peak is None:
        yield "concurrency", f"{found.concurrency:,} streams"
    elif found.concurrency is not None:
        yield "concurrency", f"at most {found.concurrency:,}, if every call took its whole timeout"
    if found.input_tokens is not None and found.output_tokens is not None:
        yield "input tokens", f"at most {found.input_tokens:,}"
        yield "output tokens", f"at most {found.output_tokens:,}"
    if found.cost is None:
        yield "cost", f"not known: {found.unpriced}"
    else:
        limit = "" if plan.max_cost is None else f"; ends at {quantities.price_tag(plan.max_cost, found.currency)}"
        yield "cost", f"at most {quantities.price_tag(found.cost, found.currency, bound=True)}{limit}"
    if found.assumption:
        yield "assuming", found.assumption


def _unpriced(found: Prediction, selection: Selection, file: Path | None) -> str:
    """Why no price is known, and the line of the configuration that says it."""
    endpoint = selection.endpoints[0]
    where = f"in {file or selection.owner}" if file or selection.owner else "in an aimon.yaml (try: aimon init)"
    if "no fx rate" in (found.unpriced or ""):
        other = (found.unpriced or "").split()[0]
        line = f"fx: {{{other}: 7.10}}  # what 1 {other} is in {found.currency}"
        return f"{found.unpriced}; add {where}:\n  {line}"
    line = f"prices: {{input: 2.00, output: 8.00, currency: {found.currency}}}  # per million tokens, of your contract"
    return f"{found.unpriced}; add to endpoint {endpoint.name} {where}:\n    {line}"
