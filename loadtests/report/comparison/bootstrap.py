"""Local block bootstrap: sampling errors of what a run measured, from resamples of its blocks.

Calls that end near each other are correlated (a queue, a noisy neighbour), so resampling single calls would understate
the error. Runs of neighbouring blocks keep the correlation: H. R. Künsch, "The Jackknife and the Bootstrap for General
Stationary Observations", Annals of Statistics 17 (1989). Each run of blocks is replaced by one that is near in time, so
that intended changes of the load, such as a spike or a ramp, do not count as chance: E. Paparoditis and D. N.
Politis, "Local block bootstrap", Comptes Rendus Mathématique 335 (2002).
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


# How far away in time, as a share of the run, a replacement may be.
_REACH = 1 / 8
_LEAST_REACH = 3


class Resamples(NamedTuple):
    """How often each resample contains each block.

    Attributes:
        drawn: a row for each resample, a column for each block; the first row is the run itself.
        length: number of neighbouring blocks drawn together.
        window: number of blocks from which those for one place are drawn.
    """

    drawn: Floats
    length: int
    window: int

    @property
    def freedom(self) -> float:
        """Degrees of freedom of the errors: the number of runs of blocks, less one for the mean of each window."""
        return float(self.drawn.shape[1] * (1 / self.length - 1 / self.window))

    def errors(self, values: Floats) -> Floats:
        """Differences of resampled values from the run's own, which is the first.

        Scaled up, since blocks vary less around the mean of their window than around the true mean.
        """
        found: Floats = (values - values[0]) / math.sqrt(1 - self.length / self.window)
        return found


def draw(levels: Sequence[Floats], draws: int, seed: Sequence[int]) -> Resamples:
    """Resamples the blocks of a run.

    Args:
        levels: for one or more measures, a value for each block; their autocorrelation decides how many neighbours
            are drawn together.
        draws: number of resamples.
        seed: the same seed gives the same resamples.
    """
    count = len(levels[0])
    reach = max(_LEAST_REACH, round(_REACH * count))
    length = max(neighbours(level - _around(level, reach), most=reach) for level in levels)
    places = np.arange(0, count, length)
    moved = np.random.default_rng(seed).integers(-reach, reach, (draws, len(places)), endpoint=True)
    taken = (places + moved)[:, :, None] + np.arange(length)
    # Beyond its ends the run is mirrored.
    taken = (taken.reshape(draws, -1)[:, :count]) % (2 * count)
    taken = np.where(taken < count, taken, 2 * count - 1 - taken)
    rows = taken + count * np.arange(draws)[:, None]
    drawn = np.bincount(rows.ravel(), minlength=draws * count).reshape(draws, count)
    return Resamples(np.vstack([np.ones(count), drawn]), length, min(count, 2 * reach + length))


def _around(level: Floats, reach: int) -> Floats:
    """The moving average around each block: intended changes of the load."""
    mirrored = np.pad(level, reach, mode="symmetric")
    return np.convolve(mirrored, np.full(2 * reach + 1, 1 / (2 * reach + 1)), mode="valid")


def neighbours(level: Floats, *, most: int) -> int:
    """The block length: how many neighbours must be drawn together to keep their correlation.

    D. N. Politis and H. White, "Automatic Block-Length Selection for the Dependent Bootstrap", Econometric Reviews
    23 (2004), as corrected by A. Patton, Politis and White (2009); at least the cube root of the number
    of blocks, the order of the optimum, since a short run may hide a correlation.

    Args:
        level: a value for each block.
        most: upper bound, so that there is a choice of blocks.
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
        # Negative correlation: sums vary less than independent values would.
        return least
    slope = 2 * float((lags * weighted).sum())
    best = math.cbrt(2 * slope**2 / (4 / 3 * spectrum**2) * count)
    return max(least, math.ceil(min(best, most)))


def quantiles(
    blocks: Sequence[Mapping[str, int]], drawn: Floats, shares: Sequence[float], *, unit: float, gamma: float
) -> Floats:
    """Quantiles: a column for each share, a row for each resample; NaN where a resample has no values.

    Args:
        blocks: for each block, the number of values by bucket; bucket i ends at unit * gamma^i.
        drawn: `Resamples.drawn`.
        shares: such as 0.99.
        unit: end of bucket 0.
        gamma: growth factor of the buckets. Values are interpolated within a bucket.
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
    """A confidence interval for each column; all of them hold at once with CONFIDENCE.

    A table of many separate 95 % intervals would nearly always have a wrong one. These are widened to cover the
    largest studentised error of all columns (J. P. Romano and M. Wolf, "Exact and Approximate
    Stepdown Methods for Multiple Hypothesis Testing", JASA 100, 2005), and by Student's t for few degrees of freedom.

    Args:
        differences: a row for each resample; the first is the measured one.
        freedom: degrees of freedom of the errors.
    """
    measured = differences[0]
    # A resample without a value for a column adds no error to it.
    off = np.nan_to_num(differences[1:] - measured, nan=0.0, posinf=0.0, neginf=0.0)
    error = np.sqrt(np.mean(off**2, axis=0))
    studentised = np.divide(np.abs(off), error, out=np.zeros_like(off), where=error > 0)
    normal = float(np.quantile(studentised.max(axis=1), CONFIDENCE))
    # Cornish and Fisher's expansion: M. Abramowitz and I. Stegun, "Handbook of Mathematical Functions", 26.7.5.
    factor = normal + (normal**3 + normal) / (4 * freedom)
    factor += (5 * normal**5 + 16 * normal**3 + 3 * normal) / (96 * freedom**2)
    return [(float(m - factor * e), float(m + factor * e)) for m, e in zip(measured, error, strict=True)]
