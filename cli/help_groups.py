"""Help of commands with subcommands: grouped by task, with whole sentences at any terminal width."""

from __future__ import annotations

from typing import TYPE_CHECKING

from typer.core import TyperGroup

from aimon.cli.plain_values import Plain

if TYPE_CHECKING:
    from typer._click import Context, HelpFormatter

# By task, in the usual order of use. A test checks that every command is listed.
TASKS: dict[str, tuple[str, ...]] = {
    "Set up": ("init", "config", "demo", "sim"),
    "Watch": ("probe", "serve", "status"),
    "Load": ("loadtest", "report"),
    "Alert": ("rules", "alerts", "dashboards"),
    "About": ("docs", "version"),
}
_WHOLE = 10_000


class ByTask(Plain, TyperGroup):
    """Lists the commands of aimon by task."""

    def format_commands(self, ctx: Context, formatter: HelpFormatter) -> None:
        """Writes a section for each task with commands; the commands of a group are one section."""
        if self.commands.keys() & {name for names in TASKS.values() for name in names}:
            sections = TASKS
        else:
            sections = {"Commands": tuple(self.list_commands(ctx))}
        for title, names in sections.items():
            with formatter.section(title):
                # The first sentence, wrapped instead of cut.
                formatter.write_dl([(name, self.summary(name)) for name in names])

    def summary(self, name: str) -> str:
        """The first sentence of a command's help."""
        sentence: str = self.commands[name].get_short_help_str(_WHOLE)
        return sentence
