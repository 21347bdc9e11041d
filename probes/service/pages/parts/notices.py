"""What readers should know beside the endpoints: announcements, maintenance now and soon, how notifications do."""

from __future__ import annotations

from typing import TYPE_CHECKING

from aimon.probes.incidents.announcements import announcements, maintenances
from aimon.probes.notify.deliveries import channel_states
from aimon.probes.service.pages.parts import states
from aimon.probes.service.pages.views import ChannelRow, Notice

if TYPE_CHECKING:
    from aimon.probes.history.database import Database
    from aimon.probes.service.context import ServiceContext
    from aimon.probes.service.pages.wording.words import Words

# Seconds before a maintenance window begins that it is shown.
_AHEAD = 7 * 86_400.0
_SEVERITIES = {"info": states.MAINTENANCE, "warning": states.DEGRADED, "critical": states.DOWN}


def notices(
    context: ServiceContext, database: Database, words: Words, endpoint: str | None = None
) -> tuple[Notice, ...]:
    """Announcements and maintenance, of one endpoint or of all.

    Raises:
        HistoryError: the history can't be read.
    """
    now = words.now
    found = [
        Notice(
            _SEVERITIES.get(each.severity, states.MAINTENANCE),
            each.title,
            _between(each.starts, each.ends, words),
            each.text or "",
        )
        for each in announcements(database, now)
        if endpoint is None or not each.endpoints or endpoint in each.endpoints
    ]
    windows = [(each.title, each.endpoints, each.starts, each.ends) for each in maintenances(database)]
    for window in context.maintenance.windows:
        times = window.current(now) or window.following(now)
        if times is not None:
            windows.append((window.title, tuple(sorted(window.endpoints)), *times))
    for title, names, start, end in sorted(windows, key=lambda each: each[2]):
        concerned = endpoint is None or not names or endpoint in names
        if concerned and start - _AHEAD <= now < end:
            text = ", ".join(names) if endpoint is None else ""
            found.append(
                Notice(
                    states.MAINTENANCE,
                    words.t("Maintenance: {title}" if start <= now else "Maintenance to come: {title}", title=title),
                    _between(start, end, words),
                    text,
                )
            )
    return tuple(found)


def planned(context: ServiceContext, database: Database, now: float) -> frozenset[str]:
    """Names of the endpoints that are in maintenance now, by the configuration or the API.

    Raises:
        HistoryError: the history can't be read.
    """
    asked = maintenances(database)
    by_request = {e.name for e in context.endpoints if any(window.covers(e.name, now) for window in asked)}
    return context.maintenance.names(now) | by_request


def channel_rows(context: ServiceContext, database: Database, words: Words) -> tuple[ChannelRow, ...]:
    """How each channel of notifications does.

    Raises:
        HistoryError: the history can't be read.
    """
    rows = []
    for state in channel_states(database, context.selection.channels):
        kind = states.UNKNOWN if state.working is None else states.UP if state.working else states.DOWN
        word = {states.UNKNOWN: "not used yet", states.UP: "works", states.DOWN: "fails"}[kind]
        rows.append(
            ChannelRow(
                state.name,
                state.kind,
                words.t(state.min_severity),
                kind,
                words.t(word),
                "–" if state.delivered_at is None else words.ago(state.delivered_at).text,
                str(state.waiting),
                state.error or "",
            )
        )
    return tuple(rows)


def _between(start: float | None, end: float | None, words: Words) -> str:
    if start is None:
        return "" if end is None else words.t("until {when}", when=words.at(end).text)
    if end is None:
        return words.t("from {when}", when=words.at(start).text)
    return f"{words.at(start).text} – {words.at(end).text}"
