"""The real SDKs against the simulator: the same results with and without metering, and metrics that tell the truth."""

from __future__ import annotations

import asyncio
import tomllib
from pathlib import Path
from typing import TYPE_CHECKING, Any

import anthropic
import openai
import pydantic
import pytest
from google import genai

import aimon
from aimon.metrics import definitions
from canned_http import Canned, Client

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Awaitable, Callable

    from aimon.simulator import Simulator
    from metered import Metered

RECORDINGS = Path(__file__).parents[2] / "dialects" / "recordings"
KEY = "sk-metered-0123456789abcdef"
ASKED: Any = [{"role": "user", "content": "Reply with exactly: the answer is 42"}]
AS_JSON: Any = [{"role": "user", "content": 'Reply with exactly: {"answer":42}'}]
TOOLS: Any = [{"type": "function", "function": {"name": "look", "parameters": {"type": "object", "properties": {}}}}]
USAGE: Any = {"include_usage": True}
# What is another on every call: ids and times.
_OWN = {"id", "created", "created_at", "request_id", "_request_id", "response_id", "item_id", "sdk_http_response"}


class Answer(pydantic.BaseModel):
    """What is asked for as JSON."""

    answer: int


def _plain(value: Any) -> Any:
    """A result of an SDK as plain values, without what differs from call to call."""
    if hasattr(value, "model_dump"):
        value = value.model_dump(warnings=False)
    if isinstance(value, dict):
        return {name: _plain(part) for name, part in value.items() if name not in _OWN}
    return [_plain(part) for part in value] if isinstance(value, (list, tuple)) else value


def _openai(sdk: openai.OpenAI) -> list[Any]:
    """Every kind of call that the issue of metering is about, with the sync client."""
    chat, raw = sdk.chat.completions, sdk.chat.completions.with_raw_response
    answered = raw.create(model="gpt-4o", messages=ASKED)
    with sdk.chat.completions.stream(model="gpt-4o", messages=ASKED, stream_options=USAGE) as helper:
        events = list(helper)
    return [
        chat.create(model="gpt-4o", messages=ASKED, tools=TOOLS),
        list(chat.create(model="gpt-4o", messages=ASKED, stream=True, stream_options=USAGE)),
        chat.parse(model="gpt-4o", messages=AS_JSON, response_format=Answer).choices[0].message.parsed,
        (answered.status_code, answered.parse()),
        events,
        sdk.responses.create(model="gpt-4o", input="Reply with exactly: yes"),
        list(sdk.responses.create(model="gpt-4o", input="Reply with exactly: yes", stream=True)),
        sdk.embeddings.create(model="gpt-embed", input=["one", "two words"]),
    ]


async def _openai_async(sdk: openai.AsyncOpenAI) -> list[Any]:
    chat, raw = sdk.chat.completions, sdk.chat.completions.with_raw_response
    answered = await raw.create(model="gpt-4o", messages=ASKED)
    async with sdk.chat.completions.stream(model="gpt-4o", messages=ASKED, stream_options=USAGE) as helper:
        events = [event async for event in helper]
    parsed = await chat.parse(model="gpt-4o", messages=AS_JSON, response_format=Answer)
    return [
        await chat.create(model="gpt-4o", messages=ASKED, tools=TOOLS),
        await _all(chat.create(model="gpt-4o", messages=ASKED, stream=True, stream_options=USAGE)),
        parsed.choices[0].message.parsed,
        (answered.status_code, answered.parse()),
        events,
        await sdk.responses.create(model="gpt-4o", input="Reply with exactly: yes"),
        await _all(sdk.responses.create(model="gpt-4o", input="Reply with exactly: yes", stream=True)),
        await sdk.embeddings.create(model="gpt-embed", input=["one", "two words"]),
    ]


def _anthropic(sdk: anthropic.Anthropic) -> list[Any]:
    tools: Any = [{"name": "look", "input_schema": {"type": "object", "properties": {}}}]
    with sdk.messages.stream(model="gpt-claude", max_tokens=50, messages=ASKED) as helper:
        texts, final = list(helper.text_stream), helper.get_final_message()
    return [
        sdk.messages.create(model="gpt-claude", max_tokens=50, messages=ASKED, tools=tools),
        list(sdk.messages.create(model="gpt-claude", max_tokens=50, messages=ASKED, stream=True)),
        (texts, final),
    ]


async def _anthropic_async(sdk: anthropic.AsyncAnthropic) -> list[Any]:
    tools: Any = [{"name": "look", "input_schema": {"type": "object", "properties": {}}}]
    async with sdk.messages.stream(model="gpt-claude", max_tokens=50, messages=ASKED) as helper:
        texts, final = [text async for text in helper.text_stream], await helper.get_final_message()
    return [
        await sdk.messages.create(model="gpt-claude", max_tokens=50, messages=ASKED, tools=tools),
        await _all(sdk.messages.create(model="gpt-claude", max_tokens=50, messages=ASKED, stream=True)),
        (texts, final),
    ]


def _google(sdk: genai.Client) -> list[Any]:
    words = "Reply with exactly: the answer is 42"
    return [
        sdk.models.generate_content(model="gpt-gemini", contents=words),
        list(sdk.models.generate_content_stream(model="gpt-gemini", contents=words)),
    ]


async def _google_async(sdk: genai.Client) -> list[Any]:
    words = "Reply with exactly: the answer is 42"
    return [
        await sdk.aio.models.generate_content(model="gpt-gemini", contents=words),
        await _all(sdk.aio.models.generate_content_stream(model="gpt-gemini", contents=words)),
    ]


async def _all(stream: Awaitable[AsyncIterator[Any]]) -> list[Any]:
    return [item async for item in await stream]


def _sync(make: Callable[..., Any], use: Callable[[Any], list[Any]]) -> Callable[..., list[Any]]:
    def run(meter: Callable[[Any], Any] = lambda sdk: sdk, **options: Any) -> list[Any]:
        sdk = meter(make(**options))
        results = use(sdk)
        sdk.close()
        return results

    return run


def _async(make: Callable[..., Any], use: Callable[[Any], Awaitable[list[Any]]]) -> Callable[..., list[Any]]:
    def run(meter: Callable[[Any], Any] = lambda sdk: sdk, **options: Any) -> list[Any]:
        async def all_of_it() -> list[Any]:
            sdk = meter(make(**options))
            results = await use(sdk)
            await (sdk.aio.aclose() if hasattr(sdk, "aio") else sdk.close())
            return results

        return asyncio.run(all_of_it())

    return run


def _options(sim: Simulator, sdk: str) -> dict[str, Any]:
    if sdk == "google":
        return {"api_key": KEY, "http_options": {"base_url": f"{sim.url}/fast"}}
    return {"api_key": KEY, "base_url": sim.base_url("fast") if sdk == "openai" else f"{sim.url}/fast"}


RUNS: dict[str, Callable[..., list[Any]]] = {
    "openai sync": _sync(openai.OpenAI, _openai),
    "openai async": _async(openai.AsyncOpenAI, _openai_async),
    "anthropic sync": _sync(anthropic.Anthropic, _anthropic),
    "anthropic async": _async(anthropic.AsyncAnthropic, _anthropic_async),
    "google sync": _sync(genai.Client, _google),
    "google async": _async(genai.Client, _google_async),
}


@pytest.mark.parametrize("sdk", RUNS)
def test_results_are_the_same_and_metrics_are_true(sdk: str, sim: Simulator, metered: Metered) -> None:
    """Every call once without metering and once with it; then each number beside the simulator's own account."""
    run, options = RUNS[sdk], _options(sim, sdk.partition(" ")[0])
    bare = run(**options)
    sim.truth(wait=5, reset=True)
    assert metered.outcomes() == {}
    results = run(aimon.instrument, **options)
    assert [_plain(result) for result in results] == [_plain(result) for result in bare]

    truth = sim.truth(wait=5)
    assert metered.outcomes() == {"ok": len(truth.records)}
    assert metered.faults == 0
    assert metered.total(definitions.INPUT_TOKENS) == sum(record.input_tokens for record in truth.records)
    assert metered.total(definitions.UNPRICED_CALLS) == 0
    paid = sum(record.input_tokens * 1 + record.output_tokens * 2 for record in truth.records) / 1e6
    assert metered.total(definitions.OUTPUT_TOKENS) == sum(record.output_tokens for record in truth.records)
    assert metered.total(definitions.ESTIMATED_OUTPUT_TOKENS) == 0
    assert metered.total("ai_api_cost_yuan_total") == pytest.approx(paid, abs=1e-9)
    for result, record in zip(metered.results, sorted(truth.records, key=lambda record: record.received), strict=True):
        assert (result.ttft is not None) == (record.stream and record.dialect != "openai-embeddings")
        if result.ttft is not None and record.ttft is not None:
            # Metered by the client, so that it can't be less; how exact it is, benchmarks/metering.py tells.
            assert record.ttft - 0.002 <= result.ttft < record.ttft + 2


def test_a_tool_call_is_an_answer(metered: Metered) -> None:
    """As recorded: it succeeds without any text, so that there is no time to the first token."""
    recorded = tomllib.loads((RECORDINGS / "openai-chat.toml").read_text(encoding="utf-8"))
    body = recorded["openai-tool"]["stream"].encode()
    results = []
    choices: tuple[dict[str, Any] | None, ...] = (None, {})
    for options in choices:
        client = Client("httpx2", "sync", lambda: Canned([body]), options)
        sdk = openai.OpenAI(api_key=KEY, http_client=client.http)
        called: Any = sdk.chat.completions.create(model="gpt-4o", messages=ASKED, tools=TOOLS, stream=True)
        results.append(_plain(list(called)))
    assert results[0] == results[1]
    assert "tool_calls" in str(results[0])
    assert metered.outcomes() == {"ok": 1}
    assert metered.results[0].ttft is None


def test_retries_are_the_attempts_that_they_are(sim: Simulator, metered: Metered) -> None:
    """An SDK that succeeds at its third attempt has made three calls, of which two were refused."""
    sdk = aimon.instrument(openai.OpenAI(api_key=KEY, base_url=sim.base_url("fast"), max_retries=2))
    sim.set_faults("rate_limited:count=1,retry_after=0", "overloaded:count=1")
    sdk.chat.completions.create(model="gpt-4o", messages=ASKED)
    sdk.close()
    assert metered.outcomes() == {"rate_limited": 1, "overloaded": 1, "ok": 1}
    assert sum(metered.outcomes().values()) == len(sim.truth(wait=5).records)


def test_errors_are_the_sdks_own(sim: Simulator, metered: Metered) -> None:
    """An exception of the SDK stays what it is, with all that it carries."""
    caught: list[Any] = []
    meters: tuple[Callable[[Any], Any], ...] = (lambda sdk: sdk, aimon.instrument)
    for meter in meters:
        sdk = meter(openai.OpenAI(api_key=KEY, base_url=sim.base_url("fast"), max_retries=0))
        sim.set_faults("unauthorized")
        with pytest.raises(openai.AuthenticationError) as error:
            sdk.chat.completions.create(model="gpt-4o", messages=ASKED)
        caught.append((str(error.value), error.value.status_code, error.value.body))
        sdk.close()
    assert caught[0] == caught[1]
    assert metered.outcomes() == {"unauthorized": 1}
    [result] = metered.results
    assert KEY not in str(result)


def test_a_key_that_the_provider_repeats_is_hidden(sim: Simulator, metered: Metered) -> None:
    """In names and errors alike, whatever the key looks like."""
    sdk = aimon.instrument(openai.OpenAI(api_key=KEY, base_url=sim.base_url("fast"), max_retries=0))
    sim.set_faults("answer_echo:count=1", "unauthorized_echo:count=1")
    sdk.chat.completions.create(model="gpt-4o", messages=ASKED)
    with pytest.raises(openai.AuthenticationError):
        sdk.chat.completions.create(model="gpt-4o", messages=ASKED)
    sdk.close()
    assert metered.outcomes() == {"ok": 1, "unauthorized": 1}
    assert KEY not in str(metered.results)
