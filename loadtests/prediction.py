"""Upper bounds of a plan: calls, tokens, cost, rates and concurrency. Sends nothing; needs no gevent."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import msgspec

from aimon import dialects
from aimon.load_terms import SEARCHES
from aimon.loadtests import workload
from aimon.loadtests.protocol import profiles

if TYPE_CHECKING:
    from aimon.config.endpoint import Endpoint
    from aimon.loadtests.protocol.plan import Plan
    from aimon.pricing import PriceBook

CALLS_PER_STREAM = 20.0
"""Assumed upper bound of the calls a second of one stream of a closed loop: no call takes less than 50 ms."""
# Seconds: the last step of a search may start just before its time is up.
_LAST_STEP = 20.0
_WITHOUT_ANSWER = ("embeddings", "models")


class Prediction(msgspec.Struct, kw_only=True):
    """Upper bounds, if every answer has its maximum length. Durations are in seconds, rates per second.

    Attributes:
        scenario: the title of a scenario: what its iterations call, and cost, only its code knows.
        requests: calls, or iterations of a scenario, with the warm-up and the first call, which cost money, too.
        input_tokens: of all prompts; estimated where the workload has texts instead of lengths.
        output_tokens: of all answers.
        cost: in `currency`; None if no price is known, for the reason in `unpriced`.
        duration_s: time in which calls start, with the warm-up; None if a number of calls decides.
        rate_mean: calls started a second; None in a closed loop.
        rate_peak: calls started in the busiest second.
        concurrency: streams of a closed loop; in an open loop, calls under way if all took their whole timeout.
        assumption: what the bounds assume beyond the plan, for people; None for nothing.
        doubt: why the times of a trace may have been read in the wrong unit.
    """

    requests: int
    input_tokens: int | None
    output_tokens: int | None
    cost: float | None
    currency: str
    unpriced: str | None = None
    duration_s: float | None = None
    rate_mean: float | None = None
    rate_peak: float | None = None
    concurrency: int | None = None
    assumption: str | None = None
    doubt: str | None = None
    scenario: str | None = None


class _Load(msgspec.Struct, kw_only=True):
    """Number of calls and their density."""

    calls: int
    seconds: float | None = None
    mean: float | None = None
    peak: float | None = None
    concurrency: int | None = None
    assumption: str | None = None


def predict(plan: Plan, endpoint: Endpoint, prices: PriceBook) -> Prediction:
    """Predicts the upper bounds of a plan.

    Prompt and answer lengths are means over the whole workload.

    Raises:
        OSError: a file of the workload can't be read.
        ValueError: what is in it is wrong.
    """
    if plan.scenario is not None:
        return _of_scenario(plan, endpoint.timeouts.total, prices)
    source = workload.open_source(endpoint, plan.workload, seed=plan.seed)
    load = _load(plan, endpoint, source)
    # One call precedes the load, and each call may be repeated after Retry-After.
    requests = 1 + load.calls * (1 + plan.retry_after)
    prompt, answer = workload.mean_tokens(source)
    target = endpoint.target
    operation = dialects.get(target.dialect).operation
    if operation in _WITHOUT_ANSWER:
        answer = 0.0
    priced = prices.estimate(target, operation, prompt_tokens=math.ceil(prompt), answer_tokens=math.ceil(answer))
    return Prediction(
        requests=requests,
        input_tokens=math.ceil(requests * prompt),
        output_tokens=math.ceil(requests * answer),
        cost=None if priced.cost is None else requests * priced.cost,
        currency=prices.currency,
        unpriced=None if priced.cost is not None else (priced.price_source or f"no price of {target.model} is known"),
        duration_s=load.seconds,
        rate_mean=load.mean,
        rate_peak=load.peak,
        concurrency=load.concurrency,
        assumption=load.assumption,
        doubt=_doubt(source),
    )


def _doubt(source: workload.Source) -> str | None:
    """Why the times of a trace may have been read in the wrong unit."""
    if source.offsets() is None:
        return None
    from aimon.loadtests.workload.trace.replay import Replay  # noqa: PLC0415 - only a trace has times

    return source.doubt if isinstance(source, Replay) else None


def _of_scenario(plan: Plan, timeout: float, prices: PriceBook) -> Prediction:
    assert plan.scenario is not None  # noqa: S101 - as it is called
    load = _of_loop(plan, timeout)
    return Prediction(
        requests=1 + load.calls,
        input_tokens=None,
        output_tokens=None,
        cost=None,
        currency=prices.currency,
        unpriced="only the scenario's code knows what it asks",
        duration_s=load.seconds,
        rate_mean=load.mean,
        rate_peak=load.peak,
        concurrency=load.concurrency,
        assumption=load.assumption,
        scenario=plan.scenario.title,
    )


def _load(plan: Plan, endpoint: Endpoint, source: workload.Source) -> _Load:
    timeout = endpoint.timeouts.total
    if (arrivals := source.offsets()) is not None:
        from aimon.loadtests.workload.trace.arrival_rates import most_within  # noqa: PLC0415 - only for a trace

        offsets = [*arrivals]
        lasts = offsets[-1]
        return _Load(
            calls=len(offsets),
            seconds=lasts,
            mean=len(offsets) / lasts if lasts else None,
            peak=float(most_within(offsets, 1.0)),
            concurrency=most_within(offsets, timeout),
        )
    return _of_loop(plan, timeout)


def _of_loop(plan: Plan, timeout: float) -> _Load:
    if plan.profile in SEARCHES:
        return _of_search(plan, timeout)
    if (schedule := plan.schedule) is not None:
        peak = max(max(phase.rate(0.0), phase.rate(phase.duration)) for phase in schedule.phases)
        return _Load(
            calls=schedule.total,
            seconds=schedule.duration,
            mean=schedule.total / schedule.duration,
            peak=peak,
            concurrency=min(schedule.total, plan.max_in_flight or math.ceil(peak * timeout)),
        )
    return _of_closed_loop(plan)


def _of_search(plan: Plan, timeout: float) -> _Load:
    rate = plan.max_rate or profiles.ceiling(plan.rate)
    seconds = plan.duration + (_LAST_STEP if plan.profile == "capacity" else 0.0)
    calls = math.ceil(rate * seconds)
    return _Load(
        calls=calls,
        seconds=seconds,
        peak=rate,
        concurrency=min(calls, math.ceil(rate * timeout)),
        assumption=f"the search going on at its highest rate, {rate:g}/s, all the time",
    )


def _of_closed_loop(plan: Plan) -> _Load:
    if plan.ladder:
        return _of_ladder(plan)
    streams = plan.concurrency or 1
    by_time = plan.warmup if plan.requests is not None else plan.warmup + plan.duration
    # One more a stream: the call under way when the time is up.
    timed = streams * (1 + math.ceil(by_time * CALLS_PER_STREAM)) if by_time else 0
    return _Load(
        calls=timed + (plan.requests or 0),
        seconds=None if plan.requests is not None else by_time,
        concurrency=streams,
        assumption=f"no more than {CALLS_PER_STREAM:g} calls a second and stream" if timed else None,
    )


def _of_ladder(plan: Plan) -> _Load:
    steps = [_of_closed_loop(msgspec.structs.replace(plan, ladder=[], concurrency=users)) for users in plan.ladder]
    seconds = [step.seconds for step in steps if step.seconds is not None]
    return _Load(
        calls=sum(step.calls for step in steps),
        seconds=sum(seconds) if seconds else None,
        concurrency=plan.ladder[-1],
        assumption=steps[0].assumption,
    )
