"""Locust's Environment of a scenario: options, events, and a runner that leaves the load to aimon. Imports Locust."""

from __future__ import annotations

import logging
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

import locust
from locust import argument_parser
from locust.contrib.fasthttp import FastHttpUser
from locust.env import Environment
from locust.runners import STATE_RUNNING, STATE_STOPPED, LocalRunner
from locust.user.task import filter_tasks_by_tags
from locust.user.users import HttpUser

from aimon.loadtests.locust_plugin import settings
from aimon.loadtests.locust_plugin.statistics import without_statistics
from aimon.loadtests.users import hooks, requests
from aimon.loadtests.users.loader import ScenarioError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from aimon.loadtests.protocol.plan import Scenario
    from aimon.loadtests.users.loader import LoadedScenario


def new_environment() -> Environment:
    """An Environment with the events that listeners of a scenario's file are added to."""
    return Environment(events=locust.events)


class ScenarioRunner(LocalRunner):
    """The runner of a single process: it has the users, and starts none by itself.

    Attributes:
        on_stop: called with a reason when the scenario, or someone at the web page, stops the test.
    """

    on_stop: Callable[[str], None] | None = None

    def start(self, *_: Any, **__: Any) -> None:
        """Refused: aimon decides how many users there are."""
        raise RuntimeError("aimon runs this test: start another one with `aimon loadtest`")

    def stop(self) -> None:
        """Stops the run, which then reports what it has."""
        if self.on_stop is not None:
            self.on_stop("it was stopped by Locust's runner: by the web page, or by the scenario itself")

    def quit(self) -> None:
        """As `stop`."""
        self.stop()


def web_environment(load: object, distributed: Environment | None) -> Environment:
    """The Environment whose web page shows a run: a master's, a scenario's, or one for an endpoint's prompts."""
    if distributed is not None:
        return distributed
    known: Environment | None = getattr(load, "environment", None)
    if known is not None:
        return known
    environment = new_environment()
    runner = environment.runner = without_statistics(environment, lambda: ScenarioRunner(environment))
    runner.update_state(STATE_RUNNING)
    return environment


def fill(environment: Environment, scenario: Scenario, loaded: LoadedScenario) -> None:
    """Gives an Environment the user classes and options of a scenario.

    Raises:
        ScenarioError: an option is unknown, or no task is left of a class.
    """
    environment.locustfile = loaded.path.name
    environment.user_classes = loaded.classes
    environment.parsed_options = _options(scenario, loaded)
    environment.host = scenario.host or environment.parsed_options.host
    tags = set(scenario.tags or environment.parsed_options.tags or ()) or None
    excluded = set(scenario.exclude_tags or environment.parsed_options.exclude_tags or ()) or None
    for each in loaded.classes:
        if environment.host:
            each.host = environment.host
        elif issubclass(each, (HttpUser, FastHttpUser)) and each.host is None:
            raise ScenarioError(f"{loaded.path}: {each.__name__} does not say which address it calls: add --host URL")
        with _quiet():
            filter_tasks_by_tags(each, tags, excluded)
    environment.user_classes = [each for each in loaded.classes if each.tasks]
    if not environment.user_classes:
        names = ", ".join(each.__name__ for each in loaded.classes)
        why = "with these --tags and --exclude-tags no task is left" if tags or excluded else "no method has @task"
        raise ScenarioError(f"{loaded.path}: {names}: {why}")


def begin(environment: Environment) -> None:
    """The run begins: Locust's `init` and `test_start`, and the hooks of users."""
    hooks.install()
    runner = environment.runner
    assert runner is not None  # noqa: S101 - made before
    environment.events.init.fire(environment=environment, runner=runner, web_ui=environment.web_ui)  # type: ignore[no-untyped-call]
    environment.events.request.add_listener(requests.on_request)  # type: ignore[no-untyped-call]
    runner.update_state(STATE_RUNNING)
    environment.events.test_start.fire(environment=environment)  # type: ignore[no-untyped-call]


def end(environment: Environment) -> None:
    """The run has ended, and with it the process: Locust's `test_stop` and `quitting`."""
    runner = environment.runner
    assert runner is not None  # noqa: S101 - made before
    if runner.state == STATE_RUNNING:
        environment.events.test_stopping.fire(environment=environment)  # type: ignore[no-untyped-call]
        runner.update_state(STATE_STOPPED)
        environment.events.test_stop.fire(environment=environment)  # type: ignore[no-untyped-call]
    environment.events.quitting.fire(environment=environment)  # type: ignore[no-untyped-call]


@contextmanager
def _quiet() -> Iterator[None]:
    """Keeps Locust's warnings from the terminal: what they are about is an error here, with words of its own."""
    logging.disable(logging.WARNING)
    try:
        yield
    finally:
        logging.disable(logging.NOTSET)


def _options(scenario: Scenario, loaded: LoadedScenario) -> Any:
    """Locust's options, with those that the scenario's file has added to them.

    Raises:
        ScenarioError: one is unknown, or has a wrong value.
    """
    try:
        parser = argument_parser.get_parser()
        arguments = ["--headless", "-f", str(loaded.path)]
        for name in settings.unused():
            flag = f"--{name.replace('_', '-')}"
            if flag not in parser._option_string_actions:  # noqa: SLF001 - argparse has no other way
                known = ", ".join(settings.known()) or "none"
                raise ScenarioError(f"--set {name}: {loaded.path.name} has no such setting; it has {known}")
            arguments += [flag, scenario.settings[name]]
        if scenario.host:
            arguments += ["--host", scenario.host]
        return parser.parse_args(args=arguments)
    except SystemExit as error:
        raise ScenarioError(f"{loaded.path}: Locust does not take its options; what it said is above") from error
