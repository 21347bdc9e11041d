"""`aimon demo`: three simulated providers, several rounds of probes, and what comes of them."""

from __future__ import annotations

import asyncio
import sys
import time
from http import HTTPStatus
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, Annotated

import typer

from aimon.cli import console
from aimon.cli.exits import UNABLE, Stop

if TYPE_CHECKING:
    from aimon.cli.select import Selection
    from aimon.probes.listen import Page
    from aimon.probes.state import SqliteState
    from aimon.result import Result
    from aimon.simulator import SimulatorProcess

ROUNDS = 12
PAUSE = 0.3

_CONFIG = """\
region: demo
currency: CNY
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


def demo(
    once: Annotated[bool, typer.Option("--once", help="End by itself; so it does where stdin is no terminal.")] = False,
) -> None:
    """Show the main job on three simulated providers: no key, no network, nothing left behind.

    One is healthy, one slow, and one cuts streams and answers 429 part of the time: that one is meant to fail, so
    the exit code is 0 all the same.
    """
    try:
        from aimon.simulator import Profile, SimulatorProcess  # noqa: PLC0415  # start-up
    except ModuleNotFoundError as error:
        raise Stop(UNABLE, f"the demo needs {error.name}: pip install 'aimon[sim]'") from error
    profiles = (
        Profile("healthy", ttft=0.15, ttft_sigma=0.2, itl=0.01),
        Profile("slow", ttft=0.7, ttft_sigma=0.3, itl=0.03),
        Profile("flaky", ttft=0.2, ttft_sigma=0.3, itl=0.01),
    )
    with TemporaryDirectory(prefix="aimon-demo-") as folder, SimulatorProcess(*profiles, seed=7) as simulator:
        simulator.add_faults("rate_limited:profile=flaky,share=0.25,retry_after=2", "cut:profile=flaky,share=0.2")
        _run(Path(folder), simulator, for_ever=not once and sys.stdin.isatty())


def _run(folder: Path, simulator: SimulatorProcess, *, for_ever: bool) -> None:
    from aimon.cli.select import Flags, select  # noqa: PLC0415  # start-up
    from aimon.probes.history import History  # noqa: PLC0415
    from aimon.probes.listen import Listener  # noqa: PLC0415
    from aimon.probes.state import SqliteState  # noqa: PLC0415

    config = folder / "aimon.yaml"
    config.write_text(_CONFIG.format(**{name: simulator.base_url(name) for name in ("healthy", "slow", "flaky")}))
    selection = select([], config, Flags())
    state = SqliteState(selection.watched(), History(folder / "history.db"))
    try:
        with Listener("127.0.0.1", 0, {"/metrics": lambda: _metrics(state)}) as listener:
            print(f"The configuration, {config}:\n\n{_indented(config.read_text())}")
            print(f"Three simulated providers, {ROUNDS} rounds of probes. What a round shows: . well, x failed.\n")
            results = _probe(selection, state, ROUNDS)
            _show(results, state, listener.url)
            while for_ever:
                print("\nProbing goes on until Ctrl-C.")
                _show(_probe(selection, state, ROUNDS), state, listener.url)
    except KeyboardInterrupt:
        print()
    finally:
        state.close()
    _what_next()


def _probe(selection: Selection, state: SqliteState, rounds: int) -> list[Result]:
    """Runs the rounds; returns the Results of the last."""
    from aimon.cli.advice import reason  # noqa: PLC0415  # start-up
    from aimon.outcome import Outcome  # noqa: PLC0415
    from aimon.probes.probe import Prober  # noqa: PLC0415
    from aimon.probes.sweep import sweep  # noqa: PLC0415

    results: list[Result] = []
    for i in range(rounds):
        results = asyncio.run(sweep(selection.endpoints, Prober(redactor=selection.redactor())))
        results = [selection.prices.cost(result) for result in results]
        state.record(results)
        marks = " ".join(f"{r.endpoint} {'.' if r.outcome is Outcome.OK else 'x'}" for r in results)
        failures = ", ".join(f"{r.endpoint}: {r.outcome} ({reason(r)})" for r in results if r.outcome is not Outcome.OK)
        print(f"  round {i + 1:2}/{rounds}  {marks}  {failures}".rstrip(), flush=True)
        time.sleep(PAUSE)
    return results


def _show(results: list[Result], state: SqliteState, url: str) -> None:
    from aimon import export  # noqa: PLC0415  # start-up
    from aimon.cli import status, table  # noqa: PLC0415
    from aimon.probes.standing import standings  # noqa: PLC0415

    print("\nThe last round, as aimon probe shows it:\n")
    table.show(results)
    print("\nAll rounds, as aimon status shows them (n<20 is a quantile of too few samples, which is withheld):\n")
    status.show(standings(state.history, (), ["1h"], last=30, now=time.time()))
    text = export.render(state.totals())[0].decode()
    wanted = ("ai_api_requests_total", "ai_api_time_to_first_token_seconds_count", "ai_api_cost_yuan_total")
    lines = [line for line in text.splitlines() if line.startswith(wanted) and not line.endswith(" 0.0")]
    print(f"\nThe same in Prometheus' format, at {url}/metrics while this runs:\n")
    print(_indented("\n".join(lines)))


def _metrics(state: SqliteState) -> Page:
    from aimon import export  # noqa: PLC0415  # only where somebody scrapes
    from aimon.probes import publish  # noqa: PLC0415

    body, kind = export.render(*publish.snapshot(state, live=True))
    return HTTPStatus.OK, body, kind


def _what_next() -> None:
    print(
        "What to do next:\n"
        "  aimon init                               writes a commented aimon.yaml; it notices keys in the environment\n"
        "  aimon config check && aimon probe        probes your own endpoints once\n"
        "  aimon status                             what the history says of them\n"
        "  aimon probe --push http://GATEWAY:9091   from cron, every minute\n"
        "  aimon probe --every 30s --listen 127.0.0.1:9464   a prober that Prometheus scrapes"
    )
    console.note("flaky failed on purpose, so the demo's exit code is 0")


def _indented(text: str) -> str:
    return "".join(f"    {line}\n" for line in text.splitlines())
