"""What pages and the API show of notifications: how each channel does, and what waits."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from aimon.probes.history import side_tables
from aimon.probes.notify import outbox

if TYPE_CHECKING:
    from collections.abc import Sequence

    from aimon.config.channel import Channel
    from aimon.probes.history.database import Database


@dataclass(frozen=True, slots=True)
class ChannelState:
    """How a channel does. Addresses and keys are in none of it.

    Attributes:
        name: the channel's.
        kind: likewise.
        min_severity: likewise.
        waiting: notices that are not delivered yet.
        delivered_at: when one was delivered last; None if none ever was.
        failed_at: when one was refused or given up last; None if none was.
        error: why the first that waits was not delivered, or else why the last failed; redacted; None without.
        working: whether the last attempt succeeded; None where there was none.
    """

    name: str
    kind: str
    min_severity: str
    waiting: int
    delivered_at: float | None
    failed_at: float | None
    error: str | None
    working: bool | None


def channel_states(database: Database, channels: Sequence[Channel]) -> tuple[ChannelState, ...]:
    """How each configured channel does.

    Raises:
        HistoryError: the file can't be read.
    """
    present = side_tables.present(database, outbox.OWNER)
    return tuple(_state(database, channel) if present else _untried(channel) for channel in channels)


def _untried(channel: Channel) -> ChannelState:
    return ChannelState(channel.name, channel.kind, channel.min_severity, 0, None, None, None, None)


def _state(database: Database, channel: Channel) -> ChannelState:
    [(waiting, delivered_at, failed_at)] = database.query(
        "SELECT ifnull(sum(state = 'waiting'), 0), max(CASE WHEN state = 'delivered' THEN done_at END), "
        "max(CASE WHEN state IN ('refused', 'given_up') THEN done_at END) FROM notices WHERE channel = ?",
        (channel.name,),
    )
    errors = database.query(
        "SELECT error FROM notices WHERE channel = ? AND error IS NOT NULL AND "
        "state IN ('waiting', 'refused', 'given_up') ORDER BY state = 'waiting' DESC, id DESC LIMIT 1",
        (channel.name,),
    )
    trying = database.query(
        "SELECT 1 FROM notices WHERE channel = ? AND state = 'waiting' AND error IS NOT NULL LIMIT 1", (channel.name,)
    )
    working = None
    if trying or (failed_at is not None and failed_at > (delivered_at or 0.0)):
        working = False
    elif delivered_at is not None:
        working = True
    error = errors[0][0] if errors and not working else None
    return ChannelState(
        channel.name, channel.kind, channel.min_severity, waiting, delivered_at, failed_at, error, working
    )
