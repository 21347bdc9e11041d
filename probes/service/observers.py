"""Who is told of each recorded result, and of each second that passes."""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

from aimon.probes.balance.observer import BalanceObserver
from aimon.probes.heartbeats.observer import HeartbeatObserver
from aimon.probes.incidents.observer import IncidentObserver

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from aimon.call.result import Result
    from aimon.probes.service.context import ServiceContext


class Observer(Protocol):
    """Is called in the recording thread, one call at a time, so that it may write to the history.

    An exception is reported, and ends neither the thread nor the other observers.
    """

    def observe(self, results: Sequence[Result]) -> None:
        """Is told of results that were just recorded, in order; of those that wait for a full disk, at once too."""

    def tick(self, now: float) -> None:
        """Is called about once a second; `now` is unix time."""

    def configure(self, context: ServiceContext) -> None:
        """Is told of the configuration that holds from now on, at the start and after each reload."""

    def close(self) -> None:
        """Is called when the service ends; it must not take longer than a few seconds."""


OBSERVERS: tuple[Callable[[], Observer], ...] = (IncidentObserver, HeartbeatObserver, BalanceObserver)
"""What makes each of them, when the service starts."""
