"""The simplest scenario: an iteration is one call of the endpoint's workload. Needs gevent.

It runs without a Locust user, since the user would only cost time; everything else, from the schedule to the
statistics, is what scenarios pass through.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import gevent

from aimon.call.containment import contained, isolated, report, substitute
from aimon.call.outcome import Fault, Outcome
from aimon.loadtests import workload
from aimon.loadtests.engine.client import Client
from aimon.loadtests.engine.pacing import ClosedLoop
from aimon.loadtests.protocol.first_iteration import FirstIteration

if TYPE_CHECKING:
    from collections.abc import Iterator

    from aimon.call.result import Result
    from aimon.config.endpoint import Endpoint
    from aimon.loadtests.protocol.plan import Plan
    from aimon.loadtests.protocol.stage import Assignment, Stage
    from aimon.loadtests.worker.iterations import MayStart
    from aimon.loadtests.worker.recorder import Recorder
    from aimon.pricing import PriceBook

# Refused connections fail at once; pause so that a user does not retry in a busy loop.
_PAUSE = 0.1
# Attributes of an enumeration are slow to read.
_OK: Final = Outcome.OK


class PromptIterations:
    """Makes calls to one endpoint, as Iterations.

    Args:
        plan: of the run.
        endpoint: the endpoint to call.
        prices: what calls cost.
        recorder: counts the calls.
        index: which of the `workers` it is: a dataset is divided among them, and random prompts differ.
        workers: how many there are at the start.

    Raises:
        OSError: a file of the workload, or the endpoint's `ca_file`, can't be read.
        ValueError: what is in it is wrong.
    """

    def __init__(
        self, plan: Plan, endpoint: Endpoint, prices: PriceBook, recorder: Recorder, *, index: int, workers: int
    ) -> None:
        self.users: dict[str, int] = {}
        self._source = workload.open_source(endpoint, plan.workload, seed=plan.seed, worker=index, workers=workers)
        self._next_item, self._on_result, self._cost = self._source.next_item, self._source.on_result, prices.cost
        self._replays = plan.workload.trace is not None
        self._retries = plan.retry_after
        self._exact = plan.request.exact_output
        self._client = Client(endpoint.transport, cold=plan.cold, honour_retry_after=plan.retry_after)
        self._recorder = recorder
        self._needs_text = recorder.log is not None

    @property
    def in_flight(self) -> int:
        """See Iterations."""
        return self._client.in_flight

    def offsets(self) -> Iterator[float] | None:
        """See Iterations."""
        return self._source.offsets()

    def first(self) -> FirstIteration:
        """See Iterations."""
        item = self._next_item(0.0 if self._replays else None)
        result = contained("priced", self._client.perform(item.call), self._cost)
        with isolated(result.endpoint, "used for the workload"):
            self._on_result(item, result)
        result = contained("counted", result, self._recorder.meter)
        why = self._recorder.policy.check_first_call(result)
        failed = why is not None and result.outcome is not Outcome.OK
        return FirstIteration(
            why=why,
            seconds=result.latency,
            cost=result.cost,
            currency=result.currency,
            culprit=(result.outcome.value, result.status_code, result.failure_reason) if failed else None,
        )

    def start_stage(self, epoch: float) -> None:
        """See Iterations."""

    def run(self, due: float, since: float, waited: float) -> None:
        """See Iterations."""
        self._perform(due, since, waited)

    def closed_loop(self, more: int, stage: Stage, assignment: Assignment, may_start: MayStart) -> ClosedLoop:  # noqa: ARG002 - its users are all alike
        """See Iterations."""

        def turn() -> bool:
            since = may_start()
            if since is None:
                return False
            try:
                result = self._perform(None, since, 0.0)
            except Exception as error:  # noqa: BLE001 - nothing above a greenlet handles it
                self._recorder.broke_off(error)
                return False
            if result.outcome is not _OK and result.fault is Fault.NETWORK:
                gevent.sleep(_PAUSE)
            return True

        return ClosedLoop(turn, more, ramp=stage.ramp(more))

    def stop(self, why: str | None = None) -> None:
        """See Iterations."""
        self._client.stop_retrying()
        if why is not None:
            self._client.close(why)

    def close(self) -> None:
        """See Iterations."""
        self._client.close()

    def _perform(self, scheduled: float | None, since: float, waited: float) -> Result:
        client, recorder = self._client, self._recorder
        item = self._next_item(since if self._replays else None)
        # Read by the log of calls, and by the next turn of a conversation.
        keep_text = self._needs_text or item.turn < len(item.turns)
        if not self._retries:
            result = client.perform(item.call, scheduled=scheduled, keep_text=keep_text)
            result = self._count(result, since, waited)
        else:
            for k, attempt in enumerate(client.attempts(item.call, scheduled=scheduled, keep_text=keep_text)):
                result = self._count(attempt, since, waited, again=k > 0)
                if k > 0:
                    recorder.retried(since)
        if self._exact and result.outcome is _OK:
            recorder.length(result, item.call.max_tokens, since)
        try:
            self._on_result(item, result)
        except Exception as error:  # noqa: BLE001 - as `isolated`, which takes a microsecond itself
            report(result.endpoint, "used for the workload", error)
        return result

    def _count(self, result: Result, since: float, waited: float, *, again: bool = False) -> Result:
        client = self._client
        gaps = client.gaps
        try:
            result = self._cost(result)
        except Exception as error:  # noqa: BLE001 - as `contained`, without its calls
            result = substitute("priced", result, error)
        return self._recorder.call(result, since, gaps=gaps, again=again, waited=waited, in_flight=client.in_flight)
