"""Load from one process: starts its share of a stage's iterations at their times, and reports. Needs gevent."""

from __future__ import annotations

import time
from time import monotonic
from typing import TYPE_CHECKING

import gevent
from gevent.event import Event

from aimon.load_terms import SEARCHES
from aimon.loadtests.engine.pacing import OpenLoop
from aimon.loadtests.engine.process_limits import freeze_garbage_collector, raise_open_file_limit
from aimon.loadtests.engine.schedule import worker_share
from aimon.loadtests.protocol import totals_codec
from aimon.loadtests.protocol.stage import Assignment, Stage, StatsDelta
from aimon.loadtests.statistics import slo
from aimon.loadtests.worker.abort_policy import AbortPolicy
from aimon.loadtests.worker.recorder import Recorder, as_fields

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from aimon.loadtests.protocol.first_iteration import FirstIteration
    from aimon.loadtests.protocol.plan import Plan
    from aimon.loadtests.worker.call_log import CallLog
    from aimon.loadtests.worker.iterations import Iterations, Users
    from aimon.metrics.totals import Totals

MAX_IN_FLIGHT = 20_000


class Worker:
    """Runs iterations.

    Args:
        plan: of the run.
        iterations: makes what runs them, for the Recorder that is to count them.
        totals: cumulative metrics to keep; None where nobody asks for them.
        log: takes every Result that counts.

    Attributes:
        done: set while no stage is running.

    Raises:
        Exception: what `iterations` raises.
    """

    def __init__(
        self,
        plan: Plan,
        iterations: Callable[[Recorder], Iterations],
        *,
        totals: Totals | None = None,
        log: CallLog | None = None,
    ) -> None:
        self.done = Event()
        self.done.set()
        self._policy = AbortPolicy(plan.max_cost, storms=plan.profile not in SEARCHES)
        objectives = [slo.parse(text) for text in plan.slo]
        named = plan.scenario is not None
        self._recorder = Recorder(objectives, self._policy, totals, log, named=named, on_problem=self.end)
        self._iterations = iterations(self._recorder)
        self._stage, self._assignment = Stage(number=0), Assignment()
        self._pace: OpenLoop | None = None
        self._users: list[Users] = []
        self._busy_users = self._wanted_users = 0
        self._left: int | None = None
        self._epoch = 0.0
        self._problem: str | None = None
        self._stopped = False
        self._started = self._not_started_counted = 0
        self._clock, self._cpu = monotonic(), time.process_time()
        raise_open_file_limit(MAX_IN_FLIGHT)

    @property
    def in_flight(self) -> int:
        """Calls under way, or iterations of a scenario."""
        return self._iterations.in_flight

    def run_first(self) -> FirstIteration:
        """Runs one iteration outside the counts, which says whether the run may begin."""
        first = self._iterations.first()
        freeze_garbage_collector()
        return first

    def start(self, stage: Stage, assignment: Assignment) -> None:
        """Starts this worker's share of a stage. The stage before must be done."""
        self.done.clear()
        self._stage = stage
        self._started = self._not_started_counted = self._busy_users = 0
        self._stopped = False
        self._left = assignment.extra_requests
        self._accept(assignment)
        now = monotonic()
        self._epoch = now + assignment.delay
        self._recorder.start_stage(stage, self._epoch, time.time() + assignment.delay - stage.run_offset)
        self._iterations.start_stage(self._epoch)
        self._clock, self._cpu = now, time.process_time()
        gevent.spawn(self._run)

    def rebalance(self, assignment: Assignment) -> None:
        """Continues the same stage with another share, unless it was stopped."""
        if self._stopped:
            # A StatsDelta names the latest assignment, even if nothing is done for it.
            self._assignment = assignment
            return
        self._accept(assignment)
        if self._left is not None:
            self._left += assignment.extra_requests or 0
        if self.done.is_set():
            self.done.clear()
            gevent.spawn(self._run)
        elif self._pace is not None:
            self._pace.rebalance(
                worker_share(self._offsets(), assignment.index, assignment.workers),
                since=assignment.since,
                max_in_flight=assignment.max_in_flight,
            )
        else:
            self._add_users()

    def stop(self, *, cut: bool = False, why: str = "the run was interrupted") -> None:
        """Starts no more iterations; with `cut`, ends calls under way, too, as prober errors that say why."""
        self._stopped = True
        self._recorder.stopped_at = min(self._recorder.stopped_at, monotonic())
        self._recorder.cutting |= cut
        self._wanted_users = 0
        if self._pace is not None:
            self._pace.stop()
        for users in self._users:
            users.stop()
        self._iterations.stop(why if cut else None)

    def end(self, why: str) -> None:
        """Ends the run, which then says why."""
        if self._problem is None:
            self._problem = why
            self.stop()

    def close(self) -> None:
        """Closes all connections. No call may be under way."""
        self._iterations.close()

    def take_delta(self) -> StatsDelta:
        """What happened since the last StatsDelta."""
        self._count_not_started()
        clock, cpu = monotonic(), time.process_time()
        totals = self._recorder.totals
        delta = StatsDelta(
            number=self._stage.number,
            serial=self._assignment.serial,
            done=self.done.is_set(),
            started=self._started,
            in_flight=self.in_flight,
            users=self._iterations.users,
            cpu=cpu - self._cpu,
            wall=clock - self._clock,
            problem=self._problem,
            totals=None if totals is None else totals_codec.dump(totals),
            **as_fields(self._recorder),
        )
        self._clock, self._cpu = clock, cpu
        self._recorder.reset()
        return delta

    def _accept(self, assignment: Assignment) -> None:
        self._assignment = assignment
        self._wanted_users = assignment.users
        if assignment.budget is not None:
            self._policy.budget = assignment.budget

    def _run(self) -> None:
        try:
            if self._stopped:
                return
            if self._stage.is_open:
                self._run_open_loop()
            else:
                self._run_closed_loop()
        finally:
            self._count_not_started()
            self._pace = None
            self.done.set()

    def _run_open_loop(self) -> None:
        assignment = self._assignment
        mine = worker_share(self._offsets(), assignment.index, assignment.workers, since=assignment.since)
        most = assignment.max_in_flight
        if most is None:
            pace = OpenLoop(mine, self._begin, max_in_flight=MAX_IN_FLIGHT)
        else:
            pace = OpenLoop(mine, self._begin, max_in_flight=most, begin_late=self._begin)
        self._pace = pace
        pace.start(self._epoch)
        pace.wait()
        if pace.failed:
            self._problem = f"{pace.failed} calls broke off by a fault of aimon's own, which is printed above"

    def _offsets(self) -> Iterator[float]:
        replayed = self._iterations.offsets() if self._stage.replay else None
        if replayed is not None:
            return replayed
        assert self._stage.schedule is not None  # noqa: S101 - an open loop has the one or the other
        return self._stage.schedule.offsets()

    def _run_closed_loop(self) -> None:
        gevent.sleep(max(0.0, self._epoch - monotonic()))
        self._add_users()
        while self._users:
            # Keep them in the list while waiting: `stop` finds them there.
            self._users[0].wait()
            self._users.pop(0)

    def _add_users(self) -> None:
        """Starts the users that are missing; surplus users end after their current iteration."""
        if (lacking := self._wanted_users - self._busy_users) > 0:
            self._busy_users += lacking
            users = self._iterations.closed_loop(lacking, self._stage, self._assignment, self._may_start)
            self._users.append(users)
            users.start()

    def _may_start(self) -> float | None:
        """Seconds since the stage started, if a user of the closed loop may start an iteration; None ends the user."""
        stage, since = self._stage, monotonic() - self._epoch
        over = self._left == 0 or (stage.duration is not None and since >= stage.duration)
        if over or self._busy_users > self._wanted_users:
            self._busy_users -= 1
            return None
        if self._policy.budget is not None and (why := self._policy.check_budget(in_flight=self.in_flight)) is not None:
            # Checked before each call, since calls about to start are not in flight yet.
            self.end(why)
            self._busy_users -= 1
            return None
        if self._left is not None and since >= stage.warmup:
            self._left -= 1
        self._started += 1
        return since

    def _begin(self, due: float, waited: float = 0.0) -> None:
        if self._policy.budget is not None and (why := self._policy.check_budget(in_flight=self.in_flight)) is not None:
            self.end(why)
            return
        self._started += 1
        try:
            self._iterations.run(due, due - self._epoch, waited)
        except Exception as error:  # noqa: BLE001 - nothing above a greenlet handles it
            self._recorder.broke_off(error)

    def _count_not_started(self) -> None:
        if self._pace is not None:
            self._recorder.not_started(self._pace.not_started - self._not_started_counted)
            self._not_started_counted = self._pace.not_started
