"""Whole answers in their vendors' shape, from the bytes to the Result."""

import tomllib
from pathlib import Path
from typing import Any

import pytest

from aimon import dialects
from aimon.call.call import Call, Message
from aimon.call.result import Result, Usage
from aimon.exchange.exchange import Exchange
from answer_shapes import target_of

FILES = sorted((Path(__file__).parent / "recordings").glob("*.toml"))
RECORDINGS: dict[str, tuple[str, dict[str, Any]]] = {
    f"{file.stem}: {name}": (file.stem, recording)
    for file in FILES
    for name, recording in tomllib.loads(file.read_text(encoding="utf-8")).items()
}

# Everything that a dialect can say about an answer, and what a Result holds where it said nothing.
UNSAID: dict[str, Any] = {
    "text": None, "error": None, "error_code": None, "finish_reason": None, "response_model": None,
    "request_id": None, "usage": None, "first_reasoning": None, "first_token": None, "last_token": None,
    "chunks": 0, "retry_after": None,
}  # fmt: skip


def play(dialect: str, recording: dict[str, Any]) -> Result:
    """The Result of an answer whose event n arrives n seconds after the start."""
    streamed = "stream" in recording
    call = Call(
        target_of(recording["preset"], dialect),
        (Message("user", "Hi"),),
        stream=streamed or recording.get("stream_asked", False),
    )
    exchange = Exchange(call, dialects.get(dialect), started=0.0, started_at=1.8e9)
    exchange.connected(0.1)
    content_type = "text/event-stream; charset=utf-8" if streamed else "application/json"
    exchange.head(200, {"content-type": content_type}, 0.2)
    if not streamed:
        data = bytes.fromhex(recording["hex"]) if "hex" in recording else recording["body"].encode()
        exchange.feed(data, 0.5)
        exchange.close(1.0)
        return exchange.result()
    events = recording["stream"].removesuffix("\n\n").split("\n\n")
    for n, event in enumerate(events, start=1):
        exchange.feed(f"{event}\n\n".encode(), float(n))
    exchange.close(len(events) + 1.0)
    return exchange.result()


@pytest.mark.parametrize(("dialect", "recording"), RECORDINGS.values(), ids=RECORDINGS)
def test_recording(dialect: str, recording: dict[str, Any]) -> None:
    """Each recorded answer gives exactly the Result written beside it."""
    result = play(dialect, recording)
    expected = UNSAID | recording["expect"]
    outcome, end, usage = expected.pop("outcome"), expected.pop("end"), expected.pop("usage")
    assert {name: getattr(result, name) for name in expected} == expected
    assert (str(result.outcome), result.end) == (outcome, end)
    assert result.usage == (Usage() if usage is None else Usage(**usage, source="reported"))
    assert result.operation == dialects.get(dialect).operation


def test_every_dialect_has_recordings() -> None:
    """A dialect without recordings would be one that nobody has looked at."""
    assert {file.stem for file in FILES} == set(dialects.NAMES)
