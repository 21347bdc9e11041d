"""Operations about endpoints: how they are, their uptime, their results."""

from __future__ import annotations

from datetime import datetime
from typing import TYPE_CHECKING, Annotated, Literal

from msgspec import Meta, Struct

from aimon.call.outcome import Fault, Outcome
from aimon.config.yaml.issues import shown, suggestion
from aimon.probes.history.queries.overview import State, glances, overviews
from aimon.probes.history.queries.results import ResultFilter, last_failures, results
from aimon.probes.history.queries.series import series
from aimon.probes.history.queries.uptime import bars, uptimes
from aimon.probes.incidents.reader import states
from aimon.probes.result_json import as_object
from aimon.probes.service.api import answers
from aimon.probes.service.api.answers import moment
from aimon.probes.service.api.problems import ProblemError

if TYPE_CHECKING:
    from collections.abc import Sequence

    from aimon.config.endpoint import Endpoint
    from aimon.probes.history.queries.overview import Overview
    from aimon.probes.history.queries.results import StoredResult
    from aimon.probes.history.queries.uptime import Segment, Uptime
    from aimon.probes.incidents.reader import EndpointState
    from aimon.probes.service.api.operation import Call

Window = Literal["24h", "7d", "30d", "90d"]
Moment = Annotated[datetime, Meta(tz=True, description="RFC 3339, such as 2027-01-31T02:00:00Z")]


class EndpointsQuery(Struct):
    """Which endpoints."""

    provider: Annotated[str, Meta(description="Only of this provider.")] | None = None
    state: Annotated[State, Meta(description="Only in this state.")] | None = None
    limit: Annotated[int, Meta(ge=1, le=1000, description="How many on a page.")] = 100
    cursor: Annotated[str, Meta(description="`next` of the page before.")] | None = None


class WindowQuery(Struct):
    """Of which window."""

    window: Annotated[Window, Meta(description="What the segments divide into 90.")] = "24h"
    failures: Annotated[int, Meta(ge=0, le=100, description="How many of the last failures.")] = 10


class UptimeQuery(Struct):
    """Whose uptime."""

    window: Annotated[Window, Meta(description="What the segments divide into 90.")] = "24h"
    endpoint: Annotated[tuple[str, ...], Meta(description="Only these; may be repeated.")] = ()
    limit: Annotated[int, Meta(ge=1, le=1000, description="How many endpoints on a page.")] = 100
    cursor: Annotated[str, Meta(description="`next` of the page before.")] | None = None


class ResultsQuery(Struct):
    """Which results."""

    endpoint: Annotated[str, Meta(description="Only of this endpoint.")] | None = None
    outcome: Annotated[tuple[Outcome, ...], Meta(description="Only with one of these outcomes; may be repeated.")] = ()
    fault: Annotated[Fault, Meta(description="Only with outcomes of this fault.")] | None = None
    failed: Annotated[bool, Meta(description="Only failures (true) or successes (false).")] | None = None
    since: Annotated[Moment, Meta(description="Started then or later.")] | None = None
    until: Annotated[Moment, Meta(description="Started then or before.")] | None = None
    limit: Annotated[int, Meta(ge=1, le=1000, description="How many on a page.")] = 100
    cursor: Annotated[str, Meta(pattern="^[0-9]{1,18}$", description="`next` of the page before.")] | None = None


def list_endpoints(call: Call) -> answers.Endpoints:
    """How endpoints are."""
    query: EndpointsQuery = call.query
    wanted = [each for each in call.context.endpoints if query.provider in (None, each.identity.provider)]
    if query.state is not None:
        # Only states are asked for here; everything else is of the page alone.
        found = glances(call.database, call.now, {each.identity: each.interval for each in wanted})
        wanted = [each for each in wanted if found[each.identity].state is query.state]
    page, following = _page(wanted, query.limit, query.cursor)
    return answers.Endpoints(_endpoints(call, page), len(wanted), following)


def get_endpoint(call: Call) -> answers.EndpointDetail:
    """One endpoint with all that is known of it."""
    query: WindowQuery = call.query
    endpoint = _named(call, call.path["name"], None)
    identity = endpoint.identity
    [found] = _endpoints(call, [endpoint])
    return answers.EndpointDetail(
        found,
        query.window,
        [_segment(each) for each in bars(call.database, query.window, call.now, [identity])[identity]],
        [
            answers.Point(
                datetime_of(each.since), each.count, answers.Quantiles.of(each.latency), answers.Quantiles.of(each.ttft)
            )
            for each in series(call.database, identity, query.window, call.now)
        ],
        [_result(each) for each in last_failures(call.database, identity, query.failures)],
    )


def list_uptime(call: Call) -> answers.Uptimes:
    """Uptime bars."""
    query: UptimeQuery = call.query
    wanted = [_named(call, name, "endpoint") for name in dict.fromkeys(query.endpoint)] or call.context.endpoints
    page, following = _page(wanted, query.limit, query.cursor)
    identities = [each.identity for each in page]
    segments = bars(call.database, query.window, call.now, identities)
    shares = uptimes(call.database, call.now, identities)
    found = [
        answers.EndpointUptime(
            name=identity.endpoint,
            model=identity.model,
            provider=identity.provider,
            region=identity.region,
            uptime=_uptime(shares[identity][query.window]),
            segments=[_segment(each) for each in segments[identity]],
        )
        for identity in identities
    ]
    return answers.Uptimes(query.window, found, following)


def list_results(call: Call) -> answers.Results:
    """Single results."""
    query: ResultsQuery = call.query
    chosen = frozenset(query.outcome or Outcome)
    if query.fault is not None:
        chosen &= {each for each in Outcome if each.fault is query.fault}
    if query.failed is not None:
        chosen &= {each for each in Outcome if (each is not Outcome.OK) == query.failed}
    wanted = ResultFilter(
        query.endpoint,
        None if len(chosen) == len(Outcome) else chosen,
        None if query.since is None else query.since.timestamp(),
        None if query.until is None else query.until.timestamp(),
    )
    before = None if query.cursor is None else int(query.cursor)
    found, following = results(call.database, wanted, limit=query.limit, before=before)
    return answers.Results([_result(each) for each in found], None if following is None else str(following))


def datetime_of(at: float) -> datetime:
    """A unix time that is a date: segments begin at such."""
    found = moment(at)
    assert found is not None  # noqa: S101 - `at` is close to now
    return found


def _named(call: Call, name: str, parameter: str | None) -> Endpoint:
    found = {each.name: each for each in call.context.endpoints}
    if name not in found:
        status = 404 if parameter is None else 400
        raise ProblemError(status, f"no endpoint '{shown(name)}'; {suggestion(name, found)}", parameter)
    return found[name]


def _page(endpoints: Sequence[Endpoint], limit: int, cursor: str | None) -> tuple[Sequence[Endpoint], str | None]:
    """Some endpoints, and the cursor of those after them. A cursor is the name of the last one before the page."""
    names = [each.name for each in endpoints]
    if cursor is not None and cursor not in names:
        raise ProblemError(400, "cursor: no endpoint of this list: begin again without it", "cursor")
    start = 0 if cursor is None else names.index(cursor) + 1
    page = endpoints[start : start + limit]
    return page, names[start + limit - 1] if start + limit < len(names) else None


def _overviews(call: Call, endpoints: Sequence[Endpoint]) -> list[Overview]:
    return overviews(call.database, call.now, {each.identity: each.interval for each in endpoints})


def _endpoints(call: Call, endpoints: Sequence[Endpoint]) -> list[answers.Endpoint]:
    planned = call.context.maintenance.names(call.now)
    statuses = states(
        call.database, {each.name: each.interval for each in endpoints}, call.now, planned=sorted(planned)
    )
    return [
        _endpoint(call, endpoint, overview, statuses[endpoint.name])
        for endpoint, overview in zip(endpoints, _overviews(call, endpoints), strict=True)
    ]


def _endpoint(call: Call, endpoint: Endpoint, overview: Overview, status: EndpointState) -> answers.Endpoint:
    last = overview.last
    return answers.Endpoint(
        name=endpoint.name,
        model=overview.identity.model,
        provider=overview.identity.provider,
        region=overview.identity.region,
        state=overview.state,
        status=status.state,
        incidents=[each.id for each in status.incidents],
        outcome=None if last is None else last.outcome,
        fault=None if last is None else last.fault,
        error=None if last is None else last.error,
        last_run_at=moment(overview.last_run_at),
        last_success_at=moment(overview.last_success_at),
        interval_s=endpoint.interval,
        uptime={window: _uptime(each) for window, each in overview.uptime.items()},
        latency_s=answers.Quantiles.of(overview.quantiles.latency),
        ttft_s=answers.Quantiles.of(overview.quantiles.ttft),
        tokens=answers.TokensUsed(
            answers.Tokens(overview.tokens.today.input, overview.tokens.today.output),
            answers.Tokens(overview.tokens.month.input, overview.tokens.month.output),
        ),
        cost=[answers.Cost(each.currency, each.today, each.month) for each in overview.spent],
        headroom=answers.Headroom(overview.headroom.get("requests"), overview.headroom.get("tokens")),
        certificate_expiry=moment(overview.certificate_expiry),
        maintenance=endpoint.name in call.context.maintenance.names(call.now),
    )


def _uptime(found: Uptime) -> answers.Uptime:
    return answers.Uptime(found.plain, found.weighted, found.counted)


def _segment(segment: Segment) -> answers.Segment:
    return answers.Segment(
        since=datetime_of(segment.since),
        until=datetime_of(segment.until),
        availability=segment.availability,
        weighted=segment.weighted,
        ok=segment.ok,
        counted=segment.counted,
        outcomes={outcome.value: count for outcome, count in segment.failures},
        reason=segment.reason,
        maintenance=segment.maintenance,
    )


def _result(stored: StoredResult) -> answers.Result:
    return answers.Result(
        id=stored.id,
        endpoint=stored.identity.endpoint,
        model=stored.identity.model,
        provider=stored.identity.provider,
        region=stored.identity.region,
        started_at=moment(stored.started_at),
        outcome=stored.outcome,
        fault=stored.outcome.fault,
        latency_s=round(stored.latency, 6),
        ttft_s=None if stored.ttft is None else round(stored.ttft, 6),
        maintenance=stored.planned,
        full=None if stored.full is None else as_object(stored.full),
    )
