"""The Locust users of one worker, as the worker's Iterations. Imports Locust."""

from __future__ import annotations

from collections import Counter, deque
from math import inf
from time import monotonic
from typing import TYPE_CHECKING, NamedTuple

from gevent import get_hub, getcurrent
from gevent.pool import Group
from locust.exception import StopTest, StopUser

from aimon.call.outcome import Fault, Outcome
from aimon.loadtests.console import say
from aimon.loadtests.locust_plugin import clients
from aimon.loadtests.locust_plugin.user import AIUser
from aimon.loadtests.protocol.first_iteration import FirstIteration
from aimon.loadtests.users.closed_loop import ClosedLoopUsers
from aimon.loadtests.users.distribution import ArrivalClasses
from aimon.loadtests.users.driver import ArrivalDriver, Driver
from aimon.loadtests.users.loader import ScenarioError, where
from aimon.loadtests.worker.abort_policy import describe

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from greenlet import greenlet
    from locust import User
    from locust.env import Environment

    from aimon.call.result import Result
    from aimon.loadtests.protocol.plan import Plan
    from aimon.loadtests.protocol.stage import Assignment, Stage
    from aimon.loadtests.worker.iterations import MayStart
    from aimon.loadtests.worker.recorder import Recorder

# Seconds for the `on_stop` of all users, which may make calls, too.
_FAREWELL = 10.0
_LONGEST = 300


class _Trial(NamedTuple):
    """A call of the first iteration; `ours` as for the Recorder."""

    result: Result
    ours: bool


class LocustIterations:
    """Runs iterations of Locust users.

    Args:
        plan: of the run.
        environment: Locust's, with the user classes.
        recorder: counts calls and iterations.
        index: of this worker.

    Attributes:
        cutting: calls under way are being cut off.
        group: the users' greenlets.
        classes: of users.
    """

    def __init__(self, plan: Plan, environment: Environment, recorder: Recorder, *, index: int) -> None:
        self.cutting = False
        self.group = environment.runner.user_greenlets if environment.runner is not None else Group()
        self.classes = list(environment.user_classes)
        self._environment, self._recorder = environment, recorder
        self._arrivals = ArrivalClasses(environment.user_classes, f"{plan.seed}-{index}")
        self._open = plan.schedule is not None or not (plan.concurrency or plan.ladder)
        self._drivers: set[Driver] = set()
        self._idle: dict[type[User], deque[ArrivalDriver]] = {each: deque() for each in environment.user_classes}
        self._line: deque[greenlet] = deque()
        self._loops: list[ClosedLoopUsers] = []
        self._running = 0
        self._trial: list[_Trial] | None = None
        self._broken: str | None = None
        self._epoch = 0.0
        self._told = False

    # As Iterations

    @property
    def in_flight(self) -> int:
        """See Iterations."""
        return self._running + sum(loop.active for loop in self._loops)

    @property
    def users(self) -> dict[str, int]:
        """See Iterations."""
        return dict(Counter(type(driver.user).__name__ for driver in self._drivers if driver.alive))

    def offsets(self) -> Iterator[float] | None:
        """See Iterations: a scenario has no trace."""
        return None

    def first(self) -> FirstIteration:
        """See Iterations."""
        began = monotonic()
        trial: list[_Trial] = []
        self._trial = trial
        try:
            self.run(began, -inf, 0.0)
        except (StopTest, StopUser, ScenarioError) as error:
            self._broken = str(error)
        self._trial = None
        seconds = monotonic() - began
        said = next((row for row in ((each, self._objection(each)) for each in trial) if row[1]), None)
        why = said[1] if said is not None else self._broken and f"the first iteration broke off: {self._broken}"
        culprit = None
        if said is not None and (result := said[0].result).outcome is not Outcome.OK:
            culprit = result.outcome.value, result.status_code, result.failure_reason
        if not self._open:
            self._end_users()
        currency = next((each.result.currency for each in trial if each.result.currency is not None), None)
        return FirstIteration(
            why=why,
            seconds=seconds,
            # The Recorder has counted them as calls that do not count.
            calls=0,
            cost=self._recorder.policy.spent if currency is not None else None,
            currency=currency,
            culprit=culprit,
        )

    def start_stage(self, epoch: float) -> None:
        """See Iterations."""
        self._epoch = epoch

    def run(self, due: float, since: float, waited: float) -> None:
        """See Iterations."""
        self._running += 1
        try:
            driver = self._free_user()
            if driver is None:
                waited += self._wait_for_user()
                driver = self._free_user()
            if driver is not None:
                driver.run(self.group, due, since, waited)
                self._release(driver)
        finally:
            self._running -= 1

    def closed_loop(self, more: int, stage: Stage, assignment: Assignment, may_start: MayStart) -> ClosedLoopUsers:
        """See Iterations."""
        loop = ClosedLoopUsers(self, stage, assignment, more, may_start, self._epoch)
        self._loops = [each for each in self._loops if not each.ended]
        self._loops.append(loop)
        return loop

    def stop(self, why: str | None = None) -> None:
        """See Iterations."""
        clients.stop_retrying()
        while self._line:
            get_hub().loop.run_callback(self._line.popleft().switch)
        if why is not None:
            self.cutting = True
            clients.close(why)
            # Other users' requests can't be ended but with their users.
            for driver in self._drivers:
                if driver.active and driver.greenlet is not None and not isinstance(driver.user, AIUser):
                    driver.greenlet.kill(block=False)

    def close(self) -> None:
        """See Iterations: ends all users, with their `on_stop`."""
        self._end_users()
        clients.close()

    # Users

    def make_user(self, kind: type[User]) -> User:
        """A user of a class.

        Raises:
            Exception: whatever its constructor raises.
        """
        return kind(self._environment)

    def add(self, driver: Driver) -> None:
        """Has a driver among those that are ended at the end."""
        self._drivers.add(driver)

    def _free_user(self) -> ArrivalDriver | None:
        """An idle user, or a new one; None if there may be no more of them."""
        full: set[type[User]] = set()
        while (kind := self._arrivals.choose(full)) is not None:
            idle = self._idle[kind]
            while idle:
                # The one that has been idle for longest, so that all users take part.
                driver = idle.popleft()
                if driver.alive:
                    return driver
                self._drivers.discard(driver)
            if not kind.fixed_count or self._count(kind) < kind.fixed_count:
                made_at = monotonic()
                driver = ArrivalDriver(self.make_user(kind), self, made_at)
                self.add(driver)
                return driver
            full.add(kind)
        return None

    def _count(self, kind: type[User]) -> int:
        return sum(type(driver.user) is kind for driver in self._drivers)

    def _wait_for_user(self) -> float:
        """Waits until a user is idle; returns for how many seconds."""
        began = monotonic()
        self._line.append(getcurrent())
        get_hub().switch()
        return monotonic() - began

    def _release(self, driver: ArrivalDriver) -> None:
        if driver.alive:
            self._idle[type(driver.user)].append(driver)
        else:
            self._drivers.discard(driver)
        if self._line:
            get_hub().loop.run_callback(self._line.popleft().switch)

    def _end_users(self) -> None:
        """Ends all users that do nothing, and waits for their `on_stop`."""
        for driver in self._drivers:
            if isinstance(driver, ArrivalDriver):
                driver.end()
        self._drivers.clear()
        for idle in self._idle.values():
            idle.clear()
        if not self.group.join(timeout=_FAREWELL):
            self.group.kill(block=True, timeout=_FAREWELL)

    # As a driver's Counter

    def count_call(
        self,
        result: Result,
        since: float,
        name: str,
        gaps: Iterable[float] | None,
        *,
        first: bool,
        waited: float,
        again: bool,
        ours: bool,
    ) -> None:
        """See Counter."""
        result = self._recorder.call(
            result,
            since,
            name=name,
            gaps=gaps,
            # Only the first call of an iteration has a time at which it was due.
            again=again or not first,
            waited=waited,
            in_flight=self.in_flight,
            ours=ours,
        )
        if self._trial is not None:
            self._trial.append(_Trial(result, ours))

    def count_iteration(self, outcome: str, since: float, duration: float, latency_from_schedule: float) -> None:
        """See Counter."""
        if since != -inf:
            self._recorder.iteration(outcome, since, duration, latency_from_schedule)

    def count_error(self, error: BaseException, since: float) -> None:
        """See Counter."""
        said = f"{type(error).__name__}: {error}"[:_LONGEST] + where(error)
        if self._trial is not None:
            self._broken = said
            return
        self._recorder.note_error(said, since)
        if not self._told:
            self._told = True
            say(f"aimon loadtest: an iteration broke off, and the user goes on with the next one: {said}")

    def stop_test(self, error: StopTest) -> None:
        """See Counter."""
        if self._trial is not None:
            self._broken = f"the scenario stopped the test: {error}"
        else:
            self._recorder.end(f"the scenario stopped the test: {error}")

    def _objection(self, trial: _Trial) -> str | None:
        """Why the run must not begin, by a call of the first iteration."""
        if trial.ours:
            return self._recorder.policy.objection(trial.result)
        return describe(trial.result) if trial.result.fault is Fault.NETWORK else None
