"""Keeps the file below a size: what is oldest goes first, and failures after successes.

By the order in which results were recorded, which no clock decides. Pages that become free are used again, so a file
that is held below its limit from the start stays below it.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import sqlite3
    from collections.abc import Callable

KEPT_IN_FULL = 10_000
"""The newest records, which stay whatever the size: the last of each endpoint is among them."""
_STEP = 2_000
_STEPS_AT_ONCE = 8


def used(connection: sqlite3.Connection) -> int:
    """Bytes of the file that hold something."""
    [(pages,)] = connection.execute("PRAGMA page_count")
    [(free,)] = connection.execute("PRAGMA freelist_count")
    [(size,)] = connection.execute("PRAGMA page_size")
    return int((pages - free) * size)


def enforce(connection: sqlite3.Connection, limit: int) -> None:
    """Within a transaction that has added results: prunes a little more than was added, while the file is too large.

    Args:
        connection: of the history.
        limit: bytes.
    """
    for _ in range(_STEPS_AT_ONCE):
        if used(connection) <= limit or not any(_sweep(connection, *sweep) for sweep in _SWEEPS.items()):
            return


def _sweep(connection: sqlite3.Connection, what: str, delete: Callable[[sqlite3.Connection, int, int], None]) -> bool:
    """One step of one kind; False if there is nothing more of it to prune."""
    [(least, newest)] = connection.execute(
        "SELECT ifnull(min(record_id), 0), (SELECT ifnull(max(seq), 0) FROM sqlite_sequence WHERE name = 'records') "
        "FROM trimmed WHERE what = ?",
        (what,),
    )
    until = min(least + _STEP, newest - KEPT_IN_FULL)
    if until <= least:
        return False
    delete(connection, least, until)
    connection.execute("INSERT OR REPLACE INTO trimmed VALUES (?, ?)", (what, until))
    return True


def _details(connection: sqlite3.Connection, after: int, until: int) -> None:
    connection.execute(
        "DELETE FROM records WHERE id > ? AND id <= ? AND json_valid(record) "
        "AND json_extract(record, '$.outcome') = 'ok'",
        (after, until),
    )


def _figures(connection: sqlite3.Connection, after: int, until: int) -> None:
    connection.execute("DELETE FROM results WHERE record_id > ? AND record_id <= ? AND outcome = 'ok'", (after, until))


def _failures(connection: sqlite3.Connection, after: int, until: int) -> None:
    connection.execute("DELETE FROM records WHERE id > ? AND id <= ?", (after, until))
    connection.execute("DELETE FROM results WHERE record_id > ? AND record_id <= ?", (after, until))


# In the order in which they are given up. A sweep begins once those before it have come to what is always kept.
_SWEEPS = {"details": _details, "figures": _figures, "failures": _failures}
