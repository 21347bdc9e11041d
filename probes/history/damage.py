"""Sets a damaged history aside, when asked to: it is renamed and never deleted."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

from aimon.probes.history.database import DamagedError, HistoryError
from aimon.probes.history.file.locking import LockFileError, LockTimeoutError, exclusive
from aimon.probes.history.history import History
from aimon.probes.history.retention import DEFAULT, Retention

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

_PATIENCE = 30.0


def open_or_renew(path: Path, tell: Callable[[str], None], retention: Retention = DEFAULT) -> History:
    """Opens a history after reading all of it; one that is damaged is set aside, and a new one begun.

    Args:
        path: the file.
        tell: called with a sentence that says where the damaged file is.
        retention: for how long it keeps what.

    Raises:
        HistoryError: it cannot be opened for another reason, or the damaged one can't be renamed.
    """
    try:
        return _checked(path, retention)
    except DamagedError:
        pass  # another process may be setting it aside: it is checked again under the lock
    try:
        with exclusive(path.with_name(f"{path.name}.lock"), _PATIENCE):
            try:
                return _checked(path, retention)  # another process was quicker
            except DamagedError as error:
                kept = _set_aside(path)
                tell(f"{error}. It is now {kept}, and a new history is begun: totals and windows start over")
    except (LockFileError, LockTimeoutError, OSError) as error:
        raise HistoryError(f"{path}: damaged, and can't be set aside: {error}") from error
    return History(path, retention=retention)


def _checked(path: Path, retention: Retention) -> History:
    history = History(path, retention=retention)
    try:
        history.database.check()
    except HistoryError:
        history.close()
        raise
    return history


def _set_aside(path: Path) -> Path:
    stamp = time.strftime("%Y%m%dT%H%M%SZ", time.gmtime())
    kept = path.with_name(f"{path.name}.damaged-{stamp}")
    number = 1
    while kept.exists():
        number += 1
        kept = path.with_name(f"{path.name}.damaged-{stamp}-{number}")
    # The log first: a new file must never be read with an old log.
    for suffix in ("-wal", "-shm"):
        beside = path.with_name(path.name + suffix)
        if beside.exists():
            beside.rename(kept.with_name(kept.name + suffix))
    path.rename(kept)
    return kept
