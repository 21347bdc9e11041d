"""The search for a capacity, against queues whose capacity is known."""

from __future__ import annotations

import heapq
import random
from typing import TYPE_CHECKING

import pytest

from aimon.loadtests.protocol.profiles import phases
from aimon.loadtests.search.capacity import Capacity, CapacityStep, RateLimitEstimate, search
from aimon.loadtests.search.latency_trend import trend

if TYPE_CHECKING:
    from collections.abc import Generator


def queue(
    rate: float, slots: int, service: float, jitter: float, seconds: float = 5.0, seed: int = 3
) -> list[tuple[float, float]]:
    """(scheduled, latency) of calls at even distances, to a first-come-first-served queue with so many slots."""
    source = random.Random(seed)
    free = [0.0] * slots
    points = []
    for k in range(int(rate * seconds)):
        at = k / rate
        end = max(at, heapq.heappop(free)) + service * source.uniform(1 - jitter, 1 + jitter)
        heapq.heappush(free, end)
        points.append((at, end - at))
    return points


def advance(steps: Generator[float, CapacityStep, Capacity], step: CapacityStep) -> float | None:
    """The next rate; None at the end."""
    try:
        return steps.send(step)
    except StopIteration:
        return None


def drive(start: float, slots: int, service: float, jitter: float, most: float = 1e5) -> Capacity:
    """A whole search."""
    found = Capacity()
    steps = search(start, most=most, found=found)
    rate: float | None = next(steps)
    while rate is not None:
        seen = trend(queue(rate, slots, service, jitter))
        rate = advance(steps, CapacityStep(rate, min(rate, slots / service), met=True, trend=seen))
    return found


@pytest.mark.parametrize("start", [1.0, 10.0, 500.0])
@pytest.mark.parametrize(
    ("slots", "service", "jitter"), [(4, 0.2, 0.0), (10, 0.5, 0.1), (64, 0.3, 0.3), (8, 0.02, 0.2)]
)
def test_a_known_capacity_is_found_within_five_percent(start: float, slots: int, service: float, jitter: float) -> None:
    """The capacity is found within 5 % and 20 steps, from far below and from far above."""
    found = drive(start, slots, service, jitter)
    assert found.rate == pytest.approx(slots / service, rel=0.05)
    assert found.low is not None
    assert found.high is not None
    assert found.low < found.high <= found.low * 1.04
    assert len(found.steps) <= 16


def test_the_growth_of_the_latency_tells_the_capacity() -> None:
    """At 150 % of the capacity latency grows by half a second a second, which gives the capacity."""
    found = trend(queue(30, 4, 0.2, 0.1))
    assert found.growing
    assert found.slope == pytest.approx(0.5, rel=0.02)
    assert CapacityStep(30, 20, met=True, trend=found).estimate == pytest.approx(20, rel=0.01)


def test_a_rate_below_capacity_does_not_grow() -> None:
    """At 95 % of the capacity latency does not grow, with varying service times."""
    assert not trend(queue(19, 4, 0.2, 0.3)).growing


def test_an_objective_that_is_never_met_ends_the_search() -> None:
    """An objective that no rate meets ends the search without a capacity, with the reason."""
    found = Capacity()
    steps = search(10, found=found)
    rate: float | None = next(steps)
    while rate is not None:
        rate = advance(steps, CapacityStep(rate, 0, met=False, trend=trend([]), why="error_rate"))
    assert (found.rate, found.why) == (None, "it was not held at any rate")


def test_a_client_that_is_the_bottleneck_ends_the_search() -> None:
    """A client that can't keep up ends the search, since the rate says nothing of the endpoint."""
    found = Capacity()
    steps = search(10, found=found)
    next(steps)
    assert advance(steps, CapacityStep(10, 10, met=True, trend=trend([]))) == 20
    assert advance(steps, CapacityStep(20, 12, met=False, trend=trend([]), limited=True)) is None
    assert (found.low, found.high) == (10, None)
    assert "the client could not keep up at 20/s" in found.why


def test_a_429_ends_no_search_for_a_late_client() -> None:
    """The endpoint refused, however late the client was: the search goes on below."""
    found = Capacity()
    steps = search(10, found=found)
    next(steps)
    refused = CapacityStep(
        10, 5, met=False, trend=trend([]), limited=True, limit="429", rate_limit=RateLimitEstimate(5.0, 0.1)
    )
    below = advance(steps, refused)
    assert below is not None
    assert below < 10
    assert found.high == 10


def test_the_highest_rate_allowed_is_not_passed() -> None:
    """The highest allowed rate is tried last, and no higher one."""
    found = drive(1, 64, 0.1, 0.0, most=50)
    assert (found.rate, found.high) == (50, None)
    assert max(step.rate for step in found.steps) == 50


@pytest.mark.parametrize(("profile", "total"), [("steady", 600), ("ramp", 330), ("spike", 960)])
def test_profiles_ask_for_what_they_say(profile: str, total: float) -> None:
    """Calls at 10/s in a minute: all of them, from a tenth up, and four times as many in a fifth of the time."""
    assert sum(phase.expected for phase in phases(profile, 10, 60)) == pytest.approx(total)
    assert sum(phase.duration for phase in phases(profile, 10, 60, warmup=5)) == pytest.approx(65)


@pytest.mark.parametrize(("slots", "service", "over"), [(4, 0.2, 1.3), (64, 0.3, 1.05), (8, 0.02, 1.02)])
def test_the_interval_holds_the_capacity_as_often_as_it_says(slots: int, service: float, over: float) -> None:
    """The interval holds the capacity in about 95 of 100 runs, and is no wider than needed."""
    capacity = slots / service
    held, width = 0, 0.0
    for seed in range(200):
        rate = over * capacity
        seen = trend(queue(rate, slots, service, 0.3, min(max(80 / rate, 5), 20), seed))
        found = Capacity(steps=[CapacityStep(rate, 0.0, met=True, trend=seen)])
        assert found.interval is not None
        low, high = found.interval
        held += low <= capacity <= high
        width += (high - low) / capacity / 200
    assert 0.88 <= held / 200 <= 1.0
    assert width < 0.15


def test_without_growth_there_is_no_interval() -> None:
    """Steps far below the capacity give no confidence interval."""
    seen = trend(queue(5, 4, 0.2, 0.1, seconds=20.0))
    assert Capacity(steps=[CapacityStep(5, 5.0, met=True, trend=seen)]).interval is None


def two_steps(rate: float, slots: int, service: float, seconds: float = 8.0) -> list[tuple[float, float]]:
    """(scheduled, latency) of iterations of two calls each, at even distances, to the same kind of queue.

    The second call joins the end of the line when the first has ended.
    """
    free = [0.0] * slots
    # (arrival of a call, number, when its iteration was due, whether it is the second one)
    line = [(k / rate, k, k / rate, False) for k in range(int(rate * seconds))]
    heapq.heapify(line)
    points = []
    while line:
        at, number, due, second = heapq.heappop(line)
        end = max(at, heapq.heappop(free)) + service
        heapq.heappush(free, end)
        if second:
            points.append((due, end - due))
        else:
            heapq.heappush(line, (end, number, due, True))
    return points


@pytest.mark.parametrize("start", [1.0, 10.0, 200.0])
@pytest.mark.parametrize(("slots", "service"), [(4, 0.2), (8, 0.2), (10, 0.5), (64, 0.3)])
def test_the_capacity_of_a_two_step_iteration_is_found(start: float, slots: int, service: float) -> None:
    """The capacity of iterations of two calls is found within 5 %; it has no interval."""
    found = Capacity(single_call=False)
    steps = search(start, found=found)
    rate: float | None = next(steps)
    capacity = slots / (2 * service)
    while rate is not None:
        seen = trend(two_steps(rate, slots, service, max(5.0, 80 / rate)))
        rate = advance(steps, CapacityStep(rate, min(rate, capacity), met=True, trend=seen))
    assert found.rate == pytest.approx(capacity, rel=0.05)
    assert found.interval is None
