"""What a load test is to do, as it travels to the process that does it; and what it will take. Holds no secrets."""

from __future__ import annotations

from typing import TYPE_CHECKING

import msgspec

from aimon.loadtests import profiles
from aimon.loadtests.engine.schedule import POISSON, Schedule
from aimon.outcome import Outcome
from aimon.result import Result, Usage

if TYPE_CHECKING:
    from aimon.call import Call
    from aimon.pricing import PriceBook

_CHARACTERS_PER_TOKEN = 4


class Plan(msgspec.Struct, kw_only=True, forbid_unknown_fields=True):
    """One load test. Durations are seconds, rates are per second; `flags` describe an endpoint without a file."""

    endpoint: str | None
    config: str | None = None
    flags: dict[str, str] = {}
    profile: str = "steady"
    rate: float | None = None
    arrivals: str = POISSON
    concurrency: int | None = None
    duration: float
    requests: int | None = None
    warmup: float = 0.0
    prompt_tokens: int | None = None
    output_tokens: int | None = None
    slo: list[str] = []
    max_cost: float | None = None
    push: str | None = None
    out: str | None = None
    as_json: bool = False
    seed: int = 0

    @property
    def schedule(self) -> Schedule | None:
        """The arrivals of an open loop; None for a closed one, and for a search, which makes its own."""
        if self.rate is None or self.profile in profiles.SEARCHES:
            return None
        return Schedule(
            profiles.phases(self.profile, self.rate, self.duration, self.warmup), self.arrivals, seed=self.seed
        )


class Prediction(msgspec.Struct, kw_only=True):
    """What a plan will take at most; None is not known beforehand. The `cost` is in `currency`."""

    requests: int | None
    input_tokens: int | None
    output_tokens: int | None
    cost: float | None
    currency: str


def predict(plan: Plan, call: Call, prices: PriceBook) -> Prediction:
    """Requests, tokens and cost of a plan whose calls are like this one, if each uses all the tokens it may."""
    requests = _requests(plan)
    prompt = sum(len(message.content) for message in call.messages) // _CHARACTERS_PER_TOKEN + 1
    target = call.target
    example = Result(
        endpoint=target.endpoint,
        provider=target.provider,
        model=target.model,
        operation="chat",
        started_at=0.0,
        end=0.0,
        outcome=Outcome.OK,
        usage=Usage(prompt, call.max_tokens, source="estimated"),
    )
    each = prices.cost(example).cost
    return Prediction(
        requests=requests,
        input_tokens=None if requests is None else requests * prompt,
        output_tokens=None if requests is None else requests * call.max_tokens,
        cost=None if requests is None or each is None else requests * each,
        currency=prices.currency,
    )


def _requests(plan: Plan) -> int | None:
    if (schedule := plan.schedule) is not None:
        return schedule.total
    # How many a closed loop makes in a time, or a search needs, depends on the endpoint.
    return plan.requests
