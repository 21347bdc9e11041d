"""The block bootstrap, checked against processes with known results."""

from __future__ import annotations

import math

import numpy as np
import pytest

from aimon.loadtests.report.comparison.bootstrap import draw, neighbours, quantiles, simultaneous

GAMMA = 1.005 / 0.995


def wandering(seed: int, count: int, likeness: float) -> np.ndarray:
    """A level whose neighbours are alike: an autoregressive process of unit variance."""
    source = np.random.default_rng(seed)
    level = source.normal(size=count)
    for k in range(1, count):
        level[k] = likeness * level[k - 1] + math.sqrt(1 - likeness**2) * level[k]
    return level


def test_every_block_has_the_same_chance() -> None:
    """Blocks at the ends are drawn as often as others; the first row is the run itself."""
    drawn = draw([wandering(1, 30, 0.0)], 4000, [7]).drawn
    assert drawn.shape == (4001, 30)
    assert (drawn[0] == 1).all()
    assert (drawn.sum(axis=1) == 30).all()
    assert drawn[1:].mean(axis=0) == pytest.approx(np.ones(30), abs=0.1)


def test_the_same_seed_gives_the_same_resamples() -> None:
    """The same seed gives the same resamples, another seed others."""
    level = [wandering(1, 20, 0.5)]
    assert (draw(level, 50, [3, 1]).drawn == draw(level, 50, [3, 1]).drawn).all()
    assert (draw(level, 50, [3, 1]).drawn != draw(level, 50, [3, 2]).drawn).any()


def test_the_longer_blocks_stay_alike_the_more_stay_together() -> None:
    """The block length grows with the autocorrelation, up to its bound."""
    lengths = [
        float(np.mean([neighbours(wandering(seed, 64, likeness), most=21) for seed in range(50)]))
        for likeness in (0.0, 0.5, 0.8)
    ]
    assert 4 <= lengths[0] < lengths[1] < lengths[2] <= 21
    assert lengths[0] < 5
    assert 12 <= neighbours(np.arange(64.0), most=21) <= 21
    assert neighbours(np.ones(64), most=21) == 4
    # Neighbours that undo each other, whose spectrum at zero is nothing, or less as it is estimated.
    assert {4} < {neighbours(np.diff(wandering(seed, 65, 0.0)), most=21) for seed in range(50)} <= set(range(4, 22))


@pytest.mark.parametrize(("likeness", "least"), [(0.0, 0.9), (0.5, 0.75)])
def test_the_error_of_a_mean_is_found(likeness: float, least: float) -> None:
    """The known error of a mean is found; drawing single blocks would find 0.58 of it at a correlation of 0.5."""
    count = 64
    lags = np.arange(1, count)
    true = math.sqrt((1 + 2 * ((1 - lags / count) * likeness**lags).sum()) / count)
    found = []
    for seed in range(60):
        level = wandering(seed, count, likeness)
        resamples = draw([level], 500, [seed])
        found.append(resamples.errors(resamples.drawn @ level / count)[1:].std())
    assert least < np.mean(found) / true < 1.15


def test_blocks_take_the_place_of_others_that_are_near() -> None:
    """Blocks are exchanged with near ones, so that growth is not noise: others would move the mean by 4.6."""
    resamples = draw([wandering(3, 64, 0.0) + np.arange(64.0)], 2000, [1])
    means = resamples.drawn @ np.arange(64.0) / 64
    assert means.mean() == pytest.approx(31.5, abs=0.3)
    assert 0.8 < means.std() < 1.6
    assert resamples.length <= 8


def test_quantiles_are_those_of_the_values() -> None:
    """Quantiles are exact to a fraction of a bucket's width, for the run and for resamples."""
    values = np.random.default_rng(5).lognormal(0, 0.5, (20, 400))
    blocks = []
    for row in values:
        places, counts = np.unique(np.ceil(np.log(row / 1e-6) / math.log(GAMMA)).astype(int), return_counts=True)
        blocks.append(dict(zip(map(str, places), counts.tolist(), strict=True)))
    drawn = np.vstack([np.ones(20), np.eye(20)[3] * 20])
    found = quantiles(blocks, drawn, [0.5, 0.95, 0.99], unit=1e-6, gamma=GAMMA)
    assert found[0] == pytest.approx(np.quantile(values, [0.5, 0.95, 0.99]), rel=0.003)
    assert found[1] == pytest.approx(np.quantile(values[3], [0.5, 0.95, 0.99]), rel=0.02)
    assert np.isnan(quantiles([{}, {}], np.ones((1, 2)), [0.5], unit=1e-6, gamma=GAMMA)).all()


def test_intervals_hold_all_at_once() -> None:
    """Simultaneous intervals hold all of twelve means in about 95 of 100 tables; single ones would in 54."""
    all_held = 0
    for seed in range(200):
        values = np.random.default_rng(seed).normal(size=(60, 12))
        resamples = draw([values[:, 0]], 500, [seed])
        means = resamples.drawn @ values / 60
        intervals = simultaneous(means[0] + resamples.errors(means), resamples.freedom)
        all_held += all(low <= 0 <= high for low, high in intervals)
    assert all_held / 200 >= 0.9


def test_what_never_varies_has_no_width() -> None:
    """Constant values have an interval of width 0, and a resample without values does no harm."""
    differences = np.array([[0.5, 1.0], [0.5, np.nan], [0.5, 1.2], [0.5, 0.9]])
    exact, other = simultaneous(differences, 10.0)
    assert exact == (0.5, 0.5)
    assert other[0] < 1.0 < other[1]
