"""The result of a run, from which its report is built. Needs no gevent."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from aimon.load_terms import COMPLETE
from aimon.loadtests.statistics.blocks import Blocks

if TYPE_CHECKING:
    from aimon.loadtests.search.capacity import Capacity
    from aimon.loadtests.search.ladder import Ladder
    from aimon.loadtests.search.limits import AccountLimits
    from aimon.loadtests.statistics.call_stats import CallStats
    from aimon.loadtests.statistics.iteration_stats import IterationStats
    from aimon.loadtests.statistics.slo import Objective


@dataclass(slots=True)
class RunResult:
    """The result of a run. Durations are in seconds.

    Attributes:
        stats: statistics of the counted calls.
        began: unix time.
        window: time in which calls were started; `elapsed` is the time until the last one ended.
        cpu: share of a core that the busiest worker used.
        ended: COMPLETE, INCOMPLETE, INTERRUPTED or ABORTED; `why` explains all but the first.
        spent: cost of all calls, counted or not, in `currency`.
        culprit: outcome and HTTP status of the call for which the run was aborted.
        uncounted: the first call and those of the warm-up.
        lost: calls of a lost worker, whose results are unknown.
        workers: the largest number of workers at a time.
        notes: what happened to workers.
        unwritten: which files could not be written, and why.
        totals: cumulative metrics of all calls, if wanted.
        capacity: result of a search for the capacity; `limits` of one for rate limits, `ladder` of a ladder of
            concurrencies.
        by_name: statistics of a scenario's calls by the name of the request; they add up to `stats`.
        iterations: of a scenario; None without one, where each call is one.
    """

    stats: CallStats
    began: float = 0.0
    window: float = 0.0
    elapsed: float = 0.0
    cpu: float = 0.0
    ended: str = COMPLETE
    spent: float = 0.0
    currency: str | None = None
    why: str = ""
    culprit: tuple[str, int | None, str | None] | None = None
    uncounted: int = 0
    lost: int = 0
    workers: int = 1
    notes: list[str] = field(default_factory=list)
    unwritten: list[str] = field(default_factory=list)
    blocks: Blocks = field(default_factory=Blocks)
    totals: dict[str, Any] | None = None
    capacity: Capacity | None = None
    limits: AccountLimits | None = None
    ladder: Ladder | None = None
    objectives: list[Objective] = field(default_factory=list)
    by_name: dict[str, CallStats] = field(default_factory=dict)
    iterations: IterationStats | None = None
