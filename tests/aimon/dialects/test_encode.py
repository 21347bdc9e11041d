"""What goes over the wire: whole requests, for each dialect, streamed or not, with every way to ask for reasoning."""

import json
from collections.abc import Mapping
from typing import Any

import pytest

from aimon import __version__, dialects, providers
from aimon.call.call import Call, Message, Target
from aimon.call.tool_call import ToolCall
from aimon.dialects import reasoning
from aimon.security.secret import Secret

KEY = "sk-test-1234567890"
CONVERSATION = (
    Message("system", "Be brief."),
    Message("user", "Hi"),
    Message("assistant", "Hello"),
    Message("user", "Say ✓"),
)


def target(preset: str, dialect: str | None = None, **overrides: Any) -> Target:
    """A target at that provider."""
    return providers.target(
        preset, endpoint="e", model=overrides.pop("model", "m"), api_key=Secret(KEY), dialect=dialect, **overrides
    )


def sent(to: Target, **call: Any) -> tuple[str, str, dict[str, str], Any]:
    """Method, URL, headers and decoded body of a call to a target."""
    request = dialects.get(to.dialect).encode(Call(to, call.pop("messages", CONVERSATION), **call))
    names = [name.lower() for name, _ in request.headers]
    assert len(names) == len(set(names)), "no header is sent twice"
    return request.method, request.url, dict(request.headers), json.loads(request.body) if request.body else None


def headers(stream: bool, **auth: str) -> dict[str, str]:
    """The headers of a JSON call."""
    return {
        "Content-Type": "application/json",
        "Accept": "text/event-stream" if stream else "application/json",
        "Accept-Encoding": "identity",
        "User-Agent": f"aimon/{__version__}",
        **auth,
    }


def turns(*roles: str) -> list[dict[str, str]]:
    """The conversation's turns of these roles, as most dialects write them."""
    return [{"role": message.role, "content": message.content} for message in CONVERSATION if message.role in roles]


EVERYONE = turns("system", "user", "assistant")


@pytest.mark.parametrize("stream", [True, False])
def test_openai_chat(stream: bool) -> None:
    """Chat completions, with usage asked for in streams."""
    assert sent(target("openai"), stream=stream, temperature=0.0) == (
        "POST",
        "https://api.openai.com/v1/chat/completions",
        headers(stream, Authorization=f"Bearer {KEY}"),
        {
            "model": "m",
            "messages": EVERYONE,
            "max_completion_tokens": 64,
            "stream": stream,
            "temperature": 0.0,
            **({"stream_options": {"include_usage": True}} if stream else {}),
        },
    )


@pytest.mark.parametrize("stream", [True, False])
def test_openai_responses(stream: bool) -> None:
    """Responses, which are not kept, with OpenAI's least number of tokens."""
    assert sent(target("openai", "openai-responses"), stream=stream, max_tokens=5) == (
        "POST",
        "https://api.openai.com/v1/responses",
        headers(stream, Authorization=f"Bearer {KEY}"),
        {"model": "m", "input": EVERYONE, "max_output_tokens": 16, "stream": stream, "store": False},
    )


@pytest.mark.parametrize("stream", [True, False])
def test_anthropic_messages(stream: bool) -> None:
    """The body has the system prompt beside the messages; headers hold the version and the key."""
    assert sent(target("anthropic"), stream=stream, temperature=0.5) == (
        "POST",
        "https://api.anthropic.com/v1/messages",
        headers(stream, **{"anthropic-version": "2023-06-01", "x-api-key": KEY}),
        {
            "model": "m",
            "max_tokens": 64,
            "messages": turns("user", "assistant"),
            "stream": stream,
            "system": "Be brief.",
            "temperature": 0.5,
        },
    )


@pytest.mark.parametrize(
    ("stream", "model", "path"),
    [
        (True, "gemini-2.5-flash", "models/gemini-2.5-flash:streamGenerateContent?alt=sse"),
        (False, "gemini-2.5-flash", "models/gemini-2.5-flash:generateContent"),
        (False, "tunedModels/my model", "tunedModels/my%20model:generateContent"),
    ],
)
def test_gemini(stream: bool, model: str, path: str) -> None:
    """The model in the path, the key in a header and not in the URL, turns as contents."""
    assert sent(target("gemini", model=model), stream=stream, temperature=0.5) == (
        "POST",
        f"https://generativelanguage.googleapis.com/v1beta/{path}",
        headers(stream, **{"x-goog-api-key": KEY}),
        {
            "contents": [
                {"role": "user", "parts": [{"text": "Hi"}]},
                {"role": "model", "parts": [{"text": "Hello"}]},
                {"role": "user", "parts": [{"text": "Say ✓"}]},
            ],
            "generationConfig": {"maxOutputTokens": 64, "temperature": 0.5},
            "systemInstruction": {"parts": [{"text": "Be brief."}]},
        },
    )


def test_openai_embeddings() -> None:
    """Every message is an input, and there is nothing to stream."""
    assert sent(target("openai", "openai-embeddings"), messages=(Message("user", "a"), Message("user", "b"))) == (
        "POST",
        "https://api.openai.com/v1/embeddings",
        headers(stream=False, Authorization=f"Bearer {KEY}"),
        {"model": "m", "input": ["a", "b"], "encoding_format": "float"},
    )


def test_openai_completions() -> None:
    """Messages become one text, and an inference server is told to write all tokens that it may."""
    base = target("vllm", "openai-completions")
    two = (Message("user", "a"), Message("user", "b"))
    method, url, _, body = sent(base, messages=two, max_tokens=9, temperature=0.5, exact_output=True)
    assert (method, url) == ("POST", "http://127.0.0.1:8000/v1/completions")
    assert body == {
        "model": "m",
        "prompt": "a\nb",
        "max_tokens": 9,
        "stream": True,
        "stream_options": {"include_usage": True},
        "temperature": 0.5,
        "min_tokens": 9,
        "ignore_eos": True,
    }


def test_a_query_and_its_documents_are_reranked() -> None:
    """The first message is the query; without documents nothing can be sent."""
    messages = (Message("user", "q"), Message("user", "a"), Message("user", "b"))
    method, url, sent_headers, body = sent(target("jina", "rerank"), messages=messages)
    assert (method, url, sent_headers["Accept"]) == ("POST", "https://api.jina.ai/v1/rerank", "application/json")
    assert body == {"model": "m", "query": "q", "documents": ["a", "b"], "top_n": 2}
    with pytest.raises(ValueError, match="the first message is the query"):
        sent(target("jina", "rerank"), messages=messages[:1])


def test_pictures_and_speech_are_asked_for_with_the_last_message() -> None:
    """Requests for pictures and speech use the last message; `body` may add what a server needs, such as a voice."""
    messages = (Message("system", "s"), Message("user", "q"))
    _, url, _, body = sent(target("openai", "openai-images"), messages=messages)
    assert (url, body) == ("https://api.openai.com/v1/images/generations", {"model": "m", "prompt": "q", "n": 1})
    _, url, _, body = sent(target("openai", "openai-speech"), messages=messages, body={"voice": "onyx"})
    assert url == "https://api.openai.com/v1/audio/speech"
    assert body == {"model": "m", "input": "q", "voice": "onyx", "response_format": "mp3"}


@pytest.mark.parametrize("dialect", [name for name in dialects.NAMES if name not in ("openai-chat", "openai-models")])
def test_calls_of_tools_are_not_sent_where_they_are_not_translated(dialect: str) -> None:
    """A dialect that does not translate tool calls refuses them, rather than losing them."""
    messages = (Message("user", "q"), Message("assistant", "", (ToolCall("c", "f", "{}"),)))
    with pytest.raises(ValueError, match=f"openai-chat only, and the endpoint speaks {dialect}"):
        sent(Target("e", "p", dialect, "http://h/v1", "m"), messages=messages)


def test_openai_models() -> None:
    """The request is a GET without body and content type."""
    expected = headers(stream=False, Authorization=f"Bearer {KEY}")
    del expected["Content-Type"]
    assert sent(target("openai", "openai-models")) == ("GET", "https://api.openai.com/v1/models", expected, None)


def test_anthropic_models() -> None:
    """Anthropic's list wants its own key header and version."""
    method, url, sent_headers, _ = sent(target("anthropic", "openai-models"))
    assert (method, url) == ("GET", "https://api.anthropic.com/v1/models")
    assert sent_headers["x-api-key"] == KEY
    assert sent_headers["anthropic-version"] == "2023-06-01"


@pytest.mark.parametrize(
    ("base_url", "query", "url"),
    [
        (
            "https://r.openai.azure.com/openai/v1/",
            {},
            "https://r.openai.azure.com/openai/v1/chat/completions",
        ),
        (
            "https://r.openai.azure.com/openai/deployments/d",
            {"api-version": "2024-10-21"},
            "https://r.openai.azure.com/openai/deployments/d/chat/completions?api-version=2024-10-21",
        ),
    ],
)
def test_azure(base_url: str, query: Mapping[str, str], url: str) -> None:
    """Azure is chat completions with another URL and another header for the key."""
    _, sent_url, sent_headers, body = sent(target("azure", base_url=base_url, query=query), stream=False)
    assert sent_url == url
    assert sent_headers == headers(stream=False, **{"api-key": KEY})
    assert body == {"model": "m", "messages": EVERYONE, "max_completion_tokens": 64, "stream": False}


def test_query_and_headers_of_the_target_win() -> None:
    """Configured query and headers replace those of the dialect, whatever the case of their names."""
    to = target(
        "gemini", query={"alt": "json", "x": "a b&c"}, headers={"user-agent": "mine", "X-Team": "t", "ACCEPT": "*/*"}
    )
    _, url, sent_headers, _ = sent(to)
    assert url.endswith("?alt=json&x=a+b%26c")
    assert sent_headers == {
        "Content-Type": "application/json",
        "ACCEPT": "*/*",
        "Accept-Encoding": "identity",
        "user-agent": "mine",
        "x-goog-api-key": KEY,
        "X-Team": "t",
    }


def test_without_a_key() -> None:
    """A keyless server gets no header for one."""
    to = providers.target("ollama", endpoint="e", model="m")
    assert sent(to)[2] == headers(stream=True)


def test_server_without_stream_options() -> None:
    """Mistral answers 422 to fields it does not know."""
    assert "stream_options" not in sent(target("mistral"))[3]


def test_extra_body_wins() -> None:
    """Fields that a dialect does not know reach the server, and can replace those it does."""
    to = target("openai", quirks={"extra_body": {"service_tier": "flex", "max_completion_tokens": 9}})
    body = sent(to)[3]
    assert (body["service_tier"], body["max_completion_tokens"]) == ("flex", 9)
    assert sent(target("minimax"))[3]["reasoning_split"] is True


@pytest.mark.parametrize(
    ("preset", "dialect", "style", "level", "expected"),
    [
        ("openai", None, None, "off", {"reasoning_effort": "none"}),
        ("openai", None, None, "minimal", {"reasoning_effort": "minimal"}),
        ("openai", None, None, "high", {"reasoning_effort": "high"}),
        ("openai", "openai-responses", None, "off", {"reasoning": {"effort": "none"}}),
        ("openai", "openai-responses", None, "low", {"reasoning": {"effort": "low"}}),
        ("zhipu", None, None, "off", {"thinking": {"type": "disabled"}}),
        ("moonshot", None, None, "low", {"thinking": {"type": "enabled"}}),
        ("deepseek", None, None, "off", {"thinking": {"type": "disabled"}}),
        ("deepseek", None, None, "low", {"thinking": {"type": "enabled"}, "reasoning_effort": "low"}),
        ("volcengine", None, None, "off", {"thinking": {"type": "disabled"}}),
        ("minimax", None, None, "off", {"thinking": {"type": "disabled"}}),
        ("minimax", None, None, "high", {"thinking": {"type": "adaptive"}}),
        ("dashscope", None, None, "off", {"enable_thinking": False}),
        ("siliconflow", None, None, "medium", {"enable_thinking": True}),
        ("vllm", None, None, "off", {"chat_template_kwargs": {"enable_thinking": False}}),
        ("openrouter", None, None, "off", {"reasoning": {"effort": "none"}}),
        ("openrouter", None, None, "low", {"reasoning": {"effort": "low"}}),
        ("together", None, None, "off", {"reasoning": {"enabled": False}}),
        ("vllm", None, "effort", "low", {"reasoning_effort": "low"}),
        ("anthropic", None, None, "off", {"thinking": {"type": "disabled"}}),
        ("anthropic", None, "anthropic_adaptive", "off", {"thinking": {"type": "disabled"}}),
        (
            "anthropic",
            None,
            "anthropic_adaptive",
            "minimal",
            {"thinking": {"type": "adaptive"}, "output_config": {"effort": "low"}},
        ),
    ],
)
def test_reasoning(preset: str, dialect: str | None, style: str | None, level: str, expected: dict[str, Any]) -> None:
    """Each vendor is told in its own words, and everything else stays as it was."""
    to = target(preset, dialect, quirks={"reasoning_style": style} if style else {})
    assert sent(to, reasoning=level)[3] == sent(to)[3] | expected


def test_anthropic_budget() -> None:
    """max_tokens exceeds the budget by what was asked for, and thinking models take no temperature."""
    body = sent(target("anthropic"), reasoning="low", max_tokens=100, temperature=0.0)[3]
    assert body["thinking"] == {"type": "enabled", "budget_tokens": 1024}
    assert body["max_tokens"] == 1124
    assert "temperature" not in body


def test_anthropic_without_thinking_keeps_the_temperature() -> None:
    """The temperature is sent if the model does not think; one that thinks does not accept it."""
    assert sent(target("anthropic"), reasoning="off", temperature=0.0)[3]["temperature"] == 0.0


@pytest.mark.parametrize(
    ("style", "level", "expected"),
    [
        ("gemini_budget", "off", {"maxOutputTokens": 64, "thinkingConfig": {"thinkingBudget": 0}}),
        ("gemini_budget", "medium", {"maxOutputTokens": 8256, "thinkingConfig": {"thinkingBudget": 8192}}),
        ("gemini_level", "off", {"maxOutputTokens": 64, "thinkingConfig": {"thinkingLevel": "minimal"}}),
        ("gemini_level", "high", {"maxOutputTokens": 64, "thinkingConfig": {"thinkingLevel": "high"}}),
    ],
)
def test_gemini_thinking(style: str, level: str, expected: dict[str, Any]) -> None:
    """Gemini's budget is part of the output tokens, so the limit makes room for it."""
    to = target("gemini", quirks={"reasoning_style": style})
    assert sent(to, reasoning=level)[3]["generationConfig"] == expected


def test_default_styles_belong_to_their_dialects() -> None:
    """A dialect's own style is one of its styles."""
    assert {reasoning.STYLES[style].dialect for style in reasoning.DEFAULTS.values()} == set(reasoning.DEFAULTS)


@pytest.mark.parametrize(
    ("dialect", "style", "level", "message"),
    [
        ("openai-chat", None, "lots", "no reasoning level 'lots'; there are off, minimal, low, medium, high"),
        (
            "gemini",
            "thinking",
            "off",
            "no reasoning style 'thinking' for gemini; there are gemini_budget, gemini_level",
        ),
        ("openai-embeddings", None, "off", "openai-embeddings knows no reasoning"),
    ],
)
def test_reasoning_that_cannot_be(dialect: str, style: str | None, level: str, message: str) -> None:
    """A combination that means nothing is refused before anything is sent."""
    with pytest.raises(ValueError, match="^" + message.replace("(", r"\(") + "$"):
        reasoning.check(dialect, style, level)


@pytest.mark.parametrize("key", ["two\nlines", "trailing ", "", "naïve", "nul\0"])
def test_key_that_no_header_can_carry(key: str) -> None:
    """A broken key is refused by us, without showing it, rather than by the HTTP library with it in the message."""
    to = providers.target("openai", endpoint="e", model="m", api_key=Secret(key))
    with pytest.raises(ValueError, match="the API key has characters") as caught:
        sent(to)
    assert not key or key not in str(caught.value)


def test_header_that_cannot_be_sent() -> None:
    """A header that would split the request is refused by its name."""
    with pytest.raises(ValueError, match="the header 'X-A' has a value"):
        sent(target("openai", headers={"X-A": "1\r\nX-B: 2"}))
