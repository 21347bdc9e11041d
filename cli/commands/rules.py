"""`aimon rules`: Prometheus rules, with burn-rate alerts from each endpoint's objectives."""

from __future__ import annotations

from pathlib import Path  # noqa: TC003 - typer reads the annotations at run time
from typing import Annotated

import typer

from aimon.cli.console import note, write_data
from aimon.cli.exits import USAGE, Stop


def rules(
    config: Annotated[Path | None, typer.Option("--config", "-c", help="Configuration file.")] = None,
    default: Annotated[
        bool, typer.Option("--default", help="Rules for any endpoint, without a configuration file.")
    ] = False,
    runbook_url: Annotated[
        str | None, typer.Option(metavar="URL", help="Where your copy of docs/runbook.md is, for links in alerts.")
    ] = None,
    alertmanager: Annotated[
        bool, typer.Option("--alertmanager", help="Print routes and inhibitions for an existing Alertmanager instead.")
    ] = False,
    scrape: Annotated[
        bool, typer.Option("--scrape", help="Print scrape_configs for an existing Prometheus instead.")
    ] = False,
) -> None:
    """Print a rules file for Prometheus: recorded SLIs and costs, alerts, burn rates of the objectives.

    Keys and other variables need not be set. Check the output with: promtool check rules FILE
    """
    if alertmanager or scrape:
        if sum((alertmanager, scrape, default, config is not None, runbook_url is not None)) > 1:
            raise Stop(USAGE, "--alertmanager and --scrape each print something of their own: give nothing beside them")
        from aimon.dashboards import snippets

        write_data(snippets.alertmanager() if alertmanager else snippets.SCRAPE)
        return
    from aimon.config import ConfigError, find, load
    from aimon.dashboards.rules import ruleset
    from aimon.dashboards.rules.document import RUNBOOK, render

    if default and config is not None:
        raise Stop(USAGE, "--default makes the set that needs no file: leave out --config or --default")
    if runbook_url is not None and not runbook_url.startswith(("https://", "http://")):
        raise Stop(
            USAGE,
            f"--runbook-url {runbook_url}: not an address: write all of it, such as https://wiki.example.com/aimon",
        )
    if not default and find(config) is None:
        raise Stop(USAGE, "no aimon.yaml: --config names one, and --default makes the set that needs none")
    try:
        groups = ruleset.default() if default else ruleset.for_config(load(config))
    except ConfigError as error:
        raise Stop(USAGE, str(error)) from error
    source = "--default" if default else f"--config {find(config)}"
    comment = f"Made by `aimon rules {source}`: change that, not this."
    if runbook_url is None:
        note(
            "alerts link to the runbook in Prometheus: start it with --web.user-assets=DIR/assets of "
            "`aimon alerts export DIR`, or name your own copy with --runbook-url"
        )
    write_data(render(groups, runbook=runbook_url or RUNBOOK, note=comment))
