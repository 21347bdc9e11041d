"""The interface of all workloads, and what they share."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple, Protocol

import msgspec

from aimon.call import result
from aimon.call.call import Call
from aimon.call.token_estimate import estimated

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence

    from aimon.call.call import Message
    from aimon.call.checks import Check
    from aimon.config.endpoint import Endpoint

OUTPUT_TOKENS = 128
"""Default limit of an answer."""


class Turn(msgspec.Struct, frozen=True, gc=False):
    """One turn of a conversation: the messages it adds, and the limit, checks and sampling of its answer."""

    messages: tuple[Message, ...]
    max_tokens: int
    checks: tuple[Check, ...] = ()
    temperature: float | None = None  # None: the endpoint's
    body: Mapping[str, Any] | None = None  # further fields of the request, such as tools


class WorkItem(msgspec.Struct, gc=False):
    """One call to make, the `turn`th (from 1) of a conversation's `turns`; a single call has none."""

    call: Call
    turns: Sequence[Turn] = ()
    turn: int = 0


class Tokens(NamedTuple):
    """Means over calls: tokens of the prompt with its history, and the limit of the answer."""

    prompt: float
    answer: float


class Source(Protocol):
    """The calls of one worker. Not thread-safe."""

    def next_item(self, due: float | None = None) -> WorkItem:
        """The next call to make.

        Args:
            due: offset of an arrival of the trace, in seconds; of any worker.
        """

    def on_result(self, item: WorkItem, result: result.Result) -> None:
        """Receives the result of a call, so that its conversation can continue."""

    def offsets(self) -> Iterator[float] | None:
        """Offsets of all arrivals of a trace in seconds, strictly rising; None for other workloads."""

    def size(self) -> int | None:
        """Number of entries of a trace or dataset; None for other workloads."""

    def skipped(self) -> Sequence[str]:
        """What is wrong with entries of a dataset that were left out, each with its place; empty for others."""

    def mean_tokens(self) -> Tokens:
        """Mean tokens of a call over all entries or distributions, if every conversation completes."""


def call_factory(endpoint: Endpoint) -> Callable[[tuple[Message, ...], Turn], Call]:
    """Returns a function that builds a Call to the endpoint from messages, and a turn's limit, checks and sampling."""
    target, stream, temperature = endpoint.target, endpoint.stream, endpoint.temperature
    reasoning, timeouts, region = endpoint.reasoning, endpoint.timeouts, endpoint.region
    source, exact_output = result.Source.LOADTEST, endpoint.exact_output

    def make(messages: tuple[Message, ...], turn: Turn) -> Call:
        # By position: a struct looks for each name among all of its fields.
        return Call(
            target,
            messages,
            turn.max_tokens,
            stream,
            temperature if turn.temperature is None else turn.temperature,
            reasoning,
            exact_output,
            turn.body,
            turn.checks,
            timeouts,
            source,
            region,
        )

    return make


def conversation_tokens(turns: Sequence[Turn], limit: float | None = None) -> tuple[float, float]:
    """Tokens of a conversation: sums over its calls of prompts, and of answers of maximum length.

    Args:
        turns: the conversation.
        limit: limit of each answer, in place of those of the turns.
    """
    prompts = answers = history = 0.0
    for turn in turns:
        history += sum(estimated(message.content) for message in turn.messages)
        prompts += history
        answer = turn.max_tokens if limit is None else limit
        answers += answer
        history += answer
    return prompts, answers
