"""Chunks that were recorded and read together give the Result that they give one by one."""

from __future__ import annotations

import random
from types import SimpleNamespace
from typing import TYPE_CHECKING

import pytest

from aimon import dialects
from aimon.call.call import Call, Target
from aimon.metering.http.exchange import ApplicationExchange, Secrets
from hostile import cut, hostile

if TYPE_CHECKING:
    from aimon.call.result import Result

REQUEST = SimpleNamespace(content=b'{"messages": [{"content": "a question"}]}', headers=SimpleNamespace(raw=[]))
DIALECTS = ("openai-chat", "openai-responses", "anthropic-messages", "gemini")


def _result(source: random.Random | None, dialect: str, chunks: list[bytes], *, stream: bool) -> Result:
    """Of chunks that come a hundredth of a second apart, in batches of any size, or one by one without a source."""
    exchange = ApplicationExchange(
        Call(Target("e", "p", dialect, "", "m"), (), stream=stream),
        dialects.get(dialect),
        started=0.0,
        started_at=0.0,
        keep_text=True,
        request=REQUEST,
        secrets=Secrets(),
        gaps_wanted=True,
    )
    exchange.head(200, {}, 0.0)
    times = [0.01 * (i + 1) for i in range(len(chunks))]
    if source is None:
        for chunk, t in zip(chunks, times, strict=True):
            exchange.feed(chunk, t)
    else:
        first = 0
        while first < len(chunks):
            end = first + source.randint(1, 40)
            exchange.feed_all(chunks[first:end], times[first:end])
            first = end
    exchange.close(0.01 * len(chunks) + 1)
    return exchange.result()


@pytest.mark.parametrize("dialect", DIALECTS)
def test_mutated_recordings(dialect: str) -> None:
    """Cut anywhere, or between their events."""
    source = random.Random(dialect)  # the same on every run
    for i in range(300):
        made = hostile(source, dialect)
        events = [event + b"\n\n" for event in made.body.split(b"\n\n")]
        chunks = source.choice((cut(source, made.body), events))
        plain = _result(None, dialect, chunks, stream=made.stream)
        assert _result(source, dialect, chunks, stream=made.stream) == plain, i


TEXTS = ["one", " two", "", "\\n", "\\u65e5", "日本", '\\"', '"', "\\ud83d", "\\ud83d\\ude00", "\x01", "\u2028", "\xff"]


def test_texts_of_every_kind() -> None:
    """Escapes, halves of pairs, control characters and quotes that end the text, among plain words."""
    source = random.Random(0)  # as above
    frame = b'data: {"choices":[{"index":0,"delta":{"content":"%b"},"finish_reason":null}]}\n\n'
    for i in range(500):
        texts = source.choices(TEXTS, [12, 12, *[1] * (len(TEXTS) - 2)], k=source.randint(1, 60))
        chunks = [frame % text.encode("latin-1" if text == "\xff" else "utf-8") for text in ("first", *texts)]
        if source.random() < 0.5:
            chunks.append(b'data: {"choices":[{"index":0,"delta":{},"finish_reason":"stop"}]}\n\ndata: [DONE]\n\n')
        plain = _result(None, "openai-chat", chunks, stream=True)
        assert _result(source, "openai-chat", chunks, stream=True) == plain, i
