"""Locust's runners without their own statistics: those of the web page are made of aimon's. Imports Locust."""

from __future__ import annotations

from typing import TYPE_CHECKING, TypeVar

if TYPE_CHECKING:
    from collections.abc import Callable

    from locust.env import Environment

Made = TypeVar("Made")


def without_statistics(environment: Environment, make: Callable[[], Made]) -> Made:
    """Makes a runner, and takes away the listeners that would count every request once more."""
    handlers = environment.events.request._handlers  # noqa: SLF001 - Locust has no other way
    before = list(handlers)
    runner = make()
    for handler in [each for each in handlers if each not in before]:
        environment.events.request.remove_listener(handler)  # type: ignore[no-untyped-call]
    return runner
