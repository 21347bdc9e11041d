"""Schedules: number, times and division of arrivals, tested as pure functions."""

from __future__ import annotations

import math
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from aimon.load_terms import CONSTANT, GAMMA, POISSON
from aimon.loadtests.engine.schedule import Phase, Schedule, worker_share

KINDS = (CONSTANT, POISSON, GAMMA)
PHASES = st.lists(
    st.builds(
        Phase,
        duration=st.floats(0, 20, width=32),
        start=st.floats(0, 50, width=32),
        end=st.none() | st.floats(0, 50, width=32),
    ),
    min_size=1,
    max_size=4,
).map(tuple)


def kolmogorov_smirnov(values: list[float], distribution: str, mean: float) -> float:
    """The KS statistic times the root of the sample size; above 1.63 the fit is refused at the 1 % level."""
    count = len(values)
    worst = 0.0
    for k, value in enumerate(sorted(values)):
        expected = 1 - math.exp(-value / mean) if distribution == "exponential" else value / mean
        worst = max(worst, (k + 1) / count - expected, expected - k / count)
    return worst * math.sqrt(count)


def due(phases: tuple[Phase, ...], offset: float) -> float:
    """Arrivals that the rates ask for up to `offset`: the integral of the rate, by the trapezoid rule."""
    total = 0.0
    for phase in phases:
        time = min(offset, phase.duration)
        end = phase.start if phase.end is None else phase.end
        reached = phase.start + (end - phase.start) * time / phase.duration if phase.duration else 0.0
        total += time * (phase.start + reached) / 2
        offset -= time
    return total


def test_constant_arrivals() -> None:
    """Evenly spaced from the first moment on, none at the end."""
    assert list(Schedule((Phase(2, 2.5),), CONSTANT).offsets()) == pytest.approx([0, 0.4, 0.8, 1.2, 1.6])


def test_gaps_go_on_where_the_rate_changes() -> None:
    """A phase may end in the middle of a gap; the rest of the gap has the next rate."""
    phases = (Phase(3, 0.5), Phase(3, 1))
    assert list(Schedule(phases, CONSTANT).offsets()) == pytest.approx([0, 2, 3.5, 4.5, 5.5])


@given(PHASES, st.sampled_from(KINDS), st.integers(0, 5))
def test_as_many_arrivals_as_asked_for(phases: tuple[Phase, ...], kind: str, seed: int) -> None:
    """The number of arrivals is the integral of the rates, in order and within the run, for every kind."""
    schedule = Schedule(phases, kind, 2.0, seed)
    offsets = list(schedule.offsets())
    expected = sum(phase.expected for phase in phases)
    assert len(offsets) == schedule.total
    assert expected - 1e-6 <= len(offsets) < expected + 1
    assert all(earlier <= later for earlier, later in pairwise(offsets))
    assert all(0 <= offset <= schedule.duration + 1e-9 for offset in offsets)


@given(PHASES)
def test_constant_arrivals_follow_any_rate(phases: tuple[Phase, ...]) -> None:
    """Arrival k is due when the integral of the rates is k, also on ramps."""
    for k, offset in enumerate(Schedule(phases, CONSTANT).offsets()):
        assert due(phases, offset) == pytest.approx(k, abs=1e-3)


@pytest.mark.parametrize("rate", [100, 500, 1000])
def test_poisson_arrivals(rate: float) -> None:
    """Gaps are exponential and independent of each other, and arrivals uniform over the run."""
    schedule = Schedule((Phase(20, rate),), POISSON, seed=7)
    offsets = list(schedule.offsets())
    gaps = [later - earlier for earlier, later in pairwise(offsets)]
    assert len(offsets) == 20 * rate
    assert kolmogorov_smirnov(gaps, "exponential", 1 / rate) < 1.63
    assert kolmogorov_smirnov(offsets, "uniform", 20) < 1.63
    mean = sum(gaps) / len(gaps)
    neighbours = sum((a - mean) * (b - mean) for a, b in pairwise(gaps)) / sum((a - mean) ** 2 for a in gaps)
    assert abs(neighbours) < 2.58 / math.sqrt(len(gaps))


def test_poisson_arrivals_on_a_ramp() -> None:
    """With time stretched by the rate, the arrivals of a ramp are uniform again."""
    phases = (Phase(60, 0, 200),)
    offsets = list(Schedule(phases, POISSON, seed=3).offsets())
    assert kolmogorov_smirnov([due(phases, offset) for offset in offsets], "uniform", 6000) < 1.63


@pytest.mark.parametrize("variation", [0.25, 1.0, 3.0])
def test_gamma_arrivals(variation: float) -> None:
    """The gaps' coefficient of variation is the one asked for."""
    offsets = list(Schedule((Phase(100, 200),), GAMMA, variation, seed=1).offsets())
    gaps = [later - earlier for earlier, later in pairwise(offsets)]
    mean = sum(gaps) / len(gaps)
    deviation = math.sqrt(sum((gap - mean) ** 2 for gap in gaps) / len(gaps))
    assert deviation / mean == pytest.approx(variation, rel=0.05)
    assert mean == pytest.approx(1 / 200, rel=0.01)


@pytest.mark.parametrize("kind", KINDS)
def test_seeds(kind: str) -> None:
    """The same seed gives the same arrivals; another gives others, unless nothing about them is random."""
    one, same, other = (list(Schedule((Phase(5, 20),), kind, 2.0, seed).offsets()) for seed in (1, 1, 2))
    assert one == same
    assert (one == other) is (kind == CONSTANT)


@given(st.integers(1, 7), st.sampled_from(KINDS))
def test_shares_make_up_the_schedule(workers: int, kind: str) -> None:
    """Every arrival belongs to one worker, and their numbers differ by one at most."""
    schedule = Schedule((Phase(3, 5, 40), Phase(2, 40)), kind, 2.0)
    shares = [list(worker_share(schedule.offsets(), worker, workers)) for worker in range(workers)]
    assert sorted(offset for one in shares for offset in one) == list(schedule.offsets())
    assert max(map(len, shares)) - min(map(len, shares)) <= 1


@given(st.integers(1, 4), st.integers(1, 4), st.floats(0, 5))
def test_shares_after_a_worker_came_or_went(before: int, after: int, since: float) -> None:
    """After a rebalance in the middle of a run every arrival still belongs to one worker."""
    schedule = Schedule((Phase(5, 20),), POISSON)
    early = [t for worker in range(before) for t in worker_share(schedule.offsets(), worker, before) if t < since]
    late = [t for worker in range(after) for t in worker_share(schedule.offsets(), worker, after, since=since)]
    assert sorted(early + late) == list(schedule.offsets())


def test_rates() -> None:
    """A schedule tells its rate at any time of the run, and 0 outside of it."""
    schedule = Schedule((Phase(10, 0, 100), Phase(5, 30)))
    assert [schedule.rate(t) for t in (-1, 0, 5, 10, 14.9, 15)] == [0, 0, 50, 30, 30, 0]
    assert schedule.duration == 15


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: Phase(-1, 5), "a duration of -1: give a number from 0 on"),
        (lambda: Phase(1, math.inf), "a rate of inf: give a number from 0 on"),
        (lambda: Phase(1, 1, math.nan), "a rate of nan: give a number from 0 on"),
        (lambda: Schedule((), "bursty"), "arrivals 'bursty': there are constant, poisson and gamma"),
        (lambda: Schedule((), GAMMA, 0), "a variation of 0: give a number above 0"),
        (lambda: worker_share([], 2, 2), "worker 2 of 2: workers are numbered from 0"),
    ],
)
def test_nonsense_is_refused(make: object, message: str) -> None:
    """Invalid phases and schedules raise ValueError with the allowed values."""
    assert callable(make)
    with pytest.raises(ValueError, match="^" + message + "$"):
        make()
