"""The content of answers, and the faults that change the content of a well-formed answer."""

from __future__ import annotations

from typing import TYPE_CHECKING

from aimon.simulator.model.text import filler, reply, thoughts, tokenize
from aimon.simulator.wire.shape import Answer, Call, Finish, dumps

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from aimon.simulator.model.profile import Profile

# Vendors that take min_tokens and ignore_eos.
_INFERENCE_SERVERS = ("vllm",)
_OTHER = "Something else entirely."


def answer(call: Call, profile: Profile, answer_id: str, created: int) -> Answer:
    """The answer of a model of this profile without a fault; the token limit includes reasoning."""
    musings = thoughts(profile.reasoning) if call.think else []
    text = reply(call.prompt, profile.tokens)
    if profile.vendor in _INFERENCE_SERVERS and (least := _least(call)) > len(musings) + len(text):
        text += _more(len(text), least - len(musings))
    cut = call.max_tokens is not None and len(musings) + len(text) > call.max_tokens
    if cut:
        musings = musings[: call.max_tokens]
        text = text[: (call.max_tokens or 0) - len(musings)]
    if call.tool is not None:
        return _tool_call(call, profile, answer_id, created)
    return Answer(
        id=answer_id,
        model=call.model,
        created=created,
        text=text,
        thoughts=musings,
        thoughts_shown=profile.reasoning_visible,
        thoughts_field=profile.reasoning_field,
        finish=Finish.LENGTH if cut else Finish.STOP,
        input_tokens=call.input_tokens,
        cached_tokens=int(call.input_tokens * profile.cached_share),
        include_usage=call.include_usage,
        chunk_tokens=profile.chunk_tokens,
        vendor=profile.vendor,
    )


def _tool_call(call: Call, profile: Profile, answer_id: str, created: int) -> Answer:
    """A call of the tool; string arguments are the prompt, numbers are 1."""
    assert call.tool is not None  # noqa: S101 - as the caller has seen
    name, schema = call.tool
    properties = schema.get("properties") or {}
    values = {key: call.prompt if kind.get("type", "string") == "string" else 1 for key, kind in properties.items()}
    return Answer(
        id=answer_id,
        model=call.model,
        created=created,
        text=[],
        thoughts=thoughts(profile.reasoning) if call.think else [],
        thoughts_shown=profile.reasoning_visible,
        thoughts_field=profile.reasoning_field,
        tool=name,
        arguments=tokenize(dumps(values)),
        finish=Finish.TOOL,
        input_tokens=call.input_tokens,
        cached_tokens=int(call.input_tokens * profile.cached_share),
        include_usage=call.include_usage,
        chunk_tokens=profile.chunk_tokens,
        vendor=profile.vendor,
    )


def _least(call: Call) -> int:
    """The minimum number of tokens of the answer."""
    return max(call.min_tokens, call.max_tokens or 0) if call.ignore_eos else call.min_tokens


def _more(there: int, tokens: int) -> list[str]:
    """The continuation of `there` tokens of text up to `tokens`."""
    return filler(tokens + 1)[there + 1 :]


def _wrong(answer: Answer, call: Call) -> None:
    del call
    answer.text = tokenize(_OTHER)


def _answer_echo(answer: Answer, call: Call) -> None:
    del call
    answer.text = tokenize(f"You sent {answer.key} to me.")
    answer.model = f"{answer.model}-{answer.key}"


def _empty(answer: Answer, call: Call) -> None:
    del call
    answer.text = []


def _max_tokens(answer: Answer, call: Call) -> None:
    del call
    _halve(answer, Finish.LENGTH)


def _reasoning_only(answer: Answer, call: Call) -> None:
    answer.thoughts = thoughts(call.max_tokens or 16)
    answer.text = []
    answer.finish = Finish.LENGTH


def _content_filter(answer: Answer, call: Call) -> None:
    del call
    _halve(answer, Finish.FILTER)


def _blocked_prompt(answer: Answer, call: Call) -> None:
    del call
    answer.text, answer.thoughts, answer.finish = [], [], Finish.BLOCKED


def _refusal(answer: Answer, call: Call) -> None:
    del call
    answer.text, answer.finish = [], Finish.REFUSAL


def _error_choice(answer: Answer, call: Call) -> None:
    del call
    _halve(answer, Finish.ERROR)


def _filter_down(answer: Answer, call: Call) -> None:
    del call
    answer.vendor = "azure"
    answer.filter_down = True


def _negative_limits(answer: Answer, call: Call) -> None:
    del call
    answer.negative_limits = True


def _halve(answer: Answer, finish: Finish) -> None:
    """Cuts the text in half; a single token loses half its characters, so that no echo is complete."""
    whole = answer.text or filler(2)
    answer.text = whole[: len(whole) // 2] or [whole[0][: len(whole[0]) // 2]]
    answer.finish = finish


ANSWERS: Mapping[str, Callable[[Answer, Call], None]] = {
    "wrong": _wrong,
    "answer_echo": _answer_echo,
    "empty": _empty,
    "max_tokens": _max_tokens,
    "reasoning_only": _reasoning_only,
    "content_filter": _content_filter,
    "blocked_prompt": _blocked_prompt,
    "refusal": _refusal,
    "error_choice": _error_choice,
    "filter_down": _filter_down,
    "negative_limits": _negative_limits,
}
