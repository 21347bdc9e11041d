"""The help: by task, whole at 80 columns; the version, and completion of words for shells."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
import typer

from aimon import __version__
from aimon.cli.help_groups import TASKS
from aimon.cli.main import app

if TYPE_CHECKING:
    from collections.abc import Iterator

    from command import Command

DOCS = Path(__file__).resolve().parents[2] / "docs"
TREE: Any = typer.main.get_command(app)


def commands(command: Any = TREE, path: tuple[str, ...] = ()) -> Iterator[tuple[tuple[str, ...], Any]]:
    """Every command with the words that call it."""
    yield path, command
    for name, each in getattr(command, "commands", {}).items():
        yield from commands(each, (*path, name))


ALL = dict(commands())


def help_of(path: tuple[str, ...], columns: int) -> str:
    """What `--help` prints at that width."""
    context = ALL[path].make_context("aimon", [], resilient_parsing=True, terminal_width=columns, max_content_width=999)
    text: str = ALL[path].get_help(context)
    return text


def test_every_command_has_its_place() -> None:
    """Every command is in one section of the help, and no section names a command that does not exist."""
    assert sorted(name for names in TASKS.values() for name in names) == sorted(TREE.commands)


@pytest.mark.parametrize("path", ALL, ids=lambda path: " ".join(path) or "aimon")
def test_help_is_whole_at_80_columns(path: tuple[str, ...]) -> None:
    """At 80 columns no line of help is longer and no sentence is cut."""
    lines = help_of(path, 80).splitlines()
    assert max(len(line) for line in lines) <= 80
    assert not [line for line in lines if line.endswith("...") and not line.startswith("Usage:")]


def test_the_version_in_three_ways(run_aimon: Command) -> None:
    """`version`, `--version` and `-V` print the version, whatever follows the option."""
    for arguments in (["version"], ["--version"], ["-V"], ["--version", "probe"]):
        done = run_aimon(*arguments)
        assert (done.returncode, done.stdout) == (0, f"aimon {__version__}\n")


@pytest.mark.parametrize(
    ("shell", "words", "found"),
    [
        ("bash", {"COMP_WORDS": "aimon pro", "COMP_CWORD": "1"}, "probe"),
        ("zsh", {"_TYPER_COMPLETE_ARGS": "aimon load"}, "loadtest"),
        ("fish", {"_TYPER_COMPLETE_ARGS": "aimon stat", "_TYPER_COMPLETE_FISH_ACTION": "get-args"}, "status"),
    ],
)
def test_shells_complete_words(run_aimon: Command, shell: str, words: dict[str, str], found: str) -> None:
    """Completion answers as the scripts of each shell ask."""
    done = run_aimon("", env={"_AIMON_COMPLETE": f"complete_{shell}"} | words)
    assert (done.returncode, done.stderr) == (0, "")
    assert found in done.stdout


def test_the_documentation_comes_with_the_program(run_aimon: Command) -> None:
    """A list of its pages, and each of them whole."""
    done = run_aimon("docs")
    assert done.returncode == 0, done.stderr
    names = [line.split()[0] for line in done.stdout.splitlines()]
    assert names == sorted(path.stem for path in DOCS.glob("*.md"))
    for name in ("alerting", "alerting.md"):
        assert run_aimon("docs", name).stdout == (DOCS / "alerting.md").read_text("utf-8")
    wrong = run_aimon("docs", "alertin")
    assert (wrong.returncode, wrong.stderr) == (2, "no page alertin: did you mean alerting: `aimon docs` lists them\n")


def test_completion_is_documented() -> None:
    """The documented options of completion exist."""
    text = (DOCS / "command-line.md").read_text("utf-8")
    for option in ("--install-completion", "--show-completion"):
        assert option in text
        assert option in help_of((), 80)
