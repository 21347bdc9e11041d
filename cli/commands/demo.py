"""`aimon demo`: three simulated providers, several rounds of probes, their results, and the status page."""

from __future__ import annotations

import re
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from aimon.cli import console
from aimon.cli.exits import UNABLE, Stop
from aimon.distribution import how_to_add

if TYPE_CHECKING:
    from aimon.call.result import Result
    from aimon.network.server.listen import Page
    from aimon.probes.selection import Selection
    from aimon.probes.state.state import SqliteState
    from aimon.simulator import SimulatorProcess

# The number that a P95 needs; it takes less than 15 s.
ROUNDS = 20
PAUSE = 0.05
# With this seed the flaky one fails 6 of the first 20 times, first in the third round and again in the last.
SEED = 24

_CONFIG = """\
region: demo
currency: CNY
defaults: {{interval: 2s}}
endpoints:
  - name: healthy
    dialect: openai-chat
    base_url: {healthy}
    model: sim-1
    prices: {{input: 2, output: 8, currency: CNY}}     # per million tokens
    slo: {{availability: 99.5%, ttft_p95: 1s}}
  - name: slow
    dialect: anthropic-messages
    base_url: {slow}
    model: sim-1
    prices: {{input: 20, output: 100, currency: CNY}}
    slo: {{ttft_p95: 500ms}}
  - name: flaky
    dialect: openai-chat
    base_url: {flaky}
    model: sim-1
    prices: {{input: 1, output: 2, currency: CNY}}
"""

# Counts, availability and costs: a few lines of a page of some hundred.
_METRICS = re.compile(r"ai_(api_requests_total|api_cost_yuan_total|probe_availability_ratio\{.*window=.1h).*(?<! 0\.0)")


def demo(
    once: Annotated[bool, typer.Option("--once", help="End by itself, as it does when stdin is no terminal.")] = False,
) -> None:
    """Show the main job on three simulated providers: no key, no network, nothing left behind.

    On a terminal the status page stays open until Ctrl-C. One of the providers is healthy, one slow, and one cuts
    streams and answers 429 part of the time: that one is meant to fail, so the exit code is 0 all the same.
    """
    from tempfile import TemporaryDirectory

    try:
        # Not used in this process: the import fails here, before anything starts, if the server is not installed.
        import aimon.simulator.server.server  # noqa: F401
        from aimon.simulator import Profile, SimulatorProcess
    except ModuleNotFoundError as error:
        raise Stop(UNABLE, f"the demo needs {error.name}: {how_to_add('sim')}") from error
    profiles = (
        Profile("healthy", ttft=0.15, ttft_sigma=0.2, itl=0.01),
        Profile("slow", ttft=0.45, ttft_sigma=0.2, itl=0.03),
        Profile("flaky", ttft=0.2, ttft_sigma=0.3, itl=0.01),
    )
    with TemporaryDirectory(prefix="aimon-demo-") as folder, SimulatorProcess(*profiles, seed=SEED) as simulator:
        simulator.add_faults("rate_limited:profile=flaky,share=0.15,retry_after=2", "cut:profile=flaky,share=0.2")
        _run(Path(folder), simulator, for_ever=not once and sys.stdin is not None and sys.stdin.isatty())


def _run(folder: Path, simulator: SimulatorProcess, *, for_ever: bool) -> None:
    from aimon.cli.endpoints import Flags, select
    from aimon.network.server.listen import Listener
    from aimon.probes.history.history import History
    from aimon.probes.state.state import SqliteState

    config = folder / "aimon.yaml"
    config.write_text(_CONFIG.format(**{name: simulator.base_url(name) for name in ("healthy", "slow", "flaky")}))
    selection = select([], config, Flags())
    state = SqliteState(selection.monitored(), History(folder / "history.db"))
    try:
        with Listener("127.0.0.1", 0, {"/metrics": lambda: _metrics(state)}) as listener:
            print(f"The configuration, {config} (it goes when this ends):\n\n{_indented(config.read_text())}")
            print(f"Three simulated providers, {ROUNDS} rounds of probes: latency, or what went wrong.\n")
            _show(_probe(selection, state), state, listener.url)
    except KeyboardInterrupt:
        for_ever = False
        print()
    finally:
        state.close()
    if for_ever:
        _serve(selection, folder / "history.db")
    _what_next()


def _serve(selection: Selection, history: Path) -> None:
    """Keeps probing and shows the status page, until Ctrl-C."""
    import asyncio
    from contextlib import suppress

    try:
        from aimon.probes.service.service import Service
        from aimon.probes.service.settings import HOST, PORT, Settings
    except ModuleNotFoundError as error:
        console.note(f"the status page needs {error.name}: {how_to_add('serve')}")
        return

    def say(said: str) -> None:
        if "http://" in said:
            print(f"\nThe same three go on being probed, until Ctrl-C:\n  {said}\n", flush=True)

    for port in (PORT, 0):  # the usual port, unless it is in use
        with suppress(OSError, KeyboardInterrupt):
            asyncio.run(Service(lambda: selection, Settings(history, HOST, port), say=say).run())
            return


def _probe(selection: Selection, state: SqliteState) -> list[Result]:
    """Runs the rounds; returns the Results of the last."""
    import asyncio

    from aimon.cli.probe.rounds import progress
    from aimon.probes.probe import Prober
    from aimon.probes.probe_all import probe_all

    results: list[Result] = []
    with progress(ROUNDS) as show:
        for _ in range(ROUNDS):
            results = asyncio.run(probe_all(selection.endpoints, Prober(redactor=selection.redactor())))
            results = [selection.prices.cost(result) for result in results]
            state.record(results)
            show(results)
            time.sleep(PAUSE)
    return results


def _show(results: list[Result], state: SqliteState, url: str) -> None:
    from aimon.cli.probe import table
    from aimon.cli.status import tables
    from aimon.probes.history import endpoint_status

    print("\nThe last round, as aimon probe shows it:\n")
    table.show(results)
    print("\nAll rounds, as aimon status shows them:\n")
    tables.show(endpoint_status.endpoint_statuses(state.history, (), ["1h"], last=30, now=time.time()))
    print(
        "\nA 429 is the account's limit and not the provider's failure: it has a rate of\n"
        "its own and does not count against uptime. A quantile that needs more successes\n"
        "than there are is withheld.\n\n"
        f"The same for Prometheus, at {url}/metrics while this runs:\n"
    )
    _, page, _ = _metrics(state)
    lines = filter(_METRICS.fullmatch, page.decode().splitlines())
    print(_indented("\n".join(lines)), end="")


def _metrics(state: SqliteState) -> Page:
    from http import HTTPStatus

    from aimon.metrics import exposition
    from aimon.probes.publish import publish

    body, kind = exposition.render(*publish.snapshot(state, live=True))
    return HTTPStatus.OK, body, kind


def _what_next() -> None:
    print(
        "\nWhat to do next:\n"
        "  aimon init                               write a commented aimon.yaml\n"
        "  aimon config check && aimon probe        probe your own endpoints once\n"
        "  aimon status                             see what the history says of them\n"
        "  aimon serve                              probe on schedule, with a status page and alerts\n"
        "or a line for cron:\n"
        "  * * * * *  aimon probe -c /etc/aimon/aimon.yaml --push http://127.0.0.1:9091\n"
    )
    console.note("flaky failed on purpose, so the demo's exit code is 0")


def _indented(text: str) -> str:
    return "".join(f"    {line}\n" for line in text.splitlines())
