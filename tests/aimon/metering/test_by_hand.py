"""Metering by hand: what a block or a decorated function comes to."""

from __future__ import annotations

import asyncio
import socket
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any

import pytest

import aimon
from aimon.metrics import definitions

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Iterator

    from metered import Metered


class RateLimitError(Exception):
    """As SDKs raise it."""

    status_code = 429


class ThrottlingError(Exception):
    """As botocore raises it."""

    response = {"Error": {"Code": "ThrottlingException"}, "ResponseMetadata": {"HTTPStatusCode": 400}}  # noqa: RUF012


class ReadTimeoutError(Exception):
    """As urllib3 raises it."""


def test_a_call_in_four_lines(metered: Metered) -> None:
    """Its tokens, cost and first token, under the guide's names and labels."""
    with aimon.observe(model="gpt-4o", endpoint="chat", provider="openai") as call:
        call.first_token()
        call.usage(input=100, output=10, cached_input=40, reasoning=3)
    assert metered.counter(definitions.REQUESTS)["chat", "gpt-4o", "openai", "local", "success", "ok"] == 1
    assert metered.total(definitions.INPUT_TOKENS) == 100
    assert metered.total(definitions.REASONING_TOKENS) == 3
    assert metered.total("ai_api_cost_yuan_total") == pytest.approx((60 + 40 * 0.5 + 10 * 2) / 1e6)
    assert metered.results[0].first_token is not None


@pytest.mark.parametrize(
    ("error", "outcome"),
    [
        (RateLimitError("slow down"), "rate_limited"),
        (ThrottlingError("slow down"), "rate_limited"),
        (ReadTimeoutError("60 s"), "timeout_total"),
        (TimeoutError(), "timeout_total"),
        (ConnectionRefusedError(111, "refused"), "connect"),
        (socket.gaierror(socket.EAI_NONAME, "no name"), "dns"),
        (KeyError("answer"), "prober_error"),
        (asyncio.CancelledError(), "cancelled"),
        (KeyboardInterrupt(), "cancelled"),
    ],
    ids=repr,
)
def test_an_exception_says_how_a_call_failed(metered: Metered, error: BaseException, outcome: str) -> None:
    """By its status, code or kind; it goes on to the caller as it is."""
    with pytest.raises(type(error)) as caught, aimon.observe(model="m"):
        raise error
    assert caught.value is error
    assert metered.outcomes() == {outcome: 1}


def test_a_provider_without_counts_is_estimated(metered: Metered) -> None:
    """From the texts, and marked."""
    with aimon.observe(model="gpt-4o") as call:
        call.estimate(prompt="x" * 40, answer="y" * 8)
    assert metered.total(definitions.INPUT_TOKENS) == metered.total(definitions.ESTIMATED_INPUT_TOKENS) == 10
    assert metered.total(definitions.OUTPUT_TOKENS) == metered.total(definitions.ESTIMATED_OUTPUT_TOKENS) == 2


@pytest.mark.parametrize("strange", [object(), 5, "many", {"prompt_tokens": "x"}, {"prompt_tokens": -1}, [1]])
def test_strange_counts_break_nothing(metered: Metered, strange: Any) -> None:
    """What is no count is not counted; the call is."""
    with aimon.observe(model="m") as call:
        call.usage(strange)
    assert metered.outcomes() == {"ok": 1}
    assert metered.total(definitions.INPUT_TOKENS) == 0


def test_functions_of_every_kind_are_decorated(metered: Metered) -> None:
    """Plain, async, and generators; the usage of what they give is read; a generator that is left is cancelled."""
    answer = SimpleNamespace(usage={"prompt_tokens": 2, "completion_tokens": 1})
    observe = aimon.observe(model="gpt-4o", endpoint="chat")

    @observe
    def plain() -> Any:
        return answer

    @observe
    async def later() -> Any:
        return answer

    @observe
    def stream() -> Iterator[Any]:
        yield answer
        yield answer

    @observe
    async def stream_later() -> AsyncIterator[Any]:
        yield answer

    async def use() -> list[Any]:
        return [await later(), *[item async for item in stream_later()]]

    assert plain() is answer
    assert list(stream()) == [answer, answer]
    assert asyncio.run(use()) == [answer, answer]
    for _ in stream():
        break
    assert metered.outcomes() == {"ok": 4, "cancelled": 1}
    assert metered.total(definitions.INPUT_TOKENS) == 2 * 5
    assert plain.__name__ == "plain"


def test_async_blocks(metered: Metered) -> None:
    """`async with`, many at a time from one object: each block ends its own call."""

    async def one(observe: Any, i: int) -> None:
        async with observe as call:
            call.usage(input=i + 1)
            await asyncio.sleep(0)
            if i % 5 == 0:
                raise RateLimitError

    async def all_of_them() -> None:
        observe = aimon.observe(model="gpt-4o")
        await asyncio.gather(*(one(observe, i) for i in range(50)), return_exceptions=True)

    asyncio.run(all_of_them())
    assert metered.outcomes() == {"ok": 40, "rate_limited": 10}
    assert {result.outcome for result in metered.results if (result.usage.input or 0) % 5 == 1} == {"rate_limited"}
    assert metered.gauge(definitions.IN_FLIGHT) == [0]
