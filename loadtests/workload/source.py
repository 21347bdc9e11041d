"""Where calls come from: what every kind of workload can do, and the parts that they share."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, NamedTuple, Protocol

from aimon.call import result
from aimon.call.call import Call
from aimon.call.token_estimate import estimated

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from aimon.call.call import Message
    from aimon.call.checks import Check
    from aimon.config.endpoint import Endpoint

OUTPUT_TOKENS = 128
"""Limit of an answer where nothing says another."""


class Turn(NamedTuple):
    """One question of a conversation: what is added to its history, and how the answer is limited and checked."""

    messages: tuple[Message, ...]
    max_tokens: int
    checks: tuple[Check, ...] = ()


@dataclass(slots=True)
class WorkItem:
    """One call to make, the `turn`th (from 1) of a conversation's `turns`; a single call has none."""

    call: Call
    turns: Sequence[Turn] = ()
    turn: int = 0


class Tokens(NamedTuple):
    """Means over calls: tokens of prompts, with what was said before, and the most that answers may have."""

    prompt: float
    answer: float


class Source(Protocol):
    """Calls of one worker. Not for several threads at once."""

    def next_item(self, due: float | None = None) -> WorkItem:
        """The next call to make.

        Args:
            due: seconds from the start of the run to an arrival of the trace, which may be any worker's.
        """

    def on_result(self, item: WorkItem, result: result.Result) -> None:
        """Takes what came of a call: its conversation goes on from there."""

    def offsets(self) -> Iterator[float] | None:
        """Seconds from the start to each arrival of a trace, all of them, strictly rising; None where there is none."""

    def size(self) -> int | None:
        """How many entries a trace or dataset has; None where there is none."""

    def mean_tokens(self) -> Tokens:
        """What a call takes at most, on average over all entries or distributions, if no conversation breaks off."""


def call_factory(endpoint: Endpoint) -> Callable[[tuple[Message, ...], int, tuple[Check, ...]], Call]:
    """A function that makes a call to an endpoint of messages, a token limit and checks."""
    target, stream, temperature = endpoint.target, endpoint.stream, endpoint.temperature
    reasoning, timeouts, region = endpoint.reasoning, endpoint.timeouts, endpoint.region
    source = result.Source.LOADTEST

    def make(messages: tuple[Message, ...], max_tokens: int, checks: tuple[Check, ...]) -> Call:
        return Call(
            target=target,
            messages=messages,
            max_tokens=max_tokens,
            stream=stream,
            temperature=temperature,
            reasoning=reasoning,
            checks=checks,
            timeouts=timeouts,
            source=source,
            region=region,
        )

    return make


def conversation_tokens(turns: Sequence[Turn], limit: float | None = None) -> tuple[float, float]:
    """Sums over the calls of a conversation: tokens of its prompts, and of its answers if each is as long as it may.

    Args:
        turns: the conversation.
        limit: of each answer, in place of those of the turns.
    """
    prompts = answers = history = 0.0
    for turn in turns:
        history += sum(estimated(message.content) for message in turn.messages)
        prompts += history
        answer = turn.max_tokens if limit is None else limit
        answers += answer
        history += answer
    return prompts, answers
