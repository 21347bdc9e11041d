"""Programs that report in: an incident when one is silent or not well, and its end."""

from __future__ import annotations

from types import SimpleNamespace
from typing import TYPE_CHECKING, cast

from aimon.config import loader
from aimon.probes.heartbeats import beats
from aimon.probes.heartbeats.beats import Beat
from aimon.probes.heartbeats.observer import HeartbeatObserver
from aimon.probes.history.database import Database
from aimon.probes.incidents import reader

if TYPE_CHECKING:
    from pathlib import Path

    from aimon.probes.service.context import ServiceContext

T0 = 1_800_000_000.0
CONFIG = """
endpoints: [{name: a, dialect: openai-chat, base_url: "http://127.0.0.1:1/v1", model: m}]
heartbeats: [{name: nightly, every: 1h, grace: 1m}]
"""


def test_a_silent_program_is_an_incident(tmp_path: Path) -> None:
    """A late report is an incident from when it was due until the next good one; a new program has none."""
    with Database(tmp_path / "history.db") as database:
        selection = SimpleNamespace(config=loader.parse(CONFIG), channels=(), region="local")
        observer = HeartbeatObserver()
        observer.configure(cast("ServiceContext", SimpleNamespace(selection=selection, database=database)))

        def opened(at: float) -> list[tuple[float, str | None]]:
            observer.tick(at)
            return [(each.opened_at, each.error) for each in reader.incidents(database, only_open=True).incidents]

        assert opened(T0) == []
        beats.record(database, "nightly", Beat(T0, True, None))
        assert opened(T0 + 3660) == []
        assert opened(T0 + 3700) == [(T0 + 3660, "no report for more than 61m")]
        beats.record(database, "nightly", Beat(T0 + 3800, False, "no disk"))
        assert len(opened(T0 + 3800)) == 1  # still the same incident
        beats.record(database, "nightly", Beat(T0 + 3900, True, None))
        assert opened(T0 + 3900) == []
        beats.record(database, "nightly", Beat(T0 + 4000, False, "no disk"))
        assert opened(T0 + 4001) == [(T0 + 4000, "no disk")]
        [last, first] = reader.incidents(database).incidents
        assert (first.endpoint, first.kind.value, first.severity) == ("nightly", "heartbeat", "critical")
        assert last.is_open
