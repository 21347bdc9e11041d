"""The users of a closed loop: each does one iteration after the other, with the waits that Locust gives it."""

from __future__ import annotations

from time import monotonic
from typing import TYPE_CHECKING, Protocol

import gevent
from gevent.event import Event
from locust.exception import StopTest, StopUser

from aimon.loadtests.users.distribution import users_of
from aimon.loadtests.users.driver import Counter, Driver

if TYPE_CHECKING:
    from gevent.pool import Group
    from locust import User
    from locust.user.task import TaskSet

    from aimon.loadtests.protocol.stage import Assignment, Stage
    from aimon.loadtests.worker.iterations import MayStart


class Host(Counter, Protocol):
    """The users of a worker.

    Attributes:
        group: their greenlets.
        classes: of users.
    """

    group: Group
    classes: list[type[User]]

    def make_user(self, kind: type[User]) -> User:
        """A user of a class."""

    def add(self, driver: Driver) -> None:
        """Has a driver among those that are ended at the end."""


class ClosedLoopUsers:
    """Users of one stage, as Iterations has them.

    Args:
        host: the users of the worker.
        stage: that they are of.
        assignment: this worker's share of it.
        more: how many users are to start.
        may_start: asked before each iteration.
        epoch: when the stage started, by `time.monotonic()`.

    Attributes:
        active: iterations under way.
        halted: set when all users are to end after their current iteration.
    """

    def __init__(
        self, host: Host, stage: Stage, assignment: Assignment, more: int, may_start: MayStart, epoch: float
    ) -> None:
        self.active = 0
        self.halted = Event()
        self.ended = False
        self.may_start = may_start
        self._host = host
        self._ramp = stage.ramp(more)
        self._ends = None if stage.duration is None else epoch + stage.duration
        self._kinds = self._chosen(stage, assignment, more)
        self._greenlets: list[gevent.Greenlet[..., object]] = []

    def start(self) -> None:
        """Starts the users."""
        step = self._ramp / len(self._kinds) if self._kinds else 0.0
        self._greenlets = [gevent.spawn(self._live, kind, k * step) for k, kind in enumerate(self._kinds)]

    def stop(self) -> None:
        """Ends every user after its current iteration; users that have not started do not start."""
        self.halted.set()

    def wait(self) -> None:
        """Blocks until all users have ended, with their `on_stop`."""
        gevent.joinall(self._greenlets, raise_error=True)
        self.ended = True

    def pause(self, seconds: float) -> None:
        """Waits so long, but not beyond the end of the stage or of the run."""
        if self._ends is not None:
            seconds = min(seconds, max(0.0, self._ends - monotonic()))
        if seconds > 0:
            self.halted.wait(seconds)
        else:
            gevent.sleep(0)

    def _chosen(self, stage: Stage, assignment: Assignment, more: int) -> list[type[User]]:
        """The classes of the users that are to start, mixed as evenly as their numbers allow."""
        counts = users_of(self._host.classes, stage.users, assignment.index, assignment.workers)
        by_name = {each.__name__: each for each in self._host.classes}
        places = sorted(((k + 0.5) / count, name) for name, count in counts.items() for k in range(count))
        chosen = [by_name[name] for _, name in places]
        # Locust's division may give a worker one user more or less than the one that the master has made.
        while chosen and len(chosen) < more:
            chosen += chosen
        return chosen[:more]

    def _live(self, kind: type[User], delay: float) -> None:
        """The life of one user."""
        if self.halted.wait(delay):
            return
        host = self._host
        try:
            driver = _LoopDriver(host.make_user(kind), host, self)
        except StopTest as error:
            host.stop_test(error)
            return
        except Exception as error:  # noqa: BLE001 - a fault of the scenario's own code
            host.count_error(error, 0.0)
            return
        host.add(driver)
        driver.start(host.group)
        assert driver.greenlet is not None  # noqa: S101 - just started
        driver.greenlet.join()


class _LoopDriver(Driver):
    """Drives a user of a closed loop."""

    def __init__(self, user: User, counter: Counter, loop: ClosedLoopUsers) -> None:
        super().__init__(user, counter)
        self._loop = loop

    def begin(self) -> None:
        """An iteration begins, if there is to be another one.

        Raises:
            StopUser: there is none.
        """
        since = None if self._loop.halted.is_set() else self._loop.may_start()
        if since is None:
            self.stopping = True
            raise StopUser
        self._begin(monotonic(), since, 0.0)
        self._loop.active += 1

    def finish(self) -> None:
        """The iteration has ended."""
        self._loop.active -= self.active
        super().finish()

    def between(self, tasks: TaskSet) -> None:
        """Waits as long as the user's `wait_time` says."""
        self._loop.pause(float(tasks.wait_time()))  # type: ignore[no-untyped-call]
