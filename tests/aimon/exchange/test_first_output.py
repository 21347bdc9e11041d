"""The first output of any kind has a time: reasoning, text, a refusal, a tool call, sound."""

from __future__ import annotations

from typing import Any

import msgspec
import pytest

from aimon.call.outcome import Outcome
from aimon.call.result import Usage
from answer_shapes import answered, sse


def chunk(delta: dict[str, Any], finish: str | None = None, **more: Any) -> bytes:
    """An event of a chat."""
    return sse({"id": "c", "choices": [{"index": 0, "delta": delta, "finish_reason": finish}], **more})


ROLE, END = chunk({"role": "assistant", "content": ""}), chunk({}, "stop") + sse("[DONE]")
CALL = {"tool_calls": [{"index": 0, "id": "c1", "function": {"name": "f", "arguments": ""}}]}


@pytest.mark.parametrize(
    ("events", "output", "text"),
    [
        ((ROLE, chunk({"content": "Hi"}), END), 2.0, 2.0),
        ((ROLE, chunk({"reasoning_content": "Hm"}), chunk({"content": "Hi"}), END), 2.0, 3.0),
        ((ROLE, chunk(CALL), END), 2.0, None),
        ((ROLE, chunk({"content": "Let me see"}), chunk(CALL), END), 2.0, 2.0),
        ((ROLE, chunk({"refusal": "No"}), END), 2.0, None),
        ((ROLE, END), None, None),
    ],
)
def test_of_a_stream(events: tuple[bytes, ...], output: float | None, text: float | None) -> None:
    """The first output is the first token where text comes first; a role alone is none."""
    result = answered(*events, dialect="openai-chat")
    assert (result.first_output, result.first_token) == (output, text)


def test_of_a_whole_body() -> None:
    """A body that arrives at once has no first output, streamed or not."""
    whole = msgspec.json.encode({"choices": [{"message": {"content": "Hi"}, "finish_reason": "stop"}]})
    for stream in (True, False):
        assert answered(whole[:9], whole[9:], dialect="openai-chat", stream=stream).first_output is None


def test_of_sound() -> None:
    """Sound plays as it arrives: its first bytes are the first output, once they are known to be sound."""
    assert answered(b"\xff\xfb\x90", bytes(500), bytes(500), dialect="openai-speech", stream=False).first_output == 2.0
    error = answered(b'{"error": {"message": "no"', b"}}", dialect="openai-speech", stream=False)
    assert (error.outcome, error.first_output) == (Outcome.STREAM_ERROR, None)


def test_a_limit_spent_on_reasoning_is_told() -> None:
    """The message says how many tokens were spent on reasoning, shown or hidden; cut text gets another message."""
    usage = {"prompt_tokens": 3, "completion_tokens": 64, "completion_tokens_details": {"reasoning_tokens": 64}}
    last = chunk({}, "length", usage=usage) + sse("[DONE]")
    said = (": only reasoning came (64 tokens)", ": 64 tokens of reasoning")
    for thoughts, came in zip((chunk({"reasoning_content": "Hm"}), ROLE), said, strict=True):
        result = answered(thoughts, last, dialect="openai-chat")
        assert result.limit_spent_on_reasoning
        assert (result.outcome, result.usage) == (
            Outcome.MAX_TOKENS_HIT,
            Usage(3, 64, reasoning=64, source="reported"),
        )
        assert result.error == f"max_tokens was used up before any visible text{came} (finish reason length)"
    events = (chunk({"reasoning_content": "Hm"}), chunk({"content": "Hi"}, "length"), sse("[DONE]"))
    cut = answered(*events, dialect="openai-chat")
    assert not cut.limit_spent_on_reasoning
