"""Availability and quantiles over windows, exact and withheld where there is too little to say."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import pytest
from hypothesis import given
from hypothesis import strategies as st

from aimon.call.outcome import Outcome
from aimon.probes.history.history import History
from aimon.probes.history.queries.period import QUANTILES
from aimon.probes.history.retention import DAY
from aimon.probes.history.windows import WINDOWS, quantile, windows, windows_at_intervals
from results import QWEN, a_result

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

NOW = 1_700_000_000.0
HOUR = 3600.0


@pytest.fixture
def history(tmp_path: Path) -> Iterator[History]:
    """A new history."""
    with History(tmp_path / "history.db") as opened:
        yield opened


@pytest.mark.parametrize(("q", "needed"), [(0.5, 2), (0.95, 20), (0.99, 100)])
def test_a_quantile_needs_enough_values(q: float, needed: int) -> None:
    """One value must lie above it, or it would only be the maximum."""
    values = [float(i) for i in range(1, needed + 1)]
    assert quantile(values[:-1], q) is None
    assert quantile(values, q) == values[-2]


@given(st.lists(st.floats(0, 100), max_size=400), st.sampled_from(QUANTILES))
def test_a_quantile_is_the_least_value_that_enough_others_do_not_exceed(values: list[float], q: float) -> None:
    """The definition, counted out."""
    found = quantile(sorted(values), q)
    if found is None:
        assert len(values) < round(1 / (1 - q))
        return
    enough = math.ceil(round(q * len(values), 6))
    assert sum(value <= found for value in values) >= enough
    assert sum(value < found for value in values) < enough


def test_each_window_has_what_started_within_it(history: History) -> None:
    """The edges: an hour, a day, a week and 30 days ago, to the second."""
    ages = [0, HOUR, HOUR + 1, DAY, DAY + 1, 7 * DAY, 7 * DAY + 1, 30 * DAY, 30 * DAY + 1]
    history.append([a_result(started_at=NOW - age) for age in ages])
    assert [window.total for window in windows(history, QWEN, NOW)] == [2, 4, 6, 8]


def test_availability_counts_network_and_provider_faults_only(history: History) -> None:
    """A wrong key, a wrong model and a spent budget say nothing about the provider."""
    history.append([a_result(outcome, started_at=NOW) for outcome in [*Outcome, Outcome.OK]])
    window = windows(history, QWEN, NOW)[0]
    counted = sum(outcome.counts_for_availability for outcome in Outcome) + 1
    assert window.counted == counted == 18
    assert window.availability == 2 / 18
    assert window.total == len(Outcome) + 1
    assert window.rate(Outcome.RATE_LIMITED) == 1 / (len(Outcome) + 1 - 2)


def test_nothing_is_said_of_nothing(history: History) -> None:
    """No result, or none that counts: no availability, no rate, no quantile."""
    empty = windows(history, QWEN, NOW)[0]
    assert (empty.availability, empty.rate(Outcome.OK), empty.latency) == (None, None, {})
    history.append([a_result(Outcome.BUDGET_SKIPPED, started_at=NOW)])
    skipped = windows(history, QWEN, NOW)[0]
    assert (skipped.availability, skipped.rate(Outcome.OK), skipped.counted) == (None, None, 0)


def test_quantiles_are_of_successes_alone(history: History) -> None:
    """A hundred successes among slow failures: every quantile is one of the successes' own values."""
    successes = [a_result(started_at=NOW - i, end=i / 100, first_token=i / 1000) for i in range(1, 101)]
    failures = [a_result(Outcome.TIMEOUT_TOTAL, started_at=NOW - i, end=60.0) for i in range(50)]
    history.append([*successes, *failures])
    window = windows(history, QWEN, NOW)[0]
    assert window.latency == {0.5: 0.5, 0.95: 0.95, 0.99: 0.99}
    assert window.ttft == {0.5: 0.05, 0.95: 0.095, 0.99: 0.099}
    assert window.availability == 100 / 150


def test_calls_without_a_first_token_have_no_ttft(history: History) -> None:
    """Embeddings succeed without text."""
    history.append([a_result(started_at=NOW, first_token=None) for _ in range(20)])
    window = windows(history, QWEN, NOW)[0]
    assert window.ttft == {}
    assert set(window.latency) == {0.5, 0.95}


def test_small_windows_are_always_up_to_date(history: History) -> None:
    """Each probe shows at once, in all windows."""
    for count in range(1, 4):
        history.append([a_result(started_at=NOW + count)])
        assert [w.total for w in windows_at_intervals(history, [QWEN], NOW + count)[QWEN]] == [count] * 4


def test_endpoints_are_kept_apart(history: History) -> None:
    """Each has its own windows, kept or not; one that was never probed has empty ones."""
    other, never = QWEN._replace(endpoint="other"), QWEN._replace(endpoint="never")
    history.append([a_result(started_at=NOW - i) for i in range(600)])
    history.append([a_result(started_at=NOW - i, identity=other) for i in range(700)])
    for _ in range(2):
        found = windows_at_intervals(history, [QWEN, other, never], NOW)
        assert [windows[-1].total for windows in found.values()] == [600, 700, 0]


def test_large_windows_are_computed_at_intervals(history: History) -> None:
    """A month of 3,000 probes is not read again for one more; two hours later it is."""
    history.append([a_result(started_at=NOW - i * 800) for i in range(3000)])
    first = windows_at_intervals(history, [QWEN], NOW)[QWEN]
    assert first == windows(history, QWEN, NOW)
    history.append([a_result(Outcome.DNS, started_at=NOW + 1)])
    soon = windows_at_intervals(history, [QWEN], NOW + 1)[QWEN]
    assert soon[0] == windows(history, QWEN, NOW + 1)[0]
    assert soon[-1] == first[-1]
    later = NOW + 1.5 * WINDOWS["30d"] / 500
    assert windows_at_intervals(history, [QWEN], later)[QWEN] == windows(history, QWEN, later)


def test_a_clock_set_back_does_not_freeze_a_window(history: History) -> None:
    """A window from the future is computed anew."""
    history.append([a_result(started_at=NOW - i * 800) for i in range(3000)])
    windows_at_intervals(history, [QWEN], NOW)[QWEN]
    assert windows_at_intervals(history, [QWEN], NOW - DAY)[QWEN] == windows(history, QWEN, NOW - DAY)
