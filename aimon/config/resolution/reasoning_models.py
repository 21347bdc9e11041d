"""Which models think before they answer, and how many tokens that may take.

Thoughts count against the token limit, so the 64 tokens of a canary would be used up before the first visible
word. The limit is therefore raised for models that are known to think. It stays a limit and not an order: a model
that does not think spends no more. The table leans towards raising, since that costs nothing where it is wrong.

Sources: the vendors' model pages (OpenAI, Google, DeepSeek, Alibaba, Zhipu, Moonshot, xAI, MiniMax, Mistral,
Volcengine), as of November 2026.
"""

from __future__ import annotations

import re
from typing import Final

# Tokens, thoughts included, by the level asked for; None leaves it to the model.
FLOORS: Final = {None: 2_048, "off": 2_048, "minimal": 2_048, "low": 4_096, "medium": 8_192, "high": 24_576}

# Reason unless that is turned off.
_BY_DEFAULT: Final = (
    r"gpt-[5-9](?!.*chat)",
    r"claude-(fable|mythos|(opus|sonnet|haiku)-[5-9])",
    r"gemini-(2\.5|[3-9])",
    r"glm-(4\.[5-9]|[5-9])",
    r"kimi-k(2\.[5-9]|[3-9])",
    r"qwen-?3(?!.*(instruct|coder|embedding|rerank))",
    r"doubao-seed-(?!.*(embedding|translation))",
    r"deepseek-(flash|pro|v([4-9]|3\.[1-9]))",
    r"minimax-m[3-9]",
    r"grok-[4-9](?!.*non-reasoning)",
)

# Always reason.
_ALWAYS: Final = (
    r"o[1-9](-|$)",
    r"gpt-5(-(mini|nano|pro|codex)|$|-20)",
    r"gpt-oss",
    r"gemini-(2\.5-pro|[3-9])",
    r"deepseek-(reasoner|r[1-9])",
    r"(qwq|qvq)",
    r"minimax-m[12]",
    r"grok-3-mini",
    r"magistral",
    r".*[-:.]thinking",
    r".*(?<!non)-reason(ing|er)\b",
    r".*-r1(-|$)",
)

_thinks = re.compile("|".join(_BY_DEFAULT + _ALWAYS)).match
_always = re.compile("|".join(_ALWAYS)).match


def floor(model: str, level: str | None) -> int:
    """The fewest tokens that a canary's limit must leave; 0 where the model answers at once.

    Args:
        model: the name asked for; a prefix such as `openai/` or `Pro/deepseek-ai/` does not matter.
        level: off, minimal, low, medium, high; None leaves it to the model.
    """
    name = model.lower().rpartition("/")[2]
    if level is None:
        return FLOORS[None] if _thinks(name) else 0
    if level == "off":
        return FLOORS["off"] if _always(name) else 0
    return FLOORS[level]
