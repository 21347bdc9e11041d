"""How many successes have a known time per output token (TPOT), why others have none, and tokens per chunk."""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Mapping

    from aimon.call.result import Result


class TpotCoverage:
    """Counts successes by how their TPOT is known.

    Attributes:
        told: from the provider's token counts alone, or from one token a chunk.
        estimated: from tokens shared out by the length of the text.
        unknown: calls without a TPOT, by reason.
        tokens: visible tokens of the calls in which they are known, in `chunks` chunks.
    """

    def __init__(self) -> None:
        self.told = self.estimated = self.chunks = 0
        self.tokens = 0.0
        self.unknown: Counter[str] = Counter()

    @property
    def tokens_per_chunk(self) -> float | None:
        """Mean visible tokens of a chunk; None where unknown."""
        return self.tokens / self.chunks if self.chunks else None

    def observe(self, result: Result) -> None:
        """Counts a success."""
        pace = result.pace
        if pace is None:
            return
        if pace.unknown is not None:
            self.unknown[pace.unknown] += 1
            return
        self.estimated += pace.estimated
        self.told += not pace.estimated
        if pace.visible:
            self.tokens += pace.visible
            self.chunks += result.chunks

    def merge(self, other: Mapping[str, Any]) -> None:
        """Adds the `dump` of another."""
        self.told += other["told"]
        self.estimated += other["estimated"]
        self.chunks += other["chunks"]
        self.tokens += other["tokens"]
        self.unknown.update(other["unknown"])

    def dump(self) -> dict[str, Any]:
        """As JSON values."""
        return {
            "told": self.told,
            "estimated": self.estimated,
            "chunks": self.chunks,
            "tokens": self.tokens,
            "unknown": dict(self.unknown),
        }

    def summary(self) -> dict[str, Any]:
        """As in report.json."""
        return {
            "told": self.told,
            "estimated": self.estimated,
            "unknown": dict(self.unknown.most_common()),
            "tokens_per_chunk": self.tokens_per_chunk,
        }
