"""What a finish reason means, in every vendor's words: one table for all dialects, since gateways mix them.

Reasons are compared without case and without what joins their words (`MAX_TOKENS`, `maxTokens`, `max-tokens`), cut at
a colon (`content_filter: PROHIBITED_CONTENT`) and behind a dot (`FinishReason.STOP`). A reason that no table knows is
taken by the words in it that tell (`blocked_by_guardrail`, `internal_failure`); one without such a word is a natural
end, as a client library would make of it, and what was checked of the answer decides.
"""

from __future__ import annotations

import re
from functools import lru_cache
from typing import TYPE_CHECKING, Final

from aimon.call.outcome import Outcome

if TYPE_CHECKING:
    from collections.abc import Mapping

_BY_OUTCOME: Final[Mapping[Outcome, str]] = {
    Outcome.OK: (
        "stop tool_calls function_call "  # OpenAI
        "end_turn stop_sequence tool_use pause_turn "  # Anthropic
        "completed "  # OpenAI responses
        "eos eos_token stop_token end end_of_text end_of_turn complete finished done success "  # TGI, Together, Cohere
        "tool_call normal"  # Baidu
    ),
    Outcome.MAX_TOKENS_HIT: (
        "length max_tokens max_output_tokens "  # OpenAI; Anthropic, Gemini; responses
        "model_length model_context_window_exceeded "  # Mistral; Zhipu, Anthropic
        "max_completion_tokens max_new_tokens token_limit context_length context_window"
    ),
    Outcome.CONTENT_FILTERED: (
        "content_filter content_filtered "
        "sensitive "  # Zhipu
        "guardrail_intervened "  # Bedrock
        "SAFETY RECITATION BLOCKLIST PROHIBITED_CONTENT SPII MODEL_ARMOR "  # Gemini
        "IMAGE_SAFETY IMAGE_PROHIBITED_CONTENT IMAGE_RECITATION "
        "error_toxic"  # Cohere
    ),
    Outcome.REFUSAL: "refusal refused",
    Outcome.OVERLOADED: "insufficient_system_resource",  # DeepSeek
    Outcome.STREAM_ERROR: (
        "error "  # OpenRouter, Mistral
        "network_error "  # Zhipu
        "abort aborted "  # vLLM, SGLang
        "incomplete cancelled failed "  # responses
        # A whole response that is not one yet: somebody asked for it to be made in the background.
        "in_progress queued "
        "function_call_filter "  # Gemini's OpenAI endpoint
        "OTHER LANGUAGE MALFORMED_FUNCTION_CALL MALFORMED_RESPONSE UNEXPECTED_TOOL_CALL "  # Gemini
        "TOO_MANY_TOOL_CALLS MISSING_THOUGHT_SIGNATURE IMAGE_OTHER NO_IMAGE"
    ),
}

FINISHES: Final[Mapping[str, Outcome]] = {
    reason: outcome for outcome, reasons in _BY_OUTCOME.items() for reason in reasons.split()
}

# Written where there is no reason (yet): DashScope's "null", Gemini's default.
_NO_REASON: Final = frozenset(("", "null", "none", "unspecified", "finishreasonunspecified"))


def _squashed(reason: str) -> str:
    return re.sub(r"[\W_]", "", reason).casefold()


_MEANINGS: Final = {_squashed(reason): outcome for reason, outcome in FINISHES.items()}

# What a word of an unknown reason begins with → what it then means. The first that fits counts: more severe ones first.
_TELLING: Final[tuple[tuple[Outcome, str], ...]] = (
    (Outcome.REFUSAL, "refus declin"),
    (
        Outcome.CONTENT_FILTERED,
        (
            "filter safety unsafe block sensitiv prohibit moderat violat censor policy guardrail recitat harm toxic "
            "inspect flagged blacklist copyright risk"
        ),
    ),
    (Outcome.OVERLOADED, "overload capacity busy throttl"),
    (
        Outcome.STREAM_ERROR,
        (
            "error fail fault abort cancel timeout timed interrupt malform crash disconnect invalid unavail reject "
            "terminat broken exception kill preempt evict incomplet resource nan"
        ),
    ),
    (Outcome.MAX_TOKENS_HIT, "max length limit truncat budget exceed"),
)
_WORD = re.compile(r"[A-Z]+(?![a-z])|[A-Z]?[a-z]+")


@lru_cache(maxsize=256)
def is_one(reason: str) -> bool:
    """Whether a value is a finish reason: some servers send "null" until there is one."""
    return _squashed(reason) not in _NO_REASON


@lru_cache(maxsize=256)
def meaning(reason: str) -> Outcome:
    """The outcome of an answer that ended for this reason: `ok`, or a failure of the provider's."""
    head, _, tail = reason.partition(":")
    for part in (head, tail, head.rpartition(".")[2]):
        if (known := _MEANINGS.get(_squashed(part))) is not None:
            return known
    words = [word.casefold() for word in _WORD.findall(reason)]
    for outcome, beginnings in _TELLING:
        if any(word.startswith(tuple(beginnings.split())) for word in words):
            return outcome
    return Outcome.OK
