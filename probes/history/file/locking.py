"""An advisory lock between processes, held through a file. The kernel frees it when its holder dies."""

from __future__ import annotations

import fcntl
import os
import time
from contextlib import contextmanager
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

_POLL = 0.02


class LockFileError(Exception):
    """The lock's file can't be opened; the message says why."""


class LockTimeoutError(Exception):
    """Another process kept the lock for too long."""


@contextmanager
def exclusive(path: Path, timeout: float) -> Iterator[None]:
    """Holds the lock of that file; the file itself stays.

    Raises:
        LockTimeoutError: another holder did not let go within `timeout` seconds.
        LockFileError: the file cannot be opened.
    """
    try:
        handle = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    except OSError as error:
        raise LockFileError(error.strerror) from error
    try:
        deadline = time.monotonic() + timeout
        while not _taken(handle):
            # flock has no timeout of its own, and an alarm signal would not work in threads.
            if time.monotonic() >= deadline:
                raise LockTimeoutError(f"{path}: held by another process for more than {timeout:g} s")
            time.sleep(_POLL)
        yield
    finally:
        os.close(handle)


def _taken(handle: int) -> bool:
    try:
        fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True
