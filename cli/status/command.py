"""`aimon status`: the state of each endpoint from the history."""

from __future__ import annotations

import time
from pathlib import Path  # noqa: TC003 - typer reads the annotations at run time
from typing import TYPE_CHECKING, Annotated

import typer

from aimon.cli.console import note, write_data
from aimon.cli.exits import FAILED, GOOD, UNABLE, USAGE, Stop
from aimon.cli.options.language import Language  # noqa: TC001 - typer reads the annotations at run time

if TYPE_CHECKING:
    from collections.abc import Sequence

    from aimon.probes.history.endpoint_status import EndpointStatus

WINDOW_NAMES = ("1h", "24h", "7d", "30d")


def status(
    names: Annotated[list[str] | None, typer.Argument(metavar="NAME", help="Endpoints (default: all).")] = None,
    window: Annotated[
        list[str] | None, typer.Option(metavar="WINDOW", help="1h, 24h (default), 7d or 30d; may be repeated.")
    ] = None,
    config: Annotated[
        Path | None, typer.Option("--config", "-c", help="Only the endpoints of this configuration file.")
    ] = None,
    history: Annotated[Path | None, typer.Option(metavar="FILE", help="The history's file.")] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print one JSON object per endpoint.")] = False,
    forget: Annotated[
        bool, typer.Option("--forget", help="Remove the named endpoints from the history, for good.")
    ] = False,
    last: Annotated[int, typer.Option(min=1, max=200, help="Number of runs in the bar.")] = 30,
    _language: Language = None,
) -> int:
    """Uptime, latency, TTFT, 429 and 401 rates from the history.

    Exit codes: 0 the last probe of each endpoint succeeded and is recent; 1 one failed or is older than three usual
    gaps, or an endpoint of --config was never probed; 2 usage, or nothing was probed yet; 3 the history can't
    be read.
    """
    from aimon.probes.history.database import HistoryError, default_path

    if config is not None and names:
        raise Stop(USAGE, "names and --config both choose endpoints: leave out one of them")
    if forget and not names:
        raise Stop(USAGE, "--forget removes endpoints from the history: name those that it should forget")
    wanted = list(dict.fromkeys(window or ["24h"]))
    for name in wanted:
        if name not in WINDOW_NAMES:
            raise Stop(USAGE, f"--window {name}: write one of {', '.join(WINDOW_NAMES)}")
    configured = None if config is None else _configured(config)
    try:
        path = default_path() if history is None else history
        there = path.exists()
    except HistoryError as error:
        raise Stop(UNABLE, str(error)) from error
    except OSError as error:
        raise Stop(UNABLE, f"{path}: {error.strerror}: name another file with --history") from error
    if not there:
        others = "" if history else "; what cron probes is in the history of its user (root's: sudo aimon status)"
        raise Stop(USAGE, f"nothing was probed yet (there is no {path}): run aimon probe first{others}")
    if forget:
        return _forget(path, list(dict.fromkeys(names or ())))
    found = _found(path, names or configured or [], wanted, last, known=configured is None)
    if as_json:
        _print_json(found)
    elif found:
        from aimon.cli.status.tables import show

        show(found)
    missing = set(configured or ()) - {each.identity.endpoint for each in found}
    for name in sorted(missing):
        note(f"{name}: never probed: run aimon probe {name}")
    return GOOD if not missing and all(each.healthy for each in found) else FAILED


def _forget(path: Path, names: Sequence[str]) -> int:
    from aimon.probes.history.database import HistoryError
    from aimon.probes.history.history import History
    from aimon.probes.state.forget import forget

    try:
        with History(path) as opened:
            for name, count in forget(opened, names).items():
                note(f"{name}: forgotten, with {count:,} results; what it spent still counts towards its budget")
    except HistoryError as error:
        raise Stop(UNABLE, str(error)) from error
    except KeyError as error:
        raise Stop(USAGE, error.args[0]) from error
    return GOOD


def _found(path: Path, names: Sequence[str], windows: Sequence[str], last: int, *, known: bool) -> list[EndpointStatus]:
    """The status of the endpoints of these names (default: all); with `known`, each must have been probed."""
    from aimon.probes.history.database import HistoryError
    from aimon.probes.history.endpoint_status import endpoint_statuses
    from aimon.probes.history.history import History

    try:
        with History(path, read_only=True) as opened:
            if not (probed := {identity.endpoint for identity in opened.identities()}):
                raise Stop(USAGE, f"nothing was probed yet ({path} is empty): run aimon probe first")
            chosen = names if known else [name for name in names if name in probed]
            if names and not chosen:
                return []
            found = endpoint_statuses(opened, chosen, windows, last=last, now=time.time())
            if opened.unreadable:
                note(f"{path}: rows that can't be read, and are left out: {opened.unreadable}")
            return found
    except HistoryError as error:
        raise Stop(UNABLE, str(error)) from error
    except KeyError as error:
        raise Stop(USAGE, error.args[0]) from error


def _configured(path: Path) -> list[str]:
    from aimon.config import ConfigError, load

    try:
        return [endpoint.name for endpoint in load(path).endpoints]
    except ConfigError as error:
        raise Stop(USAGE, str(error)) from error


def _print_json(found: Sequence[EndpointStatus]) -> None:
    import msgspec

    write_data(b"".join(msgspec.json.encode(each.as_object()) + b"\n" for each in found))
