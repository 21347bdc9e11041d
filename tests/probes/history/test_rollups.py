"""Roll-ups say what the results said: over any window, after pruning, after a kill, and of files that had none."""

from __future__ import annotations

import math
import os
import signal
import sqlite3
import subprocess
import sys
from collections import Counter
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from aimon.call.outcome import Outcome
from aimon.log_histogram import ERROR, LogHistogram, bucket_of, value_of
from aimon.metrics import definitions
from aimon.probes.history.history import History
from aimon.probes.history.queries.period import QUANTILES, period
from aimon.probes.history.queries.series import quantiles_of_a_day, series
from aimon.probes.history.queries.uptime import BAR_WINDOWS, bars, segment_starts, uptimes
from aimon.probes.history.retention import DAY, Retention
from aimon.probes.history.rollups import LENGTHS
from aimon.probes.history.size_limit import KEPT_IN_FULL, used
from aimon.probes.history.windows import WINDOWS, quantile, windows
from results import QWEN, a_result

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from aimon.call.result import Result

NOW = 1_700_000_000.0
HOUR = 3600.0
CLOSE = 2.1 * ERROR  # half a bucket on either side
OTHER = QWEN._replace(endpoint="other")
LIMITS = {definitions.DURATION: (2.0,), definitions.TTFT: (1.0,)}


@pytest.fixture
def history(tmp_path: Path) -> Iterator[History]:
    """A new history, of an endpoint with objectives of 2 s and a TTFT of 1 s."""
    with History(tmp_path / "history.db", clock=lambda: NOW) as opened:
        opened.declare(QWEN, thresholds=LIMITS)
        yield opened


@given(st.lists(st.floats(1e-5, 1e5), max_size=300), st.sampled_from(QUANTILES))
def test_a_quantile_of_a_histogram_is_close_to_the_exact_one(values: list[float], q: float) -> None:
    """Within half a percent, stored and loaded again, and withheld where the exact one is."""
    histogram = LogHistogram.load(LogHistogram.of(values).dump())
    exact = quantile(sorted(values), q)
    assert histogram.quantiles([q]).get(q) == (None if exact is None else pytest.approx(exact, rel=1.001 * ERROR))
    assert histogram.count == len(values)


@given(st.floats(0, 1e9))
def test_a_value_is_in_its_bucket(value: float) -> None:
    """From a microsecond to 12 days within half a percent; beyond that at the ends."""
    assert value_of(bucket_of(value)) == pytest.approx(min(max(value, 1e-6), 1e6), rel=1.001 * ERROR)


def brute_force(results: Sequence[Result], since: float, until: float) -> tuple[Counter[Outcome], list[float], int]:
    """Outcomes, latencies of successes in order, and slow ones, counted one by one."""
    inside = [each for each in results if since <= each.started_at <= until]
    good = [each for each in inside if each.outcome is Outcome.OK]
    slow = sum(each.end > 2.0 or (each.first_token or 0) > 1.0 for each in good)
    return Counter(each.outcome for each in inside), sorted(each.end for each in good), slow


RESULTS = st.lists(
    st.builds(
        lambda age, outcome, end: a_result(outcome, started_at=NOW - age, end=end, first_token=end / 3),
        st.one_of(
            st.floats(0, 40 * DAY),
            st.sampled_from([seconds + step for seconds in WINDOWS.values() for step in (-1.0, 0.0, 1.0)]),
            st.integers(0, 900).map(lambda hours: NOW % HOUR + hours * HOUR),
        ),
        st.sampled_from([Outcome.OK] * 6 + list(Outcome)),
        st.floats(0.01, 60),
    ),
    max_size=150,
)


@settings(max_examples=25)
@given(results=RESULTS)
def test_windows_from_rollups_agree_with_the_results(
    results: list[Result], tmp_path_factory: pytest.TempPathFactory
) -> None:
    """Every window counts exactly what started in it, and its quantiles are those of the values, within 1 %."""
    with History(tmp_path_factory.mktemp("history") / "history.db", clock=lambda: NOW) as history:
        history.database.query("PRAGMA synchronous = OFF")
        history.declare(QWEN, thresholds=LIMITS)
        history.append(results)
        exact = windows(history, QWEN, NOW)
        for seconds, window in zip(WINDOWS.values(), exact, strict=True):
            outcomes, latencies, slow = brute_force(results, NOW - seconds, NOW)
            found = period(history.database, QWEN, NOW - seconds, NOW)
            assert found.outcomes == dict(outcomes) == window.outcomes
            assert (found.total, found.counted, found.slow) == (outcomes.total(), window.counted, slow)
            assert found.availability == window.availability
            assert found.latency.quantiles(QUANTILES) == pytest.approx(window.latency, rel=CLOSE)
            assert found.ttft.quantiles(QUANTILES) == pytest.approx(window.ttft, rel=CLOSE)
            assert {q: value for q in QUANTILES if (value := quantile(latencies, q))} == window.latency
        # Without the results the counts are those of whole hours.
        history.database.query("DELETE FROM results")
        pruned = windows(history, QWEN, NOW)
        for seconds, window in zip(WINDOWS.values(), pruned, strict=True):
            if seconds > HOUR:
                outcomes, _, _ = brute_force(results, math.floor((NOW - seconds) / HOUR) * HOUR, NOW)
                assert window.outcomes == dict(outcomes)


def test_bars_and_uptimes_count_every_result_once(history: History) -> None:
    """Of two endpoints at once: the segments are those of a count by hand, and say why calls failed."""
    mixed = [Outcome.OK, Outcome.OK, Outcome.SERVER_ERROR, Outcome.OK, Outcome.DNS, Outcome.RATE_LIMITED, Outcome.DNS]
    results = [a_result(mixed[i % 7], started_at=NOW - i * 977.0, end=0.5 + i % 4) for i in range(2000)]
    history.append([*results, a_result(Outcome.TLS, OTHER, started_at=NOW - 5)])
    for window, seconds in BAR_WINDOWS.items():
        found = bars(history.database, window, NOW, [QWEN, OTHER])
        segments, starts = found[QWEN], segment_starts(window, NOW)
        assert [segment.since for segment in segments] == list(starts)
        assert (len(starts), starts.step) == (90, seconds / 90)
        for segment in segments:
            outcomes, latencies, slow = brute_force(results, segment.since, math.nextafter(segment.until, 0))
            assert (segment.total, segment.ok, segment.slow) == (outcomes.total(), len(latencies), slow)
            assert dict(segment.failures) == {name: count for name, count in outcomes.items() if name is not Outcome.OK}
            worst = max((outcomes[each] for each in (Outcome.SERVER_ERROR, Outcome.DNS)), default=0)
            assert segment.reason is None or outcomes[segment.reason] in (worst, outcomes[Outcome.RATE_LIMITED])
        assert [segment.total for segment in found[OTHER]] == [0] * 89 + [1]
        assert bars(history.database, window, NOW, [OTHER]) == {OTHER: found[OTHER]}
    [uptime, other] = uptimes(history.database, NOW, [QWEN, OTHER]).values()
    assert (
        uptime["7d"].plain
        == period(history.database, QWEN, math.floor((NOW - 7 * DAY) / HOUR) * HOUR, NOW).availability
    )
    assert uptime["7d"].weighted is not None
    assert uptime["7d"].plain is not None
    assert uptime["7d"].plain > uptime["7d"].weighted > 0
    assert (other["24h"].plain, other["90d"].counted) == (0.0, 1)
    [nothing] = uptimes(history.database, NOW, [QWEN._replace(endpoint="never")]).values()
    assert (nothing["24h"].plain, nothing["24h"].weighted) == (None, None)


def test_a_segment_names_faults_of_the_provider_first(history: History) -> None:
    """A rate limit, however frequent, does not hide that the provider failed; alone it is the reason."""
    history.append([a_result(Outcome.RATE_LIMITED, started_at=NOW - i) for i in range(5)])
    assert bars(history.database, "24h", NOW, [QWEN])[QWEN][-1].reason is Outcome.RATE_LIMITED
    history.append([a_result(Outcome.SERVER_ERROR, started_at=NOW)])
    assert bars(history.database, "24h", NOW, [QWEN])[QWEN][-1].reason is Outcome.SERVER_ERROR


def test_a_chart_has_the_quantiles_of_each_segment(history: History) -> None:
    """Those of the values in it, within 1 %; a segment with too few has none."""
    results = [a_result(started_at=NOW - i * 8.0, end=0.1 + i % 50, first_token=0.05 + i % 7) for i in range(600)]
    history.append(results)
    points = series(history.database, QWEN, "24h", NOW)
    assert sum(point.count for point in points) == 600
    for point in points:
        _, latencies, _ = brute_force(results, point.since, math.nextafter(point.until, 0))
        exact = {q: value for q in QUANTILES if (value := quantile(latencies, q)) is not None}
        assert point.latency == pytest.approx(exact, rel=CLOSE)
    day = quantiles_of_a_day(history.database, NOW, [QWEN, OTHER])
    assert day[QWEN].latency == pytest.approx(windows(history, QWEN, NOW)[1].latency, rel=CLOSE)
    assert day[OTHER].latency == {}


def test_quantiles_of_a_day_follow_what_is_recorded_late(history: History) -> None:
    """The sums of passed hours are kept in memory: not when one of these gets a result, nor when an hour has passed."""

    def told(now: float) -> dict[float, float]:
        return quantiles_of_a_day(history.database, now, [QWEN])[QWEN].latency

    def exact(now: float) -> dict[float, float]:
        return windows(history, QWEN, now)[1].latency

    # From the full hour on, where both begin the day at the same time.
    hour = NOW // HOUR * HOUR
    history.append([a_result(started_at=hour - 7 * HOUR * (i % 3) - 60 - i, end=1.0 + i) for i in range(200)])
    assert told(hour) == pytest.approx(exact(hour), rel=CLOSE)
    history.append([a_result(started_at=hour - 5 * HOUR, end=90.0 + i) for i in range(40)])  # after the next one
    assert told(hour) == pytest.approx(exact(hour), rel=CLOSE)
    history.append([a_result(started_at=hour + 1, end=0.01) for i in range(150)])
    assert told(hour + 2) == pytest.approx(exact(hour + 2), rel=CLOSE)
    for later in (1, 8, 20):
        assert told(hour + later * HOUR) == pytest.approx(exact(hour + later * HOUR), rel=CLOSE)


def test_maintenance_is_not_counted(history: History) -> None:
    """Neither as up nor as down, in windows, bars and roll-ups; the results are kept, and totals count them."""
    history.in_maintenance = lambda endpoint, at: endpoint == QWEN.endpoint and at > NOW - 100
    history.append([a_result(Outcome.DNS, started_at=NOW - 10), a_result(started_at=NOW - 200)])
    assert [window.availability for window in windows(history, QWEN, NOW)] == [1.0] * 4
    found = period(history.database, QWEN, NOW - DAY, NOW)
    assert (found.total, found.planned, found.counted, found.outcomes) == (2, 1, 1, {Outcome.OK: 1})
    segment = bars(history.database, "7d", NOW, [QWEN])[QWEN][-1]
    assert (segment.maintenance, segment.planned, segment.reason) == (True, 1, None)
    assert history.totals().counters[definitions.REQUESTS][*QWEN, "error", "dns"] == 1
    assert len(history.recent(QWEN, 9)) == 2


def test_a_file_that_had_no_rollups_gets_them(tmp_path: Path) -> None:
    """From the results that it keeps; not from failures whose successes are already gone. Tokens where known."""
    path = tmp_path / "history.db"
    results = [a_result(Outcome.DNS if i % 9 == 0 else Outcome.OK, started_at=NOW - i * HOUR) for i in range(48)]
    with History(path, clock=lambda: NOW) as history:
        history.append([*results, a_result(Outcome.DNS, started_at=NOW - 100 * DAY)])
        before = [bars(history.database, window, NOW, [QWEN]) for window in BAR_WINDOWS]
        with history.database.transaction() as connection:
            for statement in _TO_SCHEMA_2:
                connection.execute(statement)
    with History(path, clock=lambda: NOW) as history:
        assert [bars(history.database, window, NOW, [QWEN]) for window in BAR_WINDOWS] == before
        [(days, oldest)] = history.database.query("SELECT count(*), min(start) FROM rollups WHERE seconds = 86400")
        assert (days, oldest) == (3, (NOW - 47 * HOUR) // DAY * DAY)
        [(tokens,)] = history.database.query("SELECT sum(input_tokens) FROM rollups WHERE seconds = 86400")
        assert tokens == 20 * sum(result.outcome is Outcome.OK for result in results)


_TO_SCHEMA_2 = (
    "DROP TABLE beats",
    "DROP TABLE rollups",
    "DROP TABLE rollup_histograms",
    "DROP TABLE trimmed",
    "DROP INDEX results_by_record",
    "ALTER TABLE results DROP COLUMN planned",
    "ALTER TABLE results DROP COLUMN slow",
    "PRAGMA user_version = 2",
)


def test_a_file_that_is_too_large_gives_up_what_is_oldest(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Details of successes first, failures last; the newest stay, and long windows keep their counts."""
    monkeypatch.setattr("aimon.probes.history.size_limit.KEPT_IN_FULL", 200)
    limit = 500_000
    kept = Retention(max_size=limit)
    with History(tmp_path / "history.db", clock=lambda: NOW, retention=kept) as history:
        history.database.query("PRAGMA synchronous = OFF")
        for hour in range(100):
            at = NOW - (99 - hour) * HOUR
            history.append(
                [a_result(Outcome.DNS if i == 0 else Outcome.OK, started_at=at - i, text="x" * 300) for i in range(20)]
            )
        with history.database.transaction() as connection:
            assert used(connection) <= limit
        full = history.recent(QWEN, 5000)
        assert [each.started_at for each in full[-20:]] == [NOW - i for i in range(20)]
        assert sum(each.outcome is Outcome.DNS for each in full) == 100, "failures outlive successes"
        assert len(full) < 2000
        assert windows(history, QWEN, NOW, [7 * DAY])[0].outcomes == {Outcome.OK: 1900, Outcome.DNS: 100}
    assert (tmp_path / "history.db").stat().st_size < 1.3 * limit
    assert KEPT_IN_FULL > 200


WRITER = """
import sys
from pathlib import Path
from aimon.call.outcome import Outcome
from aimon.probes.history.history import History
from results import a_result
with History(Path(sys.argv[1]), clock=lambda: 1.7e9) as history:
    history.database.query("PRAGMA synchronous = OFF")
    print("ready", flush=True)
    for i in range(1_000_000):
        outcome = Outcome.DNS if i % 3 else Outcome.OK
        history.append([a_result(outcome, started_at=1.7e9 - i * 37 - j) for j in range(5)])
"""


def test_a_kill_leaves_rollups_and_results_in_step(tmp_path: Path) -> None:
    """Killed again and again while it writes: no count is lost, and none is there twice."""
    path = tmp_path / "history.db"
    environ = {**os.environ, "PYTHONPATH": str(Path(__file__).parents[2] / "support")}
    total = 0
    for attempt in range(3):
        writer = subprocess.Popen([sys.executable, "-c", WRITER, str(path)], env=environ, stdout=subprocess.PIPE)
        assert writer.stdout is not None
        assert writer.stdout.readline() == b"ready\n"
        goal = total + 40 * (attempt + 1)
        while total < goal:
            total = _count(path, "SELECT count(*) FROM results")
        writer.send_signal(signal.SIGKILL)
        writer.wait()
        writer.stdout.close()
        total = _count(path, "SELECT count(*) FROM results")
        for length in LENGTHS:
            assert _count(path, "SELECT sum(total) FROM rollups WHERE seconds = ?", length) == total
            successes = _count(path, "SELECT count(*) FROM results WHERE outcome = 'ok'")
            assert _count(path, "SELECT sum(ok) FROM rollups WHERE seconds = ?", length) == successes
        with History(path) as history:
            requests = history.totals().counters[definitions.REQUESTS]
            assert sum(requests.values()) == total


def _count(path: Path, sql: str, *values: int) -> int:
    connection = sqlite3.connect(path, timeout=30)
    try:
        return int(connection.execute(sql, values).fetchone()[0])
    finally:
        connection.close()
