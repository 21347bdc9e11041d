"""`aimon sim`: the simulated provider alone."""

from __future__ import annotations

import os
from functools import partial
from typing import TYPE_CHECKING, Annotated

import typer

from aimon.cli.console import note
from aimon.cli.exits import UNABLE, USAGE, Stop

if TYPE_CHECKING:
    from aimon.simulator import Simulator


def sim(
    host: Annotated[str, typer.Option(help="Address; the control endpoints have no password.")] = "127.0.0.1",
    port: Annotated[int, typer.Option(min=0, max=65535, help="Port; 0 takes a free one.")] = 8399,
    ttft: Annotated[str | None, typer.Option(help="Wait before the first token, such as 200ms.")] = None,
    itl: Annotated[str | None, typer.Option(help="Gap between tokens, such as 10ms.")] = None,
    tokens: Annotated[int | None, typer.Option(help="Tokens in an answer that is not an echo.")] = None,
    slots: Annotated[int | None, typer.Option(help="Requests served at once; the rest wait in a queue.")] = None,
    rps: Annotated[float | None, typer.Option(help="Requests a second before it answers 429.")] = None,
    tpm: Annotated[int | None, typer.Option(help="Tokens a minute before it answers 429.")] = None,
    vendor: Annotated[str | None, typer.Option(help="Whose headers and error bodies to send, such as openai.")] = None,
    key_env: Annotated[str | None, typer.Option(metavar="NAME", help="The variable with the key it asks for.")] = None,
    fault: Annotated[list[str] | None, typer.Option(help="A fault, such as cut:share=0.2; may be repeated.")] = None,
    seed: Annotated[int, typer.Option(help="Of all random numbers.")] = 0,
) -> None:
    """Run a simulated AI provider: every dialect, with known latency, limits and faults. Ctrl-C ends it."""
    try:
        from aimon.simulator import profile_from_options, rule_from_text, serve  # noqa: PLC0415  # start-up
        from aimon.simulator.profile import SettingError  # noqa: PLC0415
    except ModuleNotFoundError as error:
        raise Stop(UNABLE, f"the simulator needs {error.name}: pip install 'aimon[sim]'") from error
    if key_env is not None and not os.environ.get(key_env):
        raise Stop(USAGE, f"--key-env {key_env}: the variable is not set: export {key_env}=…")
    try:
        profile = profile_from_options(
            ttft=ttft,
            itl=itl,
            tokens=tokens,
            slots=slots,
            rps=rps,
            tpm=tpm,
            vendor=vendor,
            key=os.environ[key_env] if key_env else None,
        )
        rules = [rule_from_text(text) for text in fault or ()]
        serve(profile, rules=rules, host=host, port=port, seed=seed, ready=partial(_ready, key_env=key_env))
    except SettingError as error:
        raise Stop(USAGE, str(error)) from error
    except OSError as error:
        why = (error.strerror or str(error)).partition(" (while attempting")[0]  # which says the address again
        raise Stop(UNABLE, f"{host}:{port}: {why}: choose another --host or --port") from error


def _ready(simulator: Simulator, key_env: str | None) -> None:
    print(f"simulator: {simulator.url}", flush=True)
    key = f" --api-key-env {key_env}" if key_env else ""
    note(f"try: aimon probe --dialect openai-chat --base-url {simulator.url}/v1 --model sim-1{key}")
