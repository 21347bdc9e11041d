"""`aimon dashboards`: Grafana's dashboards, as files or into a running Grafana."""

from __future__ import annotations

from pathlib import Path  # noqa: TC003 - typer reads the annotations at run time
from typing import Annotated

import typer

from aimon import files
from aimon.cli.console import note
from aimon.cli.exits import UNABLE, USAGE, Stop

app = typer.Typer(
    help="Grafana dashboards: as files, or into a running Grafana.", no_args_is_help=True, rich_markup_mode=None
)

Language = Annotated[str, typer.Option("--lang", help="en or zh.")]
Currency = Annotated[str, typer.Option(help="CNY or USD: the `currency` of your aimon.yaml.")]


@app.command()
def export(
    folder: Annotated[Path, typer.Argument(metavar="DIR", help="Where to; made if it is not there.")],
    lang: Language = "en",
    currency: Currency = "CNY",
) -> None:
    """Write the dashboards as JSON files, for Grafana's provisioning or its import page."""
    dashboards = _shipped(lang, currency)
    try:
        folder.mkdir(parents=True, exist_ok=True)
        for name, text in dashboards.items():
            files.write(folder / name, text.encode(), mode=files.EVERYBODY)
            print(folder / name)
    except OSError as error:
        if error.filename is None:  # stdout can't be written
            raise
        raise Stop(UNABLE, f"{files.problem(error)}: choose a folder that can be written") from error


@app.command()
def install(
    grafana: Annotated[str, typer.Option(metavar="URL", help="Such as http://127.0.0.1:3000.")],
    folder: Annotated[str, typer.Option(help="Title of Grafana's folder; made if it is not there.")] = "aimon",
    token_file: Annotated[
        Path | None,
        typer.Option(metavar="FILE", help="File with a service account's token (else $AIMON_GRAFANA_TOKEN)."),
    ] = None,
    lang: Language = "en",
    currency: Currency = "CNY",
) -> None:
    """Put the dashboards into a running Grafana, in place of those of an earlier version.

    Exit codes: 0 all are there; 2 usage; 3 Grafana does not answer or refuses.
    """
    import json

    from aimon.dashboards.grafana_api import Grafana, GrafanaError
    from aimon.security.credentials import read_key

    dashboards = _shipped(lang, currency)
    try:
        server = Grafana.parse(
            grafana, None if token_file is None else read_key(token_file, f"--token-file {token_file}")
        )
    except ValueError as error:
        raise Stop(USAGE, f"aimon dashboards install: {error}") from error
    try:
        uid = server.ensure_folder(folder)
        for text in dashboards.values():
            print(server.put(json.loads(text), uid), flush=True)
    except GrafanaError as error:
        raise Stop(UNABLE, str(error)) from error
    note(f"{len(dashboards)} dashboards in the folder {folder}")


def _shipped(language: str, currency: str) -> dict[str, str]:
    from aimon.dashboards.shipped import read

    try:
        return read(language, currency)
    except ValueError as error:
        raise Stop(USAGE, f"aimon dashboards: {error}") from error
