"""Synthetic texts of a given number of tokens, made of common words of one token each."""

from __future__ import annotations

from functools import lru_cache
from itertools import accumulate
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Sequence

# Mean tokens of eight hex digits, and tokens of the request below, in Qwen's vocabulary, which extends GPT-4's.
NONCE_TOKENS = 7
_ASK = "Continue this story at length:"
_ASK_TOKENS = 6

_LINE = (
    "the river runs past the old town and over the stones where people sit in the sun and talk about rain "
    "and bread and the price of rice while boats go up and down with wood and salt and news of the coast "
)
_ENDS = tuple(accumulate((len(word) + 1 for word in _LINE.split()), initial=0))
_LINE_WORDS = len(_ENDS) - 1


def words(count: int) -> str:
    """A text of `count` words."""
    lines, rest = divmod(count, _LINE_WORDS)
    return (_LINE * (lines + 1))[: max(0, lines * len(_LINE) + _ENDS[rest] - 1)]


def opening(nonce: str, tokens: int) -> str:
    """A prompt that asks for a long answer; it starts with a nonce, so that no cache has it.

    It has at least 14 tokens: the nonce, the request and one word.
    """
    return nonce + _after_nonce(tokens)


@lru_cache(maxsize=4)  # most prompts have one length or all different ones, and may be long
def _after_nonce(tokens: int) -> str:
    return f" {_ASK} {words(max(1, tokens - NONCE_TOKENS - _ASK_TOKENS))}"


def following(tokens: int) -> str:
    """A later prompt of a conversation; at least 7 tokens."""
    return f"{_ASK} {words(max(1, tokens - _ASK_TOKENS))}"


def prefix(tokens: int) -> str:
    """The shared prefix of all prompts of all workers; empty for 0 tokens."""
    return f"{words(tokens)}\n\n" if tokens else ""


def of_blocks(marks: Sequence[str], size: int, tokens: int) -> str:
    """A prompt of blocks of `size` tokens and a shorter last one; equal marks give equal blocks.

    Args:
        marks: eight hex digits with which each block starts.
        size: tokens of a block.
        tokens: tokens of the prompt.
    """
    filler = words(size - NONCE_TOKENS)
    rest = tokens - size * (len(marks) - 1) - NONCE_TOKENS - _ASK_TOKENS
    whole = "".join([f"{mark} {filler} " for mark in marks[:-1]])
    return f"{whole}{marks[-1]} {words(max(1, rest))} {_ASK}"
