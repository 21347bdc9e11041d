"""What a process of a load test works on: an endpoint's prompts, or a scenario. It makes the workers."""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

from aimon.config import price_book, resolve
from aimon.loadtests.worker.initial_totals import declared
from aimon.loadtests.worker.prompt_iterations import PromptIterations
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


class Load(Protocol):
    """What is run.

    Attributes:
        name: the `endpoint` of the report.
        model: of the report.
        notes: what the user should know of it.
    """

    name: str
    model: str
    notes: list[str]

    def worker(self, plan: Plan, *, index: int = 0, workers: int = 1, log: CallLog | None = None) -> Worker:
        """Makes worker `index` of `workers`.

        Raises:
            OSError: a file of the workload, or an endpoint's `ca_file`, can't be read.
            ValueError: what is in it is wrong.
        """

    def begin(self, stop: Callable[[str], None]) -> None:
        """The run begins; `stop` ends it, with a reason."""

    def end(self) -> None:
        """The run has ended: no call is under way."""


class PromptLoad:
    """The prompts of one endpoint, as a Load."""

    def __init__(self, endpoint: Endpoint, prices: PriceBook) -> None:
        self.name, self.model = endpoint.name, endpoint.target.model
        self.notes: list[str] = []
        self._endpoint, self._prices = endpoint, prices

    def worker(self, plan: Plan, *, index: int = 0, workers: int = 1, log: CallLog | None = None) -> Worker:
        """See Load."""
        endpoint, prices = self._endpoint, self._prices

        def iterations(recorder: Recorder) -> PromptIterations:
            return PromptIterations(plan, endpoint, prices, recorder, index=index, workers=workers)

        return Worker(plan, iterations, totals=declared([(endpoint, prices)]) if plan.metered else None, log=log)

    def begin(self, stop: Callable[[str], None]) -> None:
        """See Load."""

    def end(self) -> None:
        """See Load."""


def open_load(plan: Plan, loaded: Config | None, environment: Environment | None = None) -> Load:
    """What a plan is about.

    Args:
        plan: of the run.
        loaded: the configuration of its endpoint; of a scenario that of all its endpoints, None if it has none.
        environment: Locust's, in the process of a master or a worker, which has a runner already.

    Raises:
        ConfigError: the configuration is wrong.
        ValueError: the scenario can't be run.
    """
    if plan.scenario is not None:
        from aimon.loadtests.users.load import ScenarioLoad  # noqa: PLC0415 - imports Locust

        return ScenarioLoad(plan, loaded, environment)
    assert loaded is not None  # noqa: S101 - an endpoint's prompts have one
    endpoint = plan.request.applied(resolve(loaded, [plan.endpoint] if plan.endpoint else [])[0])
    return PromptLoad(endpoint, price_book(loaded, [endpoint]))
