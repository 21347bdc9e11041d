"""What the templates show: frozen records of texts, made by overview.py and detail.py."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from markupsafe import Markup

    from aimon.probes.service.pages.wording.words import Moment


@dataclass(frozen=True, slots=True)
class Choice:
    """One of several that the reader can choose: a period, or a state."""

    name: str
    text: str
    current: bool
    href: str = ""


@dataclass(frozen=True, slots=True)
class Fact:
    """A name and a value."""

    name: str
    value: str
    note: str = ""


@dataclass(frozen=True, slots=True)
class Notice:
    """An announcement, or a maintenance window."""

    kind: str
    title: str
    when: str
    text: str = ""


@dataclass(frozen=True, slots=True)
class EndpointLink:
    """The name of an endpoint, and its page."""

    name: str
    href: str


@dataclass(frozen=True, slots=True)
class Event:
    """A line of an incident's timeline."""

    at: Moment
    text: str


@dataclass(frozen=True, slots=True)
class IncidentView:
    """An incident."""

    id: str
    kind: str
    title: str
    open: bool
    state: str
    when: str
    endpoints: tuple[EndpointLink, ...]
    more: str
    timeline: tuple[Event, ...]


@dataclass(frozen=True, slots=True)
class ChannelRow:
    """How a channel of notifications does."""

    name: str
    type: str
    severity: str
    kind: str
    state: str
    delivered: str
    waiting: str
    error: str


@dataclass(frozen=True, slots=True)
class Row:
    """The card of an endpoint."""

    key: str
    href: str
    name: str
    kind: str
    state: str
    what: str
    availability: str
    availability_note: str
    problem: str
    bar: Markup
    facts: tuple[Fact, ...]
    last: Moment | None


@dataclass(frozen=True, slots=True)
class OverviewView:
    """The page of all endpoints."""

    kind: str
    verdict: str
    detail: str
    now: Moment
    warnings: tuple[str, ...]
    notices: tuple[Notice, ...]
    open_incidents: tuple[IncidentView, ...]
    past_incidents: tuple[IncidentView, ...]
    channels: tuple[ChannelRow, ...]
    period: str
    periods: tuple[Choice, ...]
    choices: tuple[Choice, ...]
    query: str
    rows: tuple[Row, ...]
    from_text: str
    pages: int
    page_text: str
    previous: str
    next: str
    empty: str
    programs: tuple[Row, ...] = ()


@dataclass(frozen=True, slots=True)
class Report:
    """What a program said when it reported in."""

    at: Moment
    kind: str
    state: str
    message: str


@dataclass(frozen=True, slots=True)
class Tiles:
    """Figures under one title."""

    title: str
    tiles: tuple[Fact, ...]


@dataclass(frozen=True, slots=True)
class OutcomeRow:
    """How often an outcome was."""

    outcome: str
    fault: str
    count: str
    share: str


@dataclass(frozen=True, slots=True)
class LimitView:
    """What is left of a rate limit; `share` from 0 to 1."""

    name: str
    text: str
    share: str


@dataclass(frozen=True, slots=True)
class CallView:
    """A probe in full."""

    key: str
    kind: str
    outcome: str
    at: Moment
    summary: str
    pairs: tuple[Fact, ...]
    blocks: tuple[Fact, ...]


@dataclass(frozen=True, slots=True)
class Calls:
    """Probes under one title."""

    title: str
    calls: tuple[CallView, ...]
    empty: str


@dataclass(frozen=True, slots=True, kw_only=True)
class SubjectView:
    """What the pages of an endpoint and of a program have in common (subject.html)."""

    name: str
    kind: str
    state: str
    what: str
    problem: str
    now: Moment
    warnings: tuple[str, ...]
    notices: tuple[Notice, ...]
    periods: tuple[Choice, ...]
    bar: Markup
    from_text: str
    tiles: tuple[Tiles, ...]
    incidents: tuple[IncidentView, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class DetailView(SubjectView):
    """The page of one endpoint."""

    charts: tuple[Markup, ...]
    outcomes: tuple[OutcomeRow, ...]
    limits: tuple[LimitView, ...]
    calls: tuple[Calls, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class ProgramView(SubjectView):
    """The page of a program that reports in."""

    reports: tuple[Report, ...]
