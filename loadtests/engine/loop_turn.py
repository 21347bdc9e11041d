"""What a turn of gevent's loop leaves to its end, so that the reading of no connection waits for it.

First the greenlets whose answers are complete continue; then the requests that they made are sent, one right after the
other, which wakes a sleeping server once for many.
"""

from __future__ import annotations

import sys
from collections import deque
from time import monotonic
from typing import TYPE_CHECKING

from gevent import get_hub

if TYPE_CHECKING:
    from collections.abc import Callable

# Requests that are sent together: the server answers them while the next ones are made.
_TOGETHER = 24
# After so many seconds the loop reads again before greenlets go on, as gevent does between callbacks.
_LONGEST = 5e-3


class LoopTurn:
    """The end of the loop's current turn; one for all connections of a Client. None of its functions may wait."""

    __slots__ = ("_due", "_hub", "_resuming", "_sending")

    def __init__(self) -> None:
        self._hub = get_hub()
        self._resuming: deque[Callable[[], object]] = deque()
        self._sending: deque[Callable[[], object]] = deque()
        self._due = False

    def resume(self, switch: Callable[[], object]) -> None:
        """Has a greenlet continue, by a function that switches to it."""
        self._resuming.append(switch)
        if not self._due:
            self._due = True
            self._hub.loop.run_callback(self._end)

    def send(self, send: Callable[[], object]) -> None:
        """Has a request sent, after greenlets have continued."""
        self._sending.append(send)
        if not self._due:
            self._due = True
            self._hub.loop.run_callback(self._end)

    def _end(self) -> None:
        resuming, sending = self._resuming, self._sending
        until = monotonic() + _LONGEST
        while (resuming or sending) and monotonic() <= until:
            for _ in range(min(_TOGETHER, len(resuming))):
                self._call(resuming.popleft())
            while sending:
                self._call(sending.popleft())
        if resuming or sending:
            self._hub.loop.run_callback(self._end)
        else:
            self._due = False

    def _call(self, step: Callable[[], object]) -> None:
        try:
            step()
        except Exception:  # noqa: BLE001 - printed; the other connections go on
            self._hub.handle_error(step, *sys.exc_info())
