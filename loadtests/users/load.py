"""A scenario as what a process of a load test works on. Imports Locust."""

from __future__ import annotations

import logging
import sys
from typing import TYPE_CHECKING

from aimon.loadtests.locust_plugin import clients
from aimon.loadtests.locust_plugin.statistics import without_statistics
from aimon.loadtests.locust_plugin.user import AIUser
from aimon.loadtests.users import environment, loader
from aimon.loadtests.users.environment import ScenarioRunner
from aimon.loadtests.users.iterations import LocustIterations
from aimon.loadtests.users.loader import ScenarioError
from aimon.loadtests.worker.initial_totals import declared
from aimon.loadtests.worker.worker import Worker

if TYPE_CHECKING:
    from collections.abc import Callable

    from locust.env import Environment

    from aimon.config import Config
    from aimon.config.endpoint import Endpoint
    from aimon.loadtests.protocol.plan import Plan
    from aimon.loadtests.worker.call_log import CallLog
    from aimon.loadtests.worker.recorder import Recorder
    from aimon.pricing import PriceBook


class ScenarioLoad:
    """A scenario, as a Load.

    Args:
        plan: of the run.
        loaded: the configuration of its endpoints.
        distributed: the Environment of a process that has a runner already, a master's or a worker's.

    Attributes:
        environment: Locust's.
        endpoints: those of its AIUsers by name, and what their calls cost.

    Raises:
        ConfigError: the configuration is wrong.
        ScenarioError: it can't be run.
    """

    def __init__(self, plan: Plan, loaded: Config | None, distributed: Environment | None = None) -> None:
        assert plan.scenario is not None  # noqa: S101 - as it is called
        scenario = plan.scenario
        # Standard output is for the report; what a scenario prints goes beside it.
        sys.stdout = sys.stderr
        # Locust logs each exception with its traceback; aimon counts them, and says where they arose.
        logging.getLogger("locust").setLevel(logging.CRITICAL)
        if loaded is not None:
            names = scenario.endpoints or [each.name for each in loaded.endpoints[:2]]
            default = names[0] if scenario.endpoints or len(names) == 1 else None
            clients.use(loaded, default, request=plan.request, cold=plan.cold, honour_retry_after=plan.retry_after)
        found = loader.load(scenario)
        self.notes = found.notes
        self.environment = distributed or environment.new_environment()
        if distributed is None:
            self.environment.runner = without_statistics(self.environment, lambda: ScenarioRunner(self.environment))
        environment.fill(self.environment, scenario, found)
        self.endpoints = _endpoints(self.environment)
        self.name = ", ".join(self.endpoints) or self.environment.host or scenario.title
        self.model = ", ".join(dict.fromkeys(each.target.model for each, _ in self.endpoints.values()))
        if plan.schedule is not None or not (plan.concurrency or plan.ladder):
            self.notes.append("wait_time is not used in an open loop: iterations start when the schedule says")

    def worker(self, plan: Plan, *, index: int = 0, workers: int = 1, log: CallLog | None = None) -> Worker:  # noqa: ARG002 - each worker's choices differ by its index
        """See Load."""

        def iterations(recorder: Recorder) -> LocustIterations:
            return LocustIterations(plan, self.environment, recorder, index=index)

        totals = declared(self.endpoints.values()) if plan.metered else None
        return Worker(plan, iterations, totals=totals, log=log)

    def begin(self, stop: Callable[[str], None]) -> None:
        """See Load: Locust's events `init` and `test_start`."""
        if isinstance(runner := self.environment.runner, ScenarioRunner):
            runner.on_stop = stop
        environment.begin(self.environment)

    def end(self) -> None:
        """See Load: Locust's events `test_stop` and `quitting`."""
        environment.end(self.environment)


def _endpoints(environment: Environment) -> dict[str, tuple[Endpoint, PriceBook]]:
    """The endpoints of all AIUsers by name, and what their calls cost.

    Raises:
        ConfigError: the configuration is wrong, or has no such endpoint.
        ScenarioError: a class names none.
    """
    found: dict[str, tuple[Endpoint, PriceBook]] = {}
    for each in environment.user_classes:
        if not issubclass(each, AIUser):
            continue
        try:
            endpoint, prices = clients.endpoint_of(each.__name__, each.endpoint)
        except ValueError as error:
            raise ScenarioError(str(error)) from error
        found[endpoint.name] = endpoint, prices
    return found
