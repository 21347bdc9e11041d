"""One user of a scenario: where its iterations begin and end, and which call has the scheduled time. Imports Locust."""

from __future__ import annotations

from collections import deque
from math import inf
from time import monotonic
from typing import TYPE_CHECKING, Protocol

from gevent import get_hub, getcurrent
from locust.exception import StopTest, StopUser
from locust.user.task import LOCUST_STATE_RUNNING, LOCUST_STATE_STOPPING, LOCUST_STATE_WAITING

from aimon.call.outcome import Outcome
from aimon.loadtests.locust_plugin.driven import attach
from aimon.loadtests.statistics.iteration_stats import TASK_ERROR

if TYPE_CHECKING:
    from collections.abc import Iterable

    import gevent
    from gevent.pool import Group
    from greenlet import greenlet
    from locust import User
    from locust.user.task import TaskSet

    from aimon.call.result import Result

GREENLET_ATTRIBUTE = "aimon_driver"
_BEFORE = -inf
"""When calls outside of any iteration were due: before all that counts."""


class Counter(Protocol):
    """What a Driver reports to: the users of a worker."""

    cutting: bool

    def count_call(
        self, result: Result, since: float, name: str, gaps: Iterable[float] | None, *, first: bool, waited: float,
        again: bool, ours: bool,
    ) -> None:  # fmt: skip
        """Counts a call."""

    def count_iteration(self, outcome: str, since: float, duration: float, latency_from_schedule: float) -> None:
        """Counts an iteration."""

    def count_error(self, error: BaseException, since: float) -> None:
        """Counts an exception of the scenario's code."""

    def stop_test(self, error: StopTest) -> None:
        """Ends the run."""


class Driver:
    """Drives one user. Subclasses say what happens between two iterations.

    Args:
        user: of Locust, not started yet.
        counter: counts its calls and iterations.

    Attributes:
        greenlet: of the user; None before it was started.
        active: an iteration is under way.
        stopping: the user is to end before its next iteration.
        failed: what became of the iteration, if it was no success.
    """

    def __init__(self, user: User, counter: Counter) -> None:
        self.user = user
        self.greenlet: gevent.Greenlet[..., object] | None = None
        self.active = self.stopping = False
        self.failed: str | None = None
        self._counter = counter
        self._stack: deque[TaskSet] = deque()
        self._due = self._began = self._waited = 0.0
        self._since = _BEFORE
        self._first = False
        attach(user, self)

    def start(self, group: Group) -> None:
        """Starts the user's greenlet, in the loop's next turn."""
        self.greenlet = self.user.start(group)
        setattr(self.greenlet, GREENLET_ATTRIBUTE, self)
        self.greenlet.rawlink(self.on_end)

    @property
    def alive(self) -> bool:
        """Whether the user has not ended."""
        return self.greenlet is not None and not self.greenlet.ready()

    # Called by the hooks

    def enter(self, tasks: TaskSet) -> None:
        """A task set is about to execute a task."""
        if not self.active:
            self.begin()
        self._stack.append(tasks)

    def leave(self) -> None:
        """The task has ended."""
        self._stack.pop()

    def is_in(self, tasks: TaskSet) -> bool:
        """Whether one of the task set's own tasks is being executed."""
        return any(each is tasks for each in self._stack)

    def pause(self, tasks: TaskSet) -> None:
        """The task set would wait: the iteration has ended.

        Raises:
            StopUser: there is no other one.
        """
        self.finish()
        if self.stopping or self.user._state == LOCUST_STATE_STOPPING:  # noqa: SLF001 - Locust has no other way
            raise StopUser
        self.user._state = LOCUST_STATE_WAITING  # noqa: SLF001 - as above
        self.between(tasks)
        if self.stopping:
            raise StopUser
        self.user._state = LOCUST_STATE_RUNNING  # noqa: SLF001 - as above

    def note_error(self, error: Exception) -> None:
        """The scenario's own code has raised an exception, and broken off the iteration."""
        if self.failed != TASK_ERROR:
            self.failed = TASK_ERROR
            self._counter.count_error(error, self._since)

    def stop_test(self, error: StopTest) -> None:
        """The scenario's own code ends the run."""
        self._counter.stop_test(error)

    # Called by users

    def take_due(self) -> float | None:
        """When the call that begins now was due, if it is the first one of an iteration."""
        first, self._first = self._first, False
        return self._due if first and self.active else None

    def count(
        self,
        result: Result,
        name: str,
        gaps: Iterable[float] | None = None,
        *,
        first: bool,
        again: bool = False,
        ours: bool = True,
    ) -> None:
        """Counts a call of this user, which has just ended; the `first` one of an iteration has its due time."""
        self._counter.count_call(
            result,
            self._since if self.active else _BEFORE,
            name,
            gaps,
            first=first,
            waited=self._waited,
            again=again,
            ours=ours,
        )

    def conclude(self, result: Result) -> None:
        """The call with this last Result, however often it was repeated, is over.

        Raises:
            StopUser: calls are being cut off, and the user shall make no other.
        """
        if self.failed is None and result.outcome is not Outcome.OK:
            self.failed = result.outcome.value
        if self._counter.cutting:
            raise StopUser

    # Iterations

    def begin(self) -> None:
        """An iteration begins."""
        self._begin(monotonic(), _BEFORE, 0.0)

    def between(self, tasks: TaskSet) -> None:
        """Returns when the next iteration may begin."""

    def finish(self) -> None:
        """The iteration has ended."""
        if not self.active:
            return
        self.active = False
        now = monotonic()
        self._counter.count_iteration(self.failed or Outcome.OK.value, self._since, now - self._began, now - self._due)

    def on_end(self, greenlet: gevent.Greenlet[..., object]) -> None:
        """The user has ended: by its own doing, or by an exception in `on_start`. Called in the loop's greenlet."""
        error = greenlet.exception
        if isinstance(error, StopTest):
            self.stop_test(error)
        elif isinstance(error, Exception):
            self._counter.count_error(error, self._since if self.active else 0.0)
            self.failed = TASK_ERROR
        self.finish()

    def _begin(self, due: float, since: float, waited: float) -> None:
        self.active = self._first = True
        self.failed = None
        self._due, self._since, self._waited, self._began = due, since, waited, monotonic()


class ArrivalDriver(Driver):
    """Drives a user of an open loop: it does one iteration for each arrival, and then is idle."""

    def __init__(self, user: User, counter: Counter, made_at: float) -> None:
        super().__init__(user, counter)
        self._made_at: float | None = made_at
        self._arrival: greenlet | None = None
        self._next = (0.0, _BEFORE, 0.0)

    def run(self, group: Group, due: float, since: float, waited: float) -> None:
        """Has the user do one iteration, and returns when it has ended. Called in a greenlet of the arrival."""
        self._next = (due, since, waited)
        self._arrival = getcurrent()
        if self.greenlet is None:
            self.start(group)
            get_hub().switch()
        else:
            self.greenlet.switch()

    def end(self) -> None:
        """Ends the idle user, with its `on_stop`; returns at once."""
        self.stopping = True
        if self.greenlet is not None and not self.active and self.alive:
            get_hub().loop.run_callback(self.greenlet.switch)

    def begin(self) -> None:
        """An iteration begins: that of the arrival. Making the user and its `on_start` took none of its time."""
        due, since, waited = self._next
        if self._made_at is not None:
            due += monotonic() - self._made_at
            self._made_at = None
        self._begin(due, since, waited)

    def between(self, tasks: TaskSet) -> None:  # noqa: ARG002 - no task set has a say in an open loop
        """Hands over to the greenlet of the arrival, until the next arrival takes this user."""
        arrival, self._arrival = self._arrival, None
        # Switched to directly, not in the loop's next turn: an arrival and its user are one line of execution.
        (arrival or get_hub()).switch()

    def on_end(self, greenlet: gevent.Greenlet[..., object]) -> None:
        """As of every user; its arrival is over, too."""
        super().on_end(greenlet)
        if (arrival := self._arrival) is not None:
            self._arrival = None
            arrival.switch()
