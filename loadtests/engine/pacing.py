"""Starts calls: at scheduled times regardless of answers (open loop), or N at a time (closed loop)."""

from __future__ import annotations

import sys
from collections import deque
from itertools import chain, dropwhile, takewhile
from time import monotonic
from typing import TYPE_CHECKING

import gevent
from gevent import get_hub
from gevent.event import Event
from greenlet import greenlet

from aimon.loadtests.engine import turn_pause
from aimon.loadtests.engine.precise_timer import precise_timer

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator


class OpenLoop:
    """Starts one greenlet for each arrival of a schedule, at its time.

    An arrival that is overdue is started at once: it is late, as `Result.scheduled` shows, but never skipped. Only an
    arrival that finds `max_in_flight` calls under way is skipped, and counted in `not_started`; or, with `begin_late`,
    waits in line until one of them ends.

    Args:
        offsets: seconds from `epoch` to each arrival, in order.
        begin: makes one call; its argument is when the call was due, by `time.monotonic()`.
        max_in_flight: most calls at once.
        begin_late: as `begin`, for an arrival that waited in line; its second argument is for how many seconds.

    Attributes:
        epoch: when the schedule starts, by `time.monotonic()`.
        started: arrivals whose greenlet was started.
        not_started: arrivals skipped because too many calls were under way.
        in_flight: calls under way.
        failed: greenlets that ended with an exception, which was printed.
    """

    def __init__(
        self,
        offsets: Iterable[float],
        begin: Callable[[float], object],
        *,
        max_in_flight: float = float("inf"),
        begin_late: Callable[[float, float], object] | None = None,
    ) -> None:
        self.epoch = 0.0
        self.started = self.not_started = self.in_flight = self.failed = 0
        self._offsets: Iterator[float] = iter(offsets)
        self._begin = begin
        self._begin_late = begin_late
        self._line: deque[float] = deque()
        self._max_in_flight = max_in_flight
        self._next: float | None = None
        self._timer = precise_timer(self._on_timer)
        self._hub = get_hub()
        self._idle = Event()
        self._dispatched = Event()

    def start(self, epoch: float | None = None) -> None:
        """Starts the schedule.

        Args:
            epoch: when its first second begins, by `time.monotonic()`; now by default.
        """
        self.epoch = monotonic() if epoch is None else epoch
        self._idle.set()
        turn_pause.current().schedules.add(self)
        self._advance()

    def rebalance(self, offsets: Iterable[float], *, since: float, max_in_flight: float | None = None) -> None:
        """Continues with other offsets, for instance with a larger share of the schedule after a worker was lost.

        Args:
            offsets: of the same schedule; those before `since` are ignored.
            since: seconds from `epoch`; arrivals before that still come from the previous offsets.
            max_in_flight: most calls at once from now on; as before by default.
        """
        self._max_in_flight = self._max_in_flight if max_in_flight is None else max_in_flight
        self._offsets = _switch(self._take_pending(), self._offsets, offsets, since)
        self._dispatched.clear()
        self._advance()

    def stop(self) -> None:
        """Starts no more calls; calls under way continue."""
        turn_pause.current().schedules.discard(self)
        self._offsets = iter(())
        self._next = None
        self._line.clear()
        self._timer.close()
        self._dispatched.set()

    def wait(self) -> None:
        """Blocks until all arrivals were started or skipped, and all calls have ended."""
        # A loop, since `rebalance` may add arrivals while the last calls are awaited.
        while not (self._dispatched.is_set() and self._idle.is_set()):
            self._dispatched.wait()
            self._idle.wait()
        turn_pause.current().schedules.discard(self)

    def _take_pending(self) -> list[float]:
        pending = [] if self._next is None else [self._next - self.epoch]
        self._next = None
        return pending

    def _advance(self) -> None:
        """Sets the timer for the next arrival."""
        offset = next(self._offsets, None)
        if offset is None:
            self._next = None
            self._dispatched.set()
            return
        self._next = self.epoch + offset
        self._timer.set(self._next)

    def _on_timer(self) -> None:
        while (due := self._next) is not None:
            if due > monotonic():
                self._timer.set(due)
                return
            offset = next(self._offsets, None)
            self._next = None if offset is None else self.epoch + offset
            if self.in_flight >= self._max_in_flight:
                if self._begin_late is None:
                    self.not_started += 1
                else:
                    self._line.append(due)
                continue
            self.started += 1
            self.in_flight += 1
            self._idle.clear()
            # Switch into the greenlet at once instead of in the loop's next turn: it runs until it waits for
            # the answer.
            greenlet(self._run, self._hub).switch(due)
        self._dispatched.set()

    def _run(self, due: float) -> None:
        try:
            self._begin(due)
        except Exception:  # noqa: BLE001 - printed and counted; the other arrivals must start
            self.failed += 1
            self._hub.handle_error(self._begin, *sys.exc_info())
        finally:
            self._run_line()
            self.in_flight -= 1
            if not self.in_flight:
                self._idle.set()

    def _run_line(self) -> None:
        """Runs arrivals that wait, one after the other, in the place of the call that has just ended."""
        while self._line and self._begin_late is not None and self.in_flight <= self._max_in_flight:
            due = self._line.popleft()
            self.started += 1
            try:
                self._begin_late(due, monotonic() - due)
            except Exception:  # noqa: BLE001 - as above
                self.failed += 1
                self._hub.handle_error(self._begin_late, *sys.exc_info())


class ClosedLoop:
    """Keeps a number of users busy, each with one call after the other.

    Args:
        turn: makes one call and waits for its end; returns False to end its user.
        users: how many there are.
        ramp: seconds over which they start, evenly; users started together stay synchronised.
    """

    def __init__(self, turn: Callable[[], object], users: int, *, ramp: float = 0.0) -> None:
        self._turn = turn
        self._users = users
        self._ramp = ramp
        self._stopping = Event()
        self._greenlets: list[gevent.Greenlet[[float], None]] = []

    def start(self) -> None:
        """Starts the users."""
        step = self._ramp / self._users if self._users else 0.0
        self._greenlets = [gevent.spawn(self._work, k * step) for k in range(self._users)]

    def stop(self) -> None:
        """Ends every user after its current call; users that have not started do not start."""
        self._stopping.set()

    def wait(self) -> None:
        """Blocks until all users have ended.

        Raises:
            Exception: what a call raised.
        """
        gevent.joinall(self._greenlets, raise_error=True)

    def _work(self, delay: float) -> None:
        if self._stopping.wait(delay):
            return
        loop, stopping, turn = get_hub().loop, self._stopping, self._turn
        while not stopping.is_set():
            began = loop.iteration
            if turn() is False:
                return
            if loop.iteration == began:
                gevent.sleep(0)  # it failed without waiting for anything: the others must have their turn


def _switch(pending: list[float], before: Iterator[float], after: Iterable[float], since: float) -> Iterator[float]:
    """`pending` and `before` up to `since`, and `after` from there on."""
    earlier = takewhile(lambda offset: offset < since, chain(pending, before))
    return chain(earlier, dropwhile(lambda offset: offset < since, after))
