"""Synthetic prompts and conversations of given lengths."""

from __future__ import annotations

from random import Random
from typing import TYPE_CHECKING

from aimon import token_lengths
from aimon.call.call import Message
from aimon.config.endpoint import new_nonce
from aimon.loadtests.workload import prompt_texts
from aimon.loadtests.workload.conversations import Conversations
from aimon.loadtests.workload.source import OUTPUT_TOKENS, Tokens, Turn

if TYPE_CHECKING:
    from collections.abc import Callable

    from aimon.config.endpoint import Endpoint
    from aimon.loadtests.workload.spec import Workload

_PROMPT_TOKENS = "64"


def open_synthetic(endpoint: Endpoint, spec: Workload, *, seed: int, worker: int) -> Conversations:
    """Conversations with the lengths of a workload, drawn anew for each turn."""
    prompts = token_lengths.parse(spec.prompt_tokens or _PROMPT_TOKENS)
    answers = token_lengths.parse(spec.output_tokens or str(OUTPUT_TOKENS))
    # The prompt of turn k holds k questions and k - 1 answers.
    prompt = prompts.mean * (spec.turns + 1) / 2 + answers.mean * (spec.turns - 1) / 2
    tokens = Tokens(spec.shared_prefix_tokens + prompt, answers.mean)
    # Every worker has its own sequence, reproducible by the seed.
    random = Random(f"{seed}/{worker}")
    return Conversations(endpoint, _beginner(spec, prompts, answers, random), tokens, delay=spec.turn_delay)


def _beginner(
    spec: Workload, prompts: token_lengths.LengthDistribution, answers: token_lengths.LengthDistribution, random: Random
) -> Callable[[], tuple[Turn, ...]]:
    prefix = prompt_texts.prefix(spec.shared_prefix_tokens)
    more = range(1, spec.turns)

    def first() -> Turn:
        text = prompt_texts.opening(new_nonce(), prompts.draw(random))
        return Turn((Message("user", prefix + text if prefix else text),), answers.draw(random))

    def later() -> Turn:
        return Turn((Message("user", prompt_texts.following(prompts.draw(random))),), answers.draw(random))

    def single() -> tuple[Turn, ...]:
        return (first(),)

    return (lambda: (first(), *[later() for _ in more])) if more else single
