"""What a turn of gevent's loop leaves to its end, so that the reading of no connection waits for it.

First the greenlets whose answers are complete continue; then the requests that they made are sent, one right after the
other, which wakes a sleeping server once for many.

Where requests are sent like this, a turn takes at least a tenth of a millisecond. A client that reads each token of
every stream as it comes spends most of its time on being woken: of a fast server it reads more slowly. The kernel's
timestamps keep the time of arrival, and chunks that come within a tenth of a millisecond are one arrival anyway
(`aimon.call.tpot`).
"""

from __future__ import annotations

import sys
from collections import deque
from time import monotonic
from typing import TYPE_CHECKING

from gevent import get_hub, monkey

from aimon.call.tpot import LEAST

if TYPE_CHECKING:
    from collections.abc import Callable

_SHORTEST = LEAST
# Requests that are sent together: the server answers them while the next ones are made.
_TOGETHER = 24
# After so many seconds the loop reads again before greenlets go on, as gevent does between callbacks.
_LONGEST = 5e-3
# The standard library's, whether or not gevent's patches are active.
_sleep: Callable[[float], None] = monkey.get_original("time", "sleep")


class LoopTurn:
    """The end of the loop's current turn; one for all connections of a Client. None of its functions may wait."""

    __slots__ = ("_began", "_due", "_hub", "_pausing", "_prepare", "_resuming", "_sending")

    def __init__(self, *, stamps: bool = True) -> None:
        self._hub = get_hub()
        self._pausing = stamps
        self._prepare = self._hub.loop.prepare(ref=False)
        self._began = 0.0
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
        if self._pausing:
            self._pausing = False
            self._prepare.start(self._pause)
        if not self._due:
            self._due = True
            self._hub.loop.run_callback(self._end)

    def close(self) -> None:
        """Turns are as short as they can be from now on."""
        self._prepare.stop()
        self._prepare.close()
        self._pausing = False

    def _pause(self) -> None:
        """Called by the loop before it waits."""
        now = monotonic()
        if (rest := self._began + _SHORTEST - now) > 0:
            _sleep(rest)
            now = monotonic()
        self._began = now

    def _end(self) -> None:
        resuming, sending = self._resuming, self._sending
        until = monotonic() + _LONGEST
        while (resuming or sending) and monotonic() <= until:
            for _ in range(min(_TOGETHER, len(resuming))):
                self._call(resuming.popleft())
            while sending:
                self._call(sending.popleft())
        if resuming:
            self._hub.loop.run_callback(self._end)
        else:
            self._due = False

    def _call(self, step: Callable[[], object]) -> None:
        try:
            step()
        except Exception:  # noqa: BLE001 - printed; the other connections go on
            self._hub.handle_error(step, *sys.exc_info())
