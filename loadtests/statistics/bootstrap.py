"""How far what was measured may be off by chance: the blocks of a run are drawn again, in runs of neighbours.

Calls that end near each other are alike (a queue, a noisy neighbour), so that single calls drawn at random would
promise too much. Blocks of neighbours keep what holds them together: H. R. Künsch, "The Jackknife and the Bootstrap
for General Stationary Observations", Annals of Statistics 17 (1989). Each takes the place of blocks that are not far
from it, so that what goes up and down on purpose, such as a spike of the load or a line that grows, stays in its place
and is no chance: E. Paparoditis and D. N. Politis, "Local block bootstrap", Comptes Rendus Mathématique 335 (2002).
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, NamedTuple, TypeAlias

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from numpy.typing import NDArray


CONFIDENCE = 0.95

Floats: TypeAlias = "NDArray[np.float64]"


# How far from its place, as a share of the run, a block may come from.
_REACH = 1 / 8
_LEAST_REACH = 3


class Resamples(NamedTuple):
    """How often each block is in each resample: a row for each, of which the first is the run itself.

    Attributes:
        drawn: those rows.
        length: how many neighbours stay together.
        window: how many blocks there are that these may be taken from, for one place.
    """

    drawn: Floats
    length: int
    window: int

    @property
    def freedom(self) -> float:
        """Of the errors, in degrees: how many stretches are drawn, less one for the mean of each window."""
        return float(self.drawn.shape[1] * (1 / self.length - 1 / self.window))

    def errors(self, values: Floats) -> Floats:
        """How far resampled values are from the run's own, which is the first.

        Blocks vary less around the mean of their window than around the truth.
        """
        found: Floats = (values - values[0]) / math.sqrt(1 - self.length / self.window)
        return found


def draw(levels: Sequence[Floats], draws: int, seed: Sequence[int]) -> Resamples:
    """Draws the blocks of a run again.

    Args:
        levels: a value for each block, of one or more measures: how long these stay alike is how many neighbours
            must stay together.
        draws: how many resamples.
        seed: the same one gives the same resamples.
    """
    count = len(levels[0])
    reach = max(_LEAST_REACH, round(_REACH * count))
    length = max(neighbours(level - _around(level, reach), most=reach) for level in levels)
    places = np.arange(0, count, length)
    moved = np.random.default_rng(seed).integers(-reach, reach, (draws, len(places)), endpoint=True)
    taken = (places + moved)[:, :, None] + np.arange(length)
    # Beyond an end the run is as if seen in a mirror.
    taken = (taken.reshape(draws, -1)[:, :count]) % (2 * count)
    taken = np.where(taken < count, taken, 2 * count - 1 - taken)
    rows = taken + count * np.arange(draws)[:, None]
    drawn = np.bincount(rows.ravel(), minlength=draws * count).reshape(draws, count)
    return Resamples(np.vstack([np.ones(count), drawn]), length, min(count, 2 * reach + length))


def _around(level: Floats, reach: int) -> Floats:
    """The mean around each block, which goes up and down on purpose."""
    mirrored = np.pad(level, reach, mode="symmetric")
    return np.convolve(mirrored, np.full(2 * reach + 1, 1 / (2 * reach + 1)), mode="valid")


def neighbours(level: Floats, *, most: int) -> int:
    """How many blocks must stay together: as many as it takes for what is left of their likeness not to matter.

    D. N. Politis and H. White, "Automatic Block-Length Selection for the Dependent Bootstrap", Econometric Reviews
    23 (2004), as corrected by A. Patton, Politis and White (2009); no fewer than the cube root of the blocks, which
    is the order of what is best, since a likeness may hide in a short run.

    Args:
        level: a value for each block.
        most: so many at the most, or there would be too few to choose from.
    """
    count = len(level)
    least = min(math.ceil(math.cbrt(count)), most)
    x = level - level.mean()
    covariance = np.array([x[: count - k] @ x[k:] for k in range(count)]) / count
    if covariance[0] <= 0:
        return least
    small = 2 * math.sqrt(math.log10(count) / count) * covariance[0]
    in_a_row = max(5, math.ceil(math.sqrt(math.log10(count))))
    last = next(m for m in range(count) if np.all(np.abs(covariance[m + 1 : m + 1 + in_a_row]) < small))
    lags = np.arange(1, min(2 * last, count - 1) + 1)
    # The flat-top window of Politis and Romano (1995).
    window = np.minimum(1.0, 2 * (1 - lags / (2 * last))) if last else np.ones(0)
    weighted = window * covariance[lags]
    spectrum = float(covariance[0] + 2 * weighted.sum())
    if spectrum <= 0:
        # Neighbours that undo each other: together they vary less than apart.
        return least
    slope = 2 * float((lags * weighted).sum())
    best = math.cbrt(2 * slope**2 / (4 / 3 * spectrum**2) * count)
    return max(least, math.ceil(min(best, most)))


def quantiles(
    blocks: Sequence[Mapping[str, int]], drawn: Floats, shares: Sequence[float], *, unit: float, gamma: float
) -> Floats:
    """A column of quantiles for each share, a row for each resample; not a number where a resample has no values.

    Args:
        blocks: for each block, how many values are in which bucket; bucket i ends at unit * gamma^i.
        drawn: what `draw` returned.
        shares: such as 0.99.
        unit: of the buckets.
        gamma: their growth. Values are taken to lie evenly in a bucket, so that its width does not show.
    """
    indices = sorted({int(i) for buckets in blocks for i in buckets})
    column = {index: k for k, index in enumerate(indices)}
    counts = np.zeros((len(blocks), len(indices)))
    for row, buckets in zip(counts, blocks, strict=True):
        for i, number in buckets.items():
            row[column[int(i)]] = number
    risen = np.cumsum(drawn @ counts, axis=1)
    edges = np.array(indices, np.float64)
    return np.column_stack([_at(risen, share, edges, unit, gamma) for share in shares])


def _at(risen: Floats, share: float, edges: Floats, unit: float, gamma: float) -> Floats:
    if not len(edges):
        return np.full(len(risen), np.nan)
    total = risen[:, -1]
    rank = share * total
    place = np.argmax(risen >= rank[:, None], axis=1)
    rows = np.arange(len(risen))
    before = np.where(place > 0, risen[rows, place - 1], 0.0)
    inside = risen[rows, place] - before
    part = np.divide(rank - before, inside, out=np.zeros(len(risen)), where=inside > 0)
    found: Floats = unit * gamma ** (edges[place] - 1 + part)
    return np.where(total > 0, found, np.nan)


def simultaneous(differences: Floats, freedom: float) -> list[tuple[float, float]]:
    """An interval for each column; with CONFIDENCE, all of them hold what they are for at once.

    A table of many intervals of 95 % each would nearly always have one that is wrong. These are as much wider as
    it takes for the largest studentised error of all columns (J. P. Romano and M. Wolf, "Exact and Approximate
    Stepdown Methods for Multiple Hypothesis Testing", JASA 100, 2005), and as Student's t is wider than a normal.

    Args:
        differences: a row for each resample, of which the first is what was measured.
        freedom: of what the errors are told from, in degrees.
    """
    measured = differences[0]
    # A resample may have none of something: it says nothing about that.
    off = np.nan_to_num(differences[1:] - measured, nan=0.0, posinf=0.0, neginf=0.0)
    error = np.sqrt(np.mean(off**2, axis=0))
    studentised = np.divide(np.abs(off), error, out=np.zeros_like(off), where=error > 0)
    normal = float(np.quantile(studentised.max(axis=1), CONFIDENCE))
    # Of Cornish and Fisher: M. Abramowitz and I. Stegun, "Handbook of Mathematical Functions", 26.7.5.
    factor = normal + (normal**3 + normal) / (4 * freedom)
    factor += (5 * normal**5 + 16 * normal**3 + 3 * normal) / (96 * freedom**2)
    return [(float(m - factor * e), float(m + factor * e)) for m, e in zip(measured, error, strict=True)]
