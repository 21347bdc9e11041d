"""Single events: what each adds, what adds nothing, and what cannot be read."""

import contextlib

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from aimon import dialects
from aimon.call import finish_reasons
from aimon.call.outcome import Outcome
from aimon.dialects import DONE, NOTHING, Delta, ProviderError
from aimon.dialects.reader import reader

EVENTS = [
    # Text is what a user would see: white space is, an empty string is not.
    ("openai-chat", '{"choices":[{"delta":{"content":"a"}}]}', Delta("a")),
    ("openai-chat", '{"choices":[{"delta":{"content":" \\n"}}]}', Delta(" \n")),
    ("openai-chat", '{"choices":[{"delta":{"content":"<think>"}}]}', Delta("<think>")),
    ("openai-chat", '{"choices":[{"delta":{"content":"a"}}],"usage":null,"error":null}', Delta("a")),
    ("openai-chat", '{"choices":[{"delta":{"content":""}}]}', Delta()),
    (
        "openai-chat",
        '{"id":"i","model":"m","choices":[{"delta":{"role":"assistant","content":null}}]}',
        Delta(model="m", response_id="i"),
    ),
    ("openai-chat", '{"id":"","model":"","choices":[{"delta":{}}]}', Delta()),
    ("openai-chat", '{"choices":[{"delta":{"reasoning_content":"r"}}]}', Delta(reasoning="r")),
    ("openai-chat", '{"choices":[{"delta":{"content":"","reasoning":"r"}}]}', Delta(reasoning="r")),
    (
        "openai-chat",
        '{"choices":[{"delta":{"reasoning_details":[{"type":"reasoning.summary","summary":"s"}]}}]}',
        Delta(reasoning="s"),
    ),
    (
        "openai-chat",
        '{"choices":[{"delta":{"reasoning_details":[{"type":"reasoning.encrypted","data":"x"}]}}]}',
        Delta(),
    ),
    (
        "openai-chat",
        '{"choices":[{"delta":{"content":[{"type":"thinking","thinking":"t"},{"type":"text","text":"a"}]}}]}',
        Delta("a", reasoning="t"),
    ),
    ("openai-chat", '{"choices":[{"delta":{"refusal":"no"}}]}', Delta(refusal="no")),
    (
        "openai-chat",
        '{"choices":[{"delta":{"content":"a"},"finish_reason":"stop"}],"usage":{"prompt_tokens":3}}',
        Delta("a", finish="stop", usage={"prompt_tokens": 3}),
    ),
    (
        "openai-chat",
        '{"choices":[],"usage":{"prompt_tokens":3,"completion_tokens":2,"total_tokens":9}}',
        Delta(usage={"prompt_tokens": 3, "completion_tokens": 2, "total_tokens": 9}),
    ),
    ("openai-chat", '{"choices":[{"delta":{"function_call":{"name":"f"}}}]}', Delta(answered=True)),
    (
        "openai-chat",
        '{"choices":[{"delta":{},"finish_reason":"error"}]}',
        Delta(finish="error", error=ProviderError("the answer ended with an error that is not told", "error")),
    ),
    (
        "openai-chat",
        '{"choices":[{"delta":{},"error":[1]}]}',
        Delta(error=ProviderError("the answer ended with an error that is not told", "error")),
    ),
    (
        "openai-chat",
        '{"error":{"code":503,"message":"down"}}',
        Delta(error=ProviderError("down", "503", Outcome.OVERLOADED)),
    ),
    ("openai-chat", '{"error":{}, "choices": []}', NOTHING),
    (
        "openai-chat",
        '{"error":{"x":1}}',
        Delta(error=ProviderError("an error that does not say what it is")),
    ),
    (
        "openai-chat",
        '{"object":"error","message":"busy","type":"rate_limited","code":"1300"}',
        Delta(error=ProviderError("busy", "1300", Outcome.RATE_LIMITED)),
    ),
    ("openai-responses", '{"type":"response.output_text.delta","delta":"a"}', Delta("a")),
    ("openai-responses", '{"type":"response.reasoning_text.delta","delta":"r"}', Delta(reasoning="r")),
    ("openai-responses", '{"type":"response.refusal.delta","delta":"no"}', Delta(refusal="no")),
    (
        "anthropic-messages",
        '{"type":"content_block_delta","delta":{"type":"text_delta","text":" "}}',
        Delta(" "),
    ),
    (
        "anthropic-messages",
        '{"type":"content_block_start","content_block":{"type":"text","text":"a"}}',
        Delta("a"),
    ),
    (
        "anthropic-messages",
        '{"type":"content_block_start","content_block":{"type":"server_tool_use","name":"web_search"}}',
        Delta(answered=True),
    ),
    (
        "anthropic-messages",
        '{"type":"message_start","message":{"usage":{"input_tokens":3,"output_tokens":1}}}',
        Delta(usage={"input_tokens": 3}),
    ),
    (
        "gemini",
        '{"candidates":[{"content":{"parts":[{"text":"t","thought":true},{"text":"a"},{"text":"b"}]}}]}',
        Delta("ab", reasoning="t"),
    ),
    (
        "gemini",
        '{"usageMetadata":{"promptTokenCount":3,"toolUsePromptTokenCount":2,"totalTokenCount":5}}',
        Delta(usage={"promptTokenCount": 3, "toolUsePromptTokenCount": 2, "totalTokenCount": 5}),
    ),
]


@pytest.mark.parametrize(("dialect", "event", "delta"), EVENTS)
def test_event(dialect: str, event: str, delta: Delta) -> None:
    """Each event adds exactly this."""
    assert reader(dialects.get(dialect)).event(event.encode()) == delta


@pytest.mark.parametrize(
    ("dialect", "event"),
    [
        ("openai-chat", '{"choices":[],"prompt_filter_results":[]}'),
        ("openai-chat", '{"object":"something.new"}'),
        ("openai-chat", '{"choices":null,"base_resp":{"status_code":0,"status_msg":""}}'),
        ("openai-responses", '{"type":"response.in_progress","response":{"id":"r"}}'),
        ("openai-responses", '{"type":"response.output_text.delta","delta":""}'),
        ("openai-responses", '{"type":"response.something.new","delta":{"a":1}}'),
        ("openai-responses", '{"type":"response.output_item.added","item":{"type":"message"}}'),
        ("anthropic-messages", '{"type":"ping"}'),
        ("anthropic-messages", '{"type":"content_block_stop","index":0}'),
        ("anthropic-messages", '{"type":"content_block_delta","delta":{"type":"signature_delta","signature":"s"}}'),
        ("anthropic-messages", '{"type":"content_block_delta","delta":{"type":"text_delta","text":""}}'),
        ("anthropic-messages", '{"type":"something_new","text":"a"}'),
        ("gemini", "{}"),
    ],
)
def test_nothing(dialect: str, event: str) -> None:
    """Events that add nothing cost nothing: the one shared object comes back."""
    assert reader(dialects.get(dialect)).event(event.encode()) is NOTHING


@pytest.mark.parametrize(
    ("dialect", "event"),
    [
        *((name, mark) for name in dialects.NAMES for mark in ("[DONE]", "[DONE] ", '"[DONE]"', "[done]")),
        ("anthropic-messages", '{"type":"message_stop"}'),
    ],
)
def test_done(dialect: str, event: str) -> None:
    """Terminal events that say nothing else are shared too."""
    assert reader(dialects.get(dialect)).event(event.encode()) is DONE


@pytest.mark.parametrize(
    ("dialect", "data", "error"),
    [
        ("openai-chat", b"", msgspec.DecodeError),
        ("openai-chat", b"[1]", msgspec.ValidationError),
        ("openai-chat", b'{"choices":[{"delta":{"content":"a"', msgspec.DecodeError),
        ("openai-chat", b'{"choices":{"delta":"a"}}', msgspec.ValidationError),
        ("openai-chat", b'{"choices":[{"delta":{"content":7}}]}', msgspec.ValidationError),
        ("openai-chat", b'{"choices":[{"delta":{"content":"\xff"}}]}', UnicodeDecodeError),
        ("openai-chat", b'{"error":' + b"[" * 50_000, RecursionError),
        ("openai-responses", b'{"type":"response.output_text.delta","delta":' + b"[" * 50_000, RecursionError),
        ("anthropic-messages", b'{"type":5}', msgspec.ValidationError),
        ("gemini", b'{"candidates":[{"content":"a"}]}', msgspec.ValidationError),
        ("openai-embeddings", b'{"data":[{"embedding":[0.1,null]}]}', msgspec.ValidationError),
        ("openai-embeddings", b'{"data":[{"embedding":["1e999"]}]}', msgspec.ValidationError),
        ("openai-models", b'{"data":[{"name":"no id"}]}', msgspec.ValidationError),
    ],
)
def test_unreadable(dialect: str, data: bytes, error: type[Exception]) -> None:
    """Data that is not JSON or not of the dialect raises one of three errors, which the Exchange calls malformed."""
    with pytest.raises(error):
        reader(dialects.get(dialect)).event(data)


KEYS = st.sampled_from(
    ["type", "delta", "choices", "message", "content", "text", "thinking", "error", "response", "item", "usage",
     "finish_reason", "refusal", "status", "output", "candidates", "parts", "data", "embedding", "code", "base_resp",
     "status_code", "id", "model", "incomplete_details", "reason", "content_block", "promptFeedback", "blockReason"]
)  # fmt: skip
VALUES = st.recursive(
    st.none() | st.booleans() | st.integers(-5, 5) | st.text(max_size=3) | KEYS
    | st.sampled_from(["error", "response.failed", "content_block_delta", "message_start"]),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(KEYS, inner, max_size=5),
)  # fmt: skip


@given(st.sampled_from(dialects.NAMES), st.binary(max_size=50) | st.builds(msgspec.json.encode, VALUES))
def test_no_answer_breaks_the_reader(name: str, data: bytes) -> None:
    """Any data gives a Delta, or raises one of the errors that the Exchange knows."""
    of = reader(dialects.get(name))
    for read in (of.event, of.body):
        with contextlib.suppress(msgspec.DecodeError, UnicodeDecodeError):
            assert isinstance(read(data), Delta)


def test_finishes_are_what_the_exchange_can_use() -> None:
    """A finish reason means a good end or a failure of the provider's, never of the network, the account or ours."""
    assert set(finish_reasons.FINISHES.values()) <= {
        Outcome.OK,
        Outcome.MAX_TOKENS_HIT,
        Outcome.CONTENT_FILTERED,
        Outcome.REFUSAL,
        Outcome.STREAM_ERROR,
        Outcome.OVERLOADED,
    }
