"""A callback at an absolute time, on gevent's loop, and sharper than its timers, which count milliseconds."""

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
_FIRST = 2  # libev serves the highest priority first of what is ready: starts go before the reading of answers

_CLOCK_MONOTONIC = 1
_TFD_TIMER_ABSTIME = 1

# A loop timer may be late by its resolution; the rest is waited for.
_COARSE = 1.2e-3


class PreciseTimer(Protocol):
    """Calls back once for every `set`."""

    def set(self, at: float) -> None:
        """Goes off at that time of `time.monotonic()`, or at once where it has passed; instead of a time before."""

    def close(self) -> None:
        """Never goes off again."""


def precise_timer(callback: Callable[[], None]) -> PreciseTimer:
    """The sharpest alarm that this system has."""
    if sys.platform.startswith("linux"):
        try:
            return TimerfdTimer(callback)
        except OSError:  # a sandbox may refuse it
            pass
    return LoopTimer(callback)


class LoopTimer:
    """A loop timer that goes off a little early, and the rest waited for."""

    def __init__(self, callback: Callable[[], None]) -> None:
        self._callback = callback
        self._at = 0.0
        self._timer = get_hub().loop.timer(0)

    def set(self, at: float) -> None:
        """Goes off at that time of `time.monotonic()`, or at once where it has passed."""
        self._timer.stop()
        self._timer.close()
        self._at = at
        self._timer = get_hub().loop.timer(max(0.0, at - monotonic() - _COARSE), priority=_FIRST)
        # The loop's own idea of now is as old as its turn.
        self._timer.start(self._on_timer, update=True)

    def close(self) -> None:
        """Never goes off again."""
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
    """A kernel timer on the monotonic clock, as a file that becomes readable.

    Python has them since 3.13; before that the C library is called directly.

    Raises:
        OSError: the kernel grants none.
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
        """Goes off at that time of `time.monotonic()`, or at once where it has passed."""
        # Zero would disarm it.
        self._spec.seconds, self._spec.nanoseconds = divmod(max(1, int(at * 1e9)), 1_000_000_000)
        if self._libc.timerfd_settime(self._file, _TFD_TIMER_ABSTIME, ctypes.byref(self._spec), None):
            code = ctypes.get_errno()
            raise OSError(code, os.strerror(code))

    def close(self) -> None:
        """Never goes off again."""
        if self._file >= 0:
            self._watcher.stop()
            self._watcher.close()
            os.close(self._file)
            self._file = -1

    def _on_readable(self) -> None:
        try:
            os.read(self._file, 8)
        except BlockingIOError:
            return  # it was set anew between going off and this
        self._callback()
