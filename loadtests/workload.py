"""What a load test asks: the endpoint's canary, with its checks, or a synthetic prompt of a given length."""

from __future__ import annotations

from typing import TYPE_CHECKING

from aimon.call import Call, Message
from aimon.config.endpoint import new_nonce
from aimon.result import Source

if TYPE_CHECKING:
    from collections.abc import Callable

    from aimon.config.endpoint import Endpoint

# Common words are one token each in every vocabulary in use.
_TEXT = (
    "the river runs past the old town and over the stones where people sit in the sun and talk about rain "
    "and bread and the price of rice while boats go up and down with wood and salt and news of the coast"
)
_WORDS = tuple(_TEXT.split())
_OUTPUT_TOKENS = 128
_PROMPT_TOKENS = 64


def maker(endpoint: Endpoint, prompt_tokens: int | None, output_tokens: int | None) -> Callable[[], Call]:
    """A function that makes the next call.

    Without lengths it is the endpoint's first canary with a fresh nonce, and the answer is checked. With a length
    it is a text of about so many tokens which begins with a nonce, so that no cache of prompts knows it.
    """
    if prompt_tokens is None and output_tokens is None and endpoint.canaries:
        canary = endpoint.canaries[0]
        return lambda: canary.call(endpoint, new_nonce(), Source.LOADTEST)
    text = synthetic(prompt_tokens or _PROMPT_TOKENS)
    limit = output_tokens or _OUTPUT_TOKENS

    def make() -> Call:
        return Call(
            target=endpoint.target,
            messages=(Message("user", f"{new_nonce()} {text}"),),
            max_tokens=limit,
            stream=endpoint.stream,
            temperature=endpoint.temperature,
            reasoning=endpoint.reasoning,
            timeouts=endpoint.timeouts,
            source=Source.LOADTEST,
            region=endpoint.region,
        )

    return make


def synthetic(tokens: int) -> str:
    """A text of about that many tokens that asks for a long answer."""
    ask = "Continue this story at length: "
    count = max(1, tokens - len(ask.split()))
    return ask + " ".join(_WORDS[k % len(_WORDS)] for k in range(count))
