"""Which steps of a search are held: only those that served what they offered, whatever else was asked for."""

from __future__ import annotations

import pytest

from aimon.call.outcome import Outcome
from aimon.load_terms import CONSTANT
from aimon.loadtests.engine.schedule import Phase, Schedule
from aimon.loadtests.search import capacity, step_verdict
from aimon.loadtests.statistics import slo
from aimon.loadtests.statistics.call_stats import CallStats
from aimon.loadtests.statistics.observation import CallObservation, LatencyPoint
from limit_cases import Serve, bucket
from report_cases import result

SECONDS = 10.0


def step(
    rate: float,
    *failed: Outcome,
    objectives: tuple[str, ...] = (),
    not_started: int = 0,
    lost: int = 0,
    latency: float = 0.1,
) -> capacity.CapacityStep:
    """A step of ten seconds whose calls took so long, but for those at the beginning that failed or never started."""
    schedule = Schedule((Phase(SECONDS, rate),), CONSTANT)
    stats, points, refused = CallStats(), [], []
    offsets = list(schedule.offsets())[not_started + lost :]
    for k, at in enumerate(offsets):
        outcome = failed[k] if k < len(failed) else Outcome.OK
        stats.observe(result(at, latency, outcome), 1000.0)
        if outcome is Outcome.OK:
            points.append(LatencyPoint(at, latency))
        else:
            refused.append(CallObservation(at, outcome, 0, None, None))
    stats.counts["not_started"] = not_started
    return step_verdict.judge(
        schedule,
        stats,
        objectives=[slo.parse(text) for text in objectives],
        points=points,
        refused=refused,
        elapsed=SECONDS + latency,
        cpu=0.1,
    )


FAILURES = sorted(set(Outcome) - {Outcome.OK})
# What used to take the place of the bound on failures, and what allows of more failures than there are.
OBJECTIVES = [(), ("p99<2s",), ("ttft_p95<1s", "goodput>0.1/s"), ("error_rate<90%",)]


@pytest.mark.parametrize("objectives", OBJECTIVES)
@pytest.mark.parametrize("outcome", FAILURES)
def test_what_failed_was_not_held(outcome: Outcome, objectives: tuple[str, ...]) -> None:
    """One call in ten, whatever became of it and whichever objectives there are; the outcome is named."""
    found = step(20, *[outcome] * 20, objectives=objectives)
    assert not found.held
    name = "429" if outcome is Outcome.RATE_LIMITED else outcome
    assert found.limit == name
    assert f"180 of 200 calls were served ({name} 20)" in found.why
    assert found.served == pytest.approx(18.0)


@pytest.mark.parametrize(
    ("missing", "name"), [({"not_started": 20}, "calls that could not start"), ({"lost": 20}, "calls that were lost")]
)
@pytest.mark.parametrize("objectives", OBJECTIVES)
def test_what_was_never_sent_was_not_held(missing: dict[str, int], name: str, objectives: tuple[str, ...]) -> None:
    """Arrivals that could not start, and those that went down with a worker, were offered and not served."""
    found = step(20, objectives=objectives, **missing)
    assert (found.held, found.limit) == (False, name)


@pytest.mark.parametrize("objectives", OBJECTIVES)
def test_what_was_served_is_held(objectives: tuple[str, ...]) -> None:
    """One failure in a hundred calls is; successes per second do not fall because the last call took its time."""
    found = step(20, Outcome.SERVER_ERROR, Outcome.SERVER_ERROR, objectives=objectives, latency=0.9)
    assert (found.held, found.limit, found.why) == (True, "", "")
    assert found.served == pytest.approx(19.8)


def test_a_missed_objective_is_named() -> None:
    """A step that served all calls but missed an objective names it."""
    found = step(20, objectives=("p99<50ms",))
    assert (found.held, found.limit) == (False, "p99<50ms")


def search(serve: Serve, *, start: float = 28.0) -> capacity.Capacity:
    """A whole search against a limit; the bucket goes on from step to step."""
    found = capacity.Capacity()
    rates = capacity.search(start, found=found)
    rate, now = next(rates), 0.0
    while True:
        schedule = Schedule((Phase(min(max(80 / rate, 5.0), 20.0), rate),), CONSTANT)
        stats, points, refused = CallStats(), [], []
        for at in schedule.offsets():
            outcome = Outcome.OK if serve(now + at) else Outcome.RATE_LIMITED
            stats.observe(result(at, 0.05, outcome), 1000.0)
            if outcome is Outcome.OK:
                points.append(LatencyPoint(at, 0.05))
            else:
                refused.append(CallObservation(at, outcome, 0, None, None))
        now += schedule.duration + 1.0
        judged = step_verdict.judge(
            schedule,
            stats,
            objectives=[slo.parse("p99<2s")],
            points=points,
            refused=refused,
            elapsed=schedule.duration + 0.05,
            cpu=0.1,
        )
        try:
            rate = rates.send(judged)
        except StopIteration:
            return found


@pytest.mark.parametrize(("rate", "size"), [(5.0, 5.0), (5.0, 1.5), (20.0, 20.0), (33.3, 100.0), (300.0, 300.0)])
@pytest.mark.parametrize("start", [1.0, 28.0, 900.0])
def test_a_limit_is_the_capacity(rate: float, size: float, start: float) -> None:
    """A rate limit is found as the capacity within 5 %, whatever its burst and the first rate, and is named."""
    found = search(bucket(rate, size), start=start)
    assert found.rate == pytest.approx(rate, rel=0.05)
    assert found.limit is not None
    name, _, above = found.limit.partition(" above ")
    assert name == "429"
    assert float(above.removesuffix("/s")) == pytest.approx(rate, rel=0.05)
    assert all(step.served >= 0.99 * step.rate for step in found.steps if step.held)
    assert len(found.steps) <= 16


def test_a_limit_below_everything_is_named() -> None:
    """A rate limit below every tried rate is named, without a capacity."""
    found = capacity.Capacity(steps=[step(20, *[Outcome.SERVER_ERROR] * 200)])
    assert (found.rate, found.limit) == (None, "server_error at 20/s already")
