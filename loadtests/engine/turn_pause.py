"""Pauses between short turns of gevent's loop, so that it finds more to read in each.

A loop that keeps up with many streams is woken for every few bytes, and to be woken costs more than to read. A pause
costs no accuracy where the kernel stamps what arrives: that is when bytes arrived, whenever they are read. While calls
are started by a schedule there is none, since they would start together, and not as they are due.
"""

from __future__ import annotations

from time import monotonic
from typing import TYPE_CHECKING, Protocol
from weakref import WeakKeyDictionary

from gevent import get_hub
from gevent.monkey import get_original

if TYPE_CHECKING:
    from gevent.hub import Hub

# The kernel may add its timer slack of 50 µs.
_SECONDS = 100e-6
# A turn that takes longer has enough to do.
_SHORT = 100e-6
# With fewer calls the loop can afford to be woken, and a call would begin later by what is a part of its time.
_FEWEST_CALLS = 32
# Of a watcher of libev: after gevent's own, which continues greenlets and sends requests.
_LAST = -2

_sleep = get_original("time", "sleep")


class Calling(Protocol):
    """A client."""

    @property
    def in_flight(self) -> int:
        """Its calls under way."""


class TurnPause:
    """The pauses of one loop.

    Args:
        hub: whose loop pauses.

    Attributes:
        clients: whose calls are counted; their connections have timestamps of the kernel.
        schedules: that start calls now.
    """

    def __init__(self, hub: Hub) -> None:
        self.clients: set[Calling] = set()
        self.schedules: set[object] = set()
        self._since = 0.0
        self._watcher = hub.loop.prepare(ref=False, priority=_LAST)
        self._watcher.start(self._before_the_loop_waits)

    def _before_the_loop_waits(self) -> None:
        now = monotonic()
        if now - self._since < _SHORT and not self.schedules and self._has_many_calls():
            _sleep(_SECONDS)
            now = monotonic()
        self._since = now

    def _has_many_calls(self) -> bool:
        return sum(client.in_flight for client in self.clients) >= _FEWEST_CALLS


_pauses: WeakKeyDictionary[Hub, TurnPause] = WeakKeyDictionary()


def current() -> TurnPause:
    """The pauses of the current loop."""
    hub = get_hub()
    if (pause := _pauses.get(hub)) is None:
        pause = _pauses[hub] = TurnPause(hub)
    return pause
