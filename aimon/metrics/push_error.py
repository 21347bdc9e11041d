"""The error of a push, in a module of its own so that a probe without a push need not import the Pushgateway client."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from aimon.metrics.exposition import Grouping


class PushError(Exception):
    """The gateway could not be reached, or refused a push. `pushed` are the groups that it accepted before."""

    def __init__(self, message: str, pushed: tuple[Grouping, ...] = ()) -> None:
        super().__init__(message)
        self.pushed = pushed
