"""Records the groups that were pushed to a Pushgateway, so that those of removed endpoints can be deleted.

Recorded per owner (a configuration file), since several configurations may share one history, and must not delete
each other's groups.
"""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable

    from aimon.metrics.exposition import Grouping
    from aimon.probes.history.database import Database


class Stale(NamedTuple):
    """Groups to forget, and the subset that no other owner pushes, to delete from the gateway."""

    forget: list[Grouping]
    delete: list[Grouping]


def remember(database: Database, gateway: str, owner: str, groups: Iterable[Grouping]) -> None:
    """Records groups as pushed."""
    with database.transaction() as connection:
        connection.executemany(
            "INSERT OR IGNORE INTO pushed_groups VALUES (?, ?, ?)",
            [(gateway, owner, json.dumps(group)) for group in groups],
        )


def forget(database: Database, gateway: str, owner: str, groups: Iterable[Grouping]) -> None:
    """Removes groups from those that the owner pushes."""
    with database.transaction() as connection:
        connection.executemany(
            "DELETE FROM pushed_groups WHERE (gateway, owner, grouping) = (?, ?, ?)",
            [(gateway, owner, json.dumps(group)) for group in groups],
        )


def remembered(database: Database, gateway: str, owner: str) -> set[Grouping]:
    """The groups that the owner pushes."""
    rows = database.query("SELECT grouping FROM pushed_groups WHERE (gateway, owner) = (?, ?)", (gateway, owner))
    return {group for (text,) in rows if (group := _grouping(text)) is not None}


def stale(database: Database, gateway: str, owner: str, current: Collection[Grouping]) -> Stale:
    """The groups that this owner pushed and that have been removed since."""
    rows = database.query("SELECT grouping, owner FROM pushed_groups WHERE gateway = ?", (gateway,))
    groups = [(group, who) for text, who in rows if (group := _grouping(text)) is not None]
    others = {group for group, who in groups if who != owner}
    dropped = [group for group, who in groups if who == owner and group not in current]
    return Stale(dropped, [group for group in dropped if group not in others])


def _grouping(text: str) -> Grouping | None:
    """The group in a row; None if the row is invalid."""
    try:
        group = tuple((name, value) for name, value in json.loads(text))
    except (ValueError, TypeError):
        return None
    return group if all(isinstance(part, str) for pair in group for part in pair) else None
