"""Answers in each provider's own shape, streamed and not, as they come over the wire."""

from __future__ import annotations

import base64
import struct
from typing import TYPE_CHECKING, Any

import pytest

from aimon.simulator.model.text import count_tokens
from rawhttp import Reply, ask, post, request

if TYPE_CHECKING:
    from collections.abc import Callable

    from aimon.simulator import Simulator

CHAT = ("openai-chat", "openai-responses", "anthropic-messages", "gemini")
NONCE = "Reply with exactly: 日本-4f1c9e café"
SAID = "日本-4f1c9e café"


def text_of(dialect: str, reply: Reply) -> str:
    """The visible text of an answer that is not streamed."""
    match dialect:
        case "openai-chat":
            text = reply.json["choices"][0]["message"]["content"]
        case "openai-responses":
            text = "".join(
                part["text"] for item in reply.json["output"] if item["type"] == "message" for part in item["content"]
            )
        case "anthropic-messages":
            text = "".join(block["text"] for block in reply.json["content"] if block["type"] == "text")
        case _:
            parts = reply.json["candidates"][0]["content"]["parts"]
            text = "".join(part["text"] for part in parts if not part.get("thought"))
    assert isinstance(text, str)
    return text


def deltas_of(dialect: str, reply: Reply) -> list[str]:
    """The visible pieces of a streamed answer."""
    chunks = reply.chunks
    match dialect:
        case "openai-chat":
            choices = [choice for chunk in chunks for choice in chunk["choices"]]
            found = [choice["delta"].get("content") for choice in choices]
        case "openai-responses":
            found = [chunk["delta"] for chunk in chunks if chunk["type"] == "response.output_text.delta"]
        case "anthropic-messages":
            found = [chunk["delta"].get("text") for chunk in chunks if chunk["type"] == "content_block_delta"]
        case _:
            parts = [part for chunk in chunks for part in chunk["candidates"][0]["content"]["parts"]]
            found = [part["text"] for part in parts if not part.get("thought")]
    return [piece for piece in found if piece]


@pytest.mark.parametrize("dialect", CHAT)
def test_echo(sim: Simulator, dialect: str) -> None:
    """The canary's text comes back whole, in one body or in pieces of a token each."""
    plain = ask(f"{sim.url}/fast", dialect, NONCE, stream=False)
    assert (plain.status, plain.ended, plain.headers["content-type"]) == (200, "clean", "application/json")
    assert text_of(dialect, plain) == SAID
    streamed = ask(f"{sim.url}/fast", dialect, NONCE)
    assert (streamed.status, streamed.ended) == (200, "clean")
    assert streamed.headers["content-type"].startswith("text/event-stream")
    assert deltas_of(dialect, streamed) == ["日本-4", "f1c9", "e", " café"]


@pytest.mark.parametrize("dialect", CHAT)
def test_length_and_limit(sim: Simulator, dialect: str) -> None:
    """Without an echo the answer has the configured length; the request's limit cuts it, and says so."""
    whole = "".join(deltas_of(dialect, ask(f"{sim.url}/fast", dialect)))
    assert count_tokens(whole) == 20
    limits: dict[str, dict[str, Any]] = {
        "openai-chat": {"max_completion_tokens": 7},
        "openai-responses": {"max_output_tokens": 7},
        "anthropic-messages": {"max_tokens": 7},
        "gemini": {"generationConfig": {"maxOutputTokens": 7}},
    }
    cut = ask(f"{sim.url}/fast", dialect, stream=False, **limits[dialect])
    assert count_tokens(text_of(dialect, cut)) == 7
    reasons: dict[str, Callable[[Any], bool]] = {
        "openai-chat": lambda body: body["choices"][0]["finish_reason"] == "length",
        "openai-responses": lambda body: (
            (body["status"], body["incomplete_details"]) == ("incomplete", {"reason": "max_output_tokens"})
        ),
        "anthropic-messages": lambda body: body["stop_reason"] == "max_tokens",
        "gemini": lambda body: body["candidates"][0]["finishReason"] == "MAX_TOKENS",
    }
    assert reasons[dialect](cut.json)


@pytest.mark.parametrize("dialect", CHAT)
def test_terminal_event(sim: Simulator, dialect: str) -> None:
    """A stream ends with its dialect's terminal event."""
    event, data = ask(f"{sim.url}/fast", dialect).events[-1]
    if dialect == "openai-chat":
        assert (event, data) == ("", "[DONE]")
    elif dialect == "openai-responses":
        assert event == "response.completed"
    elif dialect == "anthropic-messages":
        assert (event, data) == ("message_stop", '{"type":"message_stop"}')
    else:
        assert '"finishReason":"STOP"' in data


def test_several_tokens_in_a_chunk(sim: Simulator) -> None:
    """A chunk carries as many tokens as configured, the last one what is left."""
    pieces = deltas_of("openai-chat", ask(f"{sim.url}/chunky", "openai-chat"))
    assert [count_tokens(piece) for piece in pieces] == [8, 8, 4]


def test_chat_usage(sim: Simulator) -> None:
    """A stream reports usage only when asked, in a chunk without choices; reasoning is part of completion tokens."""
    url, prompt = f"{sim.url}/thinker", "one two three four"
    silent = ask(url, "openai-chat", prompt)
    assert all("usage" not in chunk for chunk in silent.chunks)
    asked = ask(url, "openai-chat", prompt, stream_options={"include_usage": True})
    *before, last = asked.chunks
    assert all(chunk["usage"] is None for chunk in before)
    assert last["choices"] == []
    usage = ask(url, "openai-chat", prompt, stream=False).json["usage"]
    assert last["usage"] == usage
    assert (usage["prompt_tokens"], usage["completion_tokens"], usage["total_tokens"]) == (5, 25, 30)
    assert usage["completion_tokens_details"]["reasoning_tokens"] == 5
    assert usage["prompt_tokens_details"]["cached_tokens"] == 2


def test_responses_usage(sim: Simulator) -> None:
    """The final response object of a stream is the one that is not streamed, usage included."""
    streamed = ask(f"{sim.url}/thinker", "openai-responses", "one two").chunks[-1]["response"]
    plain = ask(f"{sim.url}/thinker", "openai-responses", "one two", stream=False).json
    assert streamed["usage"] == plain["usage"]
    assert plain["usage"] == {
        "input_tokens": 2,
        "input_tokens_details": {"cached_tokens": 1},
        "output_tokens": 25,
        "output_tokens_details": {"reasoning_tokens": 5},
        "total_tokens": 27,
    }


def test_anthropic_usage(sim: Simulator) -> None:
    """Input comes first and without what was cached, the output's total last."""
    chunks = ask(f"{sim.url}/thinker", "anthropic-messages", "one two three four").chunks
    assert chunks[0]["message"]["usage"] == {
        "input_tokens": 3,
        "cache_creation_input_tokens": 0,
        "cache_read_input_tokens": 2,
        "output_tokens": 1,
    }
    assert chunks[-2]["usage"] == {"output_tokens": 25}


def test_gemini_usage(sim: Simulator) -> None:
    """Every chunk has the usage so far; thoughts are counted beside the candidates' tokens."""
    usages = [chunk["usageMetadata"] for chunk in ask(f"{sim.url}/thinker", "gemini", "one two").chunks]
    assert [usage["candidatesTokenCount"] for usage in usages] == [0] * 5 + list(range(1, 21)) + [20]
    last = usages[-1]
    assert (last["promptTokenCount"], last["thoughtsTokenCount"], last["totalTokenCount"]) == (2, 5, 27)
    assert last["cachedContentTokenCount"] == 1


def test_reasoning_comes_before_the_text(sim: Simulator) -> None:
    """Reasoning is sent in the dialect's own place; where it is hidden only its tokens are counted."""
    chat = ask(f"{sim.url}/thinker", "openai-chat", stream=False).json["choices"][0]["message"]
    assert count_tokens(chat["reasoning_content"]) == 5
    kinds = [chunk["type"] for chunk in ask(f"{sim.url}/thinker", "openai-responses").chunks]
    assert kinds.count("response.reasoning_summary_text.delta") == 5
    assert kinds.index("response.reasoning_summary_text.done") < kinds.index("response.output_text.delta")
    blocks = ask(f"{sim.url}/thinker", "anthropic-messages", stream=False).json["content"]
    assert [block["type"] for block in blocks] == ["thinking", "text"]
    parts = ask(f"{sim.url}/thinker", "gemini", stream=False).json["candidates"][0]["content"]["parts"]
    assert [part.get("thought", False) for part in parts] == [True, False]
    for dialect in CHAT:
        hidden = ask(f"{sim.url}/hidden", dialect)
        assert "so the user" not in hidden.body.decode()
        assert len(deltas_of(dialect, hidden)) == 20
    usage = ask(f"{sim.url}/hidden", "openai-chat", stream=False).json["usage"]
    assert usage["completion_tokens_details"]["reasoning_tokens"] == 5


@pytest.mark.parametrize(
    ("dialect", "extra"),
    [
        ("openai-chat", {"reasoning_effort": "none"}),
        ("openai-chat", {"enable_thinking": False}),
        ("openai-chat", {"thinking": {"type": "disabled"}}),
        ("openai-responses", {"reasoning": {"effort": "minimal"}}),
        ("anthropic-messages", {"thinking": {"type": "disabled"}}),
        ("gemini", {"generationConfig": {"thinkingConfig": {"thinkingBudget": 0}}}),
    ],
)
def test_reasoning_can_be_turned_off(sim: Simulator, dialect: str, extra: dict[str, Any]) -> None:
    """Each vendor's own way of asking for no reasoning works."""
    ask(f"{sim.url}/thinker", dialect, stream=False, **extra)
    assert sim.truth().records[-1].reasoning_tokens == 0


def test_a_small_limit_leaves_no_text_after_reasoning(sim: Simulator) -> None:
    """The limit counts reasoning too: a small one leaves a reasoning model nothing to say."""
    choice = ask(f"{sim.url}/thinker", "openai-chat", stream=False, max_tokens=3).json["choices"][0]
    assert choice["finish_reason"] == "length"
    assert choice["message"]["content"] == ""


def test_responses_events_are_numbered(sim: Simulator) -> None:
    """Sequence numbers count the events that were sent, and each event's name is its type."""
    for profile in ("thinker", "hidden"):
        reply = ask(f"{sim.url}/{profile}", "openai-responses")
        assert [chunk["sequence_number"] for chunk in reply.chunks] == list(range(len(reply.chunks)))
        assert [event for event, _ in reply.events] == [chunk["type"] for chunk in reply.chunks]


def test_gemini_streams_an_array_without_sse(sim: Simulator) -> None:
    """Without alt=sse the chunks come as one JSON array."""
    contents = {"contents": [{"parts": [{"text": NONCE}]}]}
    reply = post(f"{sim.url}/fast/v1beta/models/m:streamGenerateContent", contents)
    parts = [part["text"] for chunk in reply.json for part in chunk["candidates"][0]["content"]["parts"]]
    assert "".join(parts) == SAID


@pytest.mark.parametrize(
    "path",
    [
        "/openai/deployments/known/chat/completions?api-version=2025-01-01",
        "/openai/v1/chat/completions",
    ],
)
def test_azure(sim: Simulator, path: str) -> None:
    """Azure opens with a chunk without choices and judges the content in the last."""
    body = {"model": "known", "messages": [{"role": "user", "content": NONCE}], "stream": True}
    reply = post(f"{sim.url}/fast{path}", body)
    assert reply.chunks[0]["choices"] == []
    assert "".join(deltas_of("openai-chat", reply)) == SAID
    assert reply.chunks[-1]["choices"][0]["content_filter_results"]["hate"] == {"filtered": False, "severity": "safe"}
    assert reply.headers["apim-request-id"] == reply.request_id
    assert sim.truth().records[-1].model == "known"


@pytest.mark.parametrize("prefix", ["", "/v1", "/compatible-mode/v1", "/api/paas/v4"])
def test_any_prefix(sim: Simulator, prefix: str) -> None:
    """Vendors differ in what comes before the operation; all of it is accepted."""
    body = {"model": "m", "messages": [{"role": "user", "content": NONCE}]}
    reply = post(f"{sim.url}/fast{prefix}/chat/completions", body)
    assert text_of("openai-chat", reply) == SAID


def test_embeddings(sim: Simulator) -> None:
    """A vector depends on its text alone, has the dimensions asked for, and length 1."""
    body = {"model": "m", "input": ["hello world", "bye"], "dimensions": 8}
    first, again = (post(f"{sim.url}/fast/v1/embeddings", body).json for _ in range(2))
    assert first == again
    vectors = [row["embedding"] for row in first["data"]]
    assert [len(vector) for vector in vectors] == [8, 8]
    assert vectors[0] != vectors[1]
    assert sum(x * x for x in vectors[0]) == pytest.approx(1, abs=1e-4)
    assert first["usage"] == {"prompt_tokens": 5, "total_tokens": 5}


def test_embeddings_in_base64(sim: Simulator) -> None:
    """The packed form holds the same numbers as 32-bit floats."""
    body = {"model": "m", "input": "hello", "dimensions": 3}
    numbers = post(f"{sim.url}/fast/v1/embeddings", body).json["data"][0]["embedding"]
    packed = post(f"{sim.url}/fast/v1/embeddings", body | {"encoding_format": "base64"}).json["data"][0]["embedding"]
    assert struct.unpack("<3f", base64.b64decode(packed)) == pytest.approx(numbers)


def test_models(sim: Simulator) -> None:
    """The list of models in the three shapes that providers have for it, and one model by name."""
    key = {"authorization": "Bearer sk-simulated-0123456789abcdef"}
    openai = request("GET", f"{sim.url}/keyed/v1/models", headers=key).json
    assert [row["id"] for row in openai["data"]] == ["known", "long"]
    anthropic = request("GET", f"{sim.url}/keyed/v1/models", headers=key | {"anthropic-version": "2023-06-01"}).json
    assert (anthropic["data"][0]["type"], anthropic["last_id"], anthropic["has_more"]) == ("model", "long", False)
    gemini = request("GET", f"{sim.url}/keyed/v1beta/models", headers=key).json
    assert [row["name"] for row in gemini["models"]] == ["models/known", "models/long"]
    assert request("GET", f"{sim.url}/keyed/v1/models/long", headers=key).json["id"] == "long"
    assert request("GET", f"{sim.url}/keyed/v1/models/none", headers=key).status == 404


def test_model_overrides(sim: Simulator) -> None:
    """A model of the profile's list has its own length."""
    key = {"x-goog-api-key": "sk-simulated-0123456789abcdef"}
    usage = ask(f"{sim.url}/keyed", "gemini", stream=False, model="long", headers=key).json["usageMetadata"]
    assert usage["candidatesTokenCount"] == 40


def test_first_profile_answers_at_the_root(sim: Simulator) -> None:
    """The first profile needs no prefix, and base_url says so."""
    assert sim.base_url() == f"{sim.url}/v1"
    assert sim.base_url("slow", "gemini") == f"{sim.url}/slow/v1beta"
    assert sim.base_url("a", "azure") == f"{sim.url}/a/openai/v1"
    assert text_of("openai-chat", ask(sim.url, "openai-chat", NONCE, stream=False)) == SAID
    assert sim.truth().records[-1].profile == "fast"
