"""Token counts: collects what providers report under many names and places, and drops implausible values.

Counts come complete, cumulative, or split over events, and zeros may mean "not known yet"; so they are gathered field
by field (`gather`), and added up and checked only when the answer is complete (`settle`). One rule serves all dialects,
since gateways mix vendors' names.

Implausible, so null and named in `Usage.implausible`: values that are not counts (negative, a fraction, a
boolean, more than MAX_COUNT), more cached than input, more reasoning than output, no output beside an answer, no
input at all, and more output than max_tokens and the text that came allow for.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any, Final

from aimon.call.result import Usage

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

# No model reads or writes as many tokens in one call; a higher count is corrupt.
MAX_COUNT: Final = 100_000_000
# Output is implausible beyond this multiple of max_tokens, plus a few tokens for each visible character, plus an
# allowance for hidden reasoning. The limit is wide on purpose: it detects corrupt counts, not small overruns.
_OVERRUN: Final = 16
_TOKENS_PER_CHARACTER: Final = 4
_UNSEEN: Final = 2_048
_THOUGHT: Final = 131_072

# Marks a reported value that is not a count.
_NO_COUNT: Final = -1

# Our name → vendors' names. `fresh` is Anthropic's input without tokens read from or written to a cache; `answer` is
# Gemini's output without thoughts.
_NAMES: Final[Mapping[str, str]] = {
    name: meant
    for meant, names in {
        "prompt": "prompt_tokens promptTokenCount prompt_token_count prompt_eval_count inputTokenCount",
        "fresh": "input_tokens inputTokens",
        "output": "completion_tokens output_tokens outputTokens outputTokenCount eval_count",
        "answer": "candidatesTokenCount candidates_token_count",
        "thoughts": "thoughtsTokenCount thoughts_token_count",
        "tools": "toolUsePromptTokenCount tool_use_prompt_token_count",
        "total": "total_tokens totalTokenCount totalTokens total_token_count",
        "cached": "cached_tokens prompt_cache_hit_tokens cachedContentTokenCount cached_content_token_count",
        "cache_read": "cache_read_input_tokens cacheReadInputTokens cacheReadInputTokenCount",
        "cache_write": "cache_creation_input_tokens cacheWriteInputTokens cacheWriteInputTokenCount",
        "reasoning": "reasoning_tokens thinking_tokens",
    }.items()
    for name in names.split()
}
# Objects that contain the last few of them.
_DETAILS: Final = frozenset(
    ("prompt_tokens_details", "completion_tokens_details", "input_tokens_details", "output_tokens_details")
)
_IN_DETAILS: Final = ("cached_tokens", "reasoning_tokens", "thinking_tokens")
_DIGITS = re.compile(r"\s*\+?(\d{1,15})(?:\.0*)?\s*")

_KEY = re.compile(r".*(?:[uU]sage\w*|nMetrics)")
_MAX_DEPTH = 5


def gather(known: dict[str, int], said: Any) -> None:
    """Adds an object of counts to the known counts; a valid count is replaced only by another valid one.

    Args:
        known: counts by our name; -1 for a reported value that is not a count.
        said: decoded JSON; anything but an object is ignored.
    """
    if said.__class__ is not dict:
        return
    for name, value in said.items():
        if (meant := _NAMES.get(name)) is not None:
            if value.__class__ is int and 0 < value <= MAX_COUNT:  # as nearly all
                known[meant] = value
            elif value is not None:
                count = _count(value)
                if count > 0 or known.get(meant, _NO_COUNT) < 0:
                    known[meant] = count
        elif name in _DETAILS and value.__class__ is dict:
            gather(known, {key: value[key] for key in _IN_DETAILS if key in value})


def may_be_in(event: bytes) -> bool:
    """Whether an event may contain an object of counts (`usage`, `x_groq`'s, Bedrock's), without decoding it."""
    return b'sage":{"' in event or b'sage": {"' in event or b"nMetrics" in event


def within(document: Any, depth: int = 0) -> Iterator[dict[str, Any]]:
    """Every object of counts in a decoded event, at any vendor's place."""
    if depth > _MAX_DEPTH:
        return
    if isinstance(document, dict):
        for key, value in document.items():
            if isinstance(value, dict) and _KEY.fullmatch(key) and any(map(_counts, value)):
                yield value
            elif isinstance(value, (dict, list)):
                yield from within(value, depth + 1)
    elif isinstance(document, list):
        for item in document[:8]:
            yield from within(item, depth + 1)


def _counts(name: str) -> bool:
    return name in _NAMES


def _count(value: object) -> int:
    """The count in a JSON value: an integer, an integral float, or digits in quotes; -1 for anything else."""
    if value.__class__ is int:
        return value if 0 <= value <= MAX_COUNT else _NO_COUNT
    if isinstance(value, float):
        return int(value) if 0 <= value <= MAX_COUNT and value.is_integer() else _NO_COUNT
    if isinstance(value, str) and (match := _DIGITS.fullmatch(value)):
        return _count(int(match[1]))
    return _NO_COUNT


def settle(said: Mapping[str, int], *, wrote: bool, characters: int, reasoned: bool, max_tokens: int) -> Usage:
    """The usage of a complete answer: merges the counts, adds the split ones, and drops and names implausible ones.

    Args:
        said: the result of `gather` over all events.
        wrote: whether the model wrote anything: text, reasoning, a refusal.
        characters: number of characters of visible text.
        reasoned: whether reasoning was received or requested.
        max_tokens: of the call.
    """
    read = _input(said)
    written, thought = _output(said)
    unseen = _THOUGHT if reasoned or (thought or 0) > 0 else _UNSEEN
    most = min(MAX_COUNT, _OVERRUN * max_tokens + _TOKENS_PER_CHARACTER * characters + unseen)
    if written is not None and written > most and 0 <= (plain := said.get("output", _NO_COUNT)) <= most:
        written, thought = plain, said.get("reasoning")  # the total was the implausible value
    if written == 0 and wrote:
        written = _NO_COUNT
    cached = said.get("cached", said.get("cache_read"))
    implausible: list[str] = []
    if read is not None and not 0 <= read <= MAX_COUNT:
        implausible.append("input")
        read = None
    if written is not None and not 0 <= written <= most:
        implausible.append("output")
        written = None
    if cached is not None and not 0 <= cached <= (MAX_COUNT if read is None else read):
        implausible.append("cached_input")
        cached = None
    if thought is not None and not 0 <= thought <= (MAX_COUNT if written is None else written):
        implausible.append("reasoning")
        thought = None
    return Usage(read, written, cached, thought, "reported", tuple(implausible) or None)


def _input(said: Mapping[str, int]) -> int | None:
    """All input tokens; -1 if that is 0, since every prompt has at least one token."""
    prompt, fresh = said.get("prompt"), said.get("fresh")
    if fresh is not None and not (prompt and prompt > 0):
        parts = (fresh, said.get("cache_read", 0), said.get("cache_write", 0))
    elif prompt is not None:
        parts = (prompt, said.get("tools", 0), 0)
    else:
        return None
    return _NO_COUNT if min(parts) < 0 or not any(parts) else sum(parts)


def _output(said: Mapping[str, int]) -> tuple[int | None, int | None]:
    """All output tokens, and how many of them were reasoning."""
    answer, thoughts = said.get("answer"), said.get("thoughts")
    if answer is not None or thoughts is not None:  # Gemini counts them separately
        parts = (answer or 0, thoughts or 0)
        return (_NO_COUNT if min(parts) < 0 else sum(parts)), thoughts
    output, thought = said.get("output"), said.get("reasoning")
    prompt, total = said.get("prompt"), said.get("total")
    if output is not None and prompt is not None and total is not None and min(output, prompt, total) >= 0:
        # xAI and Gemini include reasoning in the total but not in the completion; it is output too.
        beside = total - prompt - output
        if beside > 0:
            return output + beside, max(thought or 0, beside)
    return output, thought
