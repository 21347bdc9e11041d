"""The plan of a load test, as it is sent to the processes that run it. Holds no secrets."""

from __future__ import annotations

from pathlib import Path

import msgspec

from aimon.config.request_options import RequestOptions
from aimon.files import OWNER_ALONE
from aimon.load_terms import POISSON, SEARCHES
from aimon.loadtests.engine.schedule import Schedule
from aimon.loadtests.protocol import profiles
from aimon.loadtests.workload.spec import Workload


class Scenario(msgspec.Struct, kw_only=True, frozen=True, forbid_unknown_fields=True):
    """Which Locust users run.

    Attributes:
        file: path of a Python file; or None, and `name` is a scenario that ships with aimon.
        classes: user classes of the file; all of them, if there are none.
        endpoints: those named on the command line, for users that name none themselves.
        tags: only tasks with one of them; `exclude_tags` none of these.
        host: of users that speak HTTP themselves, as Locust's `--host`.
        settings: values of `--set`, by name.
    """

    name: str | None = None
    file: str | None = None
    classes: list[str] = []
    endpoints: list[str] = []
    tags: list[str] = []
    exclude_tags: list[str] = []
    host: str | None = None
    settings: dict[str, str] = {}

    @property
    def title(self) -> str:
        """The scenario, for people: the name, or the file's name, and the classes that were chosen."""
        title = self.name or Path(self.file or "").name
        return f"{title}:{','.join(self.classes)}" if self.classes else title


class Plan(msgspec.Struct, kw_only=True, forbid_unknown_fields=True):
    """One load test. Durations are seconds, rates are per second; `flags` describe an endpoint without a file.

    Attributes:
        max_rate: no search goes beyond it.
        variation: coefficient of variation of gamma arrivals.
        request: what is added to each request.
        cold: a fresh connection for each call.
        retry_after: how often a call that was told when to come back is made again.
        metered: whether cumulative metrics are kept, for a Pushgateway or a scrape.
        results: whether every Result is written to a file in `out`.
        scenario: Locust users that make the calls; None: the endpoint's own prompts, one call an iteration.
        concurrency: users of a closed loop; `ladder` holds several, one step after the other, each for `duration`
            seconds or `requests` iterations.
        max_in_flight: an arrival of the open loop that finds so many iterations under way waits for one to end.
        out_mode: of the files there.
        notes: on the workload, for the report.
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
    request: RequestOptions = RequestOptions()
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
    scenario: Scenario | None = None
    ladder: list[int] = []
    max_in_flight: int | None = None
    notes: list[str] = []

    @property
    def schedule(self) -> Schedule | None:
        """The arrivals of an open loop; None for a closed one, for a trace, and for a search, which makes its own."""
        if self.rate is None or self.profile in SEARCHES:
            return None
        phases = profiles.phases(self.profile, self.rate, self.duration, self.warmup)
        return Schedule(phases, self.arrivals, variation=self.variation, seed=self.seed)
