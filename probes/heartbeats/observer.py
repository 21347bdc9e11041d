"""Incidents of programs that report in (heartbeats): of one that says that it is not well, or falls silent."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from aimon.probes.heartbeats.state import HeartbeatState, heartbeats
from aimon.probes.history.database import HistoryError
from aimon.probes.incidents import conditions
from aimon.probes.incidents.kinds import Kind
from aimon.probes.incidents.store import Opening
from aimon.probes.notify import sentences

if TYPE_CHECKING:
    from collections.abc import Sequence

    from aimon.call.result import Result
    from aimon.probes.heartbeats.state import Heartbeat
    from aimon.probes.service.context import ServiceContext

_BAD: Final = (HeartbeatState.DOWN, HeartbeatState.SILENT)


class HeartbeatObserver:
    """Opens an incident when a program falls silent or says that it is down, and ends it when it is well again."""

    def __init__(self) -> None:
        self._context: ServiceContext | None = None

    def configure(self, context: ServiceContext) -> None:
        """The programs of the configuration are watched from now on."""
        self._context = context

    def observe(self, results: Sequence[Result]) -> None:
        """Results of probes say nothing of them."""

    def tick(self, now: float) -> None:
        """Looks at what they reported last."""
        context = self._context
        if context is None or context.selection.config is None or context.database is None:
            return
        written = context.selection.config.heartbeats
        region = context.selection.region
        try:
            found = heartbeats(context.database, written, now)
            conditions.update(
                context.database,
                Kind.HEARTBEAT,
                {each.name: opening(each, region, now) for each in found if each.state in _BAD},
                [each.name for each in found if each.state is HeartbeatState.UP],
                [each.name for each in found],
                context.selection.channels,
                now,
            )
        except HistoryError:
            return  # which the page and aimon_history_available tell

    def close(self) -> None:
        """Nothing is open."""


def opening(heartbeat: Heartbeat, region: str, now: float) -> Opening:
    """The incident of a program that is not well. It begins when its report was due, or when it said so."""
    silent = heartbeat.state is HeartbeatState.SILENT
    since = heartbeat.due_at if silent else heartbeat.last_at
    said = sentences.silent(heartbeat.every + heartbeat.grace) if silent else heartbeat.message
    began = min(now, now if since is None else since)
    return Opening(
        heartbeat.name, "", "", region, Kind.HEARTBEAT, "critical", False, began, began, None, said
    )  # fmt: skip
