"""Stages of load, the share of each worker, and the statistics that workers send back. Needs no gevent.

A Stage is one stretch of load for all workers together, an Assignment is the share of one worker, and a StatsDelta is
what happened at one worker since its last StatsDelta. Times in them are seconds relative to the start of the Stage, so
that clocks of different machines need not agree.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from math import inf
from typing import Any

import msgspec

from aimon.loadtests.engine.schedule import Schedule  # noqa: TC001 - msgspec reads the annotations
from aimon.loadtests.protocol import totals_codec
from aimon.loadtests.statistics.call_stats import CallStats
from aimon.loadtests.statistics.iteration_stats import IterationStats
from aimon.loadtests.statistics.observation import CallObservation, LatencyPoint  # noqa: TC001 - msgspec reads the annotations

NOTHING, POINTS, CALLS = "", "points", "calls"

# Users started together stay synchronised; ramp them over at least 0.1 s.
_LEAST_RAMP, _MOST_RAMP = 0.1, 5.0
# Each user opens a connection, which costs CPU time: spread them so that they do not queue, but over no large part of
# the run.
_RAMP_PER_USER, _RAMP_SHARE = 0.002, 0.1


class Stage(msgspec.Struct, kw_only=True, frozen=True):
    """One stretch of load.

    Attributes:
        number: counts the stages of a run.
        warmup: seconds from its start; calls due earlier are a warm-up and not counted.
        run_offset: seconds from the beginning of what counts to the start of this stage.
        schedule: the arrivals of an open loop.
        replay: the arrivals are those of the workload's trace.
        users: streams of a closed loop, `requests` how many calls or iterations they make, or `duration` how long they
            go on.
        max_in_flight: calls or iterations of an open loop at a time; further arrivals wait. None: without limit.
        record: what a StatsDelta holds beside its stats: CALLS (all of them), POINTS (successes as points, other calls
            as calls) or NOTHING.
    """

    number: int
    warmup: float = 0.0
    run_offset: float = 0.0
    schedule: Schedule | None = None
    replay: bool = False
    users: int = 0
    max_in_flight: int | None = None
    requests: int | None = None
    duration: float | None = None
    record: str = NOTHING

    @property
    def is_open(self) -> bool:
        """Whether calls start on a schedule."""
        return self.replay or self.schedule is not None

    def ramp(self, users: int) -> float:
        """Seconds over which so many users of a closed loop start."""
        connecting = min(users * _RAMP_PER_USER, _RAMP_SHARE * (inf if self.duration is None else self.duration))
        return min(max(self.warmup, _LEAST_RAMP, connecting), _MOST_RAMP)


class Assignment(msgspec.Struct, kw_only=True, frozen=True):
    """One worker's share.

    Attributes:
        serial: counts the parts that were given out.
        index: of the worker, among `workers` that share the stage.
        delay: seconds until the stage starts; negative, if it started that long ago.
        since: arrivals due earlier, in seconds from the start, are those of an earlier division.
        users: streams of a closed loop.
        max_in_flight: calls of an open loop at a time.
        extra_requests: calls of a closed loop in addition to those assigned before; None: until the time is up.
        budget: what this worker may spend in the whole run.
    """

    serial: int = 0
    index: int = 0
    workers: int = 1
    delay: float = 0.0
    since: float = 0.0
    users: int = 0
    max_in_flight: int | None = None
    extra_requests: int | None = None
    budget: float | None = None


@dataclass(slots=True, kw_only=True)
class StatsDelta:
    """What happened at one worker since its last StatsDelta, unless said otherwise.

    Attributes:
        number: of the stage, and `serial` of the part.
        done: all its calls have started and ended.
        stats: of the calls that count.
        by_name: the same calls by the name of their request, in a scenario; `iterations` those of the scenario.
        started: calls since the stage began, or iterations of a scenario.
        in_flight: calls, or iterations, under way.
        users: of a scenario, by their class.
        uncounted: calls that do not count.
        spent: in the whole run, in the reporting currency, counted or not.
        cpu: processor seconds that passed while `wall` seconds did.
        points: where the stage asks for them; `seen` likewise.
        problem: why the run should end; `culprit` is the outcome, HTTP status and failure reason of the call that
            says so, if one does.
        totals: the worker's cumulative metrics, where they are wanted.
    """

    number: int
    serial: int
    done: bool
    stats: CallStats
    by_name: dict[str, CallStats] = field(default_factory=dict)
    iterations: IterationStats | None = None
    started: int = 0
    in_flight: int = 0
    users: dict[str, int] = field(default_factory=dict)
    uncounted: int = 0
    spent: float = 0.0
    cpu: float = 0.0
    wall: float = 0.0
    points: list[LatencyPoint] = field(default_factory=list)
    seen: list[CallObservation] = field(default_factory=list)
    problem: str | None = None
    culprit: tuple[str, int | None, str | None] | None = None
    totals: dict[str, Any] | None = None


def pack(delta: StatsDelta) -> bytes:
    """A StatsDelta as bytes, without loss."""
    fields = {name: getattr(delta, name) for name in StatsDelta.__slots__}
    iterations = None if delta.iterations is None else delta.iterations.dump()
    named = {name: stats.dump() for name, stats in delta.by_name.items()}
    return msgspec.json.encode(fields | {"stats": delta.stats.dump(), "by_name": named, "iterations": iterations})


def unpack(data: bytes) -> StatsDelta:
    """The inverse of `pack`.

    Raises:
        ValueError: it is no StatsDelta, or holds statistics that can't be added to others.
    """
    try:
        delta = msgspec.json.decode(data, type=StatsDelta, dec_hook=_load)
        for stats in (delta.stats, *delta.by_name.values()):
            CallStats().merge(stats)
        if delta.iterations is not None:
            IterationStats().merge(delta.iterations)
        if delta.totals is not None:
            totals_codec.load(delta.totals)
    except (ValueError, LookupError, TypeError, AttributeError, ArithmeticError, RecursionError) as error:
        raise ValueError(f"not a StatsDelta: {error}") from error
    return delta


def _load(kind: type, dumped: Any) -> Any:
    """What msgspec does not read by itself: it asks for statistics alone."""
    return kind.load(dumped)  # type: ignore[attr-defined]


def even(total: int, parts: int) -> list[int]:
    """Whole shares of a number, as equal as they can be, which add up to it."""
    least, more = divmod(total, parts)
    return [least + (k < more) for k in range(parts)]
