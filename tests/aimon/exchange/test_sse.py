"""The event-stream reader against the standard's own examples, and against every way of cutting a stream."""

from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from aimon.exchange.sse import MAX_EVENT_BYTES, EventStream, EventTooLargeError, Odd


def decode(*chunks: bytes) -> list[bytes]:
    """All events of a stream that arrives in these chunks, without what else stands between them."""
    return [event for event in everything(*chunks) if isinstance(event, bytes)]


def everything(*chunks: bytes) -> list[bytes | Odd]:
    """All events of a stream that arrives in these chunks, and what is none."""
    stream = EventStream()
    return [event for chunk in chunks for event in stream.feed(chunk)]


@pytest.mark.parametrize(
    ("stream", "events"),
    [
        (b"data: a\n\n", [b"a"]),
        (b"data:a\n\n", [b"a"]),
        (b"data:  a\n\n", [b" a"]),
        (b"data: a\r\n\r\ndata: b\r\n\r\n", [b"a", b"b"]),
        (b"data: a\r\rdata: b\r\r", [b"a", b"b"]),
        (b"data: a\n\r\ndata: b\r\n\n", [b"a", b"b"]),
        (b"\xef\xbb\xbfdata: a\n\n", [b"a"]),
        (b": ping\n\ndata: a\n\n", [b"a"]),
        (b": ping\ndata: a\n: pong\n\n", [b"a"]),
        (b"event: message\nid: 7\nretry: 10\ndata: a\n\n", [b"a"]),
        (b"event: message\n\n", []),
        (b"data: a\ndata: b\n\n", [b"a\nb"]),
        (b"data\n\n", [b""]),
        (b"data:\n\n", [b""]),
        (b"data: a: b\n\n", [b"a: b"]),
        (b"datum: a\n\n", []),
        (b" data: a\n\n", []),
        (b"\n\n\ndata: a\n\n\n\ndata: b\n\n", [b"a", b"b"]),
        (b"data: a\n\ndata: unfinished", [b"a"]),
        (b"data: a\n\ndata: unfinished\n", [b"a"]),
        # The three examples of the standard, section 9.2.6
        (b"data: YHOO\ndata: +2\ndata: 10\n\n", [b"YHOO\n+2\n10"]),
        (b": test stream\n\ndata: first event\nid: 1\n\ndata:second event\nid\n\ndata:  third event\n\n",
         [b"first event", b"second event", b" third event"]),
        (b"data\n\ndata\ndata\n\ndata:", [b"", b"\n"]),
        (b"data:test\n\ndata: test\n\n", [b"test", b"test"]),
    ],
)  # fmt: skip
def test_reads_a_stream_as_the_standard_says(stream: bytes, events: list[bytes]) -> None:
    """Each rule of the framing holds, whether the stream arrives at once or byte by byte."""
    assert decode(stream) == events
    assert decode(*(bytes([byte]) for byte in stream)) == events


LINE_END = st.sampled_from([b"\n", b"\r", b"\r\n"])
LINE = st.one_of(
    st.binary(max_size=12).map(lambda b: b.replace(b"\n", b"").replace(b"\r", b"")),
    st.sampled_from([b"", b"", b"data", b"data:", b"data: x", b"data:\xc3\xa9"]),
    st.sampled_from([b": comment", b"event: a", b"id: 1", b"data: [DONE]"]),
)
STREAM = st.lists(st.tuples(LINE, LINE_END), max_size=20).map(lambda ls: b"".join(a + b for a, b in ls))


def oracle(stream: bytes) -> list[bytes]:
    """The standard's algorithm, line by line, written for clarity alone."""
    text = stream.removeprefix(b"\xef\xbb\xbf").replace(b"\r\n", b"\n").replace(b"\r", b"\n")
    events, data, has_data = [], b"", False
    for line in text.split(b"\n")[:-1]:
        if line == b"":
            if has_data:
                events.append(data[:-1])
            data, has_data = b"", False
        elif not line.startswith(b":"):
            name, _, value = line.partition(b":")
            if name == b"data":
                data += value.removeprefix(b" ") + b"\n"
                has_data = True
    return events


@given(STREAM, st.lists(st.integers(0, 300)))
def test_any_cutting_gives_the_same_events_as_the_algorithm_of_the_standard(stream: bytes, cuts: list[int]) -> None:
    """Chunk borders, wherever they fall, change nothing."""
    edges = sorted({0, len(stream), *(cut for cut in cuts if cut < len(stream))})
    chunks = [stream[a:b] for a, b in pairwise(edges)]
    assert decode(*chunks) == oracle(stream)


def test_an_event_that_never_ends_is_refused() -> None:
    """A server can't make the reader hold more than one bounded event."""
    stream = EventStream()
    stream.feed(b"data: " + b"x" * (MAX_EVENT_BYTES - 8))
    with pytest.raises(EventTooLargeError):
        stream.feed(b"xxx")
