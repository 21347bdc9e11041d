"""Asks the history and the service for what the pages show."""

from __future__ import annotations

from typing import TYPE_CHECKING

from aimon.call.outcome import Outcome
from aimon.probes.balance.accounts import accounts
from aimon.probes.balance.ledger import balances
from aimon.probes.heartbeats.beats import since
from aimon.probes.heartbeats.state import heartbeats
from aimon.probes.history.queries import overview as overviews
from aimon.probes.history.queries.period import period
from aimon.probes.history.queries.results import ResultFilter, last_failures, results
from aimon.probes.history.queries.series import series
from aimon.probes.history.queries.uptime import BAR_WINDOWS, bars
from aimon.probes.incidents import reader
from aimon.probes.service.pages import detail as detail_page
from aimon.probes.service.pages import overview as overview_page
from aimon.probes.service.pages import programs
from aimon.probes.service.pages.parts.incident_views import incident_views
from aimon.probes.service.pages.parts.notices import channel_rows, notices, planned
from aimon.probes.service.pages.parts.standing import matching, standing
from aimon.probes.service.pages.views import Fact

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from aimon.config.endpoint import Endpoint
    from aimon.metrics.totals import Identity
    from aimon.probes.history.database import Database
    from aimon.probes.history.queries.overview import Overview
    from aimon.probes.history.queries.uptime import Bar
    from aimon.probes.service.context import ServiceContext
    from aimon.probes.service.pages.parts.standing import Standing
    from aimon.probes.service.pages.views import DetailView, OverviewView, ProgramView
    from aimon.probes.service.pages.wording.words import Words


class UnknownEndpointError(Exception):
    """No endpoint of the configuration has this name."""


_FAILURES, _SUCCESSES = 20, 5
_INCIDENTS, _OF_ONE = 50, 10
# Seconds for which incidents that are over are shown.
_PAST = 14 * 86_400.0


def overview(context: ServiceContext, root: str, query: Mapping[str, str], words: Words) -> OverviewView:
    """The page of all endpoints.

    Raises:
        HistoryError: the history can't be read.
    """
    database = context.open_history().database
    wanted = overview_page.Wanted.of(root, query)
    found = _standings(context, database, context.endpoints, words.now)
    opened = reader.incidents(database, only_open=True, limit=_INCIDENTS).incidents
    recent = reader.incidents(database, since=words.now - _PAST, limit=_INCIDENTS).incidents
    return overview_page.view(
        found,
        matching(found, wanted.query, wanted.state),
        lambda identities: _figures(context, database, identities, wanted.period, words.now),
        wanted,
        words,
        notices=notices(context, database, words),
        open_incidents=incident_views(database, opened, root, words),
        past_incidents=incident_views(database, [each for each in recent if not each.is_open], root, words),
        channels=channel_rows(context, database, words),
        warnings=_warnings(context, words),
        programs=tuple(
            programs.row(each, root, wanted.period, words)
            for each in _programs(context, database, wanted.period, words.now)
        ),
    )


def program(context: ServiceContext, root: str, name: str, query: Mapping[str, str], words: Words) -> ProgramView:
    """The page of a program that reports in.

    Raises:
        UnknownEndpointError: none has this name.
        HistoryError: the history can't be read.
    """
    database = context.open_history().database
    longest = max(BAR_WINDOWS, key=lambda window: BAR_WINDOWS[window])
    found = [each for each in _programs(context, database, longest, words.now, name) if each.heartbeat.name == name]
    if not found:
        raise UnknownEndpointError(name)
    return programs.view(
        found[0],
        query.get("period", "") if query.get("period", "") in BAR_WINDOWS else "24h",
        words,
        notices=notices(context, database, words, name),
        incidents=incident_views(
            database, reader.incidents(database, endpoint=name, limit=_OF_ONE).incidents, root, words
        ),
        warnings=_warnings(context, words),
    )


def detail(context: ServiceContext, root: str, name: str, query: Mapping[str, str], words: Words) -> DetailView:
    """The page of one endpoint.

    Raises:
        UnknownEndpointError: no endpoint has this name.
        HistoryError: the history can't be read.
    """
    endpoint = next((each for each in context.endpoints if each.name == name), None)
    if endpoint is None:
        raise UnknownEndpointError(name)
    database, identity = context.open_history().database, endpoint.identity
    window = query.get("period", "") if query.get("period", "") in BAR_WINDOWS else "24h"
    [found] = _standings(context, database, [endpoint], words.now)
    known, segments = _figures(context, database, [identity], window, words.now)[identity]
    successes, _ = results(database, ResultFilter(name, frozenset({Outcome.OK})), limit=_SUCCESSES)
    return detail_page.view(
        found,
        known,
        endpoint,
        period(database, identity, words.now - BAR_WINDOWS[window], words.now),
        segments,
        series(database, identity, window, words.now),
        last_failures(database, identity, _FAILURES),
        successes,
        window,
        words,
        balance=_balance(database, endpoint, words),
        notices=notices(context, database, words, name),
        incidents=incident_views(
            database, reader.incidents(database, endpoint=name, limit=_OF_ONE).incidents, root, words
        ),
        warnings=_warnings(context, words),
    )


def _balance(database: Database, endpoint: Endpoint, words: Words) -> tuple[Fact, ...]:
    """What is left in the account of an endpoint, and for how long at the present rate of spending."""
    own = {account.id for account in accounts([endpoint])}
    facts = []
    for each in balances(database, words.now):
        if each.account in own:
            left = each.days_left
            lasts = "" if left is None else words.t("about {span} left", span=words.span(left * 86_400))
            facts.append(Fact(words.t("account balance"), words.money(each.amount, each.currency), lasts))
    return tuple(facts)


def _standings(
    context: ServiceContext, database: Database, endpoints: Sequence[Endpoint], now: float
) -> list[Standing]:
    last = overviews.glances(database, now, {endpoint.identity: endpoint.interval for endpoint in endpoints})
    intervals = {endpoint.name: endpoint.interval for endpoint in endpoints}
    by_incident = reader.states(database, intervals, now, planned=tuple(planned(context, database, now)))
    return [standing(identity, glance.state, by_incident[identity.endpoint]) for identity, glance in last.items()]


def _figures(
    context: ServiceContext, database: Database, identities: Sequence[Identity], window: str, now: float
) -> dict[Identity, tuple[Overview, Bar]]:
    intervals = {endpoint.identity: endpoint.interval for endpoint in context.endpoints}
    found = overviews.overviews(database, now, {identity: intervals[identity] for identity in identities})
    segments = bars(database, window, now, identities)
    return {each.identity: (each, segments[each.identity]) for each in found}


def _programs(
    context: ServiceContext, database: Database, window: str, now: float, only: str | None = None
) -> list[programs.Program]:
    """Programs that report in, all or one, with their reports of a window."""
    wanted = [each for each in context.heartbeats if only in (None, each.name)]
    return [
        programs.Program(each, since(database, each.name, now - BAR_WINDOWS[window]))
        for each in heartbeats(database, wanted, now)
    ]


def _warnings(context: ServiceContext, words: Words) -> tuple[str, ...]:
    found = []
    if context.history_problem is not None:
        found.append(words.t("Results can't be recorded: {why}", why=context.history_problem))
    if context.status.reload_error is not None:
        found.append(words.t("The configuration before stays in use: {why}", why=context.status.reload_error))
    if context.status.draining:
        found.append(words.t("The service is ending."))
    return tuple(found)
