"""What a run leaves behind, for whoever reports it. Needs no gevent."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from aimon.loadtests.search.capacity import Capacity
    from aimon.loadtests.search.limits import AccountLimits
    from aimon.loadtests.statistics.slo import Objective
    from aimon.loadtests.statistics.tally import Tally

COMPLETE, INTERRUPTED, ABORTED = "complete", "interrupted", "aborted"


@dataclass(slots=True)
class Run:
    """What came of a run.

    `began` is unix time, `window` the seconds in which calls were started, `elapsed` those until the last had ended;
    the `uncounted` calls were the first one and the warm-up.
    """

    tally: Tally
    began: float = 0.0
    window: float = 0.0
    elapsed: float = 0.0
    cpu: float = 0.0
    ended: str = COMPLETE
    why: str = ""
    uncounted: int = 0
    capacity: Capacity | None = None
    limits: AccountLimits | None = None
    objectives: list[Objective] = field(default_factory=list)
