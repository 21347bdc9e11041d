"""What a server logged of its answers, which is the truth that a client's times are held against."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from pathlib import Path


class Answer(NamedTuple):
    """A row of the log: its number, when the request was read and the first and last token written (ns), its tokens."""

    number: int
    read: int
    first: int
    last: int
    tokens: int

    @property
    def ttft(self) -> float:
        """Seconds from the request to the first token."""
        return (self.first - self.read) / 1e9

    @property
    def gap(self) -> float:
        """Seconds between its tokens, on average; the log does not have each of them."""
        return (self.last - self.first) / (self.tokens - 1) / 1e9


def answers(log: Path) -> list[Answer]:
    """All answers, in the order of their ends."""
    rows = log.read_text(encoding="ascii").splitlines()
    return [Answer(*(int(field) for field in row.split(",")[:5])) for row in rows]


def quantile(ordered: list[float], share: float) -> float:
    """The value that this share of a sorted list does not exceed."""
    return ordered[min(len(ordered) - 1, int(share * len(ordered)))]
