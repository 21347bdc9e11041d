"""Questions and documents of a given length in tokens, for scenarios."""

from __future__ import annotations

from aimon.config.endpoint import new_nonce
from aimon.loadtests.workload import prompt_texts


def question(tokens: int) -> str:
    """A question of so many tokens, at least 14, that no cache has seen: it begins with a nonce."""
    return prompt_texts.opening(new_nonce(), tokens)


def document(tokens: int, *, number: int = 0) -> str:
    """A text of so many tokens that is always the same; another number gives another one."""
    return prompt_texts.words(number + tokens)[len(prompt_texts.words(number)) :].strip()
