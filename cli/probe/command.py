"""`aimon probe`: call every configured endpoint once, or again and again."""

from __future__ import annotations

from pathlib import Path  # noqa: TC003 - typer reads the annotations at run time
from typing import TYPE_CHECKING, Annotated

import typer

from aimon.cli.console import note
from aimon.cli.endpoints import Flags, select
from aimon.cli.exits import GOOD, USAGE, Stop
from aimon.cli.options import listening
from aimon.cli.options.language import Language  # noqa: TC001 - typer reads the annotations at run time
from aimon.cli.options.pushing import gateway as gateway_of
from aimon.cli.probe.options import ProbeOptions

if TYPE_CHECKING:
    from aimon.probes.history.history import History
    from aimon.probes.history.retention import Retention
    from aimon.probes.publish.recorder import Recorder
    from aimon.probes.selection import Selection


def probe(
    names: Annotated[list[str] | None, typer.Argument(metavar="NAME", help="Endpoints (default: all).")] = None,
    config: Annotated[Path | None, typer.Option("--config", "-c", help="Configuration file.")] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print one JSON object per result.")] = False,
    push: Annotated[str | None, typer.Option(help="Push to this Pushgateway, such as http://127.0.0.1:9091.")] = None,
    textfile: Annotated[Path | None, typer.Option(help="Write metrics for node_exporter (….prom).")] = None,
    junit: Annotated[Path | None, typer.Option(help="Write JUnit XML for a CI system.")] = None,
    state: Annotated[str, typer.Option(help="Where totals are kept between runs: sqlite, gateway or none.")] = "sqlite",
    history: Annotated[Path | None, typer.Option(help="History file, with --state sqlite.")] = None,
    set_aside_damaged: Annotated[
        bool, typer.Option("--set-aside-damaged", help="Rename a damaged history, and begin a new one.")
    ] = False,
    every: Annotated[str | None, typer.Option(help="Probe at this interval, such as 30s, until stopped.")] = None,
    listen: Annotated[str | None, typer.Option(help="With --every: serve /metrics on HOST:PORT.")] = None,
    listen_token_file: Annotated[
        Path | None,
        typer.Option(metavar="FILE", help="With --listen: the file with the token that scrapers must send as Bearer."),
    ] = None,
    no_auth: Annotated[
        bool, typer.Option("--no-auth", help="Allow --listen on an address that others can reach.")
    ] = False,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Send nothing: only say what probing costs.")] = False,
    concurrency: Annotated[int, typer.Option(min=1, help="Endpoints probed at once.")] = 100,
    preset: Annotated[str | None, typer.Option(help="Without a file: provider, such as openai.")] = None,
    dialect: Annotated[str | None, typer.Option(help="Without a file: dialect, such as openai-chat.")] = None,
    base_url: Annotated[str | None, typer.Option(help="Without a file: address, up to /v1.")] = None,
    model: Annotated[str | None, typer.Option(help="Without a file: model.")] = None,
    api_key_env: Annotated[str | None, typer.Option(metavar="NAME", help="The variable that holds the key.")] = None,
    _language: Language = None,
) -> int:
    """Probe endpoints, once or at an interval.

    Exit codes: 0 all succeeded; 1 an endpoint failed; 2 usage or configuration; 3 a push, a file or the history
    failed; 130 interrupted.
    """
    if junit is not None and every is not None:
        raise Stop(USAGE, "--junit reports one run: leave it out, or leave out --every")
    token = listening.token(listen_token_file, listen)
    options = ProbeOptions(
        as_json=as_json,
        junit=junit,
        push=push,
        textfile=textfile,
        state=state,
        history=history,
        set_aside_damaged=set_aside_damaged,
        concurrency=concurrency,
        every=None if every is None else _seconds(every),
        listen=None if listen is None else _address(listen, every=every, public=no_auth or token is not None),
        token=token,
    )
    selection = select(names or [], config, Flags(preset, dialect, base_url, model, api_key_env), lenient=True)
    if options.every is not None:
        from msgspec.structs import replace

        beat = options.every
        often = tuple(replace(e, interval=beat, interval_failing=None, cron=None) for e in selection.endpoints)
        selection = replace(selection, endpoints=often)
    return _predict(selection) if dry_run else _run(selection, options)


def _predict(selection: Selection) -> int:
    from aimon.cli.probe import cost

    cost.say(selection.endpoints, selection.prices)
    note("nothing was sent")
    return GOOD


def _run(selection: Selection, options: ProbeOptions) -> int:
    recorder = _recorder(selection, options)
    try:
        if options.every is None:
            from aimon.cli.probe.once import run_once

            return run_once(selection, recorder, options)
        from aimon.cli.probe.loop import run_loop

        return run_loop(selection, recorder, options)
    finally:
        recorder.state.close()


def _recorder(selection: Selection, options: ProbeOptions) -> Recorder:
    """Opens all outputs for Results. A history that can't be opened is reported, and probing continues without it."""
    from functools import partial

    from aimon.probes.history.history import History
    from aimon.probes.publish.recorder import Recorder
    from aimon.probes.state.open_state import open_state

    for path in (options.junit, options.textfile):
        if path is not None and not path.parent.is_dir():
            raise Stop(USAGE, f"{path}: the folder {path.parent} does not exist: make it, or write elsewhere")
        if path is not None and path.is_dir():
            raise Stop(USAGE, f"{path}: that is a folder: name a file in it")
    if options.textfile is not None and options.textfile.suffix != ".prom":
        raise Stop(USAGE, f"--textfile {options.textfile}: node_exporter reads only files that end in .prom")
    gateway = None if options.push is None else gateway_of(options.push)
    try:
        state = open_state(
            options.state,
            selection.monitored(published=any((options.push, options.textfile, options.listen))),
            path=options.history,
            gateway=gateway,
            opened=partial(_renewed if options.set_aside_damaged else History, retention=selection.retention()),
        )
    except ValueError as error:
        raise Stop(USAGE, f"--state: {error}") from error
    if state.problem is not None:
        note(f"aimon: probing goes on without its history: {state.problem}")
    return Recorder(
        state,
        selection.prices,
        selection.region,
        selection.owner,
        selection.whole,
        gateway,
        options.textfile,
        selection.redactor(),
    )


def _renewed(path: Path, retention: Retention) -> History:
    from aimon.probes.history.damage import open_or_renew

    return open_or_renew(path, lambda said: note(f"aimon: {said}"), retention)


def _seconds(text: str) -> float:
    from aimon.quantities import seconds

    try:
        value = seconds(text)
    except ValueError as error:
        raise Stop(USAGE, f"--every {text}: {error}") from error
    if value < 1:
        raise Stop(USAGE, f"--every {text}: at least 1s, since every probe costs money")
    return value


def _address(text: str, *, every: str | None, public: bool) -> tuple[str, int]:
    if every is None:
        raise Stop(USAGE, "--listen serves metrics while probing goes on: add --every 30s, or use --push or --textfile")
    return listening.address(text, public=public)
