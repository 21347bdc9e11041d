"""When an incident opens and is over: against a reference that looks at all results again and again."""

from __future__ import annotations

import itertools

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from aimon.call.outcome import FAULTS, Fault, Outcome
from aimon.config.incident_policy import IncidentPolicy, Threshold
from aimon.probes.incidents.kinds import RULES, Kind, severity, signals
from aimon.probes.incidents.machine import DAMPING, FLAPPING_WINDOW, NEW, Change, Rule, step

# One result: whether it was bad, whether it was made in maintenance, and the seconds since the one before.
Results = list[tuple[bool, bool, float]]
RESULTS = st.lists(
    st.tuples(st.booleans(), st.sampled_from([False, False, False, True]), st.sampled_from([1.0, 60.0, 900.0])),
    max_size=60,
)
RULE = st.builds(
    lambda m, n, k, f: Rule(Threshold(min(n, m), m), k, f),
    st.integers(1, 6), st.integers(1, 6), st.integers(1, 4), st.integers(2, 4),
)  # fmt: skip


def reference(rule: Rule, results: Results) -> list[tuple[int, Change]]:
    """The changes, by the definitions in words: each one found by looking at everything since the last one."""
    times = list(itertools.accumulate(gap for _, _, gap in results))
    changes: list[tuple[int, Change]] = []
    openings: list[float] = []
    start, opened = 0, False
    for i in range(len(results)):
        since = results[start : i + 1]
        if not opened:
            counted = [bad for bad, planned, _ in since if not (bad and planned)]
            bad, planned, _ = results[i]
            if bad and not planned and sum(counted[-rule.open.of :]) >= rule.open.bad:
                openings.append(times[i])
                changes.append((i, Change.OPENED))
                start, opened = i + 1, True
        else:
            # It was flapping when it opened, and is as long as an hour holds so many openings.
            held = [
                sum(0 <= times[j] - at < FLAPPING_WINDOW for at in openings) >= rule.flapping
                for j in range(start - 1, i + 1)
            ]
            needed = rule.resolve * (DAMPING if all(held) else 1)
            good = len(since) - 1 - max((j for j, (bad, _, _) in enumerate(since) if bad), default=-1)
            if good >= needed:
                changes.append((i, Change.RESOLVED))
                start, opened = i + 1, False
    return changes


def machine(rule: Rule, results: Results) -> list[tuple[int, Change]]:
    """The changes that the track reports."""
    track, at, changes = NEW, 0.0, []
    for i, (bad, planned, gap) in enumerate(results):
        at += gap
        track, change = step(rule, track, bad=bad, at=at, planned=planned)
        if change is not None:
            changes.append((i, change))
        assert len(track.recent) <= rule.open.of
    return changes


@given(RULE, RESULTS)
@settings(max_examples=150)
def test_a_track_does_what_the_definitions_say(rule: Rule, results: Results) -> None:
    """For any results, thresholds, times and maintenance a track agrees with the definitions, written as loops."""
    assert machine(rule, results) == reference(rule, results)


@given(RULE, RESULTS)
@settings(max_examples=30)
def test_openings_and_recoveries_alternate(rule: Rule, results: Results) -> None:
    """Openings and recoveries alternate, beginning with an opening."""
    changes = [change for _, change in machine(rule, results)]
    assert changes == [Change.OPENED, Change.RESOLVED][:2] * (len(changes) // 2) + [Change.OPENED] * (len(changes) % 2)


def test_what_comes_and_goes_is_damped() -> None:
    """The third opening within an hour needs five times as many successes; an hour later it does not."""
    rule = Rule(Threshold(1, 1), 1, 3)
    quick: Results = [(True, False, 60.0), (False, False, 60.0)] * 3
    assert [change for _, change in machine(rule, quick)] == [Change.OPENED, Change.RESOLVED] * 2 + [Change.OPENED]
    assert machine(rule, quick + [(False, False, 60.0)] * 4)[-1] == (9, Change.RESOLVED)
    assert machine(rule, [*quick, (True, False, 3600.0), (False, False, 1.0)])[-1] == (7, Change.RESOLVED)


def test_nothing_opens_in_maintenance() -> None:
    """Failures there don't count afterwards either."""
    rule = Rule(Threshold(2, 3), 1)
    planned: Results = [(True, True, 1.0)] * 5
    assert machine(rule, planned) == []
    assert machine(rule, [*planned, (True, False, 1.0)]) == []
    assert machine(rule, [*planned, (True, False, 1.0), (True, False, 1.0)]) == [(6, Change.OPENED)]


@pytest.mark.parametrize("outcome", list(Outcome))
def test_what_each_outcome_says(outcome: Outcome) -> None:
    """A failure is bad for its own kind alone; faults of the prober say nothing; a success is good for all."""
    said = signals(IncidentPolicy(), outcome, 1.0, 0.5)
    match FAULTS[outcome]:
        case None if outcome is Outcome.OK:
            assert said == dict.fromkeys((Kind.OUTAGE, Kind.ACCOUNT, Kind.CONFIG, Kind.UNRELIABLE), False)
        case Fault.NETWORK | Fault.PROVIDER:
            assert said == {Kind.OUTAGE: True, Kind.UNRELIABLE: True}
        case Fault.ACCOUNT:
            assert said == {Kind.ACCOUNT: True}
        case Fault.CONFIG:
            assert said == {Kind.CONFIG: True}
        case _:  # the prober's, and calls that were cancelled
            assert said == {}


def test_an_outcome_of_another_version_says_nothing() -> None:
    """A history may hold results of a newer aimon."""
    assert signals(IncidentPolicy(), "melted", 1.0, None) == {}


@pytest.mark.parametrize(
    ("latency", "ttft", "slow"),
    [(1.0, 0.5, False), (6.0, 0.5, True), (1.0, 3.0, True), (5.0, 2.0, False), (1.0, None, False)],
)
def test_what_is_slow(latency: float, ttft: float | None, slow: bool) -> None:
    """Longer than a limit; a call without text is held against the other limit alone."""
    policy = IncidentPolicy(latency=5.0, ttft=2.0)
    assert signals(policy, "ok", latency, ttft)[Kind.SLOW] is slow
    assert Kind.SLOW not in signals(IncidentPolicy(ttft=2.0), "ok", latency, None)


def test_severities() -> None:
    """An outage's is configured; a rate limit passes by itself, a refused key doesn't."""
    policy = IncidentPolicy(severity="info")
    found = [severity(kind, policy, "unauthorized") for kind in RULES]
    assert found == ["info", "critical", "warning", "warning", "warning"]
    assert severity(Kind.ACCOUNT, policy, "rate_limited") == "warning"
