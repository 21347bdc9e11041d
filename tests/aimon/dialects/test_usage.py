"""Counts of tokens: found wherever they are told, merged before they are added, believed only if they can be right."""

from __future__ import annotations

import json
import math
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from aimon import pricing
from aimon.call.outcome import Outcome
from aimon.call.result import Usage
from aimon.dialects import usage
from aimon.pricing import Price
from answer_shapes import CHAT, EMBEDDING, GEMINI, MESSAGES, RESPONSES, STREAMED, Shape, answered, sse

shaped = pytest.mark.parametrize("shape", STREAMED, ids=lambda shape: shape.name)
# No counts: what each must be called implausible for, wherever it stands.
NO_COUNTS = (
    "-5",
    "-1",
    "5.5",
    "1e308",
    "9" * 400,
    "9" * 5000,
    "99999999999",
    "true",
    '"many"',
    '"-3"',
    "NaN",
    "Infinity",
)
COUNTS = ("6", "6.0", '"6"', '" 6 "', '"6.0"', "6e0")


def raw(shape: Shape, name: str, value: str) -> bytes:
    """A stream whose count of that name is written just so."""
    marked = shape.counts | {name: "@"}
    return sse(*shape.stream(counts=marked)).replace(b'"@"', value.encode())


def names(shape: Shape) -> tuple[str, str]:
    """What the shape calls input and output."""
    read, written, *_ = shape.counts
    return read, written


@shaped
@pytest.mark.parametrize("value", NO_COUNTS, ids=lambda value: value[:12])
def test_what_is_no_count(shape: Shape, value: str) -> None:
    """A value that is no count becomes None and is named; the answer and the other count stay."""
    for name, field, other in zip(names(shape), ("input", "output"), ("output", "input"), strict=True):
        for body in (False, True):
            if body:
                text = json.dumps(shape.body("Hello", shape.stop, shape.counts | {name: "@"})).replace('"@"', value)
                result = answered(text.encode(), dialect=shape.name, stream=False)
            else:
                result = answered(raw(shape, name, value), dialect=shape.name)
            assert result.outcome is Outcome.OK, result.error
            assert (getattr(result.usage, field), result.usage.implausible) == (None, (field,))
            assert getattr(result.usage, other) in (6, 31)


@shaped
@pytest.mark.parametrize("value", COUNTS)
def test_what_is_a_count(shape: Shape, value: str) -> None:
    """Whole floats and digits in quotes are counts."""
    result = answered(raw(shape, names(shape)[1], value), dialect=shape.name)
    assert (result.usage.input, result.usage.output, result.usage.implausible) == (31, 6, None)


@shaped
@pytest.mark.parametrize("counts", [None, {}, [], "", 0, False, 7, "x", [1], {"cost": 0.1}], ids=repr)
def test_usage_that_is_none(shape: Shape, counts: Any) -> None:
    """Usage that can't be read is unknown, not 0."""
    result = answered(sse(*shape.stream(counts=counts)), dialect=shape.name)
    assert (result.outcome, result.usage) == (Outcome.OK, Usage())


@shaped
def test_zeros(shape: Shape) -> None:
    """A zero replaces no count; beside an answer it is none."""
    zeros = dict.fromkeys(shape.counts, 0)
    events = shape.stream(counts=shape.counts, end=False)
    more = shape.finish(shape.stop, zeros)
    if shape is not RESPONSES:  # whose first end is the end
        result = answered(sse(*events, *more, *shape.end), dialect=shape.name)
        assert (result.usage.input, result.usage.output) == (31, 6)
    result = answered(sse(*shape.stream(counts=zeros)), dialect=shape.name)
    assert result.usage == Usage(source="reported", implausible=("input", "output"))
    empty = answered(sse(*shape.begin, *shape.finish(shape.stop, zeros), *shape.end), dialect=shape.name)
    assert empty.usage.output == 0


def chat(*usages: Any, place: str = "usage") -> Usage:
    """What the counts of a chat stream's chunks come to, one object a chunk."""
    chunks = [CHAT.text("Hello") | {place: each} for each in usages]
    return answered(sse(*chunks, *CHAT.finish("stop", None), "[DONE]"), dialect="openai-chat").usage


@pytest.mark.parametrize("place", ["x_groq", "x_vendor", "meta"])
def test_vendors_own_places(place: str) -> None:
    """Counts in an object of the vendor's are counts."""
    finish = CHAT.finish("stop", None)[0] | {place: {"id": "req", "usage": CHAT.counts}}
    result = answered(sse(CHAT.text("Hello"), finish, "[DONE]"), dialect="openai-chat")
    assert (result.usage.input, result.usage.output) == (31, 6)
    body = CHAT.body("Hello", "stop", None) | {place: {"usage": CHAT.counts}}
    assert answered(json.dumps(body).encode(), dialect="openai-chat", stream=False).usage == result.usage


def test_counts_in_the_choice() -> None:
    """Counts are read where Moonshot writes them, in the choice, and where Bedrock does, in Anthropic's last event."""
    finish = {"choices": [{"delta": {}, "finish_reason": "stop", "usage": CHAT.counts | {"cached_tokens": 12}}]}
    result = answered(sse(CHAT.text("Hello"), finish, "[DONE]"), dialect="openai-chat")
    assert result.usage == Usage(31, 6, 12, None, "reported")
    stop = {"type": "message_stop", "amazon-bedrock-invocationMetrics": {"inputTokenCount": 31, "outputTokenCount": 6}}
    events = [*MESSAGES.stream(end=False), stop]
    assert answered(sse(*events), dialect="anthropic-messages").usage == Usage(31, 6, source="reported")


def test_cumulative_counts() -> None:
    """The last of them counts, and an empty object says nothing."""
    grown = [{"prompt_tokens": 31, "completion_tokens": n, "total_tokens": 31 + n} for n in (1, 3, 6)]
    assert chat(*grown) == chat(*grown, {}) == chat(*grown, None, []) == Usage(31, 6, source="reported")
    assert chat({"prompt_tokens": 31}, {"completion_tokens": 6}) == Usage(31, 6, source="reported")
    assert chat(CHAT.counts, {"completion_tokens": -35}).output == 6


@pytest.mark.parametrize(("start", "delta", "expected"), [
    ({"input_tokens": 25, "cache_read_input_tokens": 1000, "cache_creation_input_tokens": 100}, {"input_tokens": 25},
     Usage(1125, 12, 1000, None, "reported")),
    ({"input_tokens": 25}, {"cache_read_input_tokens": 1000, "cache_creation_input_tokens": 100},
     Usage(1125, 12, 1000, None, "reported")),
    ({"input_tokens": 15, "cache_read_input_tokens": 0}, {"input_tokens": 0}, Usage(15, 12, 0, None, "reported")),
    ({"input_tokens": 0, "cache_read_input_tokens": 1000}, {}, Usage(1000, 12, 1000, None, "reported")),
    ({"input_tokens": 0}, {"input_tokens": 40}, Usage(40, 12, None, None, "reported")),
    ({"input_tokens": 0}, {}, Usage(None, 12, None, None, "reported", ("input",))),
    ({"input_tokens": 25, "cache_read_input_tokens": -1}, {},
     Usage(None, 12, None, None, "reported", ("input", "cached_input"))),
])  # fmt: skip
def test_anthropic_counts_in_parts(start: Any, delta: Any, expected: Usage) -> None:
    """Merged over its events field by field, and added up then."""
    message = MESSAGES.begin[0]["message"] | {"usage": start | {"output_tokens": 1}}
    events = [{"type": "message_start", "message": message}, MESSAGES.text("Hello"),
              *MESSAGES.finish("end_turn", delta | {"output_tokens": 12}), *MESSAGES.end]  # fmt: skip
    assert answered(sse(*events), dialect="anthropic-messages").usage == expected


@pytest.mark.parametrize(("counts", "expected"), [
    # Reasoning beside the completion, told by the total
    ({"prompt_tokens": 21, "completion_tokens": 0, "total_tokens": 81,
      "completion_tokens_details": {"reasoning_tokens": 60}}, Usage(21, 60, None, 60, "reported")),
    ({"prompt_tokens": 95, "completion_tokens": 600, "total_tokens": 696,
      "completion_tokens_details": {"reasoning_tokens": 601}}, Usage(95, 601, None, 601, "reported")),
    # … without a total it is a contradiction
    ({"prompt_tokens": 31, "completion_tokens": 6, "completion_tokens_details": {"reasoning_tokens": 7}},
     Usage(31, 6, None, None, "reported", ("reasoning",))),
    ({"prompt_tokens": 31, "completion_tokens": 6, "prompt_tokens_details": {"cached_tokens": 32}},
     Usage(31, 6, None, None, "reported", ("cached_input",))),
    # A total that can't be is no reasoning
    ({"prompt_tokens": 31, "completion_tokens": 6, "total_tokens": 90_000_000}, Usage(31, 6, source="reported")),
    ({"prompt_tokens": 31, "completion_tokens": 6, "total_tokens": 3}, Usage(31, 6, source="reported")),
    ({"prompt_tokens": 31, "completion_tokens": 6, "completion_tokens_details": [], "prompt_tokens_details": 5},
     Usage(31, 6, source="reported")),
    # In a gateway's words
    ({"input_tokens": 31, "output_tokens": 6}, Usage(31, 6, source="reported")),
    ({"prompt_tokens": 31, "completion_tokens": 6, "input_tokens": 0, "output_tokens": 0},
     Usage(31, 6, source="reported")),
    ({"prompt_tokens": 31, "completion_tokens": 6, "cache_read_input_tokens": 20}, Usage(31, 6, 20, None, "reported")),
    ({"prompt_tokens": 31, "completion_tokens": 6, "prompt_cache_hit_tokens": 20}, Usage(31, 6, 20, None, "reported")),
    # Far beyond what was allowed and came
    ({"prompt_tokens": 31, "completion_tokens": 50_000}, Usage(31, None, None, None, "reported", ("output",))),
    ({"prompt_tokens": 31, "completion_tokens": 200}, Usage(31, 200, source="reported")),
])  # fmt: skip
def test_chat_counts(counts: Any, expected: Usage) -> None:
    """One rule of plausibility, whoever's names they have."""
    assert chat(counts) == expected


def test_output_beyond_max_tokens() -> None:
    """More output than max_tokens is plausible only if a high limit, the text or reasoning makes room for it."""

    def written(tokens: int, *events: Any, max_tokens: int = 64) -> int | None:
        finish = CHAT.finish("stop", {"prompt_tokens": 3, "completion_tokens": tokens})
        return answered(
            sse(*events, CHAT.text("Hello"), *finish, "[DONE]"), dialect="openai-chat", max_tokens=max_tokens
        ).usage.output

    thought = {"choices": [{"delta": {"reasoning_content": "Hm"}}]}
    assert written(20_000) is None
    assert written(20_000, max_tokens=4_000) == 20_000
    assert written(20_000, CHAT.text("word " * 2_000)) == 20_000
    assert written(20_000, thought) == 20_000
    assert written(2_000_000, thought) is None


def test_gemini_counts_side_by_side() -> None:
    """Thoughts and candidates are added; a negative one of them makes the sum unknown."""
    for thoughts, expected in ((5, Usage(31, 11, None, 5, "reported")),
                               (-5, Usage(31, None, None, None, "reported", ("output", "reasoning")))):  # fmt: skip
        counts = GEMINI.counts | {"thoughtsTokenCount": thoughts}
        assert answered(sse(*GEMINI.stream(counts=counts)), dialect="gemini").usage == expected


def test_embeddings_write_nothing() -> None:
    """Zero output is true of vectors."""
    body = EMBEDDING | {"usage": {"prompt_tokens": 3, "total_tokens": 3}}
    assert answered(json.dumps(body).encode(), dialect="openai-embeddings").usage == Usage(3, 0, source="reported")


def test_no_cost_from_an_implausible_count() -> None:
    """A cost that would depend on it is not known; one that does not, is."""
    doubted = Usage(31, 6, None, None, "reported", ("cached_input",))
    assert pricing.cost(doubted, Price(input=1.0, output=1.0)) == pytest.approx(37.0)
    assert pricing.cost(doubted, Price(input=1.0, output=1.0, cached_input=0.1)) is None
    assert (
        pricing.cost(Usage(31, None, source="reported", implausible=("output",)), Price(input=1.0, output=1.0)) is None
    )


WORDS = st.sampled_from([*usage._NAMES, *usage._DETAILS, "cost"])
NUMBERS = st.one_of(
    st.integers(-(10**400), 10**400), st.integers(-3, 200), st.floats(), st.booleans(), st.none(), st.text(max_size=4),
    st.integers(0, 200).map(str),
)  # fmt: skip
OBJECTS = st.dictionaries(WORDS, NUMBERS | st.dictionaries(WORDS, NUMBERS, max_size=3), max_size=6)


@given(st.lists(OBJECTS, max_size=4), st.booleans(), st.integers(0, 100), st.booleans())
def test_what_is_believed_can_be_right(said: list[Any], wrote: bool, size: int, reasoned: bool) -> None:
    """Counts are bounded, parts are no larger than their whole, and every doubt is named."""
    known: dict[str, int] = {}
    for each in said:
        usage.gather(known, each)
    told = usage.settle(known, wrote=wrote, characters=size, reasoned=reasoned, max_tokens=64)
    for count in (told.input, told.output, told.cached_input, told.reasoning):
        assert count is None or (count.__class__ is int and 0 <= count <= usage.MAX_COUNT)
    assert (told.cached_input or 0) <= (math.inf if told.input is None else told.input)
    assert (told.reasoning or 0) <= (math.inf if told.output is None else told.output)
    assert all(getattr(told, field) is None for field in told.implausible or ())
    assert not (wrote and told.output == 0)
