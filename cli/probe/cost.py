"""The maximum cost of probing, per day and month, printed before anything is sent."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

from aimon import dialects, quantities
from aimon.cli.console import note

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from aimon.config.endpoint import Canary, Endpoint
    from aimon.pricing import PriceBook

_DAYS = 30
_BYTES_PER_TOKEN = 4


def per_day(endpoint: Endpoint, prices: PriceBook) -> float | None:
    """The maximum cost of an endpoint's probes per day, in the reporting currency, at its `interval`.

    None without a known price. Assumes answers of maximum length, and prompts with one token per four bytes.
    """
    each = [_cost(endpoint, canary, prices) for canary in endpoint.canaries]
    known = [cost for cost in each if cost is not None]
    return None if len(known) < len(each) else sum(known) * endpoint.rounds_per_day


def say(endpoints: Iterable[Endpoint], prices: PriceBook) -> None:
    """Prints the costs of each endpoint and of all together on stderr."""
    for line in lines(endpoints, prices):
        note(line)


def lines(endpoints: Iterable[Endpoint], prices: PriceBook) -> Iterator[str]:
    """The lines that `say` prints."""
    total, unknown, count = 0.0, 0, 0
    yield "probing costs at most, if every answer is as long as it may be:"
    for endpoint in endpoints:
        count += 1
        cost = per_day(endpoint, prices)
        every = _how_often(endpoint)
        if cost is None:
            unknown += 1
            why = f"no price of {endpoint.target.model} in {prices.currency} is known"
            yield f"  {endpoint.name}: not known, {every}: {why}{_toothless(endpoint)}"
            continue
        limit = math.inf if endpoint.budget is None else endpoint.budget.per_day
        bounded = f", by its budget; {_a_day(cost, prices)} without" if cost > limit else ""
        total += min(cost, limit)
        yield f"  {endpoint.name}: {_a_day(min(cost, limit), prices)}, {every}{bounded}"
    if count > 1:
        without = f", without {unknown} of unknown cost" if unknown else ""
        yield f"  all together: {_a_day(total, prices)}{without}"


def _how_often(endpoint: Endpoint) -> str:
    if endpoint.cron is not None:
        return f'at "{endpoint.cron.expression}"'
    return f"every {quantities.duration_text(endpoint.interval)}"


def _toothless(endpoint: Endpoint) -> str:
    """The warning for a budget that has no effect without a price."""
    if endpoint.budget is None:
        return ""
    return ", so its budget can't stop it: write prices: {input: …, output: …}, or budget: none"


def _a_day(cost: float, prices: PriceBook) -> str:
    day, month = (quantities.price_tag(amount, prices.currency, bound=True) for amount in (cost, cost * _DAYS))
    return f"{day} a day, {month} a month"


def _cost(endpoint: Endpoint, canary: Canary, prices: PriceBook) -> float | None:
    target = endpoint.target
    operation = dialects.get(target.dialect).operation
    if operation == "models":
        return 0.0  # a model list is free
    prompt = sum(math.ceil(len(message.content.encode()) / _BYTES_PER_TOKEN) for message in canary.messages)
    answer = 0 if operation == "embeddings" else canary.max_tokens
    return prices.estimate(target, operation, prompt_tokens=prompt, answer_tokens=answer).cost
