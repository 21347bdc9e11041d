"""Queues the notices of a group of incidents for the channels that should get them."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Final

from aimon.config.model.alerting import SEVERITIES
from aimon.probes.incidents import store
from aimon.probes.notify import outbox
from aimon.probes.notify.notice import Action, Notice, Subject

if TYPE_CHECKING:
    import sqlite3
    from collections.abc import Sequence

    from aimon.config.channel import Channel

# Kinds of channel that keep alerts open until they get their end.
KEEPS_STATE: Final = frozenset({"pagerduty", "alertmanager", "webhook"})


def announce(
    connection: sqlite3.Connection, group: int, channels: Sequence[Channel], suspects: Sequence[str], now: float
) -> None:
    """Within a transaction: notifies channels of an open group.

    Channels that were notified before get an update for a later endpoint, and one for a more severe state.

    Args:
        connection: of the history.
        group: its number.
        channels: all that are configured.
        suspects: further failing endpoints, which the notice names, and for which no other follows.
        now: unix time.
    """
    [(named, told_as)] = connection.execute(
        "SELECT named, told_as FROM incident_groups WHERE id = ?", (group,)
    ).fetchall()
    before = set(json.loads(named))
    notice = _notice(connection, group, Action.TRIGGER, suspects)
    told = outbox.told(connection, notice.uid)
    names = {subject.endpoint for subject in notice.subjects} | set(suspects)
    state = f"{notice.kind} {notice.severity}"
    for channel in channels:
        if not _is_grave_enough(channel, notice.severity):
            continue
        if channel.name not in told:
            outbox.put(connection, channel.name, notice, now)
        elif (names - before or state != told_as) and told[channel.name] in {"waiting", "delivered"}:
            update = _notice(connection, group, Action.UPDATE, suspects)
            outbox.put(connection, channel.name, update, now)
    connection.execute(
        "UPDATE incident_groups SET announce_at = NULL, announced_at = ifnull(announced_at, ?), named = ?, told_as = ? "
        "WHERE id = ?",
        (now, json.dumps(sorted(before | names)), state, group),
    )
    for subject in notice.subjects:
        if subject.endpoint not in before:
            store.add_event(connection, subject.incident, now, "announced", None)


def announce_end(
    connection: sqlite3.Connection, group: int, channels: Sequence[Channel], now: float, ended_by: str | None
) -> None:
    """Within a transaction: sends the end of a group to the channels that got its beginning, or are about to.

    Notices that were not tried yet are dropped, since the group is over. A group that became an outage is ended only
    for channels where an alert would stay open; the others get the notice of the outage.
    """
    notice = _notice(connection, group, Action.RESOLVE, (), ended_by)
    outbox.drop_untold(connection, notice.uid, now)
    told = outbox.told(connection, notice.uid)
    for channel in channels:
        quiet = not channel.recovery or (ended_by == "outage" and channel.kind not in KEEPS_STATE)
        if not quiet and told.get(channel.name) in {"waiting", "delivered"}:
            outbox.put(connection, channel.name, notice, now)


def announce_part(connection: sqlite3.Connection, group: int, channels: Sequence[Channel], now: float) -> None:
    """Within a transaction: ends one of several incidents at Alertmanagers, which have an alert for each."""
    notice = _notice(connection, group, Action.UPDATE, ())
    told = outbox.told(connection, notice.uid)
    for channel in channels:
        if channel.kind == "alertmanager" and channel.recovery and told.get(channel.name) in {"waiting", "delivered"}:
            outbox.put(connection, channel.name, notice, now)


def _is_grave_enough(channel: Channel, severity: str) -> bool:
    return SEVERITIES.index(severity) >= SEVERITIES.index(channel.min_severity)


def _notice(
    connection: sqlite3.Connection, group: int, action: Action, suspects: Sequence[str], ended_by: str | None = None
) -> Notice:
    uid, scope, kind, opened_at, resolved_at = connection.execute(
        "SELECT uid, scope, kind, opened_at, resolved_at FROM incident_groups WHERE id = ?", (group,)
    ).fetchone()
    rows = connection.execute(
        "SELECT id, endpoint, provider, model, region, severity, opened_at, resolved_at, outcome, error, flapping, "
        "kind, raised_from, raised_at FROM incidents WHERE group_id = ? ORDER BY id",
        (group,),
    ).fetchall()
    subjects = tuple(
        Subject(
            incident=number, endpoint=endpoint, provider=provider, model=model, region=region, severity=severity,
            opened_at=began, resolved_at=ended, outcome=outcome, error=error, flapping=bool(flapping),
            kind=own_kind, raised_from=raised_from, raised_at=raised_at,
        )
        for (
            number, endpoint, provider, model, region, severity, began, ended, outcome, error, flapping,
            own_kind, raised_from, raised_at,
        ) in rows
    )  # fmt: skip
    return Notice(
        uid=uid,
        action=action,
        kind=kind,
        severity=max((subject.severity for subject in subjects), key=SEVERITIES.index),
        scope=scope,
        opened_at=opened_at,
        resolved_at=resolved_at,
        subjects=subjects,
        suspects=tuple(suspects),
        ended_by=ended_by,
    )
