"""Runs a test's scenario on a gevent loop of its own, without patching the standard library of the test process."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING, TypeVar

from gevent import get_hub

if TYPE_CHECKING:
    from collections.abc import Callable

T = TypeVar("T")


def on_gevent(scenario: Callable[[], T], *, timeout: float = 30.0) -> T:
    """Calls `scenario` in a new thread, which has a hub of its own; returns its result or raises its exception."""

    def call() -> T:
        try:
            return scenario()
        finally:
            get_hub().destroy()

    with ThreadPoolExecutor(1) as pool:
        return pool.submit(call).result(timeout)
