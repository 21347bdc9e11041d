"""The plan of a load test, as it is sent to the processes that run it. Holds no secrets."""

from __future__ import annotations

import msgspec

from aimon.files import OWNER_ALONE
from aimon.load_terms import POISSON, SEARCHES
from aimon.loadtests.engine.schedule import Schedule
from aimon.loadtests.protocol import profiles
from aimon.loadtests.workload.spec import Workload


class Plan(msgspec.Struct, kw_only=True, forbid_unknown_fields=True):
    """One load test. Durations are seconds, rates are per second; `flags` describe an endpoint without a file.

    Attributes:
        max_rate: no search goes beyond it.
        variation: coefficient of variation of gamma arrivals.
        cold: a fresh connection for each call.
        retry_after: how often a call that was told when to come back is made again.
        metered: whether cumulative metrics are kept, for a Pushgateway or a scrape.
        results: whether every Result is written to a file in `out`.
        out_mode: of the files there.
    """

    endpoint: str | None
    config: str | None = None
    flags: dict[str, str] = {}
    profile: str = "steady"
    rate: float | None = None
    max_rate: float | None = None
    arrivals: str = POISSON
    variation: float = 1.0
    concurrency: int | None = None
    duration: float
    requests: int | None = None
    warmup: float = 0.0
    workload: Workload = Workload()
    cold: bool = False
    retry_after: int = 0
    slo: list[str] = []
    max_cost: float | None = None
    metered: bool = False
    push: str | None = None
    out: str | None = None
    results: bool = False
    out_mode: int = OWNER_ALONE
    as_json: bool = False
    seed: int = 0

    @property
    def schedule(self) -> Schedule | None:
        """The arrivals of an open loop; None for a closed one, for a trace, and for a search, which makes its own."""
        if self.rate is None or self.profile in SEARCHES:
            return None
        phases = profiles.phases(self.profile, self.rate, self.duration, self.warmup)
        return Schedule(phases, self.arrivals, variation=self.variation, seed=self.seed)
