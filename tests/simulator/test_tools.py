"""A simulated model calls the tool that it is given, and answers in words when it has the tool's result."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pytest

from aimon.call.call import Call, Message, Target
from aimon.call.tool_call import ToolCall
from aimon.dialects import get
from aimon.exchange.exchange import Exchange
from aimon.simulator import Profile, Simulator
from aimon.simulator.model.text import count_tokens
from rawhttp import Reply, post

if TYPE_CHECKING:
    from collections.abc import Iterator

TOOL = {
    "type": "function",
    "function": {
        "name": "weather",
        "parameters": {"type": "object", "properties": {"place": {"type": "string"}, "days": {"type": "integer"}}},
    },
}
ARGUMENTS = {"place": "Weather in Dali?", "days": 1}


@pytest.fixture(scope="module")
def sim() -> Iterator[Simulator]:
    """A provider that thinks for three tokens and answers with four."""
    with Simulator(Profile(tokens=4, reasoning=3, ttft=0.002, itl=0.001)) as running:
        yield running


def ask(sim: Simulator, *more: dict[str, Any], **options: Any) -> Reply:
    """Asks for the weather, with a tool for it."""
    messages = [{"role": "user", "content": ARGUMENTS["place"]}, *more]
    return post(f"{sim.url}/v1/chat/completions", {"model": "m", "messages": messages, "tools": [TOOL]} | options)


def read(reply: Reply, *, stream: bool) -> Any:
    """What aimon makes of the bytes."""
    exchange = Exchange(
        Call(Target("e", "p", "openai-chat", "http://h", "m"), (), stream=stream),
        get("openai-chat"),
        started=0,
        started_at=0,
    )
    exchange.connected(0)
    exchange.head(reply.status, reply.headers, 0)
    exchange.feed(reply.body, 1)
    exchange.close(2)
    return exchange.result()


@pytest.mark.parametrize("stream", [True, False])
def test_a_call_and_the_answer_after_its_result(sim: Simulator, stream: bool) -> None:
    """Name, arguments and tokens are what the simulator counted, and what aimon reads."""
    first = ask(sim, stream=stream)
    called = read(first, stream=stream)
    record = sim.record(first.request_id, wait=5)
    assert record is not None
    (call,) = called.tool_calls
    assert (called.outcome, called.finish_reason, called.text, call.name) == ("ok", "tool_calls", None, "weather")
    assert json.loads(call.arguments) == ARGUMENTS
    assert (record.outcome, record.finish, record.reasoning_tokens) == ("ok", "tool_calls", 3)
    assert record.output_tokens == 3 + count_tokens(json.dumps(ARGUMENTS, separators=(",", ":")))
    assert (called.first_output is not None) == stream
    history = {"role": "assistant", "content": None, "tool_calls": [
        {"id": call.id, "type": "function", "function": {"name": call.name, "arguments": call.arguments}}
    ]}  # fmt: skip
    second = read(
        ask(sim, history, {"role": "tool", "tool_call_id": call.id, "content": "sunny"}, stream=stream), stream=stream
    )
    assert (second.text, second.tool_calls, second.finish_reason) == ("the rain in 日本", (), "stop")


def test_what_is_no_call(sim: Simulator) -> None:
    """Without a tool, or if none may be called, the model answers; tools that are none are refused."""
    assert ask(sim, tool_choice="none").json["choices"][0]["message"]["content"] == "the rain in 日本"
    assert ask(sim, tools=[]).json["choices"][0]["finish_reason"] == "stop"
    assert [ask(sim, tools=given).status for given in (["weather"], [{"function": 3}], {"a": 1})] == [400] * 3


def test_a_conversation_with_tools_is_sent_as_it_was_received(sim: Simulator) -> None:
    """What aimon encodes of its own messages is what the server understands."""
    call = ToolCall("c1", "weather", json.dumps(ARGUMENTS))
    said = (Message("user", "q"), Message("assistant", "", (call,)), Message("tool", "sunny", tool_call_id="c1"))
    target = Target("e", "p", "openai-chat", sim.base_url(), "m")
    request = get("openai-chat").encode(Call(target, said, stream=False, body={"tools": [TOOL]}))
    reply = post(request.url, request.body, {"content-type": "application/json"})
    assert (reply.status, reply.json["choices"][0]["finish_reason"]) == (200, "stop")
