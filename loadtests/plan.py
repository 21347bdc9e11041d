"""What a load test is to do, as it travels to the process that does it; and what it will take. Holds no secrets."""

from __future__ import annotations

from typing import TYPE_CHECKING

import msgspec

from aimon.loadtests import profiles, workload
from aimon.loadtests.engine.schedule import POISSON, Schedule
from aimon.loadtests.workload.spec import Workload
from aimon.outcome import Outcome
from aimon.result import Result, Usage

if TYPE_CHECKING:
    from aimon.config.endpoint import Endpoint
    from aimon.pricing import PriceBook


class Plan(msgspec.Struct, kw_only=True, forbid_unknown_fields=True):
    """One load test. Durations are seconds, rates are per second; `flags` describe an endpoint without a file.

    Attributes:
        max_rate: no search goes beyond it.
        variation: coefficient of variation of gamma arrivals.
        cold: a fresh connection for each call.
        retry_after: how often a call that was told when to come back is made again.
        metered: whether cumulative metrics are kept, for a Pushgateway or a scrape.
        results: whether every Result is written to a file in `out`.
    """

    endpoint: str | None
    config: str | None = None
    flags: dict[str, str] = {}
    profile: str = "steady"
    rate: float | None = None
    max_rate: float | None = None
    arrivals: str = POISSON
    variation: float = 1.0
    concurrency: int | None = None
    duration: float
    requests: int | None = None
    warmup: float = 0.0
    workload: Workload = Workload()
    cold: bool = False
    retry_after: int = 0
    slo: list[str] = []
    max_cost: float | None = None
    metered: bool = False
    push: str | None = None
    out: str | None = None
    results: bool = False
    as_json: bool = False
    seed: int = 0

    @property
    def schedule(self) -> Schedule | None:
        """The arrivals of an open loop; None for a closed one, for a trace, and for a search, which makes its own."""
        if self.rate is None or self.profile in profiles.SEARCHES:
            return None
        phases = profiles.phases(self.profile, self.rate, self.duration, self.warmup)
        return Schedule(phases, self.arrivals, variation=self.variation, seed=self.seed)


class Prediction(msgspec.Struct, kw_only=True):
    """What a plan will take at most; None is not known beforehand. The `cost` is in `currency`."""

    requests: int | None
    input_tokens: int | None
    output_tokens: int | None
    cost: float | None
    currency: str


def predict(plan: Plan, endpoint: Endpoint, prices: PriceBook) -> Prediction:
    """Requests, tokens and cost of a plan, if every answer is as long as it may be.

    Lengths of prompts and answers are the means of the first entries of the workload.

    Raises:
        OSError: a file of the workload can't be read.
        ValueError: what is in it is wrong.
    """
    source = workload.open_source(endpoint, plan.workload, seed=plan.seed)
    requests = _requests(plan, source)
    prompt, answer = workload.mean_tokens(source)
    target = endpoint.target
    example = Result(
        endpoint=target.endpoint,
        provider=target.provider,
        model=target.model,
        operation="chat",
        started_at=0.0,
        end=0.0,
        outcome=Outcome.OK,
        usage=Usage(round(prompt), round(answer), source="estimated"),
    )
    each = prices.cost(example).cost
    return Prediction(
        requests=requests,
        input_tokens=None if requests is None else round(requests * prompt),
        output_tokens=None if requests is None else round(requests * answer),
        cost=None if requests is None or each is None else requests * each,
        currency=prices.currency,
    )


def _requests(plan: Plan, source: workload.Source) -> int | None:
    if plan.workload.trace is not None:
        return source.size()
    if (schedule := plan.schedule) is not None:
        return schedule.total
    # How many a closed loop makes in a time, or a search needs, depends on the endpoint.
    return plan.requests
