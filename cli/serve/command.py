"""`aimon serve`: the long-running prober with its metrics, its API and its status page."""

from __future__ import annotations

from pathlib import Path  # noqa: TC003 - typer reads the annotations at run time
from typing import TYPE_CHECKING, Annotated

import typer

from aimon.cli.console import note
from aimon.cli.endpoints import Flags, load, select
from aimon.cli.exits import GOOD, UNABLE, USAGE, Stop
from aimon.cli.serve.options import ADDRESS, ServeOptions, settings, shard
from aimon.distribution import NAME

if TYPE_CHECKING:
    from collections.abc import Callable

    from aimon.config import Config
    from aimon.probes.scheduling.shards import Shard
    from aimon.probes.selection import Selection
    from aimon.probes.service.settings import Settings


def serve(
    config: Annotated[Path | None, typer.Option("--config", "-c", help="Configuration file.")] = None,
    listen: Annotated[
        str | None, typer.Option(metavar="HOST:PORT", help=f"Where to serve; by default {ADDRESS}.")
    ] = None,
    history: Annotated[Path | None, typer.Option(help="The history's file.")] = None,
    token_file: Annotated[
        Path | None,
        typer.Option(
            metavar="FILE", help="The file with the token that clients must send, as Bearer or as a password."
        ),
    ] = None,
    no_auth: Annotated[
        bool, typer.Option("--no-auth", help="Allow --listen on an address that others can reach.")
    ] = False,
    tls_cert: Annotated[Path | None, typer.Option(metavar="FILE", help="Serve HTTPS with this (PEM).")] = None,
    tls_key: Annotated[Path | None, typer.Option(metavar="FILE", help="Its key, if it is in another file.")] = None,
    share: Annotated[
        str | None, typer.Option("--shard", metavar="I/N", help="Probe one of N shares of the endpoints, from 0/N.")
    ] = None,
    concurrency: Annotated[int | None, typer.Option(min=1, help="Endpoints probed at once.")] = None,
    push: Annotated[
        str | None, typer.Option(metavar="URL", help="Also push to this Pushgateway; then do not scrape.")
    ] = None,
) -> int:
    """Probe on schedule until stopped, and serve metrics, an API and a status page.

    SIGHUP reads the configuration again; SIGTERM and Ctrl-C let running probes finish. Exit codes: 0 stopped; 2 usage
    or configuration; 3 the address is not available, or results could not be recorded.
    """
    first = load(config, Flags())
    options = ServeOptions(listen, history, token_file, no_auth, tls_cert, tls_key, concurrency, push)
    try:
        import aimon.probes.service.service  # noqa: F401 - says before anything starts whether it could be had
    except ModuleNotFoundError as error:
        raise Stop(UNABLE, f"aimon serve needs {error.name}: pip install '{NAME}[serve]'") from error
    return _run(_loader(config, first, shard(share)), settings(options, first))


def _loader(path: Path | None, first: Config, share: Shard) -> Callable[[], Selection]:
    """Loads the configuration; the first time returns the one already read."""
    from msgspec.structs import replace

    from aimon.config import ConfigError
    from aimon.probes.notify.channels import usable
    from aimon.probes.service.service import LoadError

    read = [first]

    def selection() -> Selection:
        try:
            found = select([], path, Flags(), lenient=True, loaded=read.pop() if read else None)
            found = replace(found, channels=usable(found.config) if found.config else ())
        except Stop as stop:
            raise LoadError(stop.message) from stop
        except ConfigError as error:
            raise LoadError(str(error)) from error
        kept = tuple(endpoint for endpoint in found.endpoints if share.has(endpoint.name))
        return found if len(kept) == len(found.endpoints) else replace(found, endpoints=kept, whole=False)

    return selection


def _run(load_selection: Callable[[], Selection], chosen: Settings) -> int:
    import asyncio

    from aimon.probes.service.service import LoadError, Service

    try:
        lost = asyncio.run(Service(load_selection, chosen, say=note).run())
    except LoadError as error:
        raise Stop(USAGE, str(error)) from error
    except OSError as error:
        from aimon.network.server.listen import why_not

        raise Stop(UNABLE, f"--listen {chosen.host}:{chosen.port}: {why_not(error)}") from error
    if lost:
        raise Stop(UNABLE, f"aimon: {lost} results are not recorded")
    return GOOD
