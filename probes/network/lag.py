"""How late the event loop runs, which bounds the error of its measurements.

A receive timestamp says how long the *last* byte of a read had waited. If a busy loop reads several segments at once,
the first one waited longer than the timestamp shows, so a heartbeat measures the delay of the loop itself.
"""

import asyncio
import weakref
from collections.abc import Iterator
from contextlib import contextmanager

from aimon.probes.network.marks import NetworkMarks

_INTERVAL = 0.005
# epoll waits for whole milliseconds, so a timer of an idle loop is late by up to one.
_GRANULARITY = 0.001

_heartbeats: weakref.WeakKeyDictionary[asyncio.AbstractEventLoop, "_Heartbeat"] = weakref.WeakKeyDictionary()


@contextmanager
def watch_lag(marks: NetworkMarks) -> Iterator[None]:
    """Raises `marks.lag` to the longest delay of the running loop inside the `with` block.

    All calls of a loop share one heartbeat, which runs only while a call needs it; it takes 0.7 % of a core on an idle
    loop. It measures a delay to within its interval of 5 ms.
    """
    loop = asyncio.get_running_loop()
    heartbeat = _heartbeats.get(loop)
    if heartbeat is None:
        heartbeat = _heartbeats[loop] = _Heartbeat()
    heartbeat.join(marks)
    try:
        yield
    finally:
        heartbeat.leave(marks)


class _Heartbeat:
    """A timer that is due every 5 ms and records how late it was."""

    def __init__(self) -> None:
        # By identity: two calls may have equal marks.
        self._watched: dict[int, NetworkMarks] = {}
        self._timer: asyncio.TimerHandle | None = None

    def join(self, marks: NetworkMarks) -> None:
        self._watched[id(marks)] = marks
        if self._timer is None:
            self._timer = self._next()

    def leave(self, marks: NetworkMarks) -> None:
        # A delay that has not ended counts too: this task may run before the late timer.
        self._note_delay()
        del self._watched[id(marks)]
        if not self._watched and self._timer is not None:
            self._timer.cancel()
            self._timer = None

    def _beat(self) -> None:
        self._note_delay()
        self._timer = self._next()

    def _next(self) -> asyncio.TimerHandle:
        return asyncio.get_running_loop().call_later(_INTERVAL, self._beat)

    def _note_delay(self) -> None:
        if self._timer is None:
            return
        late = asyncio.get_running_loop().time() - self._timer.when() - _GRANULARITY
        if late > 0:
            for marks in self._watched.values():
                marks.lag = max(marks.lag, late)
