"""The progress of a run, computed from its workers' reports."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from aimon.call.outcome import Outcome
from aimon.cli.loadtest.progress.figures import percentile
from aimon.loadtests.controller.progress_tracker import WINDOW, ProgressTracker
from aimon.loadtests.engine.schedule import Phase, Schedule
from aimon.loadtests.protocol.plan import Plan
from aimon.loadtests.protocol.stage import Stage, StatsDelta
from aimon.loadtests.report.run_result import RunResult
from aimon.loadtests.statistics.call_stats import CallStats
from aimon.objectives import parse
from results import a_result

if TYPE_CHECKING:
    from aimon.loadtests.protocol.progress import Progress

BOTH = frozenset({"a", "b"})
PLAN = Plan(endpoint="e", rate=10.0, duration=60.0, warmup=5.0)


def told(
    started: int,
    *,
    in_flight: int = 0,
    latency: float = 1.0,
    outcome: Outcome = Outcome.OK,
    cpu: float = 0.1,
    calls: int = 1,
) -> StatsDelta:
    """A worker's report of this many calls, out of this many started ones."""
    stats = CallStats()
    for _ in range(calls):
        stats.observe(a_result(outcome, end=latency), 0.0)
    return StatsDelta(
        number=1, serial=1, done=False, stats=stats, started=started, in_flight=in_flight, cpu=cpu, wall=1.0
    )


def look(tracker: ProgressTracker, run: RunResult, now: float, workers: frozenset[str] = BOTH) -> Progress:
    """A Progress that must be due."""
    found = tracker.progress(run, now, workers, [])
    assert found is not None
    return found


def begun() -> tuple[ProgressTracker, RunResult]:
    """An open loop at 10 calls a second whose warm-up has begun."""
    tracker = ProgressTracker(PLAN)
    schedule = Schedule((Phase(5.0, 10.0), Phase(60.0, 10.0)))
    tracker.start_stage(Stage(number=1, run_offset=-5.0, warmup=5.0, schedule=schedule))
    assert tracker.progress(RunResult(CallStats()), -5.0, BOTH, []) is None
    return tracker, RunResult(CallStats())


def test_a_moment_is_too_short_to_tell_that_the_client_is_busy() -> None:
    """A report that comes right after another is of a time in which nothing but reporting happened."""
    tracker, run = begun()
    tracker.add("a", told(10, cpu=0.4))
    tracker.add("b", told(10, cpu=0.2))
    assert look(tracker, run, -4.0).client["cpu"] == pytest.approx(0.4)
    moment = told(10)
    moment.cpu = moment.wall = 0.001
    tracker.add("b", moment)
    found = tracker.progress(run, -3.999, BOTH, [], last=True)
    assert found is not None
    assert found.client["cpu"] == pytest.approx(0.4)
    assert not found.client["bottleneck"]


def test_rates_are_of_all_workers_and_of_the_last_seconds() -> None:
    """The rate is that of all workers over the last ten seconds: 10 and 20 calls in two seconds are 15/s."""
    tracker, run = begun()
    tracker.add("a", told(10, in_flight=3))
    tracker.add("b", told(20, in_flight=4))
    first = look(tracker, run, -3.0)
    assert (first.phase, first.asked, first.achieved, first.in_flight) == ("warm-up", 10.0, 15.0, 7)
    tracker.add("a", told(15))
    later = look(tracker, run, -3.0 + WINDOW)
    assert later.phase == "steady"
    assert later.achieved == pytest.approx(5 / WINDOW)


def test_what_was_asked_is_of_the_same_seconds_as_what_was_achieved() -> None:
    """In the first two seconds of a spike both are means of ten: the peak alone would make the client look slow."""
    tracker, run = ProgressTracker(PLAN), RunResult(CallStats())
    schedule = Schedule((Phase(20.0, 8.0), Phase(10.0, 32.0), Phase(10.0, 8.0, 0.0)))
    tracker.start_stage(Stage(number=1, run_offset=0.0, schedule=schedule))
    assert tracker.progress(run, 0.0, BOTH, []) is None
    started = 0
    for second in range(1, 41):
        started = round(schedule.due(float(second)))
        tracker.add("a", told(started))
        seen = look(tracker, run, float(second))
        assert seen.asked is not None
        assert seen.achieved == pytest.approx(seen.asked, abs=1.0)
        if second == 22:
            assert seen.asked == pytest.approx((8 * 8 + 2 * 32) / 10)
    assert started == schedule.total == 20 * 8 + 10 * 32 + 40


def test_now_is_a_window_and_overall_is_not() -> None:
    """A slow beginning is no longer seen in the percentiles of now."""
    tracker, run = begun()
    slow, quick = told(100, latency=9.0, calls=100), told(200, latency=1.0, calls=100)
    tracker.add("a", slow)
    run.stats.merge(slow.stats)
    assert look(tracker, run, 1.0).now["latency"].p50 == pytest.approx(9.0, rel=0.005)
    tracker.add("a", quick)
    run.stats.merge(quick.stats)
    seen = look(tracker, run, 1.0 + WINDOW)
    assert seen.now["latency"].p50 == pytest.approx(1.0, rel=0.005)
    assert seen.overall["latency"].p99 == pytest.approx(9.0, rel=0.005)
    assert (seen.overall["latency"].count, seen.sent, seen.ok) == (200, 200, 200)


def test_failures_are_in_no_percentile() -> None:
    """Failures are counted by outcome and are in no percentile."""
    tracker, run = begun()
    failed = told(1, outcome=Outcome.SERVER_ERROR)
    tracker.add("a", failed)
    run.stats.merge(failed.stats)
    seen = look(tracker, run, 1.0)
    assert (seen.now["latency"].p50, seen.outcomes, seen.ok) == (None, {"server_error": 1}, 0)


def test_calls_that_timed_out_are_in_every_percentile() -> None:
    """Calls that timed out count as longer than they lasted; a percentile of too few values says how many it needs."""
    tracker, run = begun()
    for report in (told(20, calls=20), told(40, latency=3.0, outcome=Outcome.TIMEOUT_TOTAL, calls=20)):
        tracker.add("a", report)
        run.stats.merge(report.stats)
    seen = look(tracker, run, 1.0)
    for times in (seen.now["latency"], seen.overall["latency"]):
        assert times.p50 == pytest.approx(1.0, rel=0.005)
        assert (times.p95, times.p99, times.needs["p99"]) == (None, None, 100)
        assert times.at_least["p95"] == pytest.approx(3.0, rel=0.005)
    words = [percentile(seen.overall["latency"], name) for name in ("p50", "p95", "p99")]
    assert words == ["1.00 s", "> 3.00 s", "n<100"]


def test_what_was_under_way_at_a_lost_worker_is_not() -> None:
    """Calls in flight at a lost worker no longer count as in flight."""
    tracker, run = begun()
    tracker.add("a", told(1, in_flight=3))
    tracker.add("b", told(1, in_flight=4))
    assert look(tracker, run, 1.0, frozenset({"b"})).in_flight == 4


def test_another_rate_begins_anew() -> None:
    """A step of a search shows nothing of the one before."""
    tracker, run = begun()
    tracker.add("a", told(100, latency=9.0))
    look(tracker, run, 1.0)
    tracker.start_stage(Stage(number=2, run_offset=1.0, schedule=Schedule((Phase(5.0, 20.0),))))
    tracker.add("a", told(2, latency=1.0, calls=100))
    seen = look(tracker, run, 2.0)
    assert (seen.asked, seen.achieved) == (20.0, 2.0)
    assert seen.now["latency"].p99 == pytest.approx(1.0, rel=0.005)


def test_the_busiest_worker_is_the_bottleneck() -> None:
    """One busy worker marks the client as the bottleneck, even if the others are idle."""
    tracker, run = begun()
    tracker.add("a", told(1, cpu=0.2))
    tracker.add("b", told(1, cpu=0.99))
    seen = look(tracker, run, 1.0)
    assert seen.client["bottleneck"]
    assert seen.client["reasons"] == ["the client used 99% of its core"]


def test_notes_wait_until_they_are_told() -> None:
    """Each note is reported exactly once."""
    tracker, run = begun()
    assert tracker.progress(run, -4.8, BOTH, ["worker 1 was lost"]) is None
    assert look(tracker, run, -3.0).notes == ["worker 1 was lost"]
    assert look(tracker, run, -1.0).notes == []


def test_rates_under_way_leave_out_what_has_not_ended() -> None:
    """10 calls a second of 5 s each: after 8 s those of 3 s have ended, at the end of the window's drain all."""
    tracker, run = begun()
    run.objectives = [parse("rate>9/s")]
    for now, calls in ((8.0, 30), (64.0, 550), (65.5, 20)):
        report = told(calls, latency=5.0, calls=calls)
        tracker.add("a", report)
        run.stats.merge(report.stats)
        found = look(tracker, run, now).slo
        assert [(row["met"], round(row["value"])) for row in found] == [(True, 10)]


def test_the_most_frequent_requests_of_a_scenario_are_told_by_name() -> None:
    """The most frequent names are in alphabetical order with their own calls; hundreds of names cost little."""
    tracker, run = begun()
    for number in range(20):
        run.by_name[f"request {number:02}"] = told(0, calls=number, latency=0.1 * (number + 1)).stats
    seen = look(tracker, run, 2.0).by_name
    assert [(each.name, each.sent, each.ok) for each in seen] == [(f"request {n}", n, n) for n in range(12, 20)]
    assert seen[-1].latency.p50 == pytest.approx(2.0, rel=0.01)
