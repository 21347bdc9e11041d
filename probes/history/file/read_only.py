"""Opens a history for reading only: by another user, in a read-only folder, on a full or read-only disk.

A file in WAL mode is read through an index beside it, which SQLite makes if there is none. Where it may not, a file
that nobody is writing to can be read as it is; with writes still in the log, a copy of both is read.
"""

from __future__ import annotations

import shutil
import sqlite3
import tempfile
from contextlib import AbstractContextManager, nullcontext
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Callable


# What SQLite says where it can't make the index: no rights, or no space.
_NO_INDEX = ("SQLITE_CANTOPEN", "SQLITE_READONLY", "SQLITE_IOERR")


class Opened(NamedTuple):
    """A file that is open for reading.

    Attributes:
        connection: to it.
        leave: what to leave after the connection was closed.
        snapshot: whether later writes are not seen.
    """

    connection: sqlite3.Connection
    leave: AbstractContextManager[object]
    snapshot: bool


def connect(path: Path, timeout: float, explained: Callable[[sqlite3.Error], Exception]) -> Opened:
    """Connects to a file without changing it.

    Args:
        path: the file.
        timeout: seconds to wait for one that is locked.
        explained: makes the exception to raise of what SQLite says.

    Raises:
        What `explained` makes: the file cannot be read.
    """
    try:
        try:
            return Opened(_open(path, "mode=ro", timeout), nullcontext(), snapshot=False)
        except sqlite3.OperationalError as error:
            if not getattr(error, "sqlite_errorname", "").startswith(_NO_INDEX):
                raise
            if not _has_log(path):
                return Opened(_open(path, "immutable=1", timeout), nullcontext(), snapshot=True)
            return Opened(*_copied(path, timeout), snapshot=True)
    except sqlite3.Error as error:
        raise explained(error) from error


def _open(path: Path, how: str, timeout: float) -> sqlite3.Connection:
    connection = sqlite3.connect(
        f"{path.absolute().as_uri()}?{how}", uri=True, timeout=timeout, isolation_level=None, check_same_thread=False
    )
    try:
        connection.execute("SELECT count(*) FROM sqlite_master").fetchone()
    except sqlite3.Error:
        connection.close()
        raise
    return connection


def _has_log(path: Path) -> bool:
    log = path.with_name(f"{path.name}-wal")
    try:
        return log.stat().st_size > 0
    except OSError:
        return False


def _copied(path: Path, timeout: float) -> tuple[sqlite3.Connection, AbstractContextManager[object]]:
    folder = tempfile.TemporaryDirectory(prefix="aimon-")
    try:
        copy = Path(folder.name) / path.name
        for suffix in ("", "-wal"):
            shutil.copyfile(path.with_name(path.name + suffix), copy.with_name(path.name + suffix))
        return _open(copy, "mode=rw", timeout), folder
    except OSError as error:
        folder.cleanup()
        raise sqlite3.OperationalError(error.strerror) from error
    except BaseException:
        folder.cleanup()
        raise
