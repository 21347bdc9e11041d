"""The state of a process that runs for weeks: what it shows is what the history holds, and never more."""

from __future__ import annotations

import sqlite3
from typing import TYPE_CHECKING

import pytest

from aimon.call.outcome import Outcome
from aimon.metrics import definitions, scrape_text
from aimon.metrics.totals import Identity
from aimon.probes.history import database
from aimon.probes.history.database import HistoryError
from aimon.probes.history.history import History
from aimon.probes.state.live import LiveState
from aimon.probes.state.monitored import MonitoredEndpoint
from aimon.probes.state.spending import Spending
from results import QWEN, a_result

if TYPE_CHECKING:
    from pathlib import Path

OTHER = Identity("other", "m", "custom", "cn-east")
WATCHED = [MonitoredEndpoint(each, interval=60, currency="CNY", daily_budget=5) for each in (QWEN, OTHER)]
NOW = 1_700_000_100.0


@pytest.fixture(autouse=True)
def _impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    """Neither waits for a locked file nor pauses after it."""
    monkeypatch.setattr(database, "_BUSY_TIMEOUT", 0.02)
    monkeypatch.setattr("aimon.probes.state.guarded._PAUSE", 0.0)


def live(path: Path, watched: list[MonitoredEndpoint] = WATCHED) -> LiveState:
    """The state, by a clock that stands still."""
    return LiveState(watched, lambda read_only: History(path, read_only=read_only), clock=lambda: NOW)


def ok_count(state: LiveState, identity: Identity = QWEN) -> float:
    """How many successes it shows."""
    return state.totals().counters[definitions.REQUESTS][*identity, "success", "ok"]


def text(state: LiveState) -> str:
    """What a scrape gets."""
    return scrape_text.document(state.parts(), openmetrics=False).decode()


def test_a_restart_goes_on_where_it_ended(tmp_path: Path) -> None:
    """Counters, the latest and what was spent are those of the history; endpoints never probed begin at 0."""
    path = tmp_path / "history.db"
    first = live(path)
    results = [a_result(started_at=NOW - 20), a_result(Outcome.SERVER_ERROR, started_at=NOW - 10)]
    first.spending.add(results[0])
    first.record(results)
    shown = text(first)
    first.close()
    second = live(path)
    assert text(second) == shown
    assert (ok_count(second), ok_count(second, OTHER)) == (1, 0)
    second.record([a_result(), a_result(identity=OTHER)])
    assert (ok_count(second), ok_count(second, OTHER)) == (2, 1)
    with History(path, read_only=True) as history:
        assert history.totals().counters[definitions.REQUESTS][*QWEN, "success", "ok"] == 2
    second.close()


def test_totals_stand_still_while_the_history_refuses_and_gauges_go_on(tmp_path: Path) -> None:
    """A locked file: nothing is counted that a restart would not find; then everything that waited is, once."""
    path = tmp_path / "history.db"
    state = live(path)
    state.record([a_result()])
    holder = sqlite3.connect(path, isolation_level=None)
    holder.execute("BEGIN IMMEDIATE")
    with pytest.raises(HistoryError):
        state.record([a_result(Outcome.SERVER_ERROR, started_at=NOW - 10)])
    assert (state.waiting, ok_count(state), bool(state.problem)) == (1, 1, True)
    assert 'ai_probe_success{endpoint="qwen-prod",model="qwen-plus",provider="dashscope",region="cn-east"} 0' in text(
        state
    )
    state.configure(WATCHED[:1])
    assert state.waiting == 1
    holder.close()
    state.record([a_result()])
    assert (state.waiting, ok_count(state), bool(state.problem)) == (0, 2, False)
    assert state.totals().counters[definitions.REQUESTS][*QWEN, "error", "server_error"] == 1
    assert 'endpoint="other"' not in text(state)
    state.close()


def test_windows_are_computed_in_the_background(tmp_path: Path) -> None:
    """They come with upkeep, from the history's own results, and not before."""
    state = live(tmp_path / "history.db")
    state.record([a_result(started_at=NOW - 100 + i) for i in range(20)])
    assert "ai_probe_availability_ratio" not in text(state)
    state.upkeep(10.0)
    assert text(state).count('ai_probe_availability_ratio{endpoint="qwen-prod"') == 4
    assert 'window="1h",quantile="0.95"' in text(state)
    state.close()


def test_spending_is_of_today_and_a_clock_set_back_gives_no_second_budget() -> None:
    """Midnight (UTC) begins a new day; going back to the day before does not."""
    now = [1_700_006_390.0]  # ten seconds before midnight
    spending = Spending(lambda: now[0])
    spending.know("a", 1.0)
    spending.add(a_result(identity=Identity("a", "m", "p", "r"), cost=0.5))
    assert (spending.today("a"), spending.today("b")) == (1.5, 0.0)
    spending.know("a", 0.2)
    assert spending.today("a") == 1.5
    now[0] += 20
    assert spending.today("a") == 0.0
    spending.add(a_result(identity=Identity("a", "m", "p", "r"), cost=0.25))
    now[0] -= 20
    assert spending.today("a") == 0.25
