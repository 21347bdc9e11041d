"""What an AIUser asks when `aimon loadtest` runs it: when a call was due, and who counts it. Needs no gevent."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Protocol

if TYPE_CHECKING:
    from collections.abc import Iterable

    from aimon.call.result import Result

_ATTRIBUTE = "_aimon_driver"


class CallCounter(Protocol):
    """Counts the calls of one user; see `users.driver.Driver`."""

    def take_due(self) -> float | None:
        """When the call that begins now was due, if it is the first one of an iteration."""

    def count(
        self, result: Result, name: str, gaps: Iterable[float] | None = None, *, first: bool, again: bool = False
    ) -> None:
        """Counts a call that has just ended."""

    def conclude(self, result: Result) -> None:
        """The call with this last Result, however often it was repeated, is over."""


def attach(user: Any, driver: CallCounter) -> None:
    """Has a driver count what a user does."""
    setattr(user, _ATTRIBUTE, driver)


def driver_of(user: Any) -> Any:
    """The driver of a user; None under Locust's own command."""
    return getattr(user, _ATTRIBUTE, None)
