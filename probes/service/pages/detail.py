"""The page of one endpoint: uptime, times, tokens and cost, outcomes, limits, incidents, the last failures in full."""

from __future__ import annotations

from typing import TYPE_CHECKING

from aimon.call.outcome import Outcome
from aimon.probes.service.pages.drawing.charts import Part, percentile_chart
from aimon.probes.service.pages.overview import PERIODS, bar_of, periods, state_text
from aimon.probes.service.pages.parts.calls import calls
from aimon.probes.service.pages.parts.standing import problem
from aimon.probes.service.pages.views import DetailView, Fact, LimitView, OutcomeRow, Tiles
from aimon.probes.service.pages.wording.words import Words, share

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from markupsafe import Markup

    from aimon.call.result import Result
    from aimon.config.endpoint import Endpoint
    from aimon.probes.history.queries.overview import Overview
    from aimon.probes.history.queries.period import Period
    from aimon.probes.history.queries.results import StoredResult
    from aimon.probes.history.queries.series import Point
    from aimon.probes.history.queries.uptime import Bar
    from aimon.probes.service.pages.parts.standing import Standing
    from aimon.probes.service.pages.views import IncidentView, Notice

_NEEDED = {0.5: 2, 0.95: 20, 0.99: 100}
_QUANTILES = tuple(_NEEDED)


def view(
    standing: Standing,
    overview: Overview,
    endpoint: Endpoint,
    figures: Period,
    segments: Bar,
    points: Sequence[Point],
    failures: Sequence[StoredResult],
    successes: Sequence[StoredResult],
    period: str,
    words: Words,
    *,
    balance: tuple[Fact, ...] = (),
    notices: tuple[Notice, ...] = (),
    incidents: tuple[IncidentView, ...] = (),
    warnings: tuple[str, ...] = (),
) -> DetailView:
    """The page.

    Args:
        standing: how the endpoint stands.
        overview: what the history says of it.
        endpoint: as configured.
        figures: what it did in the period.
        segments: its uptime bar.
        points: percentiles over time.
        failures: the last ones, the newest first.
        successes: the same of successes.
        period: of figures, bar and points; one of `PERIODS`.
        words: speaks the reader's language.
        balance: of the account, where the provider tells it.
        notices: announcements and maintenance of this endpoint.
        incidents: its latest, the newest first.
        warnings: what the service itself can't do at present.
    """
    t, identity = words.t, overview.identity
    return DetailView(
        name=identity.endpoint,
        kind=standing.kind,
        state=state_text(standing, words),
        what=" · ".join(part for part in (identity.model, identity.provider, identity.region) if part),
        problem=problem(standing, overview.last),
        now=words.at(words.now),
        warnings=warnings,
        notices=notices,
        periods=periods(words, period, lambda name: f"?period={name}"),
        bar=bar_of(overview, segments, words, "endpoint", period),
        from_text=t("{span} ago", span=t(PERIODS[period])),
        tiles=tuple(group for group in _tiles(overview, endpoint, figures, period, balance, words) if group.tiles),
        charts=_charts(points, words),
        outcomes=_outcomes(figures, words),
        limits=_limits(overview.last, words),
        incidents=incidents,
        calls=(
            calls("Last failures", failures, "No failure is kept in the history.", words),
            calls("Last successes", successes, "No success is kept in the history.", words),
        ),
    )


def _tiles(
    overview: Overview, endpoint: Endpoint, figures: Period, period: str, balance: tuple[Fact, ...], words: Words
) -> list[Tiles]:
    t = words.t
    uptime = [
        Fact(
            t(text),
            share(overview.uptime[name].plain),
            t("{share} weighted by impact", share=share(overview.uptime[name].weighted))
            if overview.uptime[name].counted
            else t("no probe"),
        )
        for name, text in PERIODS.items()
    ]
    over = t("over {period}", period=t(PERIODS[period]))
    return [
        Tiles(t("Availability"), tuple(uptime)),
        Tiles(f"{t('Latency')} {over}", _percentiles(figures.latency.quantiles(_QUANTILES), figures.ok, words)),
        Tiles(
            f"{t('Time to first token (TTFT)')} {over}",
            _percentiles(figures.ttft.quantiles(_QUANTILES), figures.ttft.count, words),
        ),
        Tiles(t("Tokens and cost"), (*_cost(overview, endpoint, words), *balance)),
        Tiles(t("Certificate"), tuple(_certificate(overview, words))),
    ]


def _percentiles(values: Mapping[float, float], count: int, words: Words) -> tuple[Fact, ...]:
    if not count:
        return ()
    of = words.t("of {n} successful probes", n=f"{count:,}")
    return tuple(
        Fact(f"P{q * 100:.0f}", words.duration(values[q]), of)
        if q in values
        else Fact(f"P{q * 100:.0f}", "–", words.t("needs {n} successful probes", n=needed))
        for q, needed in _NEEDED.items()
    )


def _cost(overview: Overview, endpoint: Endpoint, words: Words) -> list[Fact]:
    t = words.t
    facts = []
    for spent in overview.spent:
        budget = endpoint.budget
        limit = (
            t("of {budget} a day", budget=words.money(budget.per_day, budget.currency))
            if budget is not None and budget.currency == spent.currency
            else ""
        )
        facts.append(Fact(t("cost today"), words.money(spent.today, spent.currency), limit))
        facts.append(Fact(t("cost this month"), words.money(spent.month, spent.currency)))
    for name, used in (("tokens today", overview.tokens.today), ("tokens this month", overview.tokens.month)):
        if used.input is not None and used.output is not None and used.input + used.output:
            sent = t("{input} in, {output} out", input=f"{used.input:,}", output=f"{used.output:,}")
            facts.append(Fact(t(name), f"{used.input + used.output:,}", sent))
    return facts


def _certificate(overview: Overview, words: Words) -> list[Fact]:
    expiry = overview.certificate_expiry
    if expiry is None:
        return []
    left = expiry - words.now
    said = words.t("in {span}", span=words.span(left)) if left > 0 else words.ago(expiry).text
    return [Fact(words.t("certificate expires"), said, words.at(expiry).text)]


def _charts(points: Sequence[Point], words: Words) -> tuple[Markup, ...]:
    names = [f"P{q * 100:.0f}" for q in _QUANTILES]
    charts = []
    for key, title, values in (
        ("latency", "Latency", [point.latency for point in points]),
        ("ttft", "Time to first token (TTFT)", [point.ttft for point in points]),
    ):
        parts = [
            Part(
                point.since,
                point.until,
                tuple(found.get(q) for q in _QUANTILES),
                _point_text(point, found, words) if point.count else "",
            )
            for point, found in zip(points, values, strict=True)
        ]
        charts.append(
            percentile_chart(
                words.t(title),
                key,
                names,
                parts,
                duration=words.duration,
                axis=words.axis,
                empty=words.t("No percentile is known in this period."),
            )
        )
    return tuple(charts)


def _point_text(point: Point, values: Mapping[float, float], words: Words) -> str:
    lines = [words.stretch(point.since, point.until)]
    lines += [f"P{q * 100:.0f} {words.duration(values[q])}" for q in _QUANTILES if q in values]
    lines.append(words.t("of {n} successful probes", n=f"{point.count:,}"))
    return "\n".join(lines)


def _outcomes(figures: Period, words: Words) -> tuple[OutcomeRow, ...]:
    counts = figures.outcomes
    total = sum(counts.values())
    return tuple(
        OutcomeRow(
            outcome.value,
            words.t("nobody" if outcome.fault is None else outcome.fault.value),
            f"{count:,}",
            share(count / total) if count < total else "100 %",
        )
        for outcome, count in sorted(counts.items(), key=lambda item: (item[0] is not Outcome.OK, -item[1]))
    )


def _limits(last: Result | None, words: Words) -> tuple[LimitView, ...]:
    if last is None or (limits := last.limits) is None:
        return ()
    rows = (
        ("requests", limits.requests_remaining, limits.requests_limit),
        ("tokens", limits.tokens_remaining, limits.tokens_limit),
    )
    return tuple(
        LimitView(
            words.t(name),
            words.t("{remaining} of {limit} left", remaining=f"{left:,}", limit=f"{limit:,}"),
            f"{min(max(left / limit, 0.0), 1.0):.4f}",
        )
        for name, left, limit in rows
        if left is not None and limit
    )
