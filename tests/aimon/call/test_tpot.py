"""Time per output token: the truth however the answer is cut into chunks, or no number and a reason."""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from aimon import dialects
from aimon.call import tpot
from aimon.call.call import Call, Message, Target
from aimon.call.result import Result, Usage
from aimon.exchange.exchange import Exchange

TRUTH = 0.010
WORD = "word "


def event(data: dict[str, Any]) -> bytes:
    """Of a stream."""
    return b"data: " + json.dumps(data).encode() + b"\n\n"


@dataclass
class Model:
    """Writes a token every 10 ms, and a server sends them when it has gathered some; times are those of the sending."""

    sent: list[tuple[float, dict[str, Any]]] = field(default_factory=list)
    written: int = 0

    def text(self, *sizes: int, kind: str = "content", word: str = WORD) -> Model:
        """Chunks of so many tokens, each sent with its last one."""
        for size in sizes:
            self.written += size
            self.sent.append((self.written * TRUTH, {"delta": {kind: word * size}}))
        return self

    def think(self, *sizes: int) -> Model:
        """The same, as reasoning."""
        return self.text(*sizes, kind="reasoning_content")

    def tool(self, *sizes: int) -> Model:
        """The same, as the arguments of a tool."""
        for size in sizes:
            self.written += size
            piece = [{"index": 0, "function": {"arguments": '"abc"' * size}}]
            self.sent.append((self.written * TRUTH, {"delta": {"tool_calls": piece}}))
        return self

    def hidden(self, tokens: int) -> Model:
        """Tokens that nobody sees."""
        self.written += tokens
        return self

    def answer(self, usage: dict[str, Any] | None, *, hold: float = 0.0, step: float = 0.0) -> Result:
        """What comes of it; with `hold`, a gateway keeps all until then and sends chunks `step` seconds apart."""
        call = Call(Target("e", "custom", "openai-chat", "http://x", "m"), (Message("user", "hi"),))
        exchange = Exchange(call, dialects.get("openai-chat"), started=100.0, started_at=0.0)
        exchange.connected(100.0)
        exchange.head(200, {"content-type": "text/event-stream"}, 100.0)
        last = self.written * TRUTH
        ends: list[tuple[float, dict[str, Any]]] = [(last, {"delta": {}, "finish_reason": "stop"})]
        for k, (at, choice) in enumerate([*self.sent, *ends]):
            exchange.feed(event({"choices": [{"index": 0, **choice}]}), 100.0 + (hold + k * step if hold else at))
        if usage is not None:
            exchange.feed(event({"choices": [], "usage": {"prompt_tokens": 5, **usage}}), 100.0 + max(last, hold))
        exchange.feed(b"data: [DONE]\n\n", 100.0 + max(last, hold))
        return exchange.result()


def told(tokens: int, reasoning: int | None = None) -> dict[str, Any]:
    """A usage."""
    details = {} if reasoning is None else {"completion_tokens_details": {"reasoning_tokens": reasoning}}
    return {"completion_tokens": tokens, **details}


KNOWN = {
    "a token a chunk": (Model().text(*[1] * 40), told(40), 0.001),
    "chunks of eight": (Model().text(*[8] * 6), told(48), 0.001),
    "eight, and a rest": (Model().text(*[8] * 5, 5), told(45), 0.001),
    "two chunks": (Model().text(30, 30), told(60), 0.001),
    "a large first chunk": (Model().text(50, *[1] * 30), told(80), 0.001),
    "all sizes": (Model().text(3, 1, 4, 1, 5, 9, 2, 6, 5, 3, 5), told(44), 0.01),
    "reasoning counted": (Model().think(*[1] * 90).text(*[1] * 10), told(100, 90), 0.001),
    "reasoning hidden and counted": (Model().hidden(90).text(*[2] * 5), told(100, 90), 0.001),
    "reasoning seen and not counted apart": (Model().think(*[1] * 90).text(*[1] * 10), told(100), 0.001),
    "reasoning counted as none": (Model().think(*[1] * 90).text(*[1] * 10), told(100, 0), 0.001),
    "reasoning in chunks, not counted apart": (Model().think(*[8] * 12).text(*[8] * 3), told(120), 0.001),
    "reasoning in no count at all": (Model().think(*[1] * 90).text(*[1] * 10), told(10), 0.001),
    "a text and then a tool": (Model().text(*[1] * 10).tool(*[1] * 90), told(100), 0.001),
    "a text and a tool in one piece": (Model().text(*[1] * 10).tool(90), told(100), 0.001),
    "chunks and then a tool": (Model().text(8, 8).tool(8, 8, 8), told(40), 0.1),
}


@pytest.mark.parametrize("case", KNOWN)
def test_it_is_what_the_model_took(case: str) -> None:
    """10 ms, whatever server, count and chunks make of it; and never less."""
    model, usage, off = KNOWN[case]
    found = model.answer(usage).tpot
    assert found is not None
    assert found == pytest.approx(TRUTH, rel=off)
    assert found >= TRUTH * 0.999


UNKNOWN = {
    "one chunk": (Model().text(40).answer(told(40)), tpot.AT_ONCE),
    "kept back, in one read": (Model().text(*[1] * 40).answer(told(40), hold=1.0), tpot.AT_ONCE),
    "kept back, in many reads": (Model().text(*[1] * 40).answer(told(40), hold=1.0, step=2e-5), tpot.AT_ONCE),
    "kept back, in large reads": (Model().text(*[10] * 20).answer(told(200), hold=1.0, step=4e-4), tpot.AT_ONCE),
    "no usage": (Model().text(*[1] * 40).answer(None), tpot.NO_USAGE),
    "a usage without output": (Model().text(*[1] * 40).answer({}), tpot.NO_USAGE),
    "nothing but a tool": (Model().tool(1, 1, 1).answer(told(3)), None),
    "hidden reasoning, not counted apart": (Model().hidden(500).text(*[1] * 10).answer(told(510)), tpot.HIDDEN),
    "more reasoning than output": (Model().text(*[1] * 10).answer(told(10, 20)), tpot.IMPLAUSIBLE),
    "thoughts within the text": (Model().text(1, 1).think(30).text(1, 1).answer(told(34)), tpot.MIXED),
    "thoughts and a tool": (Model().think(30).text(1, 1).tool(30).answer(told(62)), tpot.TOOL),
}


@pytest.mark.parametrize("case", UNKNOWN)
def test_what_can_not_be_told_is_no_number(case: str) -> None:
    """Where no time per token can be told there is none, and the reason is given."""
    found, why = UNKNOWN[case]
    assert found.tpot is None
    assert (found.pace and found.pace.unknown) == why


@given(st.lists(st.integers(1, 12), min_size=2, max_size=30), st.booleans())
def test_no_cut_flatters(sizes: list[int], uneven: bool) -> None:
    """However the same tokens are cut: the time per token is no less than the truth, or there is none."""
    words = "a longer " if uneven else WORD
    result = Model().text(*sizes, word=words).answer(told(sum(sizes)))
    if result.tpot is not None:
        assert result.tpot >= TRUTH * 0.999
        assert result.tpot <= TRUTH * 1.35


def test_a_stream_in_the_units_of_the_simulator() -> None:
    """A server that sends a chunk with its first token, and waits then, is told the same of full chunks."""
    model = Model()
    model.sent = [(8 * k * TRUTH, {"delta": {"content": WORD * size}}) for k, size in enumerate([8, 8, 8, 8, 8, 2])]
    model.written = 42
    assert model.answer(told(42)).tpot == pytest.approx(TRUTH, rel=0.001)


def test_a_body_has_no_pace() -> None:
    """An answer that is not streamed arrives in one piece, so it has no time per token."""
    call = Call(Target("e", "custom", "openai-chat", "http://x", "m"), (Message("user", "hi"),), stream=False)
    exchange = Exchange(call, dialects.get("openai-chat"), started=0.0, started_at=0.0)
    exchange.head(200, {"content-type": "application/json"}, 0.1)
    body = {"choices": [{"message": {"content": "hello there"}, "finish_reason": "stop"}]}
    exchange.feed(json.dumps(body).encode(), 0.2)
    exchange.close(0.2)
    result = exchange.result()
    assert (result.tpot, result.pace and result.pace.unknown) == (None, tpot.NOT_STREAMED)
    assert result.usage == Usage()
    assert result.estimated == Usage(1, 3, source="estimated")
