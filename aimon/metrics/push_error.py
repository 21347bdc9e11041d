"""The error of a push, by itself: a probe that pushes nothing imports no client of the Pushgateway."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from aimon.metrics.exposition import Grouping


class PushError(Exception):
    """The gateway could not be reached, or refused. `pushed` are the groups that it had taken by then."""

    def __init__(self, message: str, pushed: tuple[Grouping, ...] = ()) -> None:
        super().__init__(message)
        self.pushed = pushed
