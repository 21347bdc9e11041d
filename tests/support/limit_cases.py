"""Limits of an account whose truth is known."""

from __future__ import annotations

from collections.abc import Callable

Serve = Callable[[float], bool]


def bucket(rate: float, size: float) -> Serve:
    """A token bucket."""
    level, at = size, 0.0

    def serve(now: float) -> bool:
        nonlocal level, at
        level, at = min(size, level + (now - at) * rate), now
        if level < 1:
            return False
        level -= 1
        return True

    return serve


def window(count: int, seconds: float) -> Serve:
    """So many in each window of so many seconds."""
    used: dict[int, int] = {}

    def serve(now: float) -> bool:
        key = int(now / seconds)
        used[key] = used.get(key, 0) + 1
        return used[key] <= count

    return serve
