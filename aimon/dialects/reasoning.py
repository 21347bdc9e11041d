"""How much a reasoning model should think, in each vendor's request fields.

`Call.reasoning` is one of LEVELS. A style turns it into fields of the request body; each belongs to one dialect,
and `Quirks.reasoning_style` overrides the dialect's default (`DEFAULTS`). If a vendor has only an on/off switch, every
level but `off` turns it on. Models of one vendor differ too: some can't turn reasoning off and answer 400, which is
reported as the result of that configuration.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from aimon.call.call import Call

LEVELS: Final = ("off", "minimal", "low", "medium", "high")

# Thinking tokens, for vendors that take a budget: Google's mapping of the levels; 1,024 is Anthropic's minimum.
BUDGETS: Final = {"off": 0, "minimal": 1_024, "low": 1_024, "medium": 8_192, "high": 24_576}


class Style(NamedTuple):
    """The dialect of a style, and the body fields that it adds (Gemini: in generationConfig)."""

    dialect: str
    fields: Callable[[str], dict[str, Any]]


def _effort(level: str) -> str:
    return "none" if level == "off" else level


def _toggle(level: str) -> dict[str, str]:
    return {"type": "disabled" if level == "off" else "enabled"}


def _thinking_effort(level: str) -> dict[str, Any]:
    # Volcengine refuses an effort together with "disabled".
    return {"thinking": _toggle(level)} | ({} if level == "off" else {"reasoning_effort": level})


def _anthropic_budget(level: str) -> dict[str, Any]:
    budget = BUDGETS[level]
    return {"thinking": {"type": "enabled", "budget_tokens": budget} if budget else {"type": "disabled"}}


def _anthropic_adaptive(level: str) -> dict[str, Any]:
    if level == "off":
        return {"thinking": {"type": "disabled"}}
    effort = "low" if level == "minimal" else level
    return {"thinking": {"type": "adaptive"}, "output_config": {"effort": effort}}


STYLES: Final[Mapping[str, Style]] = {
    # OpenAI, Groq, xAI, Mistral, Fireworks, Ollama, LiteLLM, Gemini's OpenAI endpoint
    "effort": Style("openai-chat", lambda level: {"reasoning_effort": _effort(level)}),
    # Zhipu, Moonshot
    "thinking": Style("openai-chat", lambda level: {"thinking": _toggle(level)}),
    # DeepSeek, Volcengine
    "thinking_effort": Style("openai-chat", _thinking_effort),
    # MiniMax
    "thinking_adaptive": Style(
        "openai-chat", lambda level: {"thinking": {"type": "disabled" if level == "off" else "adaptive"}}
    ),
    # Qwen on DashScope and SiliconFlow
    "enable_thinking": Style("openai-chat", lambda level: {"enable_thinking": level != "off"}),
    # Qwen, GLM and others on vLLM and SGLang, where the model's chat template decides
    "chat_template": Style("openai-chat", lambda level: {"chat_template_kwargs": {"enable_thinking": level != "off"}}),
    "openrouter": Style("openai-chat", lambda level: {"reasoning": {"effort": _effort(level)}}),
    "together": Style("openai-chat", lambda level: {"reasoning": {"enabled": level != "off"}}),
    "responses": Style("openai-responses", lambda level: {"reasoning": {"effort": _effort(level)}}),
    # Claude up to 4.6
    "anthropic_budget": Style("anthropic-messages", _anthropic_budget),
    # Claude from 4.6; later models accept nothing else
    "anthropic_adaptive": Style("anthropic-messages", _anthropic_adaptive),
    # Gemini 2.5 (3 still accepts it)
    "gemini_budget": Style("gemini", lambda level: {"thinkingConfig": {"thinkingBudget": BUDGETS[level]}}),
    # Gemini 3, which can't be off
    "gemini_level": Style(
        "gemini", lambda level: {"thinkingConfig": {"thinkingLevel": "minimal" if level == "off" else level}}
    ),
}

DEFAULTS: Final = {
    "openai-chat": "effort",
    "openai-responses": "responses",
    "anthropic-messages": "anthropic_budget",
    "gemini": "gemini_budget",
}


def check(dialect: str, style: str | None, level: str) -> None:
    """Checks a combination when the configuration is read, so that the error can name the line of the file.

    Raises:
        ValueError: no such style or level, or the style belongs to another dialect; lists the valid ones.
    """
    if level not in LEVELS:
        raise ValueError(f"no reasoning level {level!r}; there are {', '.join(LEVELS)}")
    if dialect not in DEFAULTS:
        raise ValueError(f"{dialect} knows no reasoning")
    if style is not None and (style not in STYLES or STYLES[style].dialect != dialect):
        fitting = ", ".join(name for name, row in STYLES.items() if row.dialect == dialect)
        raise ValueError(f"no reasoning style {style!r} for {dialect}; there are {fitting}")


def fields(call: Call) -> dict[str, Any]:
    """The body fields of the call's reasoning level; empty if the model decides.

    Raises:
        ValueError: see `check`.
    """
    if call.reasoning is None:
        return {}
    target = call.target
    style = target.quirks.reasoning_style
    check(target.dialect, style, call.reasoning)
    return STYLES[style or DEFAULTS[target.dialect]].fields(call.reasoning)
