"""Commands that are imported when they are called, or for the help of all commands."""

from __future__ import annotations

from collections.abc import Iterator, MutableMapping
from importlib import import_module
from typing import TYPE_CHECKING, Any

import typer

from aimon.cli.help_groups import ByTask
from aimon.cli.plain_values import PlainCommand

if TYPE_CHECKING:
    from collections.abc import Mapping


class LazyCommands(MutableMapping[str, Any]):
    """Commands by their names, in their order.

    Args:
        places: of each, the module and the name in it: of a function, which becomes a command, or of a Typer, which
            becomes a group of commands.
    """

    def __init__(self, places: Mapping[str, str]) -> None:
        self._places = dict(places)
        self._loaded: dict[str, Any] = {}

    def __getitem__(self, name: str) -> Any:
        if name not in self._loaded:
            self._loaded[name] = _command(name, self._made_of(name))
        return self._loaded[name]

    def __contains__(self, name: object) -> bool:
        return name in self._places

    def __setitem__(self, name: str, command: Any) -> None:
        self._places.setdefault(name, "")
        self._loaded[name] = command

    def __delitem__(self, name: str) -> None:
        del self._places[name]
        self._loaded.pop(name, None)

    def __iter__(self) -> Iterator[str]:
        return iter(self._places)

    def __len__(self) -> int:
        return len(self._places)

    def summary(self, name: str) -> str:
        """The first sentence of a command's help, without building its options."""
        made_of = self._made_of(name)
        text = made_of.info.help if isinstance(made_of, typer.Typer) else made_of.__doc__
        paragraph = " ".join((text or "").strip().partition("\n\n")[0].split())
        return paragraph.partition(". ")[0].removesuffix(".") + "."

    def _made_of(self, name: str) -> Any:
        module, _, attribute = self._places[name].partition(":")
        return getattr(import_module(module), attribute)


def _command(name: str, made_of: Any) -> Any:
    alone = typer.Typer(rich_markup_mode=None, add_completion=False)
    if not isinstance(made_of, typer.Typer):
        alone.command(name, cls=PlainCommand)(made_of)
        return typer.main.get_command(alone)
    for each in made_of.registered_commands:
        each.cls = PlainCommand
    alone.add_typer(made_of, name=name, cls=ByTask)
    group: Any = typer.main.get_command(alone)
    return group.commands[name]
