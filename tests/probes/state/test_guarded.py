"""A history that refuses: results wait and are recorded once, totals never run ahead, and no row can break a reader."""

from __future__ import annotations

import sqlite3
from typing import TYPE_CHECKING

import pytest

from aimon.call.outcome import Outcome
from aimon.metrics import definitions
from aimon.probes.history import database, history
from aimon.probes.history.database import HistoryError
from aimon.probes.history.endpoint_status import endpoint_statuses
from aimon.probes.history.history import History
from aimon.probes.publish.pushed_groups import remember, remembered, stale
from aimon.probes.state.guarded import GuardedState
from aimon.probes.state.monitored import MonitoredEndpoint
from aimon.probes.state.open_state import open_state
from results import QWEN, a_result

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from aimon.call.result import Result

WATCHED = MonitoredEndpoint(QWEN, interval=60, currency="CNY", daily_budget=5)
OK = (*QWEN, "success", "ok")


@pytest.fixture(autouse=True)
def _impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    """Neither waits for a locked file nor pauses after it."""
    monkeypatch.setattr(database, "_BUSY_TIMEOUT", 0.02)
    monkeypatch.setattr("aimon.probes.state.guarded._PAUSE", 0.0)


@pytest.fixture
def path(tmp_path: Path) -> Path:
    """A history with one success."""
    with History(tmp_path / "history.db") as opened:
        opened.append([a_result()])
    return tmp_path / "history.db"


@pytest.fixture
def holder(path: Path) -> Iterator[sqlite3.Connection]:
    """Another process, which has locked the history against writing."""
    connection = sqlite3.connect(path, isolation_level=None)
    connection.execute("BEGIN IMMEDIATE")
    yield connection
    connection.close()


def recorded(path: Path) -> list[str | None]:
    """The request ids in the history."""
    with History(path, read_only=True) as opened:
        return [result.request_id for result in opened.recent(QWEN, 1000)][1:]


def test_what_was_refused_is_recorded_with_the_next(path: Path, holder: sqlite3.Connection) -> None:
    """Refused results are recorded later, in order and once; until then totals leave them out, and gauges do not."""
    state = open_state("sqlite", [WATCHED], path=path)
    for name in ("first", "second"):
        with pytest.raises(HistoryError, match="other processes kept it locked"):
            state.record([a_result(Outcome.DNS, request_id=name, cost=0.5)])
    assert state.waiting == 2
    assert state.totals().counters[definitions.REQUESTS][OK] == 1
    assert state.gauges(1.7e9 + 60).get(definitions.PROBE_SUCCESS, **QWEN.labels) == 0
    assert state.spent_today(WATCHED, 1.7e9) == pytest.approx(1.002)
    holder.execute("ROLLBACK")
    state.record([a_result(request_id="third")])
    assert (state.waiting, state.problem) == (0, None)
    assert recorded(path) == ["first", "second", "third"]
    assert state.totals().counters[definitions.REQUESTS][OK] == 2
    state.close()


def test_a_history_that_comes_back_takes_what_waited(tmp_path: Path) -> None:
    """A folder that was missing at the start, as with a disk that is mounted late."""
    folder = tmp_path / "state"
    folder.write_text("")
    state = open_state("sqlite", [WATCHED], path=folder / "history.db")
    assert state.problem is not None
    assert "File exists" in state.problem
    with pytest.raises(HistoryError):
        state.record([a_result(request_id="first")])
    assert state.database is None
    assert definitions.REQUESTS not in state.totals().counters
    folder.unlink()
    state.record([])
    assert state.waiting == 0
    assert state.totals().counters[definitions.REQUESTS][OK] == 1
    state.close()


def test_one_that_cannot_be_stored_does_not_hold_up_those_that_wait(
    path: Path, holder: sqlite3.Connection, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It is left out once the history is back."""
    note_latest = history._note_latest

    def refuse(connection: sqlite3.Connection, endpoint_id: int, result: Result, now: float) -> None:
        if result.request_id == "bad":
            raise sqlite3.IntegrityError("no such value")
        note_latest(connection, endpoint_id, result, now)

    state = open_state("sqlite", [WATCHED], path=path)
    for name in ("first", "bad", "second"):
        with pytest.raises(HistoryError):
            state.record([a_result(request_id=name)])
    monkeypatch.setattr(history, "_note_latest", refuse)
    holder.execute("ROLLBACK")
    state.record([a_result(request_id="third")])
    assert recorded(path) == ["first", "second", "third"]
    state.close()


def test_not_everything_waits_for_ever(path: Path, holder: sqlite3.Connection, monkeypatch: pytest.MonkeyPatch) -> None:
    """The oldest are given up, and counted."""
    monkeypatch.setattr("aimon.probes.state.guarded._MOST_WAITING", 3)
    state = open_state("sqlite", [WATCHED], path=path)
    assert isinstance(state, GuardedState)
    for i in range(5):
        with pytest.raises(HistoryError):
            state.record([a_result(request_id=str(i))])
    assert (state.waiting, state.dropped) == (3, 2)
    holder.execute("ROLLBACK")
    state.record([])
    assert recorded(path) == ["2", "3", "4"]
    state.close()


JUNK = [
    "UPDATE results SET outcome = 'no such outcome'",
    "UPDATE results SET latency = 'abc'",
    "UPDATE results SET latency = 9e999",
    "UPDATE results SET ttft = x'00ff'",
    "UPDATE records SET record = 'no JSON'",
    "UPDATE records SET record = '[1]'",
    "UPDATE records SET record = x'fffe'",
    'UPDATE records SET record = \'{"started_at": "soon"}\'',
    "UPDATE endpoints SET last_run_at = 'abc', last_success_at = x'00'",
    "UPDATE endpoints SET last_run_at = 9e999",
    "UPDATE endpoints SET model = x'ff00'",
    "UPDATE totals SET labels = 'no JSON'",
    "UPDATE totals SET labels = '{}'",
    "UPDATE totals SET value = 'abc'",
    "UPDATE totals SET part = part || 'x' WHERE part != ''",
    "UPDATE spending SET amount = 'abc'",
    "UPDATE spending SET amount = 9e999",
    "INSERT INTO windows VALUES (1, 3600, 'no JSON')",
    "INSERT INTO pushed_groups VALUES ('g', 'o', 'no JSON')",
    "INSERT INTO pushed_groups VALUES ('g', 'o', '[1, [2, 3]]')",
]


@pytest.mark.parametrize("statement", JUNK)
def test_junk_in_a_row_breaks_no_reader(statement: str, path: Path) -> None:
    """It is left out; status, gauges, totals and pushes have the rest, and the next result is recorded."""
    group = (("job", "aimon"), ("endpoint", "e"))
    with History(path) as opened:
        with opened.database.transaction() as connection:
            connection.execute(statement)
        endpoint_statuses(opened, [], ["1h", "30d"], last=30, now=1.7e9 + 60)
        state = open_state("sqlite", [WATCHED], path=path)
        state.gauges(1.7e9 + 60)
        state.totals()
        assert state.spent_today(WATCHED, 1.7e9) in {0.0, 0.002}
        remember(opened.database, "g", "o", [group])
        assert remembered(opened.database, "g", "o") == {group}
        assert stale(opened.database, "g", "o", []) == ([group], [group])
        state.record([a_result(Outcome.DNS)])
        assert opened.latest(QWEN, 1)[0].outcome == "dns"
        assert state.gauges(1.7e9 + 60).get(definitions.PROBE_SUCCESS, **QWEN.labels) == 0
        state.close()
