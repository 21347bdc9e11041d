"""The queue of notices, in the history's file: each is there until it was delivered, refused or given up.

A notice is put in within the transaction that records what it is about, and its number of attempts is written before
each attempt. So a kill at any moment loses none, and of a notice whose delivery was under way it is known that it may
have arrived: it is sent again with the same deduplication key, and says that it may be a repetition.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, NamedTuple

import msgspec

from aimon.probes.history import side_tables
from aimon.probes.notify.notice import Action, Notice, decode, encode

if TYPE_CHECKING:
    import sqlite3

    from aimon.probes.history.database import Database

OWNER: Final = "notices"
_MIGRATIONS: Final = (
    (
        # `sequence` tells several updates of one group apart. `state`: waiting, delivered, refused, given_up, dropped.
        """CREATE TABLE notices (
            id INTEGER PRIMARY KEY AUTOINCREMENT,
            channel TEXT NOT NULL, uid TEXT NOT NULL, action TEXT NOT NULL, sequence INTEGER NOT NULL,
            notice TEXT NOT NULL, created_at REAL NOT NULL,
            state TEXT NOT NULL DEFAULT 'waiting', attempts INTEGER NOT NULL DEFAULT 0,
            maybe_arrived INTEGER NOT NULL DEFAULT 0, error TEXT, done_at REAL,
            UNIQUE (channel, uid, action, sequence)
        )""",
        "CREATE INDEX notices_waiting ON notices (channel, state, id)",
    ),
)
_HOUR: Final = 3600.0
KEPT_FOR: Final = 90 * 86_400.0


class Queued(NamedTuple):
    """A notice that waits.

    Attributes:
        created_at: unix time.
        attempts: how often it was tried before.
        maybe_arrived: whether one of these may have arrived: the process was killed, or there was no answer.
    """

    id: int
    channel: str
    notice: Notice
    created_at: float
    attempts: int
    maybe_arrived: bool


def prepare(database: Database) -> None:
    """Makes the table where it is missing.

    Raises:
        HistoryError: it can't be made.
    """
    side_tables.prepare(database, OWNER, _MIGRATIONS)


def put(connection: sqlite3.Connection, channel: str, notice: Notice, now: float) -> None:
    """Within a transaction: queues a notice; one that is there already is not queued again."""
    sequence = 0
    if notice.action is Action.UPDATE:
        [(sequence,)] = connection.execute(
            "SELECT count(*) FROM notices WHERE (channel, uid, action) = (?, ?, ?)",
            (channel, notice.uid, notice.action),
        )
    connection.execute(
        "INSERT OR IGNORE INTO notices (channel, uid, action, sequence, notice, created_at) VALUES (?, ?, ?, ?, ?, ?)",
        (channel, notice.uid, notice.action, sequence, encode(notice), now),
    )


def told(connection: sqlite3.Connection, uid: str) -> dict[str, str]:
    """Within a transaction: the state of a group's trigger, by channel."""
    return dict(connection.execute("SELECT channel, state FROM notices WHERE (uid, action) = (?, 'trigger')", (uid,)))


def drop_untold(connection: sqlite3.Connection, uid: str, now: float) -> None:
    """Within a transaction: drops what was never tried of a group that is over."""
    connection.execute(
        "UPDATE notices SET state = 'dropped', done_at = ? WHERE uid = ? AND state = 'waiting' AND attempts = 0",
        (now, uid),
    )


def first(database: Database, channel: str, *, capped: bool = False) -> Queued | None:
    """The notice of a channel that waits longest; unreadable ones are given up.

    Args:
        database: the history's file.
        channel: its name.
        capped: whether no further incident may be told now: only what belongs to those that were.
    """
    condition = _NO_NEW if capped else ""
    while True:
        rows = database.query(
            "SELECT id, channel, notice, created_at, attempts, maybe_arrived FROM notices "  # noqa: S608 - constants
            f"WHERE channel = ? AND state = 'waiting' {condition}ORDER BY id LIMIT 1",
            (channel,),
        )
        if not rows:
            return None
        number, name, text, created_at, attempts, maybe_arrived = rows[0]
        try:
            return Queued(number, name, decode(text), created_at, attempts, bool(maybe_arrived))
        except msgspec.MsgspecError as error:
            finish(database, number, "given_up", created_at, f"unreadable: {error}")


_NO_NEW: Final = (
    "AND action != 'trigger' AND NOT EXISTS (SELECT 1 FROM notices AS trigger WHERE trigger.channel = notices.channel "
    "AND trigger.uid = notices.uid AND trigger.action = 'trigger' AND trigger.state = 'waiting') "
)


def begin(database: Database, number: int) -> None:
    """Writes that an attempt begins. If nothing is written after it, the notice may have arrived."""
    with database.transaction() as connection:
        connection.execute("UPDATE notices SET attempts = attempts + 1, maybe_arrived = 1 WHERE id = ?", (number,))


def finish(
    database: Database, number: int, state: str, now: float, error: str | None = None, *, maybe_arrived: bool = False
) -> None:
    """Writes how an attempt ended.

    Args:
        database: the history's file.
        number: of the notice.
        state: `delivered`, `refused`, `given_up`, or `waiting` for one that is to be repeated.
        now: unix time.
        error: why it failed, redacted.
        maybe_arrived: whether it may have arrived all the same.
    """
    done = None if state == "waiting" else now
    with database.transaction() as connection:
        connection.execute(
            "UPDATE notices SET state = ?, error = ?, done_at = ?, maybe_arrived = ? WHERE id = ?",
            (state, error, done, maybe_arrived, number),
        )


def told_last_hour(database: Database, channel: str, now: float) -> list[float]:
    """When incidents were told to a channel within the last hour, oldest first."""
    rows = database.query(
        "SELECT done_at FROM notices WHERE channel = ? AND action = 'trigger' AND state = 'delivered' "
        "AND done_at > ? AND done_at <= ? ORDER BY done_at",
        (channel, now - _HOUR, now),
    )
    return [float(at) for (at,) in rows]


def held_back(database: Database, channel: str, than: int, since: float) -> int:
    """How many incidents a channel did not get: those queued after `than`, and those dropped from `since` on."""
    [(count,)] = database.query(
        "SELECT count(*) FROM notices WHERE channel = ? AND action = 'trigger' "
        "AND (state = 'waiting' AND id > ? OR state = 'dropped' AND done_at > ?)",
        (channel, than, since),
    )
    return int(count)


def active(database: Database, channel: str) -> list[Notice]:
    """The latest notice of each group whose beginning a channel got, and whose end it did not."""
    rows = database.query(
        "SELECT notice, max(id) FROM notices WHERE channel = ? AND state = 'delivered' AND action != 'test' "
        "GROUP BY uid HAVING sum(action = 'resolve') = 0 ORDER BY max(id)",
        (channel,),
    )
    return [decode(text) for text, _ in rows]


def prune(connection: sqlite3.Connection, now: float) -> None:
    """Within a transaction: forgets notices that were done with long ago, and those of channels that are gone."""
    connection.execute("DELETE FROM notices WHERE ifnull(done_at, created_at) < ?", (now - KEPT_FOR,))
