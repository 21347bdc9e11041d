"""The SQLite file that durable state lives in: where it is, its tables, its transactions, its errors.

WAL with `synchronous=FULL`: a kill at any moment and a power cut both leave the last committed transaction.
`NORMAL` would be safe against kills only, and a file that falls back behind what was pushed makes a counter
fall, which Prometheus reads as a reset and adds the whole total once more.
"""

from __future__ import annotations

import os
import sqlite3
from contextlib import AbstractContextManager, contextmanager, nullcontext
from pathlib import Path
from threading import RLock
from typing import TYPE_CHECKING, Any, Self

from aimon.probes.history.file import read_only as reading
from aimon.probes.history.file import schema
from aimon.probes.history.file.locking import LockFileError as _LockFileError
from aimon.probes.history.file.locking import LockTimeoutError, exclusive
from aimon.security import credentials

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence

_BUSY_TIMEOUT = 30.0  # seconds; a transaction here takes milliseconds, so only many writers at once wait


class HistoryError(Exception):
    """The history cannot be read or written; the message says why and what to do."""


def default_path(environ: Mapping[str, str] | None = None) -> Path:
    """Where the history is unless told otherwise.

    `$AIMON_STATE_DIR/history.db`; without that /var/lib/aimon for root and $XDG_STATE_HOME/aimon
    (~/.local/state/aimon) for everybody else.

    Raises:
        HistoryError: there is no such place.
    """
    environ = os.environ if environ is None else environ
    try:
        if folder := credentials.setting(environ, "AIMON_STATE_DIR"):
            return Path(folder) / "history.db"
        if os.geteuid() == 0:
            return Path("/var/lib/aimon/history.db")
        state = credentials.setting(environ, "XDG_STATE_HOME")
        return (Path(state) if state else Path.home() / ".local" / "state") / "aimon" / "history.db"
    except ValueError as error:
        raise HistoryError(str(error)) from error
    except RuntimeError as error:  # no HOME, and no entry in passwd
        raise HistoryError("no home directory: set AIMON_STATE_DIR to a folder that keeps the history") from error


class DamagedError(HistoryError):
    """The file is there and is no history that can be read; see `aimon.probes.history.damage`."""


class UnstorableError(HistoryError):
    """The values can't be stored; the file itself works."""


class LostFileError(HistoryError):
    """The open file can't be written any more; opening it anew may help."""


# Errors that blame the values, not the file: too large, or not a number where one is required.
_OF_VALUES = (sqlite3.DataError, sqlite3.InterfaceError, sqlite3.IntegrityError, sqlite3.ProgrammingError)


class Database:
    """One open file. Safe to use from several threads, and from several processes at once.

    Attributes:
        memory: what queries know of this file beside it, by their name; it is gone when the file is opened anew.
    """

    _copy: AbstractContextManager[object] = nullcontext()
    _dated = False

    def __init__(self, path: Path, *, read_only: bool = False) -> None:
        """Opens the file; makes it, readable by its owner only, if there is none.

        Args:
            path: the file.
            read_only: whether it is only to be read: nothing is made or changed, and no right to write is needed.

        Raises:
            HistoryError: it cannot be opened, is no history, or was written by a newer aimon.
        """
        self.path = path
        self.read_only = read_only
        self.memory: dict[str, Any] = {}
        self._lock = RLock()
        if read_only:
            # Where the file can't be written, its index is open to be read only, for all connections of this process.
            writable = os.access(path, os.W_OK)
            self._connection, self._copy, snapshot = reading.connect(path, _BUSY_TIMEOUT, self._explained)
            self._dated = snapshot or not writable
            self._identity = _identity(path)
            self._prepare(self._check_readable)
            return
        try:
            path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
            # SQLite would create it with the umask's mode; its -wal and -shm files take over this one.
            os.close(os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600))
        except OSError as error:
            advice = f"name a file in it, such as {path / 'history.db'}" if path.is_dir() else _ELSEWHERE
            raise HistoryError(f"{path}: {error.strerror}: {advice}") from error
        try:
            self._connection = sqlite3.connect(
                path, timeout=_BUSY_TIMEOUT, isolation_level=None, check_same_thread=False
            )
        except sqlite3.Error as error:
            raise self._explained(error) from error
        self._identity = _identity(path)
        self._prepare(self._migrate)

    def close(self) -> None:
        """Closes the file."""
        with self._lock, self._copy:
            self._connection.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    @property
    def version(self) -> int:
        """Of the schema: an older one where the file is only read."""
        with self._lock:
            return self._version()

    @property
    def outdated(self) -> bool:
        """Whether to open it anew: there is another file at its path, or it can be written now and could not be."""
        return _identity(self.path) != self._identity or (self._dated and os.access(self.path, os.W_OK))

    @contextmanager
    def transaction(self) -> Iterator[sqlite3.Connection]:
        """A write transaction: all of it happens or nothing. Other writers wait.

        Raises:
            HistoryError: it could not be written; nothing of it was. `UnstorableError` where the values are why.
        """
        with self._lock:
            try:
                # IMMEDIATE: two that read first and write later could not both go on.
                self._connection.execute("BEGIN IMMEDIATE")
                yield self._connection
                self._connection.execute("COMMIT")
            except sqlite3.Error as error:
                raise self._explained(error) from error
            finally:
                if self._connection.in_transaction:
                    self._connection.execute("ROLLBACK")

    def query(self, sql: str, parameters: Sequence[Any] | Mapping[str, Any] = ()) -> list[tuple[Any, ...]]:
        """The rows of a SELECT.

        Raises:
            HistoryError: the file cannot be read.
        """
        with self._lock:
            try:
                return self._connection.execute(sql, parameters).fetchall()
            except sqlite3.Error as error:
                raise self._explained(error) from error

    @contextmanager
    def sole_pusher(self, timeout: float) -> Iterator[None]:
        """Holds the lock that orders pushes: read the totals and send them within it.

        Otherwise one process could push what it read before another had counted and pushed more, and the
        counters would fall.

        Raises:
            HistoryError: another process kept it for longer than `timeout` seconds.
        """
        try:
            with exclusive(self._lock_file, timeout):
                yield
        except LockTimeoutError as error:
            raise HistoryError(f"{error}: is another aimon hanging in a push?") from error
        except _LockFileError as error:
            raise HistoryError(f"{self._lock_file}: {error}: {_ELSEWHERE}") from error

    def check(self) -> None:
        """Reads the whole file.

        Raises:
            DamagedError: something in it is damaged.
            HistoryError: it cannot be read.
        """
        [(found,), *_] = self.query("PRAGMA quick_check(1)")
        if found != "ok":
            raise DamagedError(f"{self.path}: {_DAMAGED} ({found})")

    @property
    def _lock_file(self) -> Path:
        return self.path.with_name(f"{self.path.name}.lock")

    def _prepare(self, check: Callable[[], None]) -> None:
        try:
            # A row that holds no text must not keep the others from being read.
            self._connection.text_factory = lambda content: content.decode("utf-8", "replace")
            self._connection.execute("PRAGMA synchronous = FULL")
            check()
        except sqlite3.Error as error:
            self.close()
            raise self._explained(error) from error
        except HistoryError:
            self.close()
            raise

    def _check_readable(self) -> None:
        version = self._version()
        self._check_version(version)
        self._check_tables(version)

    def _check_version(self, version: int) -> None:
        if version > schema.VERSION:
            raise HistoryError(
                f"{self.path}: written by a newer aimon (schema {version}, this one knows "
                f"{schema.VERSION}): upgrade, or {_ELSEWHERE}"
            )

    def _check_tables(self, version: int) -> None:
        """Refuses a database that is no history, and one that lacks a table."""
        tables = {name for (name,) in self._connection.execute("SELECT name FROM sqlite_master WHERE type = 'table'")}
        if tables and (version < 0 or not tables & schema.TABLES):
            raise HistoryError(f"{self.path}: a database of something else, no history of aimon: {_ELSEWHERE}")
        if version > 0 and (lost := sorted(schema.TABLES - tables)):
            raise DamagedError(f"{self.path}: {_DAMAGED} (it has no table {lost[0]})")

    def _migrate(self) -> None:
        version = self._version()
        self._check_tables(version)
        if version == schema.VERSION:
            return
        # Two processes that make the same file would collide in the switch to WAL, which does not wait.
        with self.sole_pusher(_BUSY_TIMEOUT):
            self._connection.execute("PRAGMA journal_mode = WAL")
            with self.transaction() as connection:
                version = self._version()
                self._check_version(version)
                schema.migrate(connection, version)

    def _version(self) -> int:
        version: int = self._connection.execute("PRAGMA user_version").fetchone()[0]
        return version

    def _explained(self, error: sqlite3.Error) -> HistoryError:
        if isinstance(error, _OF_VALUES):
            return UnstorableError(f"{self.path}: {error}")
        name = getattr(error, "sqlite_errorname", "")
        for prefix, advice in _ADVICE.items():
            if name.startswith(prefix):
                kind = DamagedError if prefix in _DAMAGE else LostFileError if prefix in _LOST else HistoryError
                return kind(f"{self.path}: {advice} ({error})")
        return HistoryError(f"{self.path}: {error}")


def _identity(path: Path) -> tuple[int, int] | None:
    """Which file is at a path; None where there is none."""
    try:
        found = path.stat()
    except OSError:
        return None
    return found.st_dev, found.st_ino


_ELSEWHERE = "name another file with --history, or a folder of your own in AIMON_STATE_DIR"
_DAMAGED = (
    "damaged: aimon probe --set-aside-damaged keeps it aside and begins a new one; "
    "`sqlite3 FILE .recover` may save its data"
)
_DAMAGE = ("SQLITE_NOTADB", "SQLITE_CORRUPT")
_LOST = ("SQLITE_READONLY", "SQLITE_IOERR")
_ADVICE = {
    "SQLITE_BUSY": f"other processes kept it locked for {_BUSY_TIMEOUT:g} s",
    "SQLITE_NOTADB": "not a history of aimon: name another file with --history; if it was one, aimon probe "
    "--set-aside-damaged keeps it aside and begins a new one",
    "SQLITE_CORRUPT": _DAMAGED,
    "SQLITE_FULL": "no space left on its disk",
    "SQLITE_READONLY": f"cannot be written: {_ELSEWHERE}",
    "SQLITE_CANTOPEN": f"cannot be opened: {_ELSEWHERE}",
    "SQLITE_IOERR": "its disk fails or is full",
    "SQLITE_PERM": f"cannot be used: {_ELSEWHERE}",
    "SQLITE_AUTH": f"cannot be used: {_ELSEWHERE}",
}
