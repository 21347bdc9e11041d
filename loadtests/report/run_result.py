"""What a run leaves behind, for whoever reports it. Needs no gevent."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from aimon.loadtests.statistics.blocks import Blocks

if TYPE_CHECKING:
    from aimon.loadtests.search.capacity import Capacity
    from aimon.loadtests.search.limits import AccountLimits
    from aimon.loadtests.statistics.call_stats import CallStats
    from aimon.loadtests.statistics.slo import Objective

COMPLETE, INCOMPLETE, INTERRUPTED, ABORTED = "complete", "incomplete", "interrupted", "aborted"


@dataclass(slots=True)
class RunResult:
    """What came of a run.

    `began` is unix time, `window` the seconds in which calls were started, `elapsed` those until the last had
    ended. `workers` is the most there were at a time, `cpu` the share of a core that the busiest of them used. The
    `uncounted` calls were the first one and the warm-up; the `lost` ones nobody can tell of, since their worker is
    gone. `notes` say what happened to workers, `unwritten` what of its results could not be written, `totals` are
    the metrics of all calls, where they were wanted.
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
    objectives: list[Objective] = field(default_factory=list)
