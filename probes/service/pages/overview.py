"""The page of all endpoints: a verdict, then a card each, those with problems first."""

from __future__ import annotations

import math
from collections import Counter
from dataclasses import dataclass
from typing import TYPE_CHECKING
from urllib.parse import quote, urlencode

from aimon.probes.service.pages.drawing.bars import uptime_bar
from aimon.probes.service.pages.parts import states
from aimon.probes.service.pages.parts.standing import problem
from aimon.probes.service.pages.views import Choice, Fact, OverviewView, Row
from aimon.probes.service.pages.wording.words import Words, share

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from markupsafe import Markup

    from aimon.metrics.totals import Identity
    from aimon.probes.history.queries.overview import Overview
    from aimon.probes.history.queries.uptime import Bar
    from aimon.probes.service.pages.parts.standing import Standing
    from aimon.probes.service.pages.views import ChannelRow, IncidentView, Notice

PERIODS = {"24h": "24 hours", "7d": "7 days", "30d": "30 days", "90d": "90 days"}
PER_PAGE = 50

_VERDICTS = {
    states.DOWN: "{n} of {m} endpoints are down",
    states.ACCOUNT: "{n} of {m} endpoints have a key, quota or configuration problem",
    states.DEGRADED: "{n} of {m} endpoints are degraded",
    states.UNKNOWN: "Nothing is known of {n} of {m} endpoints",
}
_COUNTS = {
    states.DOWN: "{n} down",
    states.ACCOUNT: "{n} with account or configuration problems",
    states.DEGRADED: "{n} degraded",
    states.UNKNOWN: "{n} unknown",
    states.MAINTENANCE: "{n} under maintenance",
    states.UP: "{n} up",
}


@dataclass(frozen=True, slots=True)
class Wanted:
    """What the reader asked for; anything that does not exist is read as nothing asked."""

    root: str = ""
    period: str = "24h"
    query: str = ""
    state: str = ""
    page: int = 1

    @classmethod
    def of(cls, root: str, query: Mapping[str, str]) -> Wanted:
        """From the parameters of a request."""
        period, state, page = query.get("period", ""), query.get("state", ""), query.get("page", "")
        return cls(
            root,
            period if period in PERIODS else "24h",
            query.get("q", "")[:200],
            state if state in (*states.KINDS, states.ANY_PROBLEM) else "",
            min(int(page), 1_000_000) if page.isascii() and page.isdecimal() and len(page) < 8 and int(page) else 1,
        )

    def link(self, **changes: object) -> str:
        """The page with something changed."""
        values = {"period": self.period, "q": self.query, "state": self.state, "page": self.page} | changes
        kept = {name: value for name, value in values.items() if value not in ("", 1)}
        return f"{self.root}/?{urlencode(kept)}"


def view(
    found: Sequence[Standing],
    chosen: Sequence[Standing],
    figures: Callable[[Sequence[Identity]], Mapping[Identity, tuple[Overview, Bar]]],
    wanted: Wanted,
    words: Words,
    *,
    notices: tuple[Notice, ...] = (),
    open_incidents: tuple[IncidentView, ...] = (),
    past_incidents: tuple[IncidentView, ...] = (),
    channels: tuple[ChannelRow, ...] = (),
    warnings: tuple[str, ...] = (),
    programs: tuple[Row, ...] = (),
) -> OverviewView:
    """The page.

    Args:
        found: all endpoints.
        chosen: those that the reader wants to see, in order.
        figures: gives what the history says of these endpoints, and their bars; asked for those on this page only.
        wanted: what the reader asked for.
        words: speaks the reader's language.
        notices: announcements and maintenance.
        open_incidents: those that are not over.
        past_incidents: the latest that are.
        channels: how notifications do.
        warnings: what the service itself can't do at present.
        programs: those that report in.
    """
    t = words.t
    pages = max(1, math.ceil(len(chosen) / PER_PAGE))
    page = min(wanted.page, pages)
    shown = chosen[(page - 1) * PER_PAGE : page * PER_PAGE]
    details = figures([each.identity for each in shown])
    kind, verdict, detail = _verdict(found, programs, words)
    return OverviewView(
        kind=kind,
        verdict=verdict,
        detail=detail,
        now=words.at(words.now),
        warnings=warnings,
        notices=notices,
        open_incidents=open_incidents,
        past_incidents=past_incidents,
        channels=channels,
        period=wanted.period,
        periods=periods(words, wanted.period, lambda name: wanted.link(period=name)),
        choices=_choices(wanted, words),
        query=wanted.query,
        rows=tuple(_row(each, *details[each.identity], wanted, words) for each in shown),
        from_text=t("{span} ago", span=t(PERIODS[wanted.period])),
        pages=pages,
        page_text=t("page {n} of {m}", n=page, m=pages),
        previous=wanted.link(page=page - 1) if page > 1 else "",
        next=wanted.link(page=page + 1) if page < pages else "",
        empty=t("No endpoint matches.") if found else t("No endpoint is configured"),
        programs=programs,
    )


def periods(words: Words, current: str, link: Callable[[str], str]) -> tuple[Choice, ...]:
    """The periods that bars and charts can show."""
    return tuple(Choice(name, words.t(text), name == current, link(name)) for name, text in PERIODS.items())


def bar_of(overview: Overview, segments: Bar, words: Words, key: str, period: str) -> Markup:
    """The uptime bar of an endpoint."""
    drawn = [(states.kind_of(segment) or "", states.text_of(segment, words)) for segment in segments]
    label = words.t(
        "Uptime of {name} over {period}: {share}",
        name=overview.identity.endpoint,
        period=words.t(PERIODS[period]),
        share=share(overview.uptime[period].plain),
    )
    return uptime_bar(drawn, label, key)


def state_text(standing: Standing, words: Words) -> str:
    """The state in words, with how long it has been so where that is known."""
    word = words.t(standing.word)
    if standing.since is None:
        return word
    return f"{word} {words.t('for {span}', span=words.span(words.now - standing.since))}"


def _verdict(found: Sequence[Standing], programs: Sequence[Row], words: Words) -> tuple[str, str, str]:
    t, counts = words.t, Counter(each.kind for each in found)
    detail = ", ".join(t(text, n=counts[kind]) for kind, text in _COUNTS.items() if counts[kind])
    if not found:
        return states.UNKNOWN, t("No endpoint is configured"), ""
    silent = sum(each.kind == states.DOWN for each in programs)
    if silent and not counts[states.DOWN]:
        text = "{n} of {m} programs do not report that they are well"
        return states.DOWN, t(text, n=silent, m=len(programs)), detail
    for kind, text in _VERDICTS.items():
        if counts[kind]:
            return kind, t(text, n=counts[kind], m=len(found)), detail
    if counts[states.UP] == len(found):
        return states.UP, t("All endpoints are up"), detail
    return states.MAINTENANCE, t("Under maintenance"), detail


def _choices(wanted: Wanted, words: Words) -> tuple[Choice, ...]:
    names = {
        "": "any state",
        states.ANY_PROBLEM: "with problems",
        states.DOWN: "down",
        states.ACCOUNT: "account problem",
        states.DEGRADED: "degraded",
        states.UNKNOWN: "unknown",
        states.MAINTENANCE: "maintenance",
        states.UP: "up",
    }
    return tuple(Choice(name, words.t(text), name == wanted.state) for name, text in names.items())


def _row(standing: Standing, overview: Overview, segments: Bar, wanted: Wanted, words: Words) -> Row:
    t = words.t
    identity, uptime = overview.identity, overview.uptime[wanted.period]
    key = quote(identity.endpoint, safe="")
    return Row(
        key=key,
        href=f"{wanted.root}/endpoint/{key}",
        name=identity.endpoint,
        kind=standing.kind,
        state=state_text(standing, words),
        what=" · ".join(part for part in (identity.model, identity.provider, identity.region) if part),
        availability=share(uptime.plain),
        availability_note=t("over {period}", period=t(PERIODS[wanted.period])) if uptime.counted else t("not known"),
        problem=problem(standing, overview.last),
        bar=bar_of(overview, segments, words, key, wanted.period),
        facts=tuple(_facts(overview, words)),
        last=None if overview.last_run_at is None else words.ago(overview.last_run_at),
    )


def _facts(overview: Overview, words: Words) -> list[Fact]:
    t = words.t
    facts = []
    for name, values in ((t("latency"), overview.quantiles.latency), ("TTFT", overview.quantiles.ttft)):
        for quantile in (0.95, 0.5):
            if quantile in values:
                facts.append(Fact(f"{name} P{quantile * 100:.0f}", words.duration(values[quantile])))
                break
    facts += [Fact(t("cost today"), words.money(spent.today, spent.currency)) for spent in overview.spent]
    return facts
