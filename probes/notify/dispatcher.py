"""Delivers what is in the queue: a thread for each channel, so that one that hangs delays neither probes nor others.

A notice is tried until it is delivered or refused for good: after 1 s, 2 s, 4 s and so on to five minutes, for a day.
Each channel gets its notices in order. If several processes share a history, one of them delivers.
"""

from __future__ import annotations

import fcntl
import logging
import os
import random
import time
from threading import Condition, Event, Lock, Thread
from typing import TYPE_CHECKING, Final

from aimon.call.containment import describe
from aimon.probes.history.database import Database, HistoryError
from aimon.probes.notify import outbox
from aimon.probes.notify.channels import sender
from aimon.probes.notify.notice import Action
from aimon.probes.notify.posting import Delivery, DeliveryError, RefusedError
from aimon.probes.notify.senders.alertmanager import RESEND
from aimon.security.redact import Redactor

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from pathlib import Path

    from aimon.config.channel import Channel
    from aimon.probes.notify.outbox import Queued
    from aimon.probes.notify.posting import Sender

_LOG = logging.getLogger(__name__)

DEADLINE: Final = 30.0
"""Seconds for one attempt, whatever the channel's own limits are."""
GIVE_UP: Final = 86_400.0
_LONGEST_PAUSE: Final = 300.0
_POLL: Final = 1.0
_ENDING: Final = 3.0


class Dispatcher:
    """Delivers the notices of a history.

    Args:
        path: the history's file; its tables are there.
        clock: tells unix time.
    """

    def __init__(self, path: Path, *, clock: Callable[[], float] = time.time) -> None:
        self._path, self._clock = path, clock
        self._right = _DeliveryRight(path)
        self._workers: dict[str, _Worker] = {}

    def configure(self, channels: Sequence[Channel]) -> None:
        """Delivers to these channels from now on; those that did not change go on as they are."""
        wanted = {channel.name: channel for channel in channels}
        for name, worker in list(self._workers.items()):
            if wanted.get(name) != worker.channel:
                del self._workers[name]
                worker.stop()
        for name, channel in wanted.items():
            if name not in self._workers:
                try:
                    target = sender(channel)
                except ValueError as error:
                    _LOG.error("notify: %s: %s: nothing is sent there", name, error)
                    continue
                self._workers[name] = _Worker(channel, target, self._path, self._right, self._clock)
                self._workers[name].start()

    def wake(self) -> None:
        """Says that there may be something in the queue."""
        for worker in self._workers.values():
            worker.wake()

    def close(self) -> None:
        """Ends within a few seconds; what is not delivered stays in the queue."""
        for worker in self._workers.values():
            worker.stop()
        until = time.monotonic() + _ENDING
        for worker in self._workers.values():
            worker.join(max(0.0, until - time.monotonic()))
        self._workers.clear()
        self._right.release()


class _DeliveryRight:
    """A lock between processes on delivering; the kernel frees it when its holder dies."""

    def __init__(self, history: Path) -> None:
        self._path = history.with_name(f"{history.name}.notify.lock")
        self._lock = Lock()
        self._handle: int | None = None

    def held(self) -> bool:
        """Whether this process may deliver."""
        with self._lock:
            if self._handle is not None:
                return True
            try:
                handle = os.open(self._path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
            except OSError:
                return False
            try:
                fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except OSError:
                os.close(handle)
                return False
            self._handle = handle
            return True

    def release(self) -> None:
        """Lets another process deliver."""
        with self._lock:
            if self._handle is not None:
                os.close(self._handle)
                self._handle = None


class _Worker:
    """Delivers to one channel, in a thread of its own."""

    def __init__(
        self, channel: Channel, target: Sender, path: Path, right: _DeliveryRight, clock: Callable[[], float]
    ) -> None:
        self.channel = channel
        self._target, self._path, self._right, self._clock = target, path, right, clock
        self._redactor = Redactor(channel.secrets)
        self._changed = Condition()
        self._awake = self._stopping = False
        self._failures = 0
        self._not_before = 0.0
        self._kept_alive = 0.0
        self._database: Database | None = None
        self._hanging: Thread | None = None
        # How an attempt ended that could not be written yet: sending it again would tell it twice.
        self._unwritten: Callable[[Database], None] | None = None
        self._thread = Thread(target=self._run, name=f"aimon-notify-{channel.name}", daemon=True)

    def start(self) -> None:
        self._thread.start()

    def stop(self) -> None:
        with self._changed:
            self._stopping = True
            self._changed.notify()

    def join(self, timeout: float) -> None:
        self._thread.join(timeout)

    def wake(self) -> None:
        with self._changed:
            self._awake = True
            self._changed.notify()

    def _run(self) -> None:
        while True:
            pause = max(self._not_before - time.monotonic(), 0.0)
            with self._changed:
                # A retry is not hurried by what else is in the queue.
                self._changed.wait_for(
                    lambda: self._stopping or (self._awake and time.monotonic() >= self._not_before), pause or _POLL
                )
                self._awake = False
                if self._stopping:
                    break
            if time.monotonic() < self._not_before or not self._right.held():
                continue
            try:
                while self._deliver_one() and not self._stopping:
                    pass
            except HistoryError:
                self._pause()
                self._close()
        self._close()

    def _open(self) -> Database:
        if self._database is None:
            self._database = Database(self._path)
        return self._database

    def _close(self) -> None:
        if self._database is not None:
            self._database.close()
            self._database = None

    def _deliver_one(self) -> bool:
        """Delivers the next notice; returns whether there may be more to do at once."""
        database = self._open()
        if self._unwritten is not None:
            self._unwritten(database)
            self._unwritten = None
        cap = self.channel.per_hour
        told = outbox.told_last_hour(database, self.channel.name, self._clock()) if cap else []
        queued = outbox.first(database, self.channel.name, capped=cap is not None and len(told) >= cap)
        if queued is None:
            self._keep_alive(database)
            return False
        outbox.begin(database, queued.id)
        held_back = self._held_back(database, queued, told) if cap else 0
        state, error, received = self._attempt(Delivery(queued.notice, queued.maybe_arrived, held_back), queued)
        self._unwritten = lambda database: outbox.finish(
            database, queued.id, state, self._clock(), error, maybe_arrived=received or queued.maybe_arrived
        )
        if state == "waiting":
            self._pause()
        else:
            self._failures = 0
        self._unwritten(database)
        self._unwritten = None
        return state != "waiting"

    def _attempt(self, delivery: Delivery, queued: Queued) -> tuple[str, str | None, bool]:
        """Sends; returns the state of the notice after that, why it failed, and whether it may have arrived."""
        try:
            self._within_deadline(lambda: self._target.send(delivery))
        except RefusedError as error:
            return "refused", str(error), False
        except DeliveryError as error:
            tried_for = self._clock() - queued.created_at
            return ("given_up" if tried_for > GIVE_UP else "waiting"), str(error), error.received
        return "delivered", None, True

    def _within_deadline(self, send: Callable[[], None]) -> None:
        """Runs what may hang in a thread of its own.

        Raises:
            DeliveryError: it failed, whatever the exception; or it took too long, or one before it still does.
        """
        if self._hanging is not None and self._hanging.is_alive():
            raise DeliveryError("the attempt before has not ended yet", received=True)
        failure: list[Exception] = []
        ended = Event()

        def run() -> None:
            try:
                send()
            except Exception as error:  # noqa: BLE001 - of whatever library; it is told as a failed attempt
                failure.append(error)
            ended.set()

        thread = Thread(target=run, name=f"aimon-send-{self.channel.name}", daemon=True)
        thread.start()
        if not ended.wait(DEADLINE):
            self._hanging = thread
            raise DeliveryError(f"no answer within {DEADLINE:g} s", received=True)
        if failure:
            error = failure[0]
            raise error if isinstance(error, DeliveryError) else DeliveryError(describe(error, self._redactor))

    def _held_back(self, database: Database, queued: Queued, told: Sequence[float]) -> int:
        """How many incidents wait for the cap, or were over before it let them pass."""
        if queued.notice.action is not Action.TRIGGER or self.channel.per_hour is None:
            return 0
        if len(told) + 1 < self.channel.per_hour:
            return 0
        return outbox.held_back(database, self.channel.name, queued.id, told[-1] if told else 0.0)

    def _keep_alive(self, database: Database) -> None:
        if self._target.keep_alive is None or time.monotonic() - self._kept_alive < RESEND:
            return
        self._kept_alive = time.monotonic()
        active = outbox.active(database, self.channel.name)
        repeat = self._target.keep_alive
        if active:
            try:
                self._within_deadline(lambda: repeat(active))
            except DeliveryError:
                self._kept_alive -= RESEND * 0.9  # again soon

    def _pause(self) -> None:
        self._failures += 1
        seconds = min(_LONGEST_PAUSE, 2.0 ** min(self._failures - 1, 20))
        self._not_before = time.monotonic() + seconds * random.uniform(0.8, 1.2)
