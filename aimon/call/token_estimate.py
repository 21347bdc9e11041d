"""An estimate of tokens for calls whose provider reports no usage; it is marked as one wherever it is shown."""

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
    """The estimated usage of a call; None where the provider reported its output, or there was none.

    Args:
        told: the usage that the provider reported.
        prompts: what was asked.
        texts: visible text that arrived; the end of a long one is not kept.
        chunks: the number of chunks that all of it came in.
        thoughts: bytes of reasoning that arrived.
    """
    if told.output is not None or not (texts or thoughts):
        return None
    written = sum(len(text.encode(errors="replace")) for text in texts)
    if texts:
        written = round(written * chunks / len(texts))
    read = sum(map(estimated, prompts)) if told.input is None else told.input
    return Usage(read, -(-(written + thoughts) // _BYTES_PER_TOKEN), source="estimated")
