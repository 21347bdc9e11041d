"""The entry point: every command, and what its end means to the shell.

Exit codes: 0 good; 1 the thing measured failed; 2 usage or configuration; 3 aimon could not do its job;
130 interrupted; 141 the reader of stdout went before the end (`| head`), as of any program. Data goes to stdout,
everything else to stderr.
"""

from __future__ import annotations

import os
import sys
from typing import Annotated

import typer

from aimon.cli.commands import alerts, config, dashboards, demo, docs, init, report, rules, sim, version
from aimon.cli.console import finish, mute, note, open_closed_streams, take_any_text
from aimon.cli.exits import GOOD, INTERRUPTED, READER_GONE, UNABLE, Stop
from aimon.cli.help_groups import ByTask
from aimon.cli.loadtest.command import loadtest
from aimon.cli.probe.command import probe
from aimon.cli.status.command import status
from aimon.distribution import intruder

app = typer.Typer(
    name="aimon",
    cls=ByTask,
    help="Watches AI APIs from the outside: synthetic probes, load tests, metrics that are true.",
    no_args_is_help=True,
    add_completion=True,
    pretty_exceptions_enable=False,
    # Plain help: rich would cost as much start-up as everything else together.
    rich_markup_mode=None,
    context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100},
)

app.add_typer(alerts.app, name="alerts", cls=ByTask)
app.add_typer(dashboards.app, name="dashboards", cls=ByTask)
app.command("demo")(demo.demo)
app.command("init")(init.init)
app.add_typer(config.app, name="config", cls=ByTask)
app.command("docs")(docs.docs)
app.command("loadtest")(loadtest)
app.command("probe")(probe)
app.command("report")(report.report)
app.command("rules")(rules.rules)
app.command("status")(status)
app.command("sim")(sim.sim)
app.command("version")(version.version)


@app.callback()
def _options(
    _: Annotated[
        bool,
        typer.Option("--version", "-V", callback=version.print_and_leave, is_eager=True, help="Print the version."),
    ] = False,
) -> None:
    """What can be said before a command."""


def run() -> None:
    """Runs the command line and exits."""
    open_closed_streams()
    take_any_text()
    sys.exit(finish(_run()))


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
        # `aimon` alone is answered with the help itself.
        alone = message.startswith("Usage:")
        note(message if alone else f"aimon: {message}\nTry: aimon --help")
        return error.exit_code
    except (KeyboardInterrupt, typer.Abort):
        return INTERRUPTED
    except (BrokenPipeError, SystemExit) as error:
        if isinstance(error, SystemExit) and not error.code:
            return GOOD  # typer's, after it has completed a word for a shell
        # The reader of our output has gone (`aimon … | head`), which typer turns into an exit with 1: no more can be
        # said to it, not even at exit.
        mute()
        return READER_GONE
    except Exception as error:  # noqa: BLE001  # a traceback is no message for whoever runs a command
        return _bug(error)


def _bug(error: Exception) -> int:
    """Owns up to an error that nothing foresaw; the traceback is for those who ask for it."""
    from aimon.security.redact import Redactor

    if os.environ.get("AIMON_DEBUG"):
        raise error
    said = Redactor(value for name, value in os.environ.items() if "KEY" in name or "TOKEN" in name).line(str(error))
    note(
        f"aimon: this is a bug in aimon: {type(error).__name__}: {said}\n"
        "Set AIMON_DEBUG=1 for a traceback, and report it, please."
    )
    return UNABLE
