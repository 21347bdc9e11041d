"""A frame is a shortcut: whatever the stream, what is read through it is what the dialect reads."""

from __future__ import annotations

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from aimon import dialects
from aimon.dialects import NOTHING, Delta
from aimon.dialects.reader import reader
from aimon.exchange.frame import learn
from aimon.exchange.sse import EventStream
from aimon.exchange.sse_fastpath import TextStream
from aimon.exchange.stream_memory import StreamMemory

CHAT = reader(dialects.get("openai-chat")).event
MESSAGES = reader(dialects.get("anthropic-messages")).event


def chunk(text: str, **other: object) -> bytes:
    """A chunk of a chat completion, as most servers write it."""
    choice = {"index": 0, "delta": {"content": text}, "finish_reason": None}
    fields = {"id": "chatcmpl-1", "model": "m", "choices": [choice], **other}
    return json.dumps(fields, ensure_ascii=False, separators=(",", ":")).encode("utf-8", "surrogatepass")


def event(data: bytes) -> bytes:
    """An event of its own."""
    return b"data: " + data + b"\n\n"


def read(stream: TextStream, *pieces: bytes) -> list[str | Delta]:
    """What a stream says, text by text."""
    said: list[str | Delta] = []
    for piece in pieces:
        heard: list[list[str] | Delta] = []
        stream.feed(piece, heard)
        for each in heard:
            if isinstance(each, list):
                said += each
            else:
                said.append(each.text if each == Delta(each.text) else each)
    return said


def plainly(whole: bytes) -> list[str | Delta]:
    """The same without frames."""
    deltas = [CHAT(data) for data in EventStream().feed(whole) if isinstance(data, bytes) and data]
    return [delta.text if delta == Delta(delta.text) else delta for delta in deltas if delta is not NOTHING]


def counted(pieces: list[bytes]) -> tuple[list[str | Delta], int]:
    """What a stream says, and how often the dialect was asked."""
    asked = 0

    def counting(data: bytes) -> Delta:
        nonlocal asked
        asked += 1
        return CHAT(data)

    return read(TextStream(counting), *pieces), asked


TEXTS = st.one_of(
    st.sampled_from(["", ":", ",", "id", "m", "aimon", '"', "\\", "\n", "\u200b", "\ud800", "河", '":"', "content"]),
    st.text(max_size=5),
)
EVENTS = st.one_of(
    TEXTS.map(lambda text: event(chunk(text))),
    TEXTS.map(lambda text: event(json.dumps(json.loads(chunk("")) | {"model": text}).encode())),
    st.sampled_from([event(chunk("x", usage={"prompt_tokens": 3})), b": a comment\n\n", b"data:\n\n", b"\n"]),
    TEXTS.map(lambda text: event(chunk(text).replace(b'{"content', b'{"refusal":"no","content'))),
)


def readable(whole: bytes) -> bool:
    """Whether the dialect can read all of it."""
    try:
        plainly(whole)
    except ValueError:
        return False
    return True


@given(st.lists(EVENTS, max_size=12).filter(lambda events: readable(b"".join(events))), st.data())
def test_same_as_without(events: list[bytes], data: st.DataObject) -> None:
    """Any mixture of events, cut anywhere, says what the dialect says of each event."""
    whole = b"".join(events)
    cuts = sorted(data.draw(st.lists(st.integers(0, len(whole)), max_size=6)))
    pieces = [whole[begin:end] for begin, end in zip([0, *cuts], [*cuts, len(whole)], strict=True)]
    assert read(TextStream(CHAT), *pieces) == plainly(whole)


def test_dialect_is_spared() -> None:
    """Of a hundred chunks the dialect reads the first one and a few that prove the frame."""
    events = [event(chunk(f"word {i} ")) for i in range(100)]
    for pieces in (events, [events[0], b"".join(events[1:])]):
        said, asked = counted([event(chunk("", model="m2")), *pieces])
        assert said[1:] == [f"word {i} " for i in range(100)]
        assert asked == 2 + 3


def test_event_names_are_part_of_it() -> None:
    """A dialect whose events have a name line has frames, too."""
    data = b'{"type":"content_block_delta","index":0,"delta":{"type":"text_delta","text":"%b"}}'
    events = [b"event: content_block_delta\n" + event(data % word) for word in (b"one", b"two", b"three")]
    stream = TextStream(MESSAGES)
    assert read(stream, b"event: ping\n" + event(b'{"type":"ping"}'), *events) == ["one", "two", "three"]
    framed = b"event: content_block_delta\n" + event(data % b"four")
    heard: list[list[str] | Delta] = []
    stream.feed(framed, heard)
    assert heard == [["four"]]


def test_no_frame() -> None:
    """If chunks differ in more than their text, the dialect reads each of them, and few proofs are tried."""
    events = [event(chunk("same", id=f"chatcmpl-{i}")) for i in range(50)]
    said, asked = counted([event(chunk("")), *events])
    assert said == plainly(event(chunk("")) + b"".join(events))
    assert asked == 51 + 2 + 3


@pytest.mark.parametrize(
    "data",
    [
        pytest.param(chunk("say \\ this"), id="escaped"),
        pytest.param(chunk('":"'), id="quotes"),
        pytest.param(chunk("m").replace(b'"content":"m"', b'"content":"\\u006d"'), id="elsewhere"),
        pytest.param(chunk("\ud800").replace("\ud800".encode("utf-8", "surrogatepass"), b"\\ud800"), id="surrogate"),
    ],
)
def test_unproven(data: bytes) -> None:
    """A text that does not stand in its chunk as itself, and once, gives no frame."""
    try:
        text = CHAT(data).text
    except ValueError:
        return
    assert learn(event(data), data, text, CHAT) is None


@pytest.mark.parametrize("byte", [b"\xff", b"\x00", b"\x1f", b"\t"])
def test_broken_text_is_told_by_the_dialect(byte: bytes) -> None:
    """Bytes that JSON forbids are as wrong in a frame as outside."""
    good, bad = event(chunk("good")), event(chunk("XX").replace(b"XX", byte))
    stream = TextStream(CHAT)
    assert read(stream, event(chunk("")) + good) == plainly(event(chunk("")) + good)
    with pytest.raises(ValueError) as framed:  # noqa: PT011 - the same one, whichever it is
        stream.feed(bad, [])
    with pytest.raises(ValueError) as plain:  # noqa: PT011
        CHAT(chunk("XX").replace(b"XX", byte))
    assert str(framed.value) == str(plain.value)


def stream_of(name: str, texts: list[str], finish: str) -> bytes:
    """A stream with that id, as most servers write it."""
    end = {"index": 0, "delta": {}, "finish_reason": finish}
    fields = [chunk("", id=name), *(chunk(text, id=name) for text in texts), chunk("", id=name, choices=[end])]
    return b"".join(event(data) for data in [*fields, b"[DONE]"])


def plain_end(whole: bytes) -> list[str | Delta]:
    """As `plainly`, up to the event that ends the answer."""
    said = plainly(whole)
    ends = [place for place, each in enumerate(said) if isinstance(each, Delta) and each.done]
    return said[: ends[0] + 1] if ends else said


NAMES = st.one_of(
    st.sampled_from(["1", "m", "stop", "aimon", "id", 'a"b', "a\\b", "\u200b", "", "c" * 200]), st.text(max_size=4)
)


@given(st.lists(st.tuples(NAMES, st.lists(st.text(max_size=4), max_size=4), NAMES), max_size=6), st.data())
def test_memory_changes_nothing(streams: list[tuple[str, list[str], str]], data: st.DataObject) -> None:
    """What is remembered of other streams, whatever their ids, says of one what the dialect says of it."""
    memory = StreamMemory(CHAT)
    for name, texts, finish in streams:
        try:
            whole = stream_of(name, texts, finish)
            expected = plain_end(whole)
        except ValueError:
            continue
        cut = data.draw(st.integers(0, len(whole)))
        assert read(TextStream(CHAT, memory), whole[:cut], whole[cut:]) == expected


def test_known_streams_spare_the_dialect() -> None:
    """Of the third stream that a server writes alike the dialect reads nothing, and of one that it does not, all."""
    asked = 0

    def counting(data: bytes) -> Delta:
        nonlocal asked
        asked += 1
        return CHAT(data)

    memory = StreamMemory(counting)
    for name in ("chatcmpl-1", "chatcmpl-2"):
        whole = stream_of(name, ["a", "b"], "stop")
        assert read(TextStream(counting, memory), whole) == plain_end(whole)
    asked = 0
    whole = stream_of("chatcmpl-3", ["c", "d"], "stop")
    assert read(TextStream(counting, memory), whole) == plain_end(whole)
    assert asked == 0
    other = stream_of("chatcmpl-4", ["c", "d"], "stop").replace(b'"m"', b'"n"')
    assert read(TextStream(counting, memory), other) == plain_end(other)
    assert asked > 0


@pytest.mark.parametrize("same", ["model", "finish"])
def test_an_id_in_another_role(same: str) -> None:
    """A model or a finish reason that is the id of its stream is not taken for the id of another one."""
    memory = StreamMemory(CHAT)
    for name in ("one", "two", "three"):
        end = [{"index": 0, "delta": {}, "finish_reason": name if same == "finish" else "stop"}]
        model = name if same == "model" else "m"
        parts = [chunk("", id=name), chunk("a", id=name), chunk("", id=name, model=model, choices=end), b"[DONE]"]
        whole = b"".join(map(event, parts))
        assert read(TextStream(CHAT, memory), whole) == plain_end(whole)
