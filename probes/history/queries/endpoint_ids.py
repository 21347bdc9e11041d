"""The numbers under which the file knows endpoints: queries about many of them take these as one JSON list."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

from aimon.metrics.totals import Identity

if TYPE_CHECKING:
    from collections.abc import Collection

    from aimon.probes.history.database import Database

EACH = "json_each(:ids) AS each CROSS JOIN"
"""What a FROM begins with: SQLite then looks each endpoint up in the table that follows. Its number is each.value."""


def endpoint_ids(database: Database, identities: Collection[Identity]) -> dict[int, Identity]:
    """The endpoints by their number; one that was never probed has none.

    Raises:
        HistoryError: the history cannot be read.
    """
    only = next(iter(identities)).endpoint if len(identities) == 1 else None
    wanted = set(identities)
    rows = database.query(
        "SELECT id, endpoint, model, provider, region FROM endpoints WHERE ?1 IS NULL OR endpoint = ?1", (only,)
    )
    return {number: identity for number, *labels in rows if (identity := Identity(*labels)) in wanted}


def listed(ids: Collection[int]) -> str:
    """The parameter `ids` of a query."""
    return json.dumps(list(ids))
