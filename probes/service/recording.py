"""The thread that writes results to the history and tells observers of them.

A synced write takes milliseconds, which probes would see as latency, and minutes where another process keeps the file
locked. So results queue up here, and each write takes all that wait: a thousand endpoints need no more commits than
the disk is able to make.
"""

from __future__ import annotations

import time
from contextlib import suppress
from threading import Condition, Thread
from typing import TYPE_CHECKING

from aimon.call.containment import isolated
from aimon.probes.history.database import HistoryError
from aimon.probes.publish.recorder import PublishError

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from aimon.call.result import Result
    from aimon.probes.publish.recorder import Recorder
    from aimon.probes.service.context import ServiceContext
    from aimon.probes.service.observers import Observer
    from aimon.probes.state.live import LiveState
    from aimon.probes.state.monitored import MonitoredEndpoint

TICK = 1.0
# Results that arrive within this many seconds are written together.
GATHER = 0.05
# Seconds of each tick for what is computed ahead of scrapes.
UPKEEP = 0.1
# Seconds between two tries to record what waits: one of a locked file takes half a minute.
RETRY = 15.0


class RecordingThread:
    """Records results in the order in which they are put; `close` ends it when all are recorded.

    Args:
        recorder: prices and records.
        state: what it records in.
        observers: are told of results after that.
        say: is told once that results can't be recorded, and once that they are again.
        clock: tells unix time.
    """

    def __init__(
        self,
        recorder: Recorder,
        state: LiveState,
        observers: Sequence[Observer],
        *,
        say: Callable[[str], None],
        clock: Callable[[], float] = time.time,
    ) -> None:
        self._recorder = recorder
        self._state = state
        self._observers = observers
        self._say, self._clock = say, clock
        self._trouble = ""
        self._retry_at = 0.0
        self._results: list[Result] = []
        self._tasks: list[Callable[[], None]] = []
        self._busy = False
        self._closing = False
        self._changed = Condition()
        self._thread = Thread(target=self._run, name="aimon-recording", daemon=True)

    def start(self, context: ServiceContext) -> None:
        """Starts the thread; observers learn of the configuration first."""
        self._configure(context)
        self._thread.start()

    def put(self, result: Result) -> None:
        """Hands over a priced Result; returns at once."""
        with self._changed:
            self._results.append(result)
            self._changed.notify()

    def configure(self, recorder: Recorder, monitored: Sequence[MonitoredEndpoint], context: ServiceContext) -> None:
        """Another configuration holds for results that are put from now on."""

        def change() -> None:
            self._state.configure(monitored)
            self._recorder = recorder
            self._configure(context)

        with self._changed:
            self._tasks.append(change)
            self._changed.notify()

    def close(self) -> int:
        """Records what is left and ends the thread; returns how many results could not be recorded."""
        with self._changed:
            self._closing = True
            self._changed.notify()
        self._thread.join()
        if self._state.waiting:
            self._record([])
        return self._state.waiting

    def _run(self) -> None:
        due = time.monotonic() + TICK
        while True:
            with self._changed:
                self._changed.wait_for(lambda: self._results or self._tasks or self._closing, due - time.monotonic())
                if self._results and not self._closing:
                    self._changed.wait_for(lambda: self._closing, GATHER)
                results, self._results = self._results, []
                tasks, self._tasks = self._tasks, []
                closing = self._closing
            if results:
                with isolated(results[0].endpoint, "recorded"):
                    self._record(results)
            for task in tasks:
                with isolated("the configuration", "taken over"):
                    task()
            if time.monotonic() >= due:
                due = time.monotonic() + TICK
                self._each("told of the time", lambda observer: observer.tick(self._clock()))
                self._retry()
                with suppress(HistoryError), isolated("metrics", "prepared", but=HistoryError):
                    self._state.upkeep(UPKEEP)
            if closing and not results and not tasks:
                self._each("closed", lambda observer: observer.close())
                return

    def _retry(self) -> None:
        """Tries again to record what waits, where no results come that would."""
        if self._state.waiting and time.monotonic() >= self._retry_at:
            self._retry_at = time.monotonic() + RETRY
            self._record([])

    def _record(self, results: Sequence[Result]) -> None:
        counted = list(results)
        try:
            counted = self._recorder.record(results)
        except PublishError as error:
            self._tell(str(error))
        else:
            self._tell("")
        if counted:
            self._each("told of results", lambda observer: observer.observe(counted))

    def _configure(self, context: ServiceContext) -> None:
        self._each("told of the configuration", lambda observer: observer.configure(context))

    def _each(self, what: str, call: Callable[[Observer], None]) -> None:
        for observer in self._observers:
            with isolated(type(observer).__name__, what):
                call(observer)

    def _tell(self, trouble: str) -> None:
        if trouble != self._trouble:
            waiting = "; they wait for the next time" if self._state.waiting else ""
            self._say(f"aimon: {trouble}{waiting}" if trouble else "aimon: results are recorded again")
            self._trouble = trouble
