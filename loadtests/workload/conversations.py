"""Conversations of one or more turns, many at a time."""

from __future__ import annotations

from collections import deque
from typing import TYPE_CHECKING

from aimon.call.call import Message
from aimon.call.outcome import Outcome
from aimon.loadtests.workload.source import Tokens, Turn, WorkItem, call_factory

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from aimon.call.result import Result
    from aimon.config.endpoint import Endpoint


class Conversations:
    """Continues the conversation that has waited longest since its last answer, or starts another.

    A failed turn ends its conversation. There are never more open conversations than the maximum of calls in flight,
    since none starts while another is ready to continue.

    Args:
        endpoint: the endpoint under test.
        begin: returns the turns of a new conversation.
        tokens: mean tokens of a call.
        size: number of conversations before they repeat; None if they never do.
    """

    def __init__(
        self, endpoint: Endpoint, begin: Callable[[], Sequence[Turn]], tokens: Tokens, size: int | None = None
    ) -> None:
        self._call = call_factory(endpoint)
        self._begin = begin
        self._tokens = tokens
        self._size = size
        self._ready: deque[tuple[tuple[Message, ...], Sequence[Turn], int]] = deque()

    def next_item(self, due: float | None = None) -> WorkItem:  # noqa: ARG002 - for traces only
        """The next turn of a conversation, with its history."""
        if self._ready:
            history, turns, done = self._ready.popleft()
            turn = turns[done]
            return WorkItem(self._call(history + turn.messages, turn.max_tokens, turn.checks), turns, done + 1)
        turns = self._begin()
        turn = turns[0]
        return WorkItem(self._call(turn.messages, turn.max_tokens, turn.checks), turns, 1)

    def on_result(self, item: WorkItem, result: Result) -> None:
        """Appends the answer to the conversation's history, which is then ready for its next turn."""
        if item.turn < len(item.turns) and result.outcome is Outcome.OK and result.text:
            history = (*item.call.messages, Message("assistant", result.text))
            self._ready.append((history, item.turns, item.turn))

    def offsets(self) -> None:
        """None: not a trace."""

    def size(self) -> int | None:
        """Number of conversations before they repeat."""
        return self._size

    def mean_tokens(self) -> Tokens:
        """Means over all turns."""
        return self._tokens
