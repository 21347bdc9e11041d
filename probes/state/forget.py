"""Deletes the results of endpoints on request, such as endpoints that were renamed."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Sequence

    from aimon.probes.history.history import History

_OF_ENDPOINTS = ("windows", "totals", "rollups", "rollup_histograms", "results")


def forget(history: History, names: Sequence[str]) -> dict[str, int]:
    """Removes all results and totals of these endpoints; returns how many results each had.

    Their spending is kept, so that forgetting does not reset a budget.

    Raises:
        KeyError: an endpoint was never probed; then none is forgotten.
        HistoryError: the history can't be written; then none is forgotten.
    """
    counts: dict[str, int] = {}
    with history.database.transaction() as connection:
        known = [str(row[0]) for row in connection.execute("SELECT DISTINCT endpoint FROM endpoints ORDER BY 1")]
        for name in names:
            if name not in known:
                raise KeyError(f"endpoint {name!r} was never probed; known are {', '.join(known)}")
            ids = [row[0] for row in connection.execute("SELECT id FROM endpoints WHERE endpoint = ?", (name,))]
            counts[name] = 0
            for endpoint_id in ids:
                connection.execute(
                    "DELETE FROM records WHERE id IN (SELECT record_id FROM results WHERE endpoint_id = ?)",
                    (endpoint_id,),
                )
                for table in _OF_ENDPOINTS:
                    deleted = connection.execute(
                        f"DELETE FROM {table} WHERE endpoint_id = ?",  # noqa: S608 - constants
                        (endpoint_id,),
                    )
                counts[name] += deleted.rowcount  # of the last table, which holds the results
                connection.execute("DELETE FROM endpoints WHERE id = ?", (endpoint_id,))
    return counts
