"""Reads the file of a scenario, with Locust's own loader, and finds the user classes in it. Imports Locust."""

from __future__ import annotations

import sys
import traceback
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

from locust.util.load_locustfile import load_locustfile

from aimon.config import ConfigError
from aimon.loadtests.locust_plugin import settings

if TYPE_CHECKING:
    from locust import User

    from aimon.loadtests.protocol.plan import Scenario

SHIPPED = Path(__file__).parent.parent / "scenarios"


class ScenarioError(ValueError):
    """A scenario can't be run: says what is wrong, where, and what to write instead."""


class LoadedScenario(NamedTuple):
    """User classes, and what a user should know of how they are run."""

    path: Path
    classes: list[type[User]]
    notes: list[str]


def load(scenario: Scenario) -> LoadedScenario:
    """Reads a scenario.

    Raises:
        ScenarioError: there is none, it raises an exception, or has no such user class.
    """
    path = path_of(scenario)
    settings.use(scenario.settings, scenario.endpoints)
    try:
        found, shapes = load_locustfile(str(path.resolve()))
    except settings.SettingError as error:
        raise ScenarioError(str(error)) from error
    except ConfigError as error:
        raise ScenarioError(f"{path}: {error}") from error
    except (Exception, SystemExit) as error:
        raise ScenarioError(f"{_where(error, path)}: {type(error).__name__}: {error}") from error
    notes = []
    if shapes:
        notes.append(f"{path.name}: its load shape is not used: --profile and --rate or --concurrency say how much")
    return LoadedScenario(path, _chosen(scenario, path, found), notes)


def path_of(scenario: Scenario) -> Path:
    """The scenario's file.

    Raises:
        ScenarioError: there is none.
    """
    if scenario.file is not None:
        path = Path(scenario.file)
        if not path.is_file():
            raise ScenarioError(f"{path}: there is no such file")
        return path
    path = SHIPPED / f"{scenario.name}.py"
    if scenario.name is None or scenario.name.startswith("_") or not path.is_file():
        raise ScenarioError(f"no scenario is called {scenario.name}: `aimon loadtest --list` shows those there are")
    return path


def _chosen(scenario: Scenario, path: Path, found: dict[str, type[User]]) -> list[type[User]]:
    # AIUser itself is abstract, and a class that was imported under two names is one.
    by_name = {each.__name__: each for each in found.values()}
    if not by_name:
        raise ScenarioError(f"{path}: it has no user class: derive one from AIUser, or from one of Locust's")
    missing = [name for name in scenario.classes if name not in by_name]
    if missing:
        raise ScenarioError(f"{path}: it has no user class {missing[0]}; it has {', '.join(sorted(by_name))}")
    chosen = [by_name[name] for name in scenario.classes] if scenario.classes else [*by_name.values()]
    usable = [each for each in chosen if each.weight > 0 or each.fixed_count > 0]
    if not usable:
        raise ScenarioError(f"{path}: all of its user classes have the weight 0: give one of them another")
    return usable


def _where(error: BaseException, path: Path) -> str:
    """The line of the scenario's own file at which an exception arose."""
    if isinstance(error, SyntaxError) and error.filename:
        return f"{error.filename}:{error.lineno}"
    resolved = str(path.resolve())
    frames = traceback.extract_tb(error.__traceback__)
    lines = [frame.lineno for frame in frames if frame.filename == resolved]
    return f"{path}:{lines[-1]}" if lines else str(path)


def where(error: BaseException) -> str:
    """The innermost line of an exception, outside of the libraries that are installed."""
    frames = traceback.extract_tb(error.__traceback__)
    own = [frame for frame in frames if not frame.filename.startswith((sys.prefix, sys.base_prefix, "<"))]
    if not frames:
        return ""
    last = (own or frames)[-1]
    return f" ({Path(last.filename).name}:{last.lineno})"
