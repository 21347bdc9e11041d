"""`aimon alerts`: test notifications, Alertmanager's configuration, and the bridge from Alertmanager to chat robots."""

from __future__ import annotations

from pathlib import Path  # noqa: TC003 - typer reads the annotations at run time
from typing import TYPE_CHECKING, Annotated

import typer

from aimon.cli.console import note
from aimon.cli.exits import INTERRUPTED, UNABLE, USAGE, Stop

if TYPE_CHECKING:
    from aimon.security.secret import Secret

app = typer.Typer(
    help="Send a test, write Alertmanager's configuration, or pass alerts on to a group robot.",
    no_args_is_help=True,
    rich_markup_mode=None,
)

ROBOT_URL = "AIMON_ROBOT_URL"
ROBOT_SECRET = "AIMON_ROBOT_SECRET"  # noqa: S105 - the variable's name


@app.command("test")
def try_out(
    alertmanager: Annotated[str | None, typer.Option(metavar="URL", help="Such as http://127.0.0.1:9093.")] = None,
    severity: Annotated[str, typer.Option(help="critical pages; warning and info do not.")] = "warning",
    hold: Annotated[
        str, typer.Option("--for", help="Resolve it after this; longer than group_wait, or no notification is sent.")
    ] = "60s",
    notify: Annotated[
        str | None, typer.Option(metavar="NAME", help="A channel of the configuration, instead: aimon serve's notify.")
    ] = None,
    config: Annotated[Path | None, typer.Option("--config", "-c", help="Configuration file, for --notify.")] = None,
) -> None:
    """Send a test: an alert that is resolved after a while, or a message to a channel.

    Exit codes: 0 it was active and is resolved, or it was delivered; 1 it is silenced or inhibited; 2 usage; 3 nobody
    answers, or it is refused.
    """
    if (alertmanager is None) == (notify is None):
        raise Stop(USAGE, "aimon alerts test: give --alertmanager URL, or --notify NAME for a channel")
    if notify is not None:
        from aimon.cli.commands.channel_test import try_channel

        try_channel(notify, config)
    else:
        _try_alertmanager(alertmanager or "", severity, hold)


def _try_alertmanager(url: str, severity: str, hold: str) -> None:
    import time

    from aimon.cli.exits import FAILED
    from aimon.dashboards.alerting import TestAlert
    from aimon.notifications.alertmanager import Alertmanager, AlertmanagerError
    from aimon.quantities import seconds

    try:
        server, wait = Alertmanager.parse(url), seconds(hold)
    except ValueError as error:
        raise Stop(USAGE, f"aimon alerts test: {error}") from error
    alert = TestAlert(severity)
    try:
        alert.fire(server)
        try:
            seen = alert.wait_until_seen(server)
            print(f"{seen.state}: severity {severity} goes to: {', '.join(seen.receivers)}", flush=True)
            if seen.state != "active":
                raise Stop(FAILED, "a silence or an inhibition suppresses it: no notification is sent")
            note(f"resolving it in {hold}; Ctrl-C does so at once")
            time.sleep(wait)
        finally:
            alert.resolve(server)
        print("resolved")
    except AlertmanagerError as error:
        raise Stop(UNABLE, str(error)) from error


@app.command()
def export(
    folder: Annotated[Path, typer.Argument(metavar="DIR", help="Where to; made if it is not there.")],
    overwrite: Annotated[bool, typer.Option("--overwrite", help="Replace files that are there and differ.")] = False,
) -> None:
    """Write Alertmanager's configuration, its templates, and the runbook that alerts link to."""
    from aimon import files
    from aimon.dashboards.shipped import alerting_files

    shipped = {folder / name: text.encode() for name, text in alerting_files().items()}
    try:
        kept = [path for path, content in shipped.items() if path.exists() and path.read_bytes() != content]
        if kept and not overwrite:
            raise Stop(USAGE, f"{kept[0]} is there, and differs: --overwrite replaces it, or name another folder")
        for path, content in shipped.items():
            path.parent.mkdir(parents=True, exist_ok=True)
            files.write(path, content, mode=files.EVERYBODY)
            print(path)
    except OSError as error:
        if error.filename is None:  # stdout can't be written
            raise
        raise Stop(UNABLE, f"{files.problem(error)}: choose a folder that can be written") from error
    note(f"put your addresses and the files of your secrets into {folder / 'alertmanager.yml'}")
    note(f"Prometheus serves the runbook with --web.user-assets={folder / 'assets'}")


@app.command()
def bridge(
    to: Annotated[str, typer.Option(help="Kind of robot: wecom, dingtalk or feishu.")],
    url_file: Annotated[
        Path | None, typer.Option(metavar="FILE", help=f"File with the robot's URL (else ${ROBOT_URL}): it is secret.")
    ] = None,
    secret_file: Annotated[
        Path | None,
        typer.Option(
            metavar="FILE", help=f"File with the secret of a robot that wants signatures (else ${ROBOT_SECRET})."
        ),
    ] = None,
    listen: Annotated[str, typer.Option(help="HOST:PORT for Alertmanager's webhook, path /alerts.")] = "127.0.0.1:9465",
    no_auth: Annotated[
        bool, typer.Option("--no-auth", help="Allow --listen on an address that others can reach.")
    ] = False,
) -> None:
    """Pass Alertmanager's notifications on to a group robot, until stopped."""
    from aimon.dashboards.bridge import server
    from aimon.network.proxy import find as find_proxy
    from aimon.network.server.listen import is_loopback, split_address
    from aimon.notifications.robots import KINDS, Robot

    if to not in KINDS:
        raise Stop(USAGE, f"--to {to}: there is no such robot; write one of {', '.join(KINDS)}")
    try:
        host, port = split_address(listen)
        url = _secret(url_file, "--url-file", ROBOT_URL)
        secret = _secret(secret_file, "--secret-file", ROBOT_SECRET)
        robot = Robot.parse(to, url, secret) if url else None
        find_proxy(url.reveal() if url else "")  # checked now, rather than at the first alert
    except ValueError as error:
        raise Stop(USAGE, f"aimon alerts bridge: {error}") from error
    if robot is None:
        raise Stop(USAGE, f"aimon alerts bridge: no robot: give --url-file, or set {ROBOT_URL}")
    if not is_loopback(host) and not no_auth:
        raise Stop(USAGE, f"--listen {listen}: others can reach that address: add --no-auth if that is meant")
    try:
        listening = server(robot, host, port, note)
    except OSError as error:
        raise Stop(UNABLE, f"{listen}: {error.strerror or error}: choose another --listen") from error
    with listening:
        note(f"bridge: http://{listen}/alerts to a {to} robot")
        try:
            listening.serve_forever()
        except KeyboardInterrupt:
            raise Stop(INTERRUPTED) from None


def _secret(path: Path | None, option: str, variable: str) -> Secret | None:
    """A secret from a file, from a variable, or from the file that its `…_FILE` names.

    Raises:
        ValueError: it is invalid.
    """
    import os

    from aimon.security import credentials
    from aimon.security.secret import Secret

    if path is not None:
        return Secret(credentials.read_key(path, f"{option} {path}"))
    found = credentials.from_environment(os.environ, variable)
    return None if found is None else Secret(found)
