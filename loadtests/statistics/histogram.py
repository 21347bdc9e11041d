"""A histogram with logarithmic buckets: any quantile within 0.5 %, exact merges, bounded memory.

Values are collected in a flat buffer and folded with numpy, at a tenth of a microsecond each. The buckets are those of
`aimon.log_histogram`, in which the history counts too.
"""

from __future__ import annotations

import math
from array import array
from typing import TYPE_CHECKING, Any, Self

import numpy as np

from aimon.log_histogram import BUCKETS, LARGEST, LOG_GAMMA, UNIT, bucket_of, value_of

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

_BUFFER = 8192

QUANTILES = {"p50": 0.5, "p90": 0.9, "p95": 0.95, "p99": 0.99, "p999": 0.999}


class Histogram:
    """Non-negative values in any unit; values up to UNIT share a bucket."""

    __slots__ = ("_buffer", "_counts", "_max", "_min", "_sum")

    def __init__(self) -> None:
        self._buffer = array("d")
        self._counts = np.zeros(BUCKETS, np.int64)
        self._sum = 0.0
        self._min = math.inf
        self._max = 0.0

    def record(self, value: float) -> None:
        """Adds one value.

        Raises:
            ValueError: when values are folded, if one is negative, infinite or NaN.
        """
        self._buffer.append(value)
        if len(self._buffer) >= _BUFFER:
            self._fold()

    def record_all(self, values: Iterable[float]) -> None:
        """Adds several values.

        Raises:
            ValueError: as `record`.
        """
        self._buffer.extend(values)
        if len(self._buffer) >= _BUFFER:
            self._fold()

    def record_many(self, values: Mapping[float, int], *, total: float, largest: float) -> None:
        """Adds counts by value, with their exact sum and maximum."""
        for value, count in values.items():
            self._counts[bucket_of(value)] += count
            self._min = min(self._min, value)
        self._sum += total
        self._max = max(self._max, largest)

    @property
    def count(self) -> int:
        """Number of values."""
        self._fold()
        return int(self._counts.sum())

    @property
    def mean(self) -> float | None:
        """Exact up to floating point; None without values."""
        count = self.count
        return self._sum / count if count else None

    @property
    def max(self) -> float | None:
        """Exact; None without values."""
        return self._max if self.count else None

    def quantile(self, share: float) -> float | None:
        """Quantile by nearest rank, within ERROR; None without values.

        Raises:
            ValueError: the share is not between 0 and 1.
        """
        if not 0 <= share <= 1:
            raise ValueError(f"a quantile of {share:g}: give a share from 0 to 1")
        count = self.count
        if not count:
            return None
        # Rounded, since 0.95 * 20 must give rank 19 and not 20.
        return self.at_rank(max(1, math.ceil(round(share * count, 9))))

    def at_rank(self, rank: int) -> float:
        """The value of a rank, from 1 to `count`, within ERROR."""
        self._fold()
        i = int(np.searchsorted(np.cumsum(self._counts), rank))
        return float(min(max(value_of(i), self._min), self._max))

    def count_above(self, threshold: float) -> int:
        """Number of values above a threshold, within the width of one bucket."""
        self._fold()
        return int(self._counts[bucket_of(threshold) + 1 :].sum())

    def merge(self, other: Histogram) -> None:
        """Adds the values of another, without loss of accuracy."""
        self._fold()
        other._fold()
        self._counts += other._counts
        self._sum += other._sum
        self._min = min(self._min, other._min)
        self._max = max(self._max, other._max)

    def summary(self) -> dict[str, float | int | None]:
        """Mean, usual quantiles, maximum and count."""
        quantiles = {name: self.quantile(share) for name, share in QUANTILES.items()}
        return {"mean": self.mean, **quantiles, "max": self.max, "count": self.count}

    def points(self) -> list[tuple[float, int]]:
        """(value, count) of each non-empty bucket, in rising order."""
        self._fold()
        return [(value_of(int(i)), int(self._counts[i])) for i in np.flatnonzero(self._counts)]

    def dump(self) -> dict[str, Any]:
        """As JSON values, without loss."""
        self._fold()
        filled = np.flatnonzero(self._counts)
        least = self._min if len(filled) else None
        return {
            "buckets": {int(i): int(self._counts[i]) for i in filled},
            "sum": self._sum,
            "min": least,
            "max": self._max,
        }

    @classmethod
    def load(cls, dumped: Mapping[str, Any]) -> Self:
        """The inverse of `dump`; keys may be strings, as in JSON."""
        histogram = cls()
        for i, count in dumped["buckets"].items():
            histogram._counts[int(i)] = count
        histogram._sum = dumped["sum"]
        histogram._min = math.inf if dumped["min"] is None else dumped["min"]
        histogram._max = dumped["max"]
        return histogram

    def _fold(self) -> None:
        if not self._buffer:
            return
        values = np.frombuffer(self._buffer, np.float64)
        least, most = float(values.min()), float(values.max())
        if not (least >= 0 and most < math.inf):
            raise ValueError(f"values from {least:g} to {most:g}: a histogram takes finite numbers from 0 on")
        scaled = np.clip(values, UNIT, LARGEST) / UNIT
        found = np.ceil(np.log(scaled) / LOG_GAMMA).astype(np.int64)
        self._counts += np.bincount(found, minlength=BUCKETS)
        self._sum += float(values.sum())  # numpy sums pairwise, with little rounding error
        self._min = min(self._min, least)
        self._max = max(self._max, most)
        # A new buffer, since numpy still refers to the old one.
        self._buffer = array("d")
