"""The presets, and what can be made of them."""

import re

import pytest

from aimon import dialects, providers
from aimon.call.call import Quirks, Target
from aimon.dialects import reasoning
from aimon.security.secret import Secret

NAMES = [
    "openai", "anthropic", "gemini", "azure", "deepseek", "dashscope", "zhipu", "moonshot", "minimax", "volcengine",
    "siliconflow", "holysheep", "openrouter", "groq", "mistral", "xai", "together", "fireworks", "vllm", "sglang",
    "ollama", "jina", "cohere", "litellm",
]  # fmt: skip


def test_every_provider_is_there() -> None:
    """The list that the documentation promises."""
    assert list(providers.PRESETS) == NAMES


@pytest.mark.parametrize("preset", providers.PRESETS.values(), ids=NAMES)
def test_rows_hold_together(preset: providers.Preset) -> None:
    """Dialects, URLs, styles and key variables are of the right form, and every combination makes a target."""
    assert set(preset.bases) <= set(dialects.NAMES)
    assert preset.key_env is None or re.fullmatch(r"[A-Z0-9]+(_[A-Z0-9]+)+", preset.key_env)
    assert (preset.base_url is None) == ("base_url" in preset.needs)
    style = preset.quirks.reasoning_style
    assert style is None or reasoning.STYLES[style].dialect == "openai-chat"
    for dialect, url in preset.bases.items():
        if not url:
            continue
        local = preset.name in {"vllm", "sglang", "ollama", "litellm"}
        assert url.startswith("http://127.0.0.1:" if local else "https://")
        made = providers.target(preset.name, endpoint="e", model="m", dialect=dialect)
        assert (made.dialect, made.base_url, made.provider) == (dialect, url, preset.name)


def test_overrides() -> None:
    """Mappings are laid over the preset's, the rest replaces it."""
    key = Secret("k")
    made = providers.target(
        "anthropic",
        endpoint="e",
        model="m",
        api_key=key,
        base_url="http://127.0.0.1:9/v1/",
        auth="bearer",
        headers={"anthropic-beta": "b"},
        query={"q": "1"},
        quirks={"insufficient_quota_is_rate": True},
        provider="mine",
    )
    assert made == Target(
        endpoint="e",
        provider="mine",
        dialect="anthropic-messages",
        base_url="http://127.0.0.1:9/v1",
        model="m",
        api_key=key,
        auth="bearer",
        headers={"anthropic-version": "2023-06-01", "anthropic-beta": "b"},
        query={"q": "1"},
        quirks=Quirks(insufficient_quota_is_rate=True),
    )


def test_without_a_preset() -> None:
    """A dialect and a URL are enough."""
    made = providers.target(None, endpoint="e", model="m", dialect="gemini", base_url="https://h/v1beta")
    assert (made.provider, made.auth, made.quirks) == ("custom", "x-goog-api-key", Quirks())


def test_quirks_stay_with_their_dialect() -> None:
    """Quirks of DeepSeek's chat do not apply to its Anthropic endpoint."""
    chat = providers.target("deepseek", endpoint="e", model="m")
    messages = providers.target("deepseek", endpoint="e", model="m", dialect="anthropic-messages")
    assert chat.quirks.reasoning_style == "thinking_effort"
    assert messages.quirks == Quirks()
    assert (chat.auth, messages.auth) == ("bearer", "x-api-key")
    assert providers.target("dashscope", endpoint="e", model="m", dialect="openai-embeddings").quirks == Quirks(
        insufficient_quota_is_rate=True
    )


@pytest.mark.parametrize(
    ("preset", "given", "message"),
    [
        ("opnai", {}, "no preset 'opnai'; did you mean 'openai'?"),
        ("DeepSeek", {}, "no preset 'DeepSeek'; did you mean 'deepseek'?"),
        ("zzz", {}, "no preset 'zzz'; there are openai, anthropic, "),
        ("openai", {"dialect": "openai"}, "no dialect 'openai'; there are openai-chat, "),
        ("mistral", {"dialect": "gemini"}, "mistral has no known base URL for gemini: give base_url"),
        ("azure", {}, "azure needs base_url: https://RESOURCE.openai.azure.com/openai/v1 "),
        (None, {}, "without a preset, a dialect is needed: one of openai-chat, "),
        (None, {"dialect": "gemini"}, "without a preset, base_url is needed, up to and including /v1"),
        ("vllm", {"base_url": "10.0.0.1:8000/v1"}, "base_url must start with http:// or https:// and name a host"),
        ("vllm", {"base_url": "http://u:p@h/v1"}, "base_url must not carry a user or password: use api_key"),
        ("vllm", {"base_url": "http://h/v1?a=b"}, "base_url must end before '?': put parameters such as api-version"),
        ("vllm", {"base_url": "http://h/v1/chat/completions"}, "base_url must end before /chat/completions: the"),
        (
            "azure",
            {"base_url": "https://r.openai.azure.com/openai/deployments/d"},
            "an Azure deployment URL needs query api-version, for example 2024-10-21",
        ),
        (
            "azure",
            {"base_url": "https://r.openai.azure.com/openai/deployments/d", "dialect": "openai-models"},
            "openai-models needs the base_url https://RESOURCE.openai.azure.com/openai/v1",
        ),
    ],
)
def test_what_cannot_be(preset: str | None, given: dict[str, str], message: str) -> None:
    """Each mistake is named, with what to write instead, and without the secret in it."""
    with pytest.raises((KeyError, ValueError)) as caught:
        providers.target(preset, endpoint="e", model="m", **given)  # type: ignore[arg-type]  # strings by name
    said = caught.value.args[0]
    assert said.startswith(message)
    assert "u:p" not in said


def test_no_such_dialect() -> None:
    """The registry lists what there is."""
    with pytest.raises(KeyError, match="no dialect 'soap'; there are openai-chat, openai-responses, "):
        dialects.get("soap")


@pytest.mark.parametrize("name", dialects.NAMES)
def test_registry(name: str) -> None:
    """Every name finds the dialect that bears it."""
    assert dialects.get(name).name == name
