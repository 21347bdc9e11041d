"""Conversations of one or more turns, of which many go on at the same time."""

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
    """Goes on with the conversation that has waited longest since its last answer, else begins another.

    A turn that fails ends its conversation. There are never more conversations than calls were in flight at a time,
    since none begins while another is ready to go on.

    Args:
        endpoint: whom to ask.
        begin: the turns of another conversation.
        tokens: what a call takes on average.
        size: how many conversations there are to begin, before they begin again; None for no end of them.
    """

    def __init__(
        self, endpoint: Endpoint, begin: Callable[[], Sequence[Turn]], tokens: Tokens, size: int | None = None
    ) -> None:
        self._call = call_factory(endpoint)
        self._begin = begin
        self._tokens = tokens
        self._size = size
        self._ready: deque[tuple[tuple[Message, ...], Sequence[Turn], int]] = deque()

    def next_item(self, due: float | None = None) -> WorkItem:  # noqa: ARG002  # of a trace
        """The next turn of a conversation, with all that was said before it."""
        if self._ready:
            history, turns, done = self._ready.popleft()
            turn = turns[done]
            return WorkItem(self._call(history + turn.messages, turn.max_tokens, turn.checks), turns, done + 1)
        turns = self._begin()
        turn = turns[0]
        return WorkItem(self._call(turn.messages, turn.max_tokens, turn.checks), turns, 1)

    def on_result(self, item: WorkItem, result: Result) -> None:
        """Puts the answer, in the model's own words, into the history of its conversation, which is then ready."""
        if item.turn < len(item.turns) and result.outcome is Outcome.OK and result.text:
            history = (*item.call.messages, Message("assistant", result.text))
            self._ready.append((history, item.turns, item.turn))

    def offsets(self) -> None:
        """They are no trace."""

    def size(self) -> int | None:
        """How many there are to begin."""
        return self._size

    def mean_tokens(self) -> Tokens:
        """Over all turns."""
        return self._tokens
