"""The entry point: all commands, and the exit codes.

Exit codes: 0 good; 1 the measured endpoint failed; 2 usage or configuration; 3 aimon could not do its job;
130 interrupted; 141 the pipe at stdout was closed (`| head`), as for any program. Data goes to stdout, everything else
to stderr.
"""

from __future__ import annotations

import os
from typing import Annotated, Any

import typer

from aimon.cli.commands import version
from aimon.cli.console import finish, mute, note, open_closed_streams, take_any_text
from aimon.cli.exits import GOOD, INTERRUPTED, READER_GONE, UNABLE, Stop
from aimon.cli.help_groups import ByTask
from aimon.cli.lazy_commands import LazyCommands
from aimon.distribution import intruder
from aimon.process_exit import leave

# The function of each command, or the `app` with its subcommands. Each is imported when it is called.
COMMANDS = {
    "alerts": "aimon.cli.commands.alerts:app",
    "config": "aimon.cli.commands.config:app",
    "dashboards": "aimon.cli.commands.dashboards:app",
    "demo": "aimon.cli.commands.demo:demo",
    "docs": "aimon.cli.commands.docs:docs",
    "init": "aimon.cli.commands.init:init",
    "loadtest": "aimon.cli.loadtest.command:loadtest",
    "probe": "aimon.cli.probe.command:probe",
    "report": "aimon.cli.report.command:report",
    "rules": "aimon.cli.commands.rules:rules",
    "serve": "aimon.cli.serve.command:serve",
    "sim": "aimon.cli.commands.sim:sim",
    "status": "aimon.cli.status.command:status",
    "version": "aimon.cli.commands.version:version",
}


class Aimon(ByTask):
    """The commands of aimon."""

    def __init__(self, *arguments: Any, **options: Any) -> None:
        super().__init__(*arguments, **options)
        self.commands = self._lazy = LazyCommands(COMMANDS)

    def summary(self, name: str) -> str:
        """The first sentence of a command's help."""
        return self._lazy.summary(name)


app = typer.Typer(
    name="aimon",
    cls=Aimon,
    help="Watches AI APIs from the outside: synthetic probes, load tests, metrics that are true.",
    no_args_is_help=True,
    add_completion=True,
    pretty_exceptions_enable=False,
    # Plain help: rich would cost as much start-up as everything else together.
    rich_markup_mode=None,
    context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100},
)


@app.callback()
def _options(
    _: Annotated[
        bool,
        typer.Option("--version", "-V", callback=version.print_and_leave, is_eager=True, help="Print the version."),
    ] = False,
) -> None:
    """Options before a command."""


def run() -> None:
    """Runs the command line and exits."""
    open_closed_streams()
    take_any_text()
    leave(finish(_run()))


def _run() -> int:
    if (why := intruder()) is not None:
        note(f"aimon: {why}")
        return UNABLE
    try:
        return int(app(prog_name="aimon", standalone_mode=False) or 0)
    except Stop as stop:
        if stop.message:
            note(stop.message)
        return stop.code
    except typer.TyperException as error:
        message = error.format_message()
        # `aimon` alone prints the help.
        alone = message.startswith("Usage:")
        note(message if alone else f"aimon: {message}\nTry: aimon --help")
        return error.exit_code
    except (KeyboardInterrupt, typer.Abort):
        return INTERRUPTED
    except (BrokenPipeError, SystemExit) as error:
        if isinstance(error, SystemExit) and not error.code:
            return GOOD  # typer's, after it has completed a word for a shell
        # The pipe at stdout is closed (`aimon … | head`), which typer turns into an exit with 1: no further output is
        # possible, not even at exit.
        mute()
        return READER_GONE
    except Exception as error:  # noqa: BLE001 - a traceback is no message for whoever runs a command
        return _bug(error)


def _bug(error: Exception) -> int:
    """Reports an unexpected exception as a bug; with AIMON_DEBUG set, as a traceback."""
    from aimon.security.redact import Redactor

    if os.environ.get("AIMON_DEBUG"):
        raise error
    said = Redactor(value for name, value in os.environ.items() if "KEY" in name or "TOKEN" in name).line(str(error))
    note(
        f"aimon: this is a bug in aimon: {type(error).__name__}: {said}\n"
        "Set AIMON_DEBUG=1 for a traceback, and report it, please."
    )
    return UNABLE
