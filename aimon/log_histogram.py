"""Logarithmic buckets in which any quantile is within 0.5 %, and a sparse histogram of them that is cheap to store.

The buckets are those of DDSketch (C. Masson, J. Rim, H. Lee: "DDSketch", VLDB 2019): bucket i holds
(GAMMA^(i-1), GAMMA^i] times UNIT and is reported as the value whose relative distance to both ends is ERROR. Adding
two histograms bucket by bucket is exact, so quantiles over any window are as good as over one hour.

Load tests count in the same buckets with numpy (`aimon.loadtests.statistics.histogram`).
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Self

import msgspec

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

ERROR = 0.005
UNIT = 1e-6
LARGEST = 1e6
"""12 days in seconds; a longer value counts as this."""
GAMMA = (1 + ERROR) / (1 - ERROR)
LOG_GAMMA = math.log(GAMMA)
BUCKETS = math.ceil(math.log(LARGEST / UNIT) / LOG_GAMMA) + 1

_decode = msgspec.json.Decoder(dict[int, int]).decode
_encode = msgspec.json.Encoder().encode


def bucket_of(value: float) -> int:
    """The bucket of a finite value; those up to UNIT share bucket 0."""
    return math.ceil(math.log(min(max(value, UNIT), LARGEST) / UNIT) / LOG_GAMMA)


def value_of(bucket: int) -> float:
    """What stands for the values of a bucket."""
    return UNIT * 2 * GAMMA**bucket / (GAMMA + 1) if bucket else UNIT


class LogHistogram:
    """Counts by bucket; only those that are not 0 are kept."""

    __slots__ = ("counts",)

    def __init__(self, counts: dict[int, int] | None = None) -> None:
        self.counts: dict[int, int] = {} if counts is None else counts

    @classmethod
    def of(cls, values: Iterable[float]) -> Self:
        """A histogram of these values."""
        histogram = cls()
        for value in values:
            histogram.record(value)
        return histogram

    def record(self, value: float) -> None:
        """Adds a finite value."""
        bucket = bucket_of(value)
        self.counts[bucket] = self.counts.get(bucket, 0) + 1

    def merge(self, other: Mapping[int, int]) -> None:
        """Adds another's counts by bucket."""
        counts = self.counts
        if not counts:
            counts.update(other)
            return
        for bucket, count in other.items():
            counts[bucket] = counts.get(bucket, 0) + count

    @property
    def count(self) -> int:
        """Number of values."""
        return sum(self.counts.values())

    def quantiles(self, shares: Iterable[float]) -> dict[float, float]:
        """Quantiles by nearest rank, each within ERROR; one for which there are too few values is missing.

        Below 1 / (1 - share) values a quantile would be the maximum.

        Args:
            shares: in rising order.
        """
        total = self.count
        found: dict[float, float] = {}
        buckets = iter(sorted(self.counts.items()))
        bucket, below = 0, 0
        for share in shares:
            rank = math.ceil(round(share * total, 6))
            if not 0 < rank < total:
                break
            while below < rank:
                bucket, count = next(buckets)
                below += count
            found[share] = value_of(bucket)
        return found

    def dump(self) -> str:
        """As JSON; "" if it is empty."""
        return _encode(self.counts).decode() if self.counts else ""

    @classmethod
    def load(cls, dumped: str) -> Self:
        """The inverse of `dump`.

        Raises:
            msgspec.MsgspecError: it is not one.
        """
        return cls(_decode(dumped) if dumped else None)
