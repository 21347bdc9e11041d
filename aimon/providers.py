"""Presets: the known settings of each provider, so that an endpoint needs only a name, a model and a key.

A preset is a row of a table. It has the base URL of every dialect that the provider serves, how the key is sent, and
how the provider deviates from the dialect; `target` applies the user's overrides to a row. Providers with servers in
and outside China are listed with the Chinese one; `note` names the other.
"""

from __future__ import annotations

from dataclasses import replace
from difflib import get_close_matches
from types import MappingProxyType
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

import msgspec

from aimon import dialects
from aimon.call.call import Quirks, Target

if TYPE_CHECKING:
    from collections.abc import Mapping

    from aimon.security.secret import Secret

CHAT = "openai-chat"
RESPONSES = "openai-responses"
MESSAGES = "anthropic-messages"
GEMINI = "gemini"
COMPLETIONS = "openai-completions"
RERANK = "rerank"
IMAGES = "openai-images"
SPEECH = "openai-speech"
EMBEDDINGS = "openai-embeddings"
MODELS = "openai-models"

# The header for the key that each dialect's vendor uses; "bearer" for other dialects.
_AUTH = {MESSAGES: "x-api-key", GEMINI: "x-goog-api-key"}

# A base URL must not end with these paths: users paste the URL of a call.
_CALL_PATHS = (
    "/chat/completions", "/completions", "/responses", "/messages", "/embeddings", "/models", "/rerank",
    "/images/generations", "/audio/speech", ":generateContent",
)  # fmt: skip

_NONE: Mapping[str, str] = MappingProxyType({})
_PLAIN = Quirks()


class Preset(msgspec.Struct, frozen=True):
    """One provider.

    `bases` maps each dialect that it serves to the base URL, up to and including `/v1` where there is one;
    the first is the default, and an empty URL must be given by the user (`needs` names what to give).
    `auth` is set if the key is sent the same way in every dialect; None means the dialect's own way.
    `key_env` is the vendor's name for the key's environment variable; None for servers without keys.
    """

    name: str
    title: str
    bases: Mapping[str, str]
    key_env: str | None = None
    auth: str | None = None
    quirks: Quirks = _PLAIN
    headers: Mapping[str, str] = msgspec.field(default_factory=lambda: _NONE)
    query: Mapping[str, str] = msgspec.field(default_factory=lambda: _NONE)
    needs: tuple[str, ...] = ()
    key_url: str | None = None
    note: str = ""

    @property
    def dialect(self) -> str:
        """The default dialect."""
        return next(iter(self.bases))

    @property
    def base_url(self) -> str | None:
        """The default dialect's base URL; None if the user must give it."""
        return self.bases[self.dialect] or None


def _openai_shaped(url: str, *more: str, **elsewhere: str) -> dict[str, str]:
    """Base URLs of a provider with chat, the model list and `more` dialects at one URL, `others` at their own."""
    names = {"messages": MESSAGES}
    return dict.fromkeys((CHAT, MODELS, *more), url) | {names[k]: v for k, v in elsewhere.items()}


_ROWS = (
    Preset(
        "openai",
        "OpenAI",
        _openai_shaped("https://api.openai.com/v1", RESPONSES, EMBEDDINGS, COMPLETIONS, IMAGES, SPEECH),
        key_env="OPENAI_API_KEY",
        quirks=Quirks(max_tokens_field="max_completion_tokens"),
        key_url="https://platform.openai.com/api-keys",
    ),
    Preset(
        "anthropic",
        "Anthropic (Claude)",
        {MESSAGES: "https://api.anthropic.com/v1", MODELS: "https://api.anthropic.com/v1"},
        key_env="ANTHROPIC_API_KEY",
        auth="x-api-key",
        headers={"anthropic-version": "2023-06-01"},
        key_url="https://console.anthropic.com/settings/keys",
    ),
    Preset(
        "gemini",
        "Google Gemini",
        {
            GEMINI: "https://generativelanguage.googleapis.com/v1beta",
            CHAT: "https://generativelanguage.googleapis.com/v1beta/openai",
            EMBEDDINGS: "https://generativelanguage.googleapis.com/v1beta/openai",
            MODELS: "https://generativelanguage.googleapis.com/v1beta/openai",
        },
        key_env="GEMINI_API_KEY",
        key_url="https://aistudio.google.com/apikey",
    ),
    Preset(
        "azure",
        "Azure OpenAI",
        dict.fromkeys((CHAT, RESPONSES, EMBEDDINGS, MODELS, IMAGES, SPEECH), ""),
        key_env="AZURE_OPENAI_API_KEY",
        auth="api-key",
        quirks=Quirks(max_tokens_field="max_completion_tokens"),
        needs=("base_url",),
        key_url="https://portal.azure.com",
        note=(
            "https://RESOURCE.openai.azure.com/openai/v1 (model = deployment name), or "
            "https://RESOURCE.openai.azure.com/openai/deployments/DEPLOYMENT with query api-version"
        ),
    ),
    Preset(
        "deepseek",
        "DeepSeek",
        _openai_shaped("https://api.deepseek.com", RESPONSES, messages="https://api.deepseek.com/anthropic/v1"),
        key_env="DEEPSEEK_API_KEY",
        quirks=Quirks(reasoning_style="thinking_effort"),
        key_url="https://platform.deepseek.com/api_keys",
    ),
    Preset(
        "dashscope",
        "Alibaba DashScope (Qwen)",
        _openai_shaped(
            "https://dashscope.aliyuncs.com/compatible-mode/v1",
            RESPONSES,
            EMBEDDINGS,
            messages="https://dashscope.aliyuncs.com/apps/anthropic/v1",
        ),
        key_env="DASHSCOPE_API_KEY",
        quirks=Quirks(reasoning_style="enable_thinking", insufficient_quota_is_rate=True),
        key_url="https://bailian.console.aliyun.com/?tab=model#/api-key",
        note="outside China: https://dashscope-intl.aliyuncs.com/compatible-mode/v1",
    ),
    Preset(
        "zhipu",
        "Zhipu (GLM)",
        _openai_shaped(
            "https://open.bigmodel.cn/api/paas/v4",
            EMBEDDINGS,
            messages="https://open.bigmodel.cn/api/anthropic/v1",
        ),
        key_env="ZHIPUAI_API_KEY",
        quirks=Quirks(reasoning_style="thinking"),
        key_url="https://bigmodel.cn/usercenter/proj-mgmt/apikeys",
        note="outside China: https://api.z.ai/api/paas/v4",
    ),
    Preset(
        "moonshot",
        "Moonshot (Kimi)",
        _openai_shaped("https://api.moonshot.cn/v1", messages="https://api.moonshot.cn/anthropic/v1"),
        key_env="MOONSHOT_API_KEY",
        quirks=Quirks(reasoning_style="thinking"),
        key_url="https://platform.moonshot.cn/console/api-keys",
        note="outside China: https://api.moonshot.ai/v1",
    ),
    Preset(
        "minimax",
        "MiniMax",
        _openai_shaped("https://api.minimaxi.com/v1", messages="https://api.minimaxi.com/anthropic/v1"),
        key_env="MINIMAX_API_KEY",
        quirks=Quirks(
            max_tokens_field="max_completion_tokens",
            reasoning_style="thinking_adaptive",
            # Without it, reasoning is part of the content, in <think>.
            extra_body={"reasoning_split": True},
        ),
        key_url="https://platform.minimaxi.com/user-center/basic-information/interface-key",
        note="outside China: https://api.minimax.io/v1",
    ),
    Preset(
        "volcengine",
        "Volcengine Ark (Doubao)",
        _openai_shaped("https://ark.cn-beijing.volces.com/api/v3", RESPONSES, EMBEDDINGS),
        key_env="ARK_API_KEY",
        quirks=Quirks(reasoning_style="thinking_effort"),
        key_url="https://console.volcengine.com/ark/region:ark+cn-beijing/apiKey",
        note="model is a model id or an inference endpoint (ep-…)",
    ),
    Preset(
        "siliconflow",
        "SiliconFlow",
        _openai_shaped(
            "https://api.siliconflow.cn/v1", EMBEDDINGS, RERANK, SPEECH, messages="https://api.siliconflow.cn/v1"
        ),
        key_env="SILICONFLOW_API_KEY",
        quirks=Quirks(reasoning_style="enable_thinking"),
        key_url="https://cloud.siliconflow.cn/account/ak",
        note="outside China: https://api.siliconflow.com/v1",
    ),
    Preset(
        "holysheep",
        "HolySheep",
        _openai_shaped("https://api.holysheep.ai/v1", messages="https://api.holysheep.ai/v1"),
        key_env="HOLYSHEEP_API_KEY",
        key_url="https://holysheep.ai",
    ),
    Preset(
        "openrouter",
        "OpenRouter",
        _openai_shaped(
            "https://openrouter.ai/api/v1",
            RESPONSES,
            EMBEDDINGS,
            messages="https://openrouter.ai/api/v1",
        ),
        key_env="OPENROUTER_API_KEY",
        quirks=Quirks(reasoning_style="openrouter"),
        key_url="https://openrouter.ai/settings/keys",
    ),
    Preset(
        "groq",
        "Groq",
        _openai_shaped("https://api.groq.com/openai/v1", RESPONSES),
        key_env="GROQ_API_KEY",
        quirks=Quirks(max_tokens_field="max_completion_tokens"),
        key_url="https://console.groq.com/keys",
    ),
    Preset(
        "mistral",
        "Mistral",
        _openai_shaped("https://api.mistral.ai/v1", EMBEDDINGS),
        key_env="MISTRAL_API_KEY",
        # Usage is in the last chunk anyway; unknown request fields are answered with 422.
        quirks=Quirks(stream_usage=False),
        key_url="https://console.mistral.ai/api-keys",
    ),
    Preset(
        "xai",
        "xAI (Grok)",
        _openai_shaped("https://api.x.ai/v1", RESPONSES),
        key_env="XAI_API_KEY",
        quirks=Quirks(max_tokens_field="max_completion_tokens"),
        key_url="https://console.x.ai",
    ),
    Preset(
        "together",
        "Together AI",
        _openai_shaped("https://api.together.xyz/v1", EMBEDDINGS, COMPLETIONS, RERANK, IMAGES, SPEECH),
        key_env="TOGETHER_API_KEY",
        quirks=Quirks(reasoning_style="together"),
        key_url="https://api.together.ai/settings/api-keys",
    ),
    Preset(
        "fireworks",
        "Fireworks AI",
        _openai_shaped("https://api.fireworks.ai/inference/v1", RESPONSES, EMBEDDINGS, COMPLETIONS, RERANK),
        key_env="FIREWORKS_API_KEY",
        key_url="https://app.fireworks.ai/settings/users/api-keys",
    ),
    Preset(
        "vllm",
        "vLLM",
        _openai_shaped(
            "http://127.0.0.1:8000/v1", RESPONSES, EMBEDDINGS, COMPLETIONS, RERANK, messages="http://127.0.0.1:8000/v1"
        ),
        quirks=Quirks(reasoning_style="chat_template", exact_output="min_tokens"),
    ),
    Preset(
        "sglang",
        "SGLang",
        _openai_shaped("http://127.0.0.1:30000/v1", EMBEDDINGS, COMPLETIONS, RERANK),
        quirks=Quirks(reasoning_style="chat_template", exact_output="min_tokens"),
    ),
    Preset(
        "ollama",
        "Ollama",
        _openai_shaped("http://127.0.0.1:11434/v1", RESPONSES, EMBEDDINGS, messages="http://127.0.0.1:11434/v1"),
    ),
    Preset(
        "jina",
        "Jina AI",
        dict.fromkeys((RERANK, EMBEDDINGS), "https://api.jina.ai/v1"),
        key_env="JINA_API_KEY",
        key_url="https://jina.ai/api-dashboard/key-manager",
    ),
    Preset(
        "cohere",
        "Cohere",
        {RERANK: "https://api.cohere.com/v2"}
        | dict.fromkeys((CHAT, EMBEDDINGS), "https://api.cohere.ai/compatibility/v1"),
        key_env="CO_API_KEY",
        key_url="https://dashboard.cohere.com/api-keys",
    ),
    Preset(
        "litellm",
        "LiteLLM proxy",
        _openai_shaped("http://127.0.0.1:4000/v1", RESPONSES, EMBEDDINGS, messages="http://127.0.0.1:4000/v1"),
        key_env="LITELLM_PROXY_API_KEY",
        note="key: a virtual key of the proxy",
    ),
)

PRESETS: Mapping[str, Preset] = MappingProxyType({row.name: row for row in _ROWS})


def get(name: str) -> Preset:
    """The preset of that name.

    Raises:
        KeyError: no such preset; the message names the nearest, or all of them.
    """
    preset = PRESETS.get(name)
    if preset is None:
        near = get_close_matches(name.lower(), PRESETS, n=1)
        hint = f"did you mean {near[0]!r}?" if near else f"there are {', '.join(PRESETS)}"
        raise KeyError(f"no preset {name!r}; {hint}")
    return preset


def target(
    preset: Preset | str | None,
    *,
    endpoint: str,
    model: str,
    api_key: Secret | None = None,
    dialect: str | None = None,
    base_url: str | None = None,
    auth: str | None = None,
    headers: Mapping[str, str] = _NONE,
    query: Mapping[str, str] = _NONE,
    quirks: Mapping[str, Any] = MappingProxyType({}),
    provider: str | None = None,
) -> Target:
    """A Target from a preset (or from `dialect` and `base_url` alone), with overrides.

    `headers`, `query` and `quirks` (fields of Quirks) are merged over the preset's; other arguments replace its values.

    Raises:
        KeyError: no such preset or dialect.
        ValueError: the base URL is missing, invalid, or unknown for that dialect; says what to write.
    """
    row = get(preset) if isinstance(preset, str) else preset
    if row is None:
        if dialect is None:
            raise ValueError("without a preset, a dialect is needed: one of " + ", ".join(dialects.NAMES))
        if base_url is None:
            raise ValueError("without a preset, base_url is needed, up to and including /v1 where there is one")
        row = Preset("custom", "custom", {dialect: base_url})
    dialect = dialect or row.dialect
    if dialect not in dialects.NAMES:
        raise KeyError(f"no dialect {dialect!r}; there are {', '.join(dialects.NAMES)}")
    url = _checked(base_url or _base(row, dialect))
    every_query = {**row.query, **query}
    if "/openai/deployments/" in url:
        _check_deployment(dialect, every_query)
    return Target(
        endpoint=endpoint,
        provider=provider or row.name,
        dialect=dialect,
        base_url=url,
        model=model,
        api_key=api_key,
        auth=auth or row.auth or _AUTH.get(dialect, "bearer"),
        headers={**row.headers, **headers},
        query=every_query,
        quirks=replace(_quirks(row, dialect), **quirks),
    )


def _base(row: Preset, dialect: str) -> str:
    known = row.bases.get(dialect)
    if known:
        return known
    if known is None:
        raise ValueError(f"{row.name} has no known base URL for {dialect}: give base_url")
    raise ValueError(f"{row.name} needs base_url" + (f": {row.note}" if row.note else ""))


def _quirks(row: Preset, dialect: str) -> Quirks:
    """A preset's quirks apply to its chat dialect; its error codes apply to all dialects."""
    if dialect == CHAT:
        return row.quirks
    own = row.quirks if dialect == COMPLETIONS else _PLAIN
    return Quirks(
        stream_usage=own.stream_usage,
        exact_output=own.exact_output,
        insufficient_quota_is_rate=row.quirks.insufficient_quota_is_rate,
    )


def _checked(url: str) -> str:
    """The base URL without a trailing slash.

    Raises:
        ValueError: it is not a valid base URL.
    """
    parts = urlsplit(url)
    if parts.scheme not in {"http", "https"} or not parts.hostname:
        raise ValueError(f"base_url must start with http:// or https:// and name a host, not {url!r}")
    if parts.username or parts.password:
        raise ValueError("base_url must not carry a user or password: use api_key")
    if parts.query or parts.fragment:
        raise ValueError("base_url must end before '?': put parameters such as api-version under query")
    url = url.rstrip("/")
    if url.endswith(_CALL_PATHS):
        path = next(path for path in _CALL_PATHS if url.endswith(path))
        raise ValueError(f"base_url must end before {path}: the dialect adds it")
    return url


def _check_deployment(dialect: str, query: Mapping[str, str]) -> None:
    """Checks Azure's older URLs, which name one deployment, serve only its calls, and need a date as `api-version`."""
    if dialect in {RESPONSES, MODELS}:
        raise ValueError(f"{dialect} needs the base_url https://RESOURCE.openai.azure.com/openai/v1")
    if "api-version" not in query:
        raise ValueError("an Azure deployment URL needs query api-version, for example 2024-10-21")
