"""What the operations answer. Times are RFC 3339 in UTC, durations seconds; null is what is not known, never 0."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Annotated, Any

from msgspec import Meta, Struct

from aimon.call.outcome import Fault, Outcome
from aimon.probes.heartbeats.state import HeartbeatState
from aimon.probes.history.queries.overview import State
from aimon.probes.incidents.kinds import Kind
from aimon.probes.incidents.kinds import State as Status

Share = Annotated[float, Meta(ge=0, le=1)]


def moment(at: float | None) -> datetime | None:
    """A unix time as it is answered; None also for what is no date, which a broken clock may have left."""
    try:
        return None if at is None else datetime.fromtimestamp(round(at, 3), UTC)
    except (ValueError, OverflowError, OSError):
        return None


class Quantiles(Struct):
    """Nearest-rank quantiles of successes in seconds, within 0.5 %; null where there are too few values."""

    p50: float | None
    p95: float | None
    p99: float | None

    @classmethod
    def of(cls, shares: dict[float, float]) -> Quantiles:
        """From quantiles by share."""
        return cls(*(None if (value := shares.get(q)) is None else round(value, 6) for q in (0.5, 0.95, 0.99)))


class Uptime(Struct):
    """Uptime over a window.

    `plain`: successes over `counted`, the calls that say something about the provider (successes, and faults of the
    network or the provider). `weighted`: the same, where a success that took longer than the endpoint's objectives
    allow counts as half a failure.
    """

    plain: Share | None
    weighted: Share | None
    counted: int


class Tokens(Struct):
    """As the provider reported them; null where some of the time is from before they were kept."""

    input: int | None
    output: int | None


class TokensUsed(Struct):
    """Tokens of the day and the month, which begin at 00:00 UTC."""

    today: Tokens
    month: Tokens


class Cost(Struct):
    """What the probes have cost in one currency, since 00:00 UTC today and on the first of the month."""

    currency: str
    today: float
    month: float


class Headroom(Struct):
    """What the last probe was told to be left of the rate limits, as a share; null where it was told nothing."""

    requests: float | None
    tokens: float | None


class Endpoint(Struct):
    """An endpoint now.

    `state` is that of its last probe, `outcome` and `error` tell why; `status` is by its incidents, which open after
    several failures, and `incidents` are those that are open.
    """

    name: str
    model: str
    provider: str
    region: str
    state: State
    status: Status
    incidents: list[int]
    outcome: Outcome | None
    fault: Fault | None
    error: str | None
    last_run_at: datetime | None
    last_success_at: datetime | None
    interval_s: float
    uptime: dict[str, Uptime]
    latency_s: Quantiles
    ttft_s: Quantiles
    tokens: TokensUsed
    cost: list[Cost]
    headroom: Headroom
    certificate_expiry: datetime | None
    maintenance: bool


class Endpoints(Struct):
    """A page of endpoints, in the order of the configuration; `next` goes into `cursor`, null on the last page."""

    endpoints: list[Endpoint]
    total: int
    next: str | None


class Segment(Struct):
    """A 90th of a window. `outcomes` are those other than ok; `reason` is the worst; null: there was no failure."""

    since: datetime
    until: datetime
    availability: Share | None
    weighted: Share | None
    ok: int
    counted: int
    outcomes: dict[str, int]
    reason: Outcome | None
    maintenance: bool


class Point(Struct):
    """Quantiles of one segment."""

    since: datetime
    count: int
    latency_s: Quantiles
    ttft_s: Quantiles


class Result(Struct):
    """One call. `full` is the object of `aimon probe --json`; null once only the figures are kept."""

    id: int
    endpoint: str
    model: str
    provider: str
    region: str
    started_at: datetime | None
    outcome: Outcome
    fault: Fault | None
    latency_s: float
    ttft_s: float | None
    maintenance: bool
    full: dict[str, Any] | None


class Results(Struct):
    """A page of results, the newest first; `next` goes into `cursor`, null on the last page.

    A page may be short or empty, and not be the last.
    """

    results: list[Result]
    next: str | None


class EndpointDetail(Struct):
    """An endpoint, with the segments and quantiles of a window and its last failures in full."""

    endpoint: Endpoint
    window: str
    segments: list[Segment]
    series: list[Point]
    last_failures: list[Result]


class EndpointUptime(Struct):
    """The bar of one endpoint."""

    name: str
    model: str
    provider: str
    region: str
    uptime: Uptime
    segments: list[Segment]


class Uptimes(Struct):
    """A page of uptime bars; `next` goes into `cursor`, null on the last page."""

    window: str
    endpoints: list[EndpointUptime]
    next: str | None


class Heartbeat(Struct):
    """A program that reports in by itself. `uptime`: the share of the time in which it was well, by window."""

    name: str
    title: str | None
    state: HeartbeatState
    every_s: float
    grace_s: float
    last_at: datetime | None
    due_at: datetime | None
    message: str | None
    uptime: dict[str, Share | None]


class Heartbeats(Struct):
    """All heartbeats, in the order of the configuration."""

    heartbeats: list[Heartbeat]


class Received(Struct):
    """A report was taken; the next one is to come before `due_at`."""

    name: str
    state: HeartbeatState
    due_at: datetime | None


class Incident(Struct):
    """One incident.

    `group` is the same for those that were told together; `ended_by`: why it ended, if not by recovery.
    """

    id: int
    endpoint: str
    provider: str
    model: str
    region: str
    kind: Kind
    severity: str
    open: bool
    flapping: bool
    began_at: datetime | None
    opened_at: datetime | None
    resolved_at: datetime | None
    duration_s: float
    ended_by: str | None
    outcome: str | None
    error: str | None
    group: str


class Incidents(Struct):
    """A page of incidents, the newest first; `next` goes into `cursor`, null on the last page."""

    incidents: list[Incident]
    total: int
    next: str | None


class Event(Struct):
    """An entry of a timeline. `detail`: the error, or the channel that was told."""

    at: datetime | None
    event: str
    detail: str | None


class IncidentDetail(Struct):
    """An incident, and what happened in it."""

    incident: Incident
    timeline: list[Event]


class Announcement(Struct):
    """What readers of the status page are told. `source`: `config` or `api`; no `endpoints`: it concerns all."""

    id: int
    source: str
    title: str
    text: str | None
    severity: str
    starts: datetime | None
    ends: datetime | None
    endpoints: list[str]
    shown: bool


class Announcements(Struct):
    """All announcements, the newest first."""

    announcements: list[Announcement]


class Maintenance(Struct):
    """A maintenance window. `id` is null where it comes from the configuration; no `endpoints`: it concerns all."""

    id: int | None
    title: str
    starts: datetime | None
    ends: datetime | None
    endpoints: list[str]
    current: bool


class Maintenances(Struct):
    """Maintenance windows that go on or are to come, those of the API first."""

    maintenances: list[Maintenance]


class Created(Struct):
    """What was made has this number."""

    id: int
