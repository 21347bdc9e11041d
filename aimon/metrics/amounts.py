"""What counters add for a call: its tokens, its cost, and whether that is known."""

import math
from collections.abc import Iterator
from functools import cache
from http import HTTPStatus
from typing import Final

from aimon.call.failure import FailureReason
from aimon.call.outcome import Outcome
from aimon.call.result import Result, Source, Usage
from aimon.metrics.definitions import (
    CACHED_INPUT_TOKENS,
    ESTIMATED_INPUT_TOKENS,
    ESTIMATED_OUTPUT_TOKENS,
    INPUT_TOKENS,
    OUTPUT_TOKENS,
    PRICED_CALLS,
    REASONING_TOKENS,
    UNPRICED_CALLS,
    cost_family,
)

_ESTIMATED_TOKENS = (
    (INPUT_TOKENS, ESTIMATED_INPUT_TOKENS, "input"),
    (OUTPUT_TOKENS, ESTIMATED_OUTPUT_TOKENS, "output"),
)
COUNTERS = (
    *(INPUT_TOKENS, OUTPUT_TOKENS, CACHED_INPUT_TOKENS, REASONING_TOKENS),
    *(ESTIMATED_INPUT_TOKENS, ESTIMATED_OUTPUT_TOKENS, PRICED_CALLS, UNPRICED_CALLS),
)
"""All that `amounts_of` counts, but for the cost, whose counter is named by the currency."""
_PRICED, _UNPRICED = (PRICED_CALLS, 1), (UNPRICED_CALLS, 1)
# Amounts up to here need no closer look.
_PLAIN: Final = 1 << 53
_REFUSED: Final = int(HTTPStatus.BAD_REQUEST)
# Before any answer: what says that an application's request had been sent. No transport but ours tells when it was.
_AFTER_SENDING = frozenset((Outcome.TIMEOUT_TTFT, Outcome.TIMEOUT_TOTAL, Outcome.CANCELLED))
_BROKEN_OFF = frozenset((FailureReason.CLOSED, FailureReason.BROKEN, FailureReason.RESET, FailureReason.NOT_HTTP))


def amounts_of(result: Result) -> list[tuple[str, float]]:
    """Tokens and cost of a call, by counter, and whether its cost is known.

    Raises:
        ValueError, OverflowError: a number is negative, or too large for a counter.
    """
    usage, estimated, cost = result.usage, result.estimated, result.cost
    amounts: list[tuple[str, float]] = [(name, count) for name, count in _reported(usage) if count is not None]
    if estimated is not None:
        amounts += _estimated(usage, estimated)
    if cost is not None and result.currency is not None:
        amounts += ((_cost_name(result.currency), cost), _PRICED)
    elif _may_be_charged(result):
        amounts.append(_UNPRICED)
    for name, amount in amounts:
        if not 0 <= amount <= _PLAIN and not 0 <= float(amount) < math.inf:
            raise ValueError(f"{name} can't grow by {amount}")
    return amounts


def check_amounts(result: Result) -> None:
    """Raises for amounts that can't be counted, where they are not counted.

    Raises:
        ValueError, OverflowError: as `amounts_of`.
    """
    usage, cost = result.usage, result.cost
    read, written, cached, thought = usage.input, usage.output, usage.cached_input, usage.reasoning
    if (
        result.estimated is None
        and (read is None or 0 <= read <= _PLAIN)
        and (written is None or 0 <= written <= _PLAIN)
        and (cached is None or 0 <= cached <= _PLAIN)
        and (thought is None or 0 <= thought <= _PLAIN)
        and (cost is None or 0 <= cost <= _PLAIN)
    ):
        return
    amounts_of(result)


@cache
def _cost_name(currency: str) -> str:
    return cost_family(currency).name


def _reported(usage: Usage) -> tuple[tuple[str, int | None], ...]:
    return (
        (INPUT_TOKENS, usage.input),
        (OUTPUT_TOKENS, usage.output),
        (CACHED_INPUT_TOKENS, usage.cached_input),
        (REASONING_TOKENS, usage.reasoning),
    )


def _estimated(reported: Usage, estimated: Usage) -> Iterator[tuple[str, float]]:
    """Estimated tokens, counted as tokens and as their estimated part; without counts reported as implausible."""
    for name, part, field in _ESTIMATED_TOKENS:
        tokens = getattr(estimated, field)
        if tokens is not None and getattr(reported, field) is None and field not in (reported.implausible or ()):
            yield name, tokens
            yield part, tokens


def _may_be_charged(result: Result) -> bool:
    """Whether the provider received the request and did not refuse it; a model list is free."""
    if result.operation == "models":
        return False
    if result.request_sent is None and (result.source is not Source.APP or not _sent_by_application(result)):
        return False
    return result.status_code is None or result.status_code < _REFUSED


def _sent_by_application(result: Result) -> bool:
    answered = result.status_code is not None or result.outcome is Outcome.OK
    return answered or result.outcome in _AFTER_SENDING or result.failure_reason in _BROKEN_OFF
