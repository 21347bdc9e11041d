"""The tables of the history, by schema version.

A file of an older version is brought up to date when it is opened for writing, in one transaction.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from aimon.probes.history.file.rollups_of_old import roll_up_what_is_there

if TYPE_CHECKING:
    import sqlite3
    from collections.abc import Callable

    Step = str | Callable[[sqlite3.Connection], None]

TABLES = {"endpoints", "records", "results", "totals", "spending", "windows", "pushed_groups"}
"""Those that every version has."""

# Statements, or functions of a connection, by schema version: append, never edit. `user_version` counts those that a
# file has seen.
_MIGRATIONS: tuple[tuple[Step, ...], ...] = (
    (
        """CREATE TABLE endpoints (
            id INTEGER PRIMARY KEY,
            endpoint TEXT NOT NULL, model TEXT NOT NULL, provider TEXT NOT NULL, region TEXT NOT NULL,
            last_run_at REAL, last_success_at REAL,
            UNIQUE (endpoint, model, provider, region)
        )""",
        # Whole Results as JSON, without the endpoint's own columns. They go earlier than the figures do: apart from
        # these, so that their pages are freed. AUTOINCREMENT, since figures outlive the record that they name.
        "CREATE TABLE records (id INTEGER PRIMARY KEY AUTOINCREMENT, record TEXT NOT NULL)",
        # What windows read, in the order in which they read it.
        """CREATE TABLE results (
            endpoint_id INTEGER NOT NULL REFERENCES endpoints,
            started_at REAL NOT NULL, record_id INTEGER NOT NULL,
            outcome TEXT NOT NULL, latency REAL NOT NULL, ttft REAL,
            PRIMARY KEY (endpoint_id, started_at, record_id)
        ) WITHOUT ROWID""",
        # `part` is "" for a counter; for a histogram the upper bound of a bucket, or "sum".
        """CREATE TABLE totals (
            endpoint_id INTEGER NOT NULL REFERENCES endpoints,
            family TEXT NOT NULL, labels TEXT NOT NULL, part TEXT NOT NULL,
            value REAL NOT NULL,
            PRIMARY KEY (endpoint_id, family, labels, part)
        ) WITHOUT ROWID""",
        """CREATE TABLE spending (
            endpoint TEXT NOT NULL, day TEXT NOT NULL, currency TEXT NOT NULL,
            amount REAL NOT NULL,
            PRIMARY KEY (endpoint, day, currency)
        ) WITHOUT ROWID""",
        """CREATE TABLE windows (
            endpoint_id INTEGER NOT NULL REFERENCES endpoints, seconds REAL NOT NULL,
            content TEXT NOT NULL,
            PRIMARY KEY (endpoint_id, seconds)
        ) WITHOUT ROWID""",
        """CREATE TABLE pushed_groups (
            gateway TEXT NOT NULL, owner TEXT NOT NULL, grouping TEXT NOT NULL,
            PRIMARY KEY (gateway, owner, grouping)
        ) WITHOUT ROWID""",
        "CREATE TABLE upkeep (task TEXT PRIMARY KEY, done_at REAL NOT NULL) WITHOUT ROWID",
    ),
    (
        # The order in which results were recorded, which does not depend on a clock.
        "CREATE INDEX results_as_recorded ON results (endpoint_id, record_id)",
        # How old the history was, in seconds of its own clock, when its last record was `record_id` and the wall
        # clock said `at`: see aimon.probes.history.retention.
        "CREATE TABLE ages (record_id INTEGER PRIMARY KEY, lived REAL NOT NULL, at REAL NOT NULL)",
        "DROP TABLE upkeep",
    ),
    (
        # Whether it was in a maintenance window, which uptime leaves out; whether it succeeded, but was slow.
        "ALTER TABLE results ADD COLUMN planned INTEGER NOT NULL DEFAULT 0",
        "ALTER TABLE results ADD COLUMN slow INTEGER NOT NULL DEFAULT 0",
        "CREATE INDEX results_by_record ON results (record_id)",
        # See aimon.probes.history.rollups. `record_id`: the last one that is in it, by which it ages.
        """CREATE TABLE rollups (
            endpoint_id INTEGER NOT NULL REFERENCES endpoints, seconds INTEGER NOT NULL, start INTEGER NOT NULL,
            record_id INTEGER NOT NULL, total INTEGER NOT NULL, planned INTEGER NOT NULL, counted INTEGER NOT NULL,
            ok INTEGER NOT NULL, slow INTEGER NOT NULL, input_tokens INTEGER, output_tokens INTEGER,
            failures TEXT NOT NULL,
            PRIMARY KEY (endpoint_id, seconds, start)
        ) WITHOUT ROWID""",
        # Their histograms, apart from them: bars and uptimes read a hundred times as many rows, and none of these.
        """CREATE TABLE rollup_histograms (
            endpoint_id INTEGER NOT NULL REFERENCES endpoints, seconds INTEGER NOT NULL, start INTEGER NOT NULL,
            latency TEXT NOT NULL, ttft TEXT NOT NULL,
            PRIMARY KEY (endpoint_id, seconds, start)
        ) WITHOUT ROWID""",
        roll_up_what_is_there,
        # How far pruning by size has come: see aimon.probes.history.size_limit.
        "CREATE TABLE trimmed (what TEXT PRIMARY KEY, record_id INTEGER NOT NULL) WITHOUT ROWID",
    ),
    (
        # See aimon.probes.heartbeats.
        """CREATE TABLE beats (
            id INTEGER PRIMARY KEY AUTOINCREMENT, name TEXT NOT NULL, at REAL NOT NULL, well INTEGER NOT NULL,
            message TEXT
        )""",
        "CREATE INDEX beats_by_name ON beats (name, id)",
    ),
)

VERSION = len(_MIGRATIONS)
"""What `user_version` of an up-to-date file says."""

BEATS_SINCE = 4
"""The version from which on there are heartbeats."""

PLANNED_SINCE = 3
"""The version from which on results say whether they were in a maintenance window, and there are roll-ups."""


def migrate(connection: sqlite3.Connection, version: int) -> None:
    """Within a transaction: brings a file of that version up to date."""
    for migration in _MIGRATIONS[version:]:
        for step in migration:
            if isinstance(step, str):
                connection.execute(step)
            else:
                step(connection)
    connection.execute(f"PRAGMA user_version = {VERSION}")
