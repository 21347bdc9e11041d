"""Presets: the known settings of each provider, so that an endpoint needs only a name, a model and a key.

A preset is a row of a table. It has the base URL of every dialect that the provider serves, how the key is sent, and
how the provider deviates from the dialect. Providers with servers in and outside China are listed with the Chinese one;
`note` names the other.
"""

from __future__ import annotations

from types import MappingProxyType
from typing import TYPE_CHECKING

import msgspec

from aimon.call.call import Quirks

if TYPE_CHECKING:
    from collections.abc import Mapping


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
