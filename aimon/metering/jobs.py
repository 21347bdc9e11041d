"""What is to be counted of calls that have ended: by a thread a moment later, or at once by whoever ends a call.

A call that is counted where it ends costs twice the time: the application's own code has just filled the processor's
caches, and needs them again. So calls wait up to a tenth of a second, until a thread counts all of them in a row.
Whoever looks at the counts has the waiting ones counted first, so that nobody sees fewer calls than there were.

Calls end on any thread, in any task or greenlet, and some in the garbage collector or in the handler of a signal, which
run at any line. So adding a job takes no lock; whoever gets the lock does what waits, and nobody waits for it.
"""

from __future__ import annotations

import math
import sys
from collections import deque
from contextlib import contextmanager
from queue import SimpleQueue
from threading import Lock, Thread
from time import monotonic, sleep
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

# Seconds until the thread does what waits.
DELAY: Final = 0.1
# From so many jobs on the caller does them: the thread can't keep up, or it doesn't run, as in a frozen process.
MOST: Final = 100
# After so many seconds the thread lets others run for some: that long a call may wait for it.
_SLICE: Final = 0.001
_BREATH: Final = 0.0003


class Jobs:
    """Jobs of this process, each done once, one at a time, in their order.

    Args:
        fault: is told what a job raises.
    """

    def __init__(self, fault: Callable[[Exception], None]) -> None:
        self._fault = fault
        self._waiting: deque[Callable[[], None]] = deque()
        self._working = Lock()
        self._bell: SimpleQueue[None] = SimpleQueue()  # may be rung while it is being rung, as an Event may not
        self._rung = False
        self._starting = Lock()
        self._threaded: bool | None = None  # None until the first job that may wait

    def soon(self, job: Callable[[], None]) -> None:
        """Has a job done within a tenth of a second or so."""
        self._waiting.append(job)
        if self._threaded or (self._threaded is None and self._start()):
            if not self._rung:
                self._ring()
            elif len(self._waiting) >= MOST:
                self.work()
        else:
            self.work()

    def now(self, job: Callable[[], None]) -> None:
        """Does a job; if a thread is doing others, that one does it too."""
        self._waiting.append(job)
        self.work()

    def later(self, job: Callable[[], None]) -> None:
        """As `soon`, from the garbage collector, which may run while this very thread holds a lock."""
        self._waiting.append(job)
        if self._threaded and not self._rung:
            self._ring()

    def work(self) -> None:
        """Does what waits, unless a thread is doing so."""
        while self._waiting and self._working.acquire(blocking=False):
            try:
                self._do()
            finally:
                self._working.release()

    @contextmanager
    def done(self) -> Iterator[None]:
        """Does what waits, and holds up whatever comes during the block."""
        try:
            with self._working:
                self._do()
                yield
        finally:
            self.work()

    def _do(self, until: float = math.inf) -> None:
        waiting = self._waiting
        while waiting:
            job = waiting.popleft()
            try:
                job()
            except Exception as error:  # noqa: BLE001 - whatever it is, the application must not feel it
                self._fault(error)
            if monotonic() > until:
                return

    def _ring(self) -> None:
        self._rung = True
        self._bell.put(None)

    def _start(self) -> bool:
        """Starts the thread; returns whether there is one."""
        if not self._starting.acquire(blocking=False):
            return True  # another thread is at it
        try:
            if self._threaded is None:
                self._threaded = False
                if not _threads_are_greenlets():
                    Thread(target=self._run, name="aimon-metering", daemon=True).start()
                    self._threaded = True
        except (RuntimeError, MemoryError):  # no more threads, or an interpreter that allows none
            pass
        finally:
            self._starting.release()
        return bool(self._threaded)

    def _run(self) -> None:
        while True:
            self._bell.get()
            sleep(DELAY)
            # Before the jobs are looked at: one that comes after that rings again.
            self._rung = False
            with self._working:
                self._do(monotonic() + _SLICE)
            while self._waiting:
                sleep(_BREATH)
                with self._working:
                    self._do(monotonic() + _SLICE)


def _threads_are_greenlets() -> bool:
    """Whether gevent or eventlet has replaced threads: one more greenlet gains nothing."""
    gevent, eventlet = sys.modules.get("gevent.monkey"), sys.modules.get("eventlet.patcher")
    if gevent is not None and gevent.is_module_patched("threading"):
        return True
    return eventlet is not None and bool(eventlet.is_monkey_patched("thread"))
