"""Roll-ups for a file that had none: made from the results that it still keeps."""

from __future__ import annotations

import math
from itertools import islice
from typing import TYPE_CHECKING

from aimon.call.outcome import Outcome
from aimon.probes.history import rollups

if TYPE_CHECKING:
    import sqlite3
    from collections.abc import Iterator

_SUCCESSES_KEPT = 35 * rollups.DAY
_AT_ONCE = 10_000
_OUTCOMES = frozenset(outcome.value for outcome in Outcome)


def roll_up_what_is_there(connection: sqlite3.Connection) -> None:
    """Within the migration that makes the table: counts each result that can be counted.

    Older failures were kept after the successes beside them: a period before that would look like an outage, so it
    is left out. Tokens are known where a result was kept in full; slowness was not noted.
    """
    [(last,)] = connection.execute("SELECT max(last_run_at) FROM endpoints")
    if last is None:
        return
    since = math.ceil((float(last) - _SUCCESSES_KEPT) / rollups.DAY) * rollups.DAY
    # In the order of the table, so that the results of a period come together.
    found = _results(connection, since)
    while chunk := list(islice(found, _AT_ONCE)):
        rollups.add(connection, chunk)


def _results(connection: sqlite3.Connection, since: float) -> Iterator[rollups.Figures]:
    rows = connection.execute(
        "SELECT endpoint_id, record_id, started_at, outcome, latency, ttft, records.id IS NOT NULL, "
        "CASE WHEN json_valid(record) THEN json_extract(record, '$.usage.input') END, "
        "CASE WHEN json_valid(record) THEN json_extract(record, '$.usage.output') END "
        "FROM results LEFT JOIN records ON records.id = record_id WHERE started_at >= ? "
        "ORDER BY endpoint_id, started_at",
        (since,),
    )
    for endpoint_id, record_id, started_at, outcome, latency, ttft, in_full, *tokens in rows:
        if outcome in _OUTCOMES and isinstance(started_at, float) and isinstance(latency, float):
            used = [each if isinstance(each, int) else 0 if in_full else None for each in tokens]
            yield rollups.Figures(
                endpoint_id,
                record_id,
                started_at,
                Outcome(outcome),
                latency,
                ttft if isinstance(ttft, float) else None,
                input_tokens=used[0],
                output_tokens=used[1],
            )
