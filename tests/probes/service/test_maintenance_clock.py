"""Maintenance that is asked for through the API holds as that of the configuration does."""

from __future__ import annotations

from typing import TYPE_CHECKING

from aimon.config import loader, price_book, resolve
from aimon.probes.history.database import Database
from aimon.probes.incidents import announcements
from aimon.probes.selection import Selection
from aimon.probes.service.maintenance_clock import MaintenanceClock

if TYPE_CHECKING:
    from pathlib import Path

T0 = 1_800_000_000.0
CONFIG = """
endpoints:
  - {name: a, dialect: openai-chat, base_url: "http://127.0.0.1:1/v1", model: m}
  - {name: b, dialect: openai-chat, base_url: "http://127.0.0.1:1/v1", model: m}
maintenance:
  - {title: both, start: 2027-01-15T08:01Z, end: 2027-01-15T08:02Z}
"""


def test_windows_of_the_api_hold(tmp_path: Path) -> None:
    """From their start to their end, for the endpoints that they name; beside those of the configuration."""
    config = loader.parse(CONFIG)
    endpoints = resolve(config, environ={})
    clock = MaintenanceClock(
        Selection(endpoints, "local", "CNY", price_book(config, endpoints), None, whole=True, config=config)
    )
    with Database(tmp_path / "history.db") as database:
        announcements.plan(database, "one", T0, T0 + 30, now=T0, endpoints=["a"])
        announcements.plan(database, "over", T0 - 60, T0 - 30, now=T0)
        clock.asked = announcements.maintenances(database, since=T0 - 1)
    assert [window.title for window in clock.asked] == ["one"]
    assert [clock.names(T0 + second) for second in (-1, 0, 29, 30, 60, 119, 120)] == [
        frozenset(), {"a"}, {"a"}, frozenset(), {"a", "b"}, {"a", "b"}, frozenset(),
    ]  # fmt: skip
