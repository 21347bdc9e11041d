"""Tables that others keep in the history's file beside its own, each set with a version of its own."""

from __future__ import annotations

from typing import TYPE_CHECKING

from aimon.probes.history.database import HistoryError

if TYPE_CHECKING:
    import sqlite3
    from collections.abc import Sequence

    from aimon.probes.history.database import Database


def prepare(database: Database, owner: str, migrations: Sequence[Sequence[str]]) -> None:
    """Brings the tables of an owner up to date, in one transaction.

    Args:
        database: the history's file.
        owner: the name of the set.
        migrations: statements by version: append, never edit.

    Raises:
        HistoryError: they can't be made, or a newer aimon made them.
    """
    if _version(database, owner) == len(migrations):
        return
    with database.transaction() as connection:
        connection.execute(
            "CREATE TABLE IF NOT EXISTS side_tables (owner TEXT PRIMARY KEY, version INTEGER NOT NULL) WITHOUT ROWID"
        )
        version = _of(connection, owner)
        if version > len(migrations):
            raise HistoryError(f"{database.path}: its {owner} were written by a newer aimon: upgrade this one")
        for statements in migrations[version:]:
            for sql in statements:
                connection.execute(sql)
        connection.execute("INSERT OR REPLACE INTO side_tables VALUES (?, ?)", (owner, len(migrations)))


def present(database: Database, owner: str) -> bool:
    """Whether a file, which may be open only to be read, has the tables of an owner."""
    return _version(database, owner) > 0


def _version(database: Database, owner: str) -> int:
    if not database.query("SELECT 1 FROM sqlite_master WHERE type = 'table' AND name = 'side_tables'"):
        return 0
    rows = database.query("SELECT version FROM side_tables WHERE owner = ?", (owner,))
    return int(rows[0][0]) if rows else 0


def _of(connection: sqlite3.Connection, owner: str) -> int:
    row = connection.execute("SELECT version FROM side_tables WHERE owner = ?", (owner,)).fetchone()
    return int(row[0]) if row else 0
