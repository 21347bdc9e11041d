"""How many tokens a text has, where nobody says: an estimate, and marked as one wherever it is shown."""

from __future__ import annotations

from typing import TYPE_CHECKING

from aimon.call.result import Usage

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

_BYTES_PER_TOKEN = 4


def estimated(text: str) -> int:
    """Tokens of a text: a quarter of its UTF-8 bytes, which fits English and, within a third, Chinese."""
    return -(-len(text.encode(errors="replace")) // _BYTES_PER_TOKEN)


def estimate(told: Usage, prompts: Iterable[str], texts: Sequence[str], chunks: int, thoughts: int) -> Usage | None:
    """The usage of a call whose provider did not say how much it wrote; None where it did, or nothing was written.

    Args:
        told: what it did say.
        prompts: what was asked.
        texts: visible text that arrived; of a long one not all is kept.
        chunks: in how many pieces all of it came.
        thoughts: bytes of reasoning that arrived.
    """
    if told.output is not None or not (texts or thoughts):
        return None
    written = sum(len(text.encode(errors="replace")) for text in texts)
    if texts:
        written = round(written * chunks / len(texts))
    read = sum(map(estimated, prompts)) if told.input is None else told.input
    return Usage(read, -(-(written + thoughts) // _BYTES_PER_TOKEN), source="estimated")
