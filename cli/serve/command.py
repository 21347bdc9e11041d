"""`aimon serve`: the long-running prober with its metrics, its API and its status page."""

from __future__ import annotations

from pathlib import Path  # noqa: TC003 - typer reads the annotations at run time
from typing import TYPE_CHECKING, Annotated

import typer

from aimon.cli import listening
from aimon.cli.console import note
from aimon.cli.endpoints import Flags, select
from aimon.cli.exits import GOOD, UNABLE, USAGE, Stop
from aimon.distribution import NAME

if TYPE_CHECKING:
    from aimon.probes.selection import Selection
    from aimon.probes.service.settings import Settings

_ADDRESS = "127.0.0.1:9464"


def serve(
    config: Annotated[Path | None, typer.Option("--config", "-c", help="Configuration file.")] = None,
    listen: Annotated[str, typer.Option(metavar="HOST:PORT", help="Where to serve pages and metrics.")] = _ADDRESS,
    history: Annotated[Path | None, typer.Option(help="The history's file.")] = None,
    token_file: Annotated[
        Path | None, typer.Option(metavar="FILE", help="The token to ask for, as Bearer or as a password.")
    ] = None,
    no_auth: Annotated[bool, typer.Option("--no-auth", help="Allow --listen where others can reach it.")] = False,
    concurrency: Annotated[int, typer.Option(min=1, help="Endpoints under way at once.")] = 100,
) -> int:
    """Probe on schedule until stopped, and serve metrics, an API and a status page.

    SIGHUP reads the configuration again, SIGTERM lets probes under way end. Exit codes: 0 stopped; 2 usage or
    configuration; 3 the address can't be had, or results could not be recorded.
    """
    import asyncio

    try:
        from aimon.probes.service.service import LoadError, Service
    except ModuleNotFoundError as error:
        raise Stop(UNABLE, f"aimon serve needs {error.name}: pip install '{NAME}[serve]'") from error

    def load() -> Selection:
        try:
            return select([], config, Flags(), lenient=True)
        except Stop as stop:
            raise LoadError(stop.message) from stop

    settings = _settings(listen, history, token_file, no_auth=no_auth, concurrency=concurrency)
    try:
        lost = asyncio.run(Service(load, settings, say=note).run())
    except LoadError as error:
        raise Stop(USAGE, str(error)) from error
    except OSError as error:
        from aimon.probes.publish.listen import why_not

        raise Stop(UNABLE, f"--listen {listen}: {why_not(error)}") from error
    if lost:
        raise Stop(UNABLE, f"aimon: {lost} results are not recorded")
    return GOOD


def _settings(
    listen: str, history: Path | None, token_file: Path | None, *, no_auth: bool, concurrency: int
) -> Settings:
    from aimon.probes.history.database import HistoryError, default_path
    from aimon.probes.service.settings import Settings

    token = listening.token(token_file, listen, option="--token-file")
    host, port = listening.address(listen, public=no_auth or token is not None, option="--token-file")
    try:
        path = history or default_path()
    except HistoryError as error:
        raise Stop(USAGE, str(error)) from error
    return Settings(path, host, port, token, concurrency=concurrency)
