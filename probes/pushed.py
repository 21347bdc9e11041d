"""Which groups of a Pushgateway come from here, so that those of removed endpoints can be deleted.

Remembered per owner (a configuration file), since one history may serve several of them, and what another
configuration pushes is not this one's to delete.
"""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable

    from aimon.export import Grouping
    from aimon.probes.database import Database


def remember(database: Database, gateway: str, owner: str, groups: Iterable[Grouping]) -> None:
    """Notes groups as pushed."""
    with database.transaction() as connection:
        connection.executemany(
            "INSERT OR IGNORE INTO pushed_groups VALUES (?, ?, ?)",
            [(gateway, owner, json.dumps(group)) for group in groups],
        )


def forget(database: Database, gateway: str, owner: str, groups: Iterable[Grouping]) -> None:
    """Notes groups as deleted."""
    with database.transaction() as connection:
        connection.executemany(
            "DELETE FROM pushed_groups WHERE (gateway, owner, grouping) = (?, ?, ?)",
            [(gateway, owner, json.dumps(group)) for group in groups],
        )


def stale(database: Database, gateway: str, owner: str, current: Collection[Grouping]) -> list[Grouping]:
    """The groups that were pushed and are not among the current ones, nor any other owner's."""
    rows = database.query("SELECT grouping, owner FROM pushed_groups WHERE gateway = ?", (gateway,))
    others = {grouping for grouping, who in rows if who != owner}
    groups = [_grouping(text) for text, who in rows if who == owner and text not in others]
    return [group for group in groups if group not in current]


def _grouping(text: str) -> Grouping:
    return tuple((name, value) for name, value in json.loads(text))
