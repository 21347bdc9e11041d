"""Timers for absolute times on gevent's loop, more precise than its own, whose resolution is a millisecond."""

from __future__ import annotations

import ctypes
import os
import sys
from time import monotonic
from typing import TYPE_CHECKING, Protocol

from gevent import get_hub

if TYPE_CHECKING:
    from collections.abc import Callable

_READABLE = 1
_FIRST = 2  # libev runs ready callbacks by priority: calls start before answers are read

_CLOCK_MONOTONIC = 1
_TFD_TIMER_ABSTIME = 1

# A loop timer may be late by its resolution: it is set this much earlier, and the rest is a busy wait.
_COARSE = 1.2e-3


class PreciseTimer(Protocol):
    """Calls back once for each `set`."""

    def set(self, at: float) -> None:
        """Sets the `time.monotonic()` at which to call back, at once if it has passed; replaces an earlier one."""

    def close(self) -> None:
        """Cancels the timer for good."""


def precise_timer(callback: Callable[[], None]) -> PreciseTimer:
    """The most precise timer that this system offers."""
    if sys.platform.startswith("linux"):
        try:
            return TimerfdTimer(callback)
        except OSError:  # a sandbox refuses it
            pass
    return LoopTimer(callback)


class LoopTimer:
    """A loop timer set a little early, followed by a busy wait."""

    def __init__(self, callback: Callable[[], None]) -> None:
        self._callback = callback
        self._at = 0.0
        self._timer = get_hub().loop.timer(0)

    def set(self, at: float) -> None:
        """Sets the time at which to call back."""
        self._timer.stop()
        self._timer.close()
        self._at = at
        self._timer = get_hub().loop.timer(max(0.0, at - monotonic() - _COARSE), priority=_FIRST)
        # The loop's cached time is as old as its current turn.
        self._timer.start(self._on_timer, update=True)

    def close(self) -> None:
        """Cancels the timer for good."""
        self._timer.stop()
        self._timer.close()

    def _on_timer(self) -> None:
        while monotonic() < self._at:
            pass
        self._callback()


class _Itimerspec(ctypes.Structure):
    # struct itimerspec: interval, then value, each a timespec.
    _fields_ = tuple(
        (name, ctypes.c_long) for name in ("interval_seconds", "interval_nanoseconds", "seconds", "nanoseconds")
    )


class TimerfdTimer:
    """A kernel timer on the monotonic clock: a timerfd, which becomes readable.

    Python offers timerfd since 3.13; this calls the C library directly.

    Raises:
        OSError: the kernel refuses it, as some sandboxes do.
    """

    def __init__(self, callback: Callable[[], None]) -> None:
        self._callback = callback
        self._libc = ctypes.CDLL(None, use_errno=True)
        self._file = self._libc.timerfd_create(_CLOCK_MONOTONIC, os.O_NONBLOCK | os.O_CLOEXEC)
        if self._file < 0:
            code = ctypes.get_errno()
            raise OSError(code, os.strerror(code))
        self._spec = _Itimerspec()
        self._watcher = get_hub().loop.io(self._file, _READABLE, priority=_FIRST)
        self._watcher.start(self._on_readable)

    def set(self, at: float) -> None:
        """Sets the time at which to call back."""
        # Zero would disarm it.
        self._spec.seconds, self._spec.nanoseconds = divmod(max(1, int(at * 1e9)), 1_000_000_000)
        if self._libc.timerfd_settime(self._file, _TFD_TIMER_ABSTIME, ctypes.byref(self._spec), None):
            code = ctypes.get_errno()
            raise OSError(code, os.strerror(code))

    def close(self) -> None:
        """Cancels the timer for good."""
        if self._file >= 0:
            self._watcher.stop()
            self._watcher.close()
            os.close(self._file)
            self._file = -1

    def _on_readable(self) -> None:
        try:
            os.read(self._file, 8)
        except BlockingIOError:
            return  # set again between expiry and this read
        self._callback()
