"""Load from one process: starts its assignment of an Order's calls, counts them, and reports. Needs gevent."""

from __future__ import annotations

import time
from functools import partial
from math import inf
from time import monotonic
from typing import TYPE_CHECKING

import gevent
from gevent.event import Event

from aimon.call.containment import contained, describe, isolated
from aimon.call.outcome import Fault, Outcome
from aimon.load_terms import SEARCHES
from aimon.loadtests import workload
from aimon.loadtests.engine.client import Client
from aimon.loadtests.engine.pacing import ClosedLoop, OpenLoop
from aimon.loadtests.engine.process_limits import freeze_garbage_collector, raise_open_file_limit
from aimon.loadtests.engine.schedule import worker_share
from aimon.loadtests.protocol import totals_codec
from aimon.loadtests.protocol.stage import POINTS, Assignment, Stage, StatsDelta
from aimon.loadtests.statistics import slo
from aimon.loadtests.statistics.call_stats import CallStats, share_within
from aimon.loadtests.statistics.observation import CallObservation, LatencyPoint
from aimon.loadtests.worker.abort_policy import AbortPolicy
from aimon.metrics.totals import Totals, amounts_of

if TYPE_CHECKING:
    from collections.abc import Iterator

    from aimon.call.result import Result
    from aimon.config.endpoint import Endpoint
    from aimon.loadtests.protocol.plan import Plan
    from aimon.loadtests.worker.call_log import CallLog
    from aimon.pricing import PriceBook

MAX_IN_FLIGHT = 20_000
# Refused connections fail at once; pause so that a user does not retry in a busy loop.
_PAUSE = 0.1


class Worker:
    """Makes calls to one endpoint.

    Args:
        plan: of the run.
        endpoint: whom to call.
        prices: what calls cost.
        index: which of the `workers` it is: a dataset is divided among them, and random prompts differ.
        workers: how many there are at the start.
        log: takes every Result that counts.

    Attributes:
        done: set while no stage is running.

    Raises:
        OSError: a file of the workload, or the endpoint's `ca_file`, can't be read.
        ValueError: what is in it is wrong.
    """

    def __init__(
        self,
        plan: Plan,
        endpoint: Endpoint,
        prices: PriceBook,
        *,
        index: int = 0,
        workers: int = 1,
        log: CallLog | None = None,
    ) -> None:
        self.done = Event()
        self.done.set()
        self._source = workload.open_source(endpoint, plan.workload, seed=plan.seed, worker=index, workers=workers)
        self._retries = plan.retry_after
        self._exact = plan.request.exact_output
        self._client = Client(endpoint.transport, cold=plan.cold, honour_retry_after=plan.retry_after)
        self._prices = prices
        self._log = log
        self._policy = AbortPolicy(plan.max_cost, storms=plan.profile not in SEARCHES)
        self._totals = _totals(endpoint, prices) if plan.metered else None
        self._good = slo.good([slo.parse(text) for text in plan.slo])
        self._stage, self._assignment = Stage(number=0), Assignment()
        self._pace: OpenLoop | None = None
        self._users: list[ClosedLoop] = []
        self._busy_users = self._wanted_users = 0
        self._left: int | None = None
        self._epoch = self._began = 0.0
        self._stopped_at = inf
        self._problem: str | None = None
        self._stopped = self._cutting = False
        self._started = self._not_started_counted = 0
        self._clock, self._cpu = monotonic(), time.process_time()
        self._reset_delta()
        raise_open_file_limit(MAX_IN_FLIGHT)

    @property
    def in_flight(self) -> int:
        """Calls under way."""
        return self._client.in_flight

    def run_first_call(self) -> tuple[Result, str | None]:
        """Makes one call outside the counts; returns its Result, and why the run must not begin (None if it may)."""
        item = self._source.next_item(0.0 if self._source.offsets() is not None else None)
        result = contained("priced", self._client.perform(item.call), self._prices.cost)
        with isolated(result.endpoint, "used for the workload"):
            self._source.on_result(item, result)
        result = contained("counted", result, self._meter)
        freeze_garbage_collector()
        return result, self._policy.check_first_call(result)

    def start(self, stage: Stage, assignment: Assignment) -> None:
        """Starts this worker's share of a stage. The stage before must be done."""
        self.done.clear()
        self._stage = stage
        self._started = self._not_started_counted = self._busy_users = 0
        self._stopped, self._stopped_at = False, inf
        self._left = assignment.extra_requests
        self._accept(assignment)
        now = monotonic()
        self._epoch = now + assignment.delay
        self._began = time.time() + assignment.delay - stage.run_offset
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
                worker_share(self._offsets(), assignment.index, assignment.workers), since=assignment.since
            )
        else:
            self._add_users()

    def stop(self, *, cut: bool = False, why: str = "the run was interrupted") -> None:
        """Starts no more calls; with `cut`, ends those under way, too, as prober errors that say why."""
        self._stopped, self._stopped_at = True, min(self._stopped_at, monotonic())
        self._cutting |= cut
        self._wanted_users = 0
        if self._pace is not None:
            self._pace.stop()
        for users in self._users:
            users.stop()
        self._client.stop_retrying()
        if cut:
            self._client.close(why)

    def close(self) -> None:
        """Closes all connections. No call may be under way."""
        self._client.close()

    def take_delta(self) -> StatsDelta:
        """What happened since the last StatsDelta."""
        self._count_not_started()
        clock, cpu = monotonic(), time.process_time()
        delta = StatsDelta(
            number=self._stage.number,
            serial=self._assignment.serial,
            done=self.done.is_set(),
            stats=self._stats,
            started=self._started,
            in_flight=self.in_flight,
            uncounted=self._uncounted,
            spent=self._policy.spent,
            cpu=cpu - self._cpu,
            wall=clock - self._clock,
            points=self._points,
            seen=self._seen,
            problem=self._problem,
            culprit=self._policy.culprit,
            totals=None if self._totals is None else totals_codec.dump(self._totals),
        )
        self._clock, self._cpu = clock, cpu
        self._reset_delta()
        return delta

    def _reset_delta(self) -> None:
        self._stats = CallStats(self._good)
        self._uncounted = 0
        self._points: list[LatencyPoint] = []
        self._seen: list[CallObservation] = []

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
        pace = self._pace = OpenLoop(mine, self._begin, max_in_flight=MAX_IN_FLIGHT)
        pace.start(self._epoch)
        pace.wait()
        if pace.failed:
            self._problem = f"{pace.failed} calls broke off by a fault of aimon's own, which is printed above"

    def _offsets(self) -> Iterator[float]:
        replayed = self._source.offsets() if self._stage.replay else None
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
        """Starts the users that are missing; surplus users end after their current call."""
        if (lacking := self._wanted_users - self._busy_users) > 0:
            self._busy_users += lacking
            users = ClosedLoop(self._turn, lacking, ramp=self._stage.ramp(lacking))
            users.start()
            self._users.append(users)

    def _turn(self) -> bool:
        now = monotonic()
        stage, since = self._stage, now - self._epoch
        over = self._left == 0 or (stage.duration is not None and since >= stage.duration)
        if over or self._busy_users > self._wanted_users:
            self._busy_users -= 1
            return False
        if (why := self._policy.check_budget(in_flight=self.in_flight)) is not None:
            # Checked before each call, since calls about to start are not in flight yet.
            self._end(why)
            self._busy_users -= 1
            return False
        if self._left is not None and since >= stage.warmup:
            self._left -= 1
        result = self._call(None, since)
        if result is not None and result.fault is Fault.NETWORK:
            gevent.sleep(_PAUSE)
        return True

    def _begin(self, due: float) -> None:
        if (why := self._policy.check_budget(in_flight=self.in_flight)) is not None:
            self._end(why)
        else:
            self._call(due, due - self._epoch)

    def _call(self, scheduled: float | None, since: float) -> Result | None:
        """Makes one call. None if an error inside aimon broke it off, which ends the run."""
        self._started += 1
        try:
            return self._perform(scheduled, since)
        except Exception as error:  # noqa: BLE001 - nothing above a greenlet handles it
            self._end(f"a call broke off by a fault of aimon's own: {describe(error)}")
            return None

    def _perform(self, scheduled: float | None, since: float) -> Result:
        item = self._source.next_item(since if self._stage.replay else None)
        # Read by the log of calls, and by the next turn of a conversation.
        keep_text = self._log is not None or item.turn < len(item.turns)
        if not self._retries:
            result = self._count(self._client.perform(item.call, scheduled=scheduled, keep_text=keep_text), since)
        else:
            for k, attempt in enumerate(self._client.attempts(item.call, scheduled=scheduled, keep_text=keep_text)):
                result = self._count(attempt, since, again=k > 0)
                self._stats.counts["retried"] += k > 0 and since >= self._stage.warmup
        if self._exact and since >= self._stage.warmup and result.outcome is Outcome.OK:
            self._stats.count_length(result, item.call.max_tokens)
        with isolated(result.endpoint, "used for the workload"):
            self._source.on_result(item, result)
        return result

    def _count(self, result: Result, since: float, *, again: bool = False) -> Result:
        result = contained("counted", contained("priced", result, self._prices.cost), self._meter)
        if since < self._stage.warmup:
            self._uncounted += 1
            self._stats.serve(result, self._began, 0.0 if self._stage.is_open else self._share(result))
        else:
            add = partial(self._add_to_stats, again=again)
            counted = contained("counted", result, add)
            if counted is not result:
                result = contained("counted", counted, add)
            if self._stage.record:
                self._record(result, since)
            if self._log is not None:
                contained("logged", result, self._log.add)
        why = self._policy.observe(result, in_flight=self._client.in_flight)
        if why is not None:
            self._end(why)
        return result

    def _share(self, result: Result) -> float:
        """The share of a closed loop's call, which has just ended, that lies in the measured window."""
        stage = self._stage
        ended = monotonic()
        opens = self._epoch + stage.warmup
        closes = min(inf if stage.duration is None else self._epoch + stage.duration, self._stopped_at)
        return share_within(ended - result.end, ended, opens, closes)

    def _meter(self, result: Result) -> None:
        if self._totals is None:
            amounts_of(result)  # raises for amounts that can't be added, or sent to a master
        else:
            self._totals.observe(result)

    def _add_to_stats(self, result: Result, *, again: bool) -> None:
        if self._cutting and result.outcome is Outcome.PROBER_ERROR:
            self._stats.counts["interrupted"] += 1
            # Not counted as a call, but long calls are the most likely to be cut: keep their times as lower bounds.
            self._stats.time_failed(result, self._client.gaps)
            return
        share = 1.0 if self._stage.is_open else self._share(result)
        self._stats.observe(result, self._began, gaps=self._client.gaps, share=share, again=again)

    def _end(self, why: str) -> None:
        if self._problem is None:
            self._problem = why
            self.stop()

    def _record(self, result: Result, since: float) -> None:
        if self._stage.record == POINTS and result.outcome is Outcome.OK:
            self._points.append(LatencyPoint(since, result.latency_from_schedule))
        else:
            read, written = result.usage.input, result.usage.output
            tokens = None if read is None or written is None else read + written
            self._seen.append(CallObservation(since, result.outcome, tokens, result.limits, result.retry_after))

    def _count_not_started(self) -> None:
        if self._pace is not None:
            self._stats.counts["not_started"] += self._pace.not_started - self._not_started_counted
            self._not_started_counted = self._pace.not_started


def _totals(endpoint: Endpoint, prices: PriceBook) -> Totals:
    target = endpoint.target
    totals = Totals()
    priced = prices.knows(target.provider, target.model, endpoint.name)
    identity = endpoint.identity
    totals.declare(identity, currency=prices.currency if priced else None)
    return totals
