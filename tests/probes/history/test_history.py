"""The history: nothing lost, nothing counted twice, by one process or many, and errors a person understands."""

from __future__ import annotations

import json
import os
import sqlite3
import stat
import subprocess
import sys
from pathlib import Path

import pytest

from aimon.call.outcome import Outcome
from aimon.call.result import Arrivals, Connection, Limits, Source
from aimon.metrics import definitions
from aimon.probes.history.database import Database, HistoryError, default_path
from aimon.probes.history.file import schema
from aimon.probes.history.history import History, Last
from aimon.probes.history.retention import DAY
from results import QWEN, a_result

NOW = 1_700_000_000.0
LABELS = tuple(QWEN)


@pytest.fixture
def path(tmp_path: Path) -> Path:
    """Where the history of a test is."""
    return tmp_path / "state" / "history.db"


def test_a_result_comes_back_as_it_was(path: Path) -> None:
    """Every field, and text in any script, also broken."""
    result = a_result(
        Outcome.ANSWER_MISMATCH,
        source=Source.LOADTEST,
        canary="echo",
        scheduled=-0.25,
        text="通义 \ud800 \0",
        error="expected 42",
        answer_ok=False,
        arrivals=Arrivals.of([0.01, 0.02, 0.0]),
        limits=Limits(requests_limit=60, tokens_remaining=0, tokens_reset=1.5),
        connection=Connection(tls_version="TLSv1.3", certificate_expiry=1.8e9, stamped=True),
        first_token=0.4,
        self_lag=0.001,
    )
    with History(path) as history:
        history.append([result])
    with History(path) as history:
        assert history.recent(QWEN, 10) == [result]


def test_the_last_results_come_as_they_were_recorded(path: Path) -> None:
    """Whatever their stamps say: a clock may be set."""
    with History(path) as history:
        history.append([a_result(started_at=NOW + i) for i in (3, 1)])
        history.append([a_result(started_at=NOW + 2)])
        assert [result.started_at for result in history.recent(QWEN, 2)] == [NOW + 1, NOW + 2]
        assert [sample.started_at for sample in history.latest(QWEN, 3)] == [NOW + 3, NOW + 1, NOW + 2]
        assert history.recent(QWEN._replace(model="other"), 2) == []


def test_totals_add_up_over_runs(path: Path) -> None:
    """Counters, tokens, cost and histograms of three runs are those of one that saw it all."""
    runs = [
        [a_result(), a_result(Outcome.DNS, end=0.01)],
        [a_result(end=0.7, first_token=0.055)],
        [a_result(Outcome.DNS, end=0.02)],
    ]
    for results in runs:
        with History(path) as history:
            history.declare(QWEN, currency="CNY", thresholds={definitions.TTFT: (0.06,)})
            history.append(results)
    with History(path) as history:
        history.declare(QWEN, currency="CNY", thresholds={definitions.TTFT: (0.06,)})
        totals = history.totals([QWEN])
    requests = totals.counters[definitions.REQUESTS]
    assert {labels[-1]: count for labels, count in requests.items() if count} == {"ok": 2, "dns": 2}
    assert {labels[-1] for labels in requests} == set(Outcome) - {Outcome.CANCELLED}
    assert totals.counters[definitions.INPUT_TOKENS] == {LABELS: 40}
    assert totals.counters["ai_api_cost_yuan_total"] == {LABELS: 0.004}
    assert totals.histograms[definitions.DURATION][*LABELS, "success"].counts == {1.0: 1, 2.0: 1}
    assert totals.histograms[definitions.DURATION][*LABELS, "error"].sum == 0.03
    assert totals.histograms[definitions.TTFT][LABELS].counts == {0.06: 1, 0.5: 1}


def test_totals_are_those_of_the_endpoints_asked_for(path: Path) -> None:
    """An endpoint that is no longer configured keeps its totals, and they are not shown."""
    other = QWEN._replace(endpoint="other")
    with History(path) as history:
        history.declare(QWEN)
        history.append([a_result(), a_result(identity=other)])
        assert {labels[0] for labels in history.totals([QWEN]).counters[definitions.REQUESTS]} == {"qwen-prod"}
        assert {labels[0] for labels in history.totals([other]).counters[definitions.REQUESTS]} == {"other"}
        assert {labels[0] for labels in history.totals().counters[definitions.REQUESTS]} == {"qwen-prod", "other"}
        assert set(history.identities()) == {QWEN, other}


def test_results_and_totals_are_written_together_or_not_at_all(path: Path) -> None:
    """What fails in the middle leaves neither."""
    with History(path) as history:
        history.append([a_result()])
        # SQLite takes no integer beyond 64 bits; the results are inserted before it gets there.
        with pytest.raises(OverflowError):
            history.append([a_result(), a_result(cost=2**70)])
        assert len(history.recent(QWEN, 10)) == 1
        assert history.totals().counters[definitions.REQUESTS] == {(*LABELS, "success", "ok"): 1}


WRITER = """
import sys
from pathlib import Path
from aimon.probes.history.history import History
from results import a_result
for i in range(int(sys.argv[2])):
    with History(Path(sys.argv[1])) as history:
        history.append([a_result(cost=1.0, request_id=f"{sys.argv[3]}-{i}")])
"""


def test_many_processes_at_once_lose_no_count(path: Path) -> None:
    """Eight processes make the same new file and append ten times each."""
    environ = {**os.environ, "PYTHONPATH": str(Path(__file__).parents[2] / "support")}
    writers = [subprocess.Popen([sys.executable, "-c", WRITER, str(path), "10", str(n)], env=environ) for n in range(8)]
    assert [writer.wait() for writer in writers] == [0] * 8
    with History(path) as history:
        totals = history.totals()
        assert totals.counters[definitions.REQUESTS] == {(*LABELS, "success", "ok"): 80}
        assert totals.counters["ai_api_cost_yuan_total"] == {LABELS: 80}
        assert len({result.request_id for result in history.recent(QWEN, 1000)}) == 80
        assert history.spent_today("qwen-prod", "CNY", NOW) == 80


def test_the_latest_of_an_endpoint(path: Path) -> None:
    """When it last ran and succeeded; and the last probe that was made, which a skipped one is not."""
    failed = a_result(Outcome.SERVER_ERROR, started_at=NOW + 60)
    with History(path) as history:
        assert history.last(QWEN) == Last()
        history.append([failed])
        assert history.last(QWEN) == Last(NOW + 61.5, None, failed)
        history.append([a_result(Outcome.BUDGET_SKIPPED, started_at=NOW + 120)])
        assert history.last(QWEN) == Last(NOW + 121.5, None, failed)
        late = a_result(started_at=NOW)
        history.append([late])
        assert history.last(QWEN) == Last(NOW + 121.5, NOW + 1.5, late)


def test_spending_is_by_day_and_currency(path: Path) -> None:
    """A day begins at 00:00 UTC; calls without a price cost nothing."""
    midnight = NOW - NOW % DAY
    with History(path) as history:
        history.append(
            [
                a_result(started_at=midnight - 1, cost=1.0),
                a_result(started_at=midnight, cost=0.25),
                a_result(started_at=midnight + DAY - 1, cost=0.5),
                a_result(started_at=midnight, cost=8.0, currency="USD"),
                a_result(started_at=midnight, cost=None),
            ]
        )
        assert history.spent_today("qwen-prod", "CNY", midnight + 5) == 0.75
        assert history.spent_today("qwen-prod", "USD", midnight + 5) == 8.0
        assert history.spent_today("qwen-prod", "CNY", midnight - 5) == 1.0
        assert history.spent_today("other", "CNY", midnight) == 0.0


def test_only_its_owner_can_read_it(path: Path) -> None:
    """The folder, the file and what SQLite puts beside it."""
    with History(path) as history:
        history.append([a_result()])
        modes = {file.name: stat.S_IMODE(file.stat().st_mode) for file in path.parent.iterdir()}
        assert set(modes.values()) == {0o600}
        assert {"history.db", "history.db-wal", "history.db-shm"} <= set(modes)
    assert stat.S_IMODE(path.parent.stat().st_mode) == 0o700


def test_a_commit_survives_a_power_cut(path: Path) -> None:
    """WAL, and synchronous=FULL (2): each commit is on the disk before `append` returns."""
    with Database(path) as database:
        assert database.query("PRAGMA journal_mode") == [("wal",)]
        assert database.query("PRAGMA synchronous") == [(2,)]


def test_the_schema_has_a_version(path: Path) -> None:
    """A file of an older version is brought up to date, and that of a newer one left alone."""
    with Database(path) as database:
        assert database.query("PRAGMA user_version") == [(schema.VERSION,)]
    with sqlite3.connect(path) as connection:
        connection.execute("PRAGMA user_version = 99")
    connection.close()
    with pytest.raises(HistoryError, match=r"history\.db: written by a newer aimon \(schema 99, .*: upgrade, or name"):
        History(path)


def test_a_file_of_the_first_schema_goes_on(path: Path) -> None:
    """It keeps its results and totals, is read as it is, and takes new results."""
    with History(path) as history:
        history.append([a_result(request_id="old")])
    with sqlite3.connect(path) as connection:
        for statement in (
            "DROP TABLE beats",
            "DROP TABLE rollups",
            "DROP TABLE rollup_histograms",
            "DROP TABLE trimmed",
            "DROP INDEX results_by_record",
            "ALTER TABLE results DROP COLUMN planned",
            "ALTER TABLE results DROP COLUMN slow",
            "DROP INDEX results_as_recorded",
            "DROP TABLE ages",
            "PRAGMA user_version = 1",
        ):
            connection.execute(statement)
        connection.execute("CREATE TABLE upkeep (task TEXT PRIMARY KEY, done_at REAL NOT NULL) WITHOUT ROWID")
    connection.close()
    with History(path, read_only=True) as history:
        assert [result.request_id for result in history.recent(QWEN, 9)] == ["old"]
    with History(path) as history:
        history.append([a_result(request_id="new")])
        assert [result.request_id for result in history.recent(QWEN, 9)] == ["old", "new"]
        assert history.totals().counters[definitions.REQUESTS][*LABELS, "success", "ok"] == 2


def test_what_is_no_history_is_left_alone(path: Path) -> None:
    """The message names the file and says what to do."""
    path.parent.mkdir()
    path.write_text("not a database, whatever it is called" * 100)
    with pytest.raises(HistoryError, match=r"history\.db: not a history of aimon: name another file with --history"):
        History(path)
    assert path.read_text().startswith("not a database")


def test_a_damaged_file_is_said_to_be_damaged(path: Path) -> None:
    """Pages overwritten in the middle."""
    with History(path) as history:
        history.append([a_result(started_at=NOW + i) for i in range(300)])
    content = bytearray(path.read_bytes())
    content[4096 * 8 : -4096] = b"\xff" * (len(content) - 4096 * 9)
    path.write_bytes(content)
    with (
        History(path) as history,
        pytest.raises(HistoryError, match=r"history\.db: damaged: aimon probe --set-aside-damaged.*\.recover"),
    ):
        history.append([a_result()])


def test_a_place_that_cannot_be_is_named(tmp_path: Path) -> None:
    """A file where a folder should be; a folder where the file should be."""
    (tmp_path / "file").write_text("")
    with pytest.raises(HistoryError, match="File exists: name another file with --history, or a folder"):
        History(tmp_path / "file" / "history.db")
    with pytest.raises(HistoryError, match=r"Is a directory: name a file in it, such as .*history\.db"):
        History(tmp_path)


def test_a_full_disk_is_named(path: Path) -> None:
    """SQLite's own limit stands in for the disk's."""
    with History(path) as history:
        history.append([a_result()])
        [(pages,)] = history.database.query("PRAGMA page_count")
        history.database.query(f"PRAGMA max_page_count = {pages}")
        with pytest.raises(HistoryError, match=r"history\.db: no space left on its disk"):
            history.append([a_result(text="x" * 4000) for _ in range(50)])
        assert len(history.recent(QWEN, 100)) == 1


def test_a_file_that_cannot_be_written_is_named(path: Path) -> None:
    """A read-only connection stands in for a read-only file system, which root's tests would not notice."""
    with History(path) as history:
        history.database.query("PRAGMA query_only = ON")
        with pytest.raises(HistoryError, match=r"history\.db: cannot be written: name another file"):
            history.append([a_result()])


@pytest.mark.parametrize(
    ("environ", "uid", "expected"),
    [
        ({"AIMON_STATE_DIR": "/srv/state"}, 0, "/srv/state/history.db"),
        ({"AIMON_STATE_DIR": "/srv/state", "XDG_STATE_HOME": "/x"}, 1000, "/srv/state/history.db"),
        ({"XDG_STATE_HOME": "/x"}, 0, "/var/lib/aimon/history.db"),
        ({"XDG_STATE_HOME": "/x"}, 1000, "/x/aimon/history.db"),
        ({}, 1000, str(Path.home() / ".local/state/aimon/history.db")),
    ],
)
def test_where_the_history_is(
    environ: dict[str, str], uid: int, expected: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Where it is told to be; else where such files of root and of a user belong."""
    monkeypatch.setattr(os, "geteuid", lambda: uid)
    assert str(default_path(environ)) == expected


def test_totals_of_a_metric_that_no_longer_exists_are_left_out(path: Path) -> None:
    """A later version may drop a family; its old rows must not break the exposition."""
    with History(path) as history:
        history.append([a_result()])
        with history.database.transaction() as connection:
            connection.execute("INSERT INTO totals VALUES (1, 'ai_dropped_total', ?, '', 7)", (json.dumps([]),))
        assert "ai_dropped_total" not in history.totals().counters
