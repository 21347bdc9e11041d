"""Which requests are calls, and what they ask for."""

from __future__ import annotations

import json
from typing import Any

import pytest

from aimon.dialects.usage import MAX_COUNT
from aimon.metering.http.asked import Asked, prompts, provider, read
from aimon.providers import PRESETS


def _read(url: str, body: Any, method: str = "POST") -> Asked | None:
    host, _, path = url.partition("/")
    return read(
        method, host.encode(), f"/{path}".encode(), body if isinstance(body, bytes) else json.dumps(body).encode()
    )


@pytest.mark.parametrize(
    ("url", "body", "asked"),
    [
        ("api.openai.com/v1/chat/completions", {"model": "m"}, ("openai-chat", "m", False, MAX_COUNT, "openai")),
        (
            "api.openai.com/v1/chat/completions",
            {"model": "m", "stream": True, "max_completion_tokens": 5, "n": 2},
            ("openai-chat", "m", True, 10, "openai"),
        ),
        (
            "x.openai.azure.com/openai/deployments/my%20gpt/chat/completions?api-version=1",
            {"messages": []},
            ("openai-chat", "my gpt", False, MAX_COUNT, "azure"),
        ),
        ("api.x.ai/v1/responses", {"model": "m", "max_output_tokens": 9}, ("openai-responses", "m", False, 9, "xai")),
        (
            "api.anthropic.com/v1/messages?beta=true",
            {"model": "m", "max_tokens": 7, "stream": True},
            ("anthropic-messages", "m", True, 7, "anthropic"),
        ),
        (
            "eu-aiplatform.googleapis.com/v1/projects/p/locations/l/publishers/anthropic/models/c:streamRawPredict",
            {"max_tokens": 7},
            ("anthropic-messages", "c", True, 7, "gemini"),
        ),
        ("127.0.0.1:8000/v1/embeddings", {"model": "m"}, ("openai-embeddings", "m", False, MAX_COUNT, "custom")),
        (
            "generativelanguage.googleapis.com/v1beta/models/gemini-3:streamGenerateContent?alt=sse",
            b"",
            ("gemini", "gemini-3", True, MAX_COUNT, "gemini"),
        ),
        ("g/v1beta/tunedModels/t:generateContent", b"", ("gemini", "t", False, MAX_COUNT, "custom")),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_a_call_is_told_by_address_and_body(url: str, body: Any, asked: tuple[Any, ...]) -> None:
    """Dialect, model, streaming, limit of tokens and provider."""
    assert _read(url, body) == asked


@pytest.mark.parametrize(
    ("url", "body"),
    [
        ("api.openai.com/v1/threads/t/messages", {"role": "user"}),
        ("api.openai.com/v1/files", {"model": "m"}),
        ("api.openai.com/v1/responses/resp_1/cancel", {"model": "m"}),
        ("api.anthropic.com/v1/messages/count_tokens", {"model": "m"}),
        ("api.anthropic.com/v1/messages/batches", {"model": "m"}),
        ("api.openai.com/v1/chat/completions", b"\xff"),
        ("api.openai.com/v1/chat/completions", b""),
        ("api.openai.com/v1/chat/completions", b"[" * 5000),
        ("api.openai.com/v1/chat/completions", {"model": 5}),
        ("g/v1beta/models/e:embedContent", {}),
    ],
    ids=str,
)
def test_anything_else_is_not_metered(url: str, body: Any) -> None:
    """Other operations, other services and bodies without a model."""
    assert _read(url, body) is None


def test_only_posts_are_calls() -> None:
    """A stored response that is read back costs nothing."""
    assert _read("api.openai.com/v1/responses", {"model": "m"}, "GET") is None


def test_every_preset_is_told_by_its_hosts() -> None:
    """Except for servers on one's own machine, which can be anything."""
    for preset in PRESETS.values():
        for url in preset.bases.values():
            host = url.split("//")[-1].split("/")[0].split(":")[0]
            if host and not host.startswith("127."):
                assert provider(host) == preset.name, host
    assert provider("api.z.ai") == "zhipu", "the server outside China"
    assert provider("evil-api.openai.com.example") == "custom"


def test_the_texts_of_a_prompt() -> None:
    """System, turns and parts, without images; what is no JSON has none."""
    openai = {"messages": [{"content": "a"}, {"content": [{"text": "b"}, {"image_url": {"url": "data:…"}}]}]}
    gemini = {"systemInstruction": {"parts": [{"text": "s"}]}, "contents": [{"parts": [{"text": "c"}]}]}
    anthropic = {"system": "s", "messages": [{"content": [{"type": "tool_result", "content": "d"}]}]}
    responses = {"instructions": "i", "input": "e"}
    found = [list(prompts(json.dumps(body).encode())) for body in (openai, gemini, anthropic, responses)]
    assert found == [["a", "b"], ["c", "s"], ["s", "d"], ["i", "e"]]
    assert list(prompts(b"[" * 100_000)) == list(prompts(b"nonsense")) == []
