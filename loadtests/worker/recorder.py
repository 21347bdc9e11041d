"""Counts what a worker does: every call by the name of its request, and every iteration. Needs no gevent."""

from __future__ import annotations

from math import inf
from time import monotonic
from typing import TYPE_CHECKING, Any

from aimon.call.containment import contained, describe, substitute
from aimon.call.outcome import Outcome
from aimon.loadtests.protocol.stage import POINTS, Stage
from aimon.loadtests.statistics import slo
from aimon.loadtests.statistics.call_stats import CallStats, share_within
from aimon.loadtests.statistics.iteration_stats import TASK_ERROR, IterationStats
from aimon.loadtests.statistics.observation import CallObservation, LatencyPoint
from aimon.metrics.amounts import check_amounts

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from aimon.call.result import Result
    from aimon.loadtests.worker.abort_policy import AbortPolicy
    from aimon.loadtests.worker.call_log import CallLog
    from aimon.metrics.totals import Totals
    from aimon.objectives import Objective


# Names beyond these, as of addresses that hold a number, are counted together.
MOST_NAMES = 200
OTHER_NAMES = "(other names)"


class Recorder:
    """Counts calls and iterations since the last StatsDelta, and says when the run must end.

    Args:
        objectives: of the run, for goodput.
        policy: observes every call.
        totals: cumulative metrics; None where they are not wanted.
        log: takes every Result that counts.
        named: whether calls are counted by the name of their request, and iterations beside calls: those of a scenario.
        on_problem: called with the reason when the run must end.

    Attributes:
        meter: adds a call to the metrics; raises for amounts that can't be added, or sent to a master.
        stopped_at: when the stage was stopped, by `time.monotonic()`.
        cutting: calls under way are being ended: what they say of themselves is no result.
    """

    def __init__(
        self,
        objectives: list[Objective],
        policy: AbortPolicy,
        totals: Totals | None,
        log: CallLog | None,
        *,
        named: bool,
        on_problem: Callable[[str], None],
    ) -> None:
        self.policy, self.totals, self.log = policy, totals, log
        self.meter: Callable[[Result], None] = check_amounts if totals is None else totals.observe
        self.stopped_at = inf
        self.cutting = False
        self._objectives, self._named, self._on_problem = objectives, named, on_problem
        self.start_stage(Stage(number=0), 0.0, 0.0)
        self._names: set[str] = set()
        self.reset()

    def reset(self) -> None:
        """Forgets what was counted, except for the policy and the totals."""
        self.stats = CallStats(slo.good(self._objectives))
        self.by_name: dict[str, CallStats] = {}
        self.iterations = IterationStats() if self._named else None
        self.uncounted = 0
        self.points: list[LatencyPoint] = []
        self.seen: list[CallObservation] = []

    def start_stage(self, stage: Stage, epoch: float, began: float) -> None:
        """Starts another stage, whose clock starts at `epoch` (monotonic) in a run that began at `began` (unix)."""
        self._began = began
        # Read for each call.
        self._is_open, self._record, self._warmup = stage.is_open, stage.record, stage.warmup
        self._opens = epoch + stage.warmup
        self._closes = inf if stage.duration is None else epoch + stage.duration
        self.stopped_at = inf

    def merged(self) -> CallStats:
        """The statistics of all calls, whatever their names."""
        for stats in self.by_name.values():
            self.stats.merge(stats)
        return self.stats

    def call(
        self,
        result: Result,
        since: float,
        *,
        name: str | None = None,
        gaps: Iterable[float] | None = None,
        again: bool = False,
        waited: float = 0.0,
        in_flight: int = 0,
        ours: bool = True,
    ) -> Result:
        """Counts one call; returns its Result, or what stands for one that could not be counted.

        Args:
            result: of the call, priced.
            since: when its iteration was due, in seconds from the start of the stage.
            name: of its request.
            gaps: as for `CallStats.observe`.
            again: likewise.
            waited: likewise.
            in_flight: calls under way.
            ours: whether aimon made the call. What other users of a scenario call is no AI endpoint: it is in no
                metric, and its errors end no run before there are many.
        """
        if ours:
            try:
                self.meter(result)
            except Exception as error:  # noqa: BLE001 - as `contained`, without the functions that it takes
                result = substitute("counted", result, error)
        if since < self._warmup:
            self.uncounted += 1
            if since >= 0:
                self.stats.serve(result, self._began, 0.0 if self._is_open else self._share(result.end))
        else:
            stats = self.stats if name is None else self._of(name)
            try:
                self._add(stats, result, gaps, again, waited)
            except Exception as error:  # noqa: BLE001 - likewise
                result = self._add_instead(substitute("counted", result, error), stats, gaps, again, waited)
            if self._record:
                self._observe(result, since)
            if self.log is not None:
                contained("logged", result, self.log.add)
        why = self.policy.observe(result, in_flight=in_flight, fatal=ours)
        if why is not None:
            self._on_problem(why)
        return result

    def iteration(self, outcome: str, since: float, duration: float, latency_from_schedule: float) -> None:
        """Counts an iteration that has just ended.

        Args:
            outcome: `ok`, the outcome of the first call that failed, or TASK_ERROR.
            since: when it was due, in seconds from the start of the stage.
            duration: in seconds.
            latency_from_schedule: in seconds.
        """
        if self.iterations is None or self.cutting:
            return
        if since < self._warmup:
            self.iterations.warmup += since >= 0
            return
        share = 1.0 if self._is_open else self._share(duration)
        self.iterations.observe(outcome, duration, latency_from_schedule, share=share)
        if self._record != POINTS:
            return
        if outcome == Outcome.OK:
            self.points.append(LatencyPoint(since, latency_from_schedule))
        else:
            known = Outcome.PROBER_ERROR if outcome == TASK_ERROR else Outcome(outcome)
            self.seen.append(CallObservation(since, known, None, None, None))

    def note_error(self, what: str, since: float) -> None:
        """Counts an exception of the scenario's own code."""
        if self.iterations is not None and since >= self._warmup and not self.cutting:
            self.iterations.note_error(what)

    def not_started(self, count: int) -> None:
        """Counts arrivals that could not start."""
        self.stats.counts["not_started"] += count
        if self.iterations is not None:
            self.iterations.not_started += count

    def retried(self, since: float) -> None:
        """Counts a call as made again."""
        self.stats.counts["retried"] += since >= self._warmup

    def length(self, result: Result, asked: int, since: float) -> None:
        """Counts a success whose answer was to have exactly so many tokens."""
        if since >= self._warmup:
            self.stats.count_length(result, asked)

    def end(self, why: str) -> None:
        """Ends the run, which then says why."""
        self._on_problem(why)

    def broke_off(self, error: Exception) -> None:
        """An error inside aimon broke off a call, which ends the run."""
        self._on_problem(f"a call broke off by a fault of aimon's own: {describe(error)}")

    def _of(self, name: str) -> CallStats:
        stats = self.by_name.get(name)
        if stats is not None:
            return stats
        if name not in self._names:
            if len(self._names) >= MOST_NAMES:
                name = OTHER_NAMES
            self._names.add(name)
        return self.by_name.setdefault(name, CallStats(slo.good(self._objectives, name)))

    def _add(self, stats: CallStats, result: Result, gaps: Iterable[float] | None, again: bool, waited: float) -> None:
        if self.cutting and result.outcome is Outcome.PROBER_ERROR:
            stats.counts["interrupted"] += 1
            # Not counted as a call, but long calls are the most likely to be cut: keep their times as lower bounds.
            stats.time_failed(result, gaps)
            return
        share = 1.0 if self._is_open else self._share(result.end)
        stats.observe(result, self._began, gaps=gaps, share=share, again=again, waited=waited)

    def _add_instead(
        self, stand_in: Result, stats: CallStats, gaps: Iterable[float] | None, again: bool, waited: float
    ) -> Result:
        """Counts what stands for a Result that could not be counted."""
        return contained("counted", stand_in, lambda each: self._add(stats, each, gaps, again, waited))

    def _observe(self, result: Result, since: float) -> None:
        """Keeps what a search needs of each call; of a scenario a search for capacity needs iterations instead."""
        record = self._record
        if self._named and record == POINTS:
            return
        if record == POINTS and result.outcome is Outcome.OK:
            self.points.append(LatencyPoint(since, result.latency_from_schedule))
            return
        read, written = result.usage.input, result.usage.output
        tokens = None if read is None or written is None else read + written
        at = since if record == POINTS or not self._named else result.started_at - self._began
        self.seen.append(CallObservation(at, result.outcome, tokens, result.limits, result.retry_after))

    def _share(self, lasted: float) -> float:
        """The share, of what has just ended in a closed loop, that lies in the measured window."""
        ended, closes = monotonic(), self._closes
        began = ended - lasted
        if self._opens <= began < ended <= closes and ended <= self.stopped_at:
            return 1.0
        return share_within(began, ended, self._opens, min(closes, self.stopped_at))


def as_fields(recorder: Recorder) -> dict[str, Any]:
    """What was counted, as the fields of a StatsDelta."""
    return {
        "stats": recorder.merged(),
        "by_name": recorder.by_name,
        "iterations": recorder.iterations,
        "uncounted": recorder.uncounted,
        "spent": recorder.policy.spent,
        "points": recorder.points,
        "seen": recorder.seen,
        "culprit": recorder.policy.culprit,
    }
