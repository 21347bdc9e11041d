"""Conversations of one or more turns, many at a time."""

from __future__ import annotations

from collections import deque
from time import monotonic
from typing import TYPE_CHECKING, NamedTuple

from aimon.call.call import Message
from aimon.call.outcome import Outcome
from aimon.loadtests.workload.source import Tokens, Turn, WorkItem, call_factory

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from aimon.call.result import Result
    from aimon.config.endpoint import Endpoint


class _Waiting(NamedTuple):
    """A conversation between two turns: what was said, how many of its turns are done, and since when."""

    history: tuple[Message, ...]
    turns: Sequence[Turn]
    done: int
    since: float


class Conversations:
    """Continues the conversation that has waited longest since its last answer, or starts another.

    A failed turn ends its conversation. Without a delay there are never more open conversations than the maximum of
    calls in flight, since none starts while another is ready to continue. With one, calls go on at the rate or in the
    number of streams that was asked for, and conversations that wait are beside them.

    Args:
        endpoint: the endpoint under test.
        begin: returns the turns of a new conversation.
        tokens: mean tokens of a call.
        size: number of conversations before they repeat; None if they never do.
        delay: seconds from an answer until its conversation may continue.
        skipped: what is wrong with conversations of a file that were left out.
        clock: seconds, monotonic.
    """

    def __init__(
        self,
        endpoint: Endpoint,
        begin: Callable[[], Sequence[Turn]],
        tokens: Tokens,
        size: int | None = None,
        *,
        delay: float = 0.0,
        skipped: Sequence[str] = (),
        clock: Callable[[], float] = monotonic,
    ) -> None:
        self._call = call_factory(endpoint)
        self._begin = begin
        self._tokens = tokens
        self._size = size
        self._delay, self._skipped, self._clock = delay, skipped, clock
        self._ready: deque[_Waiting] = deque()

    def next_item(self, due: float | None = None) -> WorkItem:  # noqa: ARG002 - for traces only
        """The next turn of a conversation, with its history."""
        if self._ready and (not self._delay or self._ready[0].since + self._delay <= self._clock()):
            waiting = self._ready.popleft()
            turn = waiting.turns[waiting.done]
            return WorkItem(self._call(waiting.history + turn.messages, turn), waiting.turns, waiting.done + 1)
        turns = self._begin()
        turn = turns[0]
        return WorkItem(self._call(turn.messages, turn), turns, 1)

    def on_result(self, item: WorkItem, result: Result) -> None:
        """Appends the answer to the conversation's history, which is then ready for its next turn."""
        if item.turn < len(item.turns) and result.outcome is Outcome.OK and result.text:
            history = (*item.call.messages, Message("assistant", result.text))
            self._ready.append(_Waiting(history, item.turns, item.turn, self._clock() if self._delay else 0.0))

    def offsets(self) -> None:
        """None: not a trace."""

    def size(self) -> int | None:
        """Number of conversations before they repeat."""
        return self._size

    def skipped(self) -> Sequence[str]:
        """What is wrong with conversations of the file that were left out."""
        return self._skipped

    def mean_tokens(self) -> Tokens:
        """Means over all turns."""
        return self._tokens
