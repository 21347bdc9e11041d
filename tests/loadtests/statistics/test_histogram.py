"""The load tests' histogram against numpy's exact quantiles."""

from __future__ import annotations

import json

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from aimon.loadtests.statistics.histogram import Histogram

_RANDOM = np.random.default_rng(7)
SHAPES = {
    "log-normal": _RANDOM.lognormal(-1, 1, 1_000_000),
    "exponential": _RANDOM.exponential(0.01, 1_000_000),
    "uniform": _RANDOM.uniform(0.0001, 100, 1_000_000),
    "pareto": 0.001 * (1 + _RANDOM.pareto(1.2, 1_000_000)),
    "two humps": np.concatenate([_RANDOM.normal(0.05, 0.001, 900_000), _RANDOM.normal(20, 1, 100_000)]),
    "constant": np.full(1_000_000, 0.25),
}


def filled(values: np.ndarray) -> Histogram:
    """A histogram of these values."""
    histogram = Histogram()
    for value in values.tolist():
        histogram.record(value)
    return histogram


@pytest.mark.parametrize("shape", SHAPES)
def test_a_quantile_is_within_one_percent_of_the_exact_one(shape: str) -> None:
    """Every quantile of a report is within 1 % of numpy's, over a million values."""
    values = SHAPES[shape]
    histogram = filled(values)
    assert histogram.count == 1_000_000
    assert histogram.max == values.max()
    assert histogram.mean == pytest.approx(values.mean(), rel=1e-9)
    for share in (0.01, 0.5, 0.9, 0.95, 0.99, 0.999, 0.9999, 1.0):
        exact = float(np.quantile(values, share, method="inverted_cdf"))
        assert histogram.quantile(share) == pytest.approx(exact, rel=0.0051)


@given(st.lists(st.lists(st.floats(0, 1e7), max_size=30), min_size=1, max_size=5))
def test_merged_parts_are_the_whole(parts: list[list[float]]) -> None:
    """Sent through JSON and merged, the parts have the buckets, extremes and sum of one histogram of all."""
    whole = filled(np.array([value for part in parts for value in part]))
    merged = Histogram()
    for part in parts:
        merged.merge(Histogram.load(json.loads(json.dumps(filled(np.array(part)).dump()))))
    expected, found = whole.dump(), merged.dump()
    assert found.pop("sum") == pytest.approx(expected.pop("sum"), rel=1e-12)
    assert found == expected


def test_its_memory_does_not_grow() -> None:
    """A dump has at most as many buckets as the histogram, whatever was recorded."""
    histogram = filled(SHAPES["pareto"])
    before = histogram._counts.nbytes
    assert before < 50_000
    assert len(histogram._buffer) < 8192


@pytest.mark.parametrize("value", [-1.0, float("inf"), float("nan")])
def test_what_is_no_duration_is_refused(value: float) -> None:
    """Negative, infinite and NaN values raise ValueError when values are folded."""
    histogram = Histogram()
    histogram.record(value)
    with pytest.raises(ValueError, match="finite numbers from 0 on"):
        histogram.quantile(0.5)


def test_without_values_there_are_no_quantiles() -> None:
    """Quantiles of an empty histogram are None, not 0."""
    assert Histogram().summary() == dict.fromkeys(("mean", "p50", "p90", "p95", "p99", "p999", "max")) | {"count": 0}
