"""The simulator's own account: what it counts, and that its stamps are those of the bytes."""

from __future__ import annotations

import itertools
import socket
import time
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

import pytest

from aimon.simulator import Profile, Simulator
from rawhttp import Reply, ask, request

if TYPE_CHECKING:
    from aimon.simulator import Record

CHAT = ("openai-chat", "openai-responses", "anthropic-messages", "gemini")
# Sums of floats, and event loops whose timers may fire a nanosecond early.
ROUNDING = 1e-6


def first_arrival(reply: Reply, needle: bytes) -> float:
    """When the bytes had arrived."""
    received = b""
    for at, data in reply.arrivals:
        received += data
        if needle in received:
            return at
    raise AssertionError(f"{needle!r} never came")


@pytest.mark.parametrize("dialect", CHAT)
def test_stamps_of_a_stream(sim: Simulator, dialect: str) -> None:
    """The stamps are in order, no earlier than due, and before the client has the bytes."""
    sim.configure("fast", ttft=0.02, itl=0.002)
    before = time.monotonic()
    reply = ask(f"{sim.url}/fast", dialect)
    record = sim.record(reply.request_id, wait=5)
    marks = [
        before, record.received, record.service, record.first_byte, record.first_token, record.last_token,
        record.last_write, record.end,
    ]  # fmt: skip
    assert marks == sorted(mark for mark in marks if mark is not None)
    assert record.service == record.received
    assert record.first_token is not None
    assert record.last_token is not None
    assert record.first_token >= record.received + 0.02 - ROUNDING
    assert record.last_token >= record.received + 0.02 + 19 * 0.002 - ROUNDING
    assert record.ttft == record.first_token - record.received
    assert record.first_token <= first_arrival(reply, b"the")
    assert record.last_token <= reply.arrivals[-1][0]
    assert record.lateness >= record.first_token - record.received - 0.02 - ROUNDING


def test_reasoning_delays_the_visible_text(sim: Simulator) -> None:
    """Time to the first visible token includes the reasoning, shown or not."""
    for profile in ("thinker", "hidden"):
        sim.configure(profile, ttft=0.01, itl=0.004)
        record = sim.record(ask(f"{sim.url}/{profile}", "openai-chat").request_id, wait=5)
        assert record.ttft is not None
        assert record.ttft >= 0.01 + 5 * 0.004 - ROUNDING
        assert (record.output_tokens, record.reasoning_tokens) == (25, 5)


def test_plain_answer_comes_when_its_last_token_would(sim: Simulator) -> None:
    """An answer that is not streamed is written, head and all, when it is complete."""
    sim.configure("fast", ttft=0.01, itl=0.002)
    record = sim.record(ask(f"{sim.url}/fast", "openai-chat", stream=False).request_id, wait=5)
    assert record.first_byte is not None
    assert record.first_byte >= record.received + 0.01 + 19 * 0.002 - ROUNDING
    assert record.output_tokens == 20


def test_counts(sim: Simulator) -> None:
    """Counts by status, outcome, fault and profile add up to the requests."""
    sim.set_faults("server_error:model=bad")
    for model in ("m", "bad", "m"):
        ask(f"{sim.url}/fast", "openai-chat", "two words", model=model)
    ask(f"{sim.url}/chunky", "openai-chat", stream=False)
    truth = sim.truth(wait=5)
    assert (truth.requests, truth.in_flight, truth.peak_in_flight) == (4, 0, 1)
    assert truth.by_status == {"200": 3, "500": 1}
    assert truth.by_outcome == {"ok": 3, "server_error": 1}
    assert truth.by_fault == {"server_error": 1}
    assert truth.by_profile == {"fast": 3, "chunky": 1}
    assert (truth.input_tokens, truth.output_tokens) == (8, 60)
    assert [record.status for record in truth.records] == [200, 500, 200, 200]


def test_reset_and_selection(sim: Simulator) -> None:
    """A reset starts over after the answer; records can be chosen by profile and number."""
    for profile in ("fast", "chunky", "fast"):
        ask(f"{sim.url}/{profile}", "openai-chat")
    assert len(sim.truth(limit=2).records) == 2
    assert len(sim.truth(profile="chunky").records) == 1
    assert sim.truth(limit=0, reset=True).requests == 3
    assert sim.truth().requests == 0


def test_ring_is_bounded() -> None:
    """Only the latest records are kept; the counts go on."""
    with Simulator(Profile(ttft=0.0, itl=0.0), records=3) as sim:
        ids = [ask(sim.url, "openai-chat").request_id for _ in range(5)]
        truth = sim.truth()
        assert [record.id for record in truth.records] == ids[-3:]
        assert truth.requests == 5
        with pytest.raises(LookupError, match=ids[0]):
            sim.record(ids[0])


def test_a_client_that_leaves(sim: Simulator) -> None:
    """A client that goes in the middle of an answer, or of its request, is noticed at once."""
    sim.configure("fast", ttft=30.0)
    parts = urlsplit(sim.url)
    body = b'{"model": "m", "messages": [{"role": "user", "content": "hi"}]}'
    head = b"POST /fast/v1/chat/completions HTTP/1.1\r\nhost: x\r\ncontent-length: %d\r\n\r\n" % len(body)
    for sent in (head + body, head + body[:10]):
        with socket.create_connection((parts.hostname or "", parts.port or 0)) as connection:
            connection.sendall(sent)
            while not sim.truth().in_flight:
                pass
        record = sim.truth(wait=5, reset=True).records[-1]
        assert (record.outcome, record.fault) == ("abandoned", "")


def test_leaving_frees_the_slot(sim: Simulator) -> None:
    """The slot of a client that left goes to the next in the queue, as of then."""
    sim.configure("small", ttft=30.0)
    hung = ask(f"{sim.url}/small", "openai-chat", timeout=0.05)
    assert hung.ended == "unfinished"
    sim.configure("small", ttft=0.0)
    assert ask(f"{sim.url}/small", "openai-chat").ended == "clean"


def test_capacity_is_slots_by_service_time(sim: Simulator) -> None:
    """With one slot, service begins exactly one service time after the other, however late the timers are."""
    sim.configure("small", ttft=0.03, queue=None)
    with ThreadPoolExecutor(8) as pool:
        list(pool.map(lambda _: ask(f"{sim.url}/small", "openai-chat"), range(8)))
    records = sim.truth(wait=5).records
    starts = sorted(map(_service, records))
    assert [late - early for early, late in itertools.pairwise(starts)] == pytest.approx([0.03] * 7)
    # On a busy machine the last client may arrive when the first has its answer.
    together = [sum(r.received <= at.received < (r.end or 0.0) for r in records) for at in records]
    assert sim.truth().peak_in_flight == max(together) > 1


def _service(record: Record) -> float:
    assert record.service is not None
    return record.service


def test_warm_connection(sim: Simulator) -> None:
    """On a connection that is used again, each request has a record and an arrival of its own."""
    parts = urlsplit(sim.url)
    wanted = b"GET /fast/v1/models HTTP/1.1\r\nhost: x\r\n\r\n"
    with socket.create_connection((parts.hostname or "", parts.port or 0)) as connection:
        for _ in range(2):
            connection.sendall(wanted)
            received = b""
            while not received.endswith(b"]}"):
                received += connection.recv(1 << 16)
    first, second = sim.truth(wait=5).records
    assert first.end is not None
    assert first.end < second.received
    assert first.id != second.id


def test_key_is_nowhere_in_the_account(sim: Simulator) -> None:
    """No control endpoint shows a key: neither the profile's nor one that was sent."""
    ask(f"{sim.url}/keyed", "openai-chat", headers={"authorization": "Bearer sk-client-secret"})
    shown = b"".join(request("GET", f"{sim.url}/_sim/{path}").raw for path in ("truth", "config", "faults", "health"))
    assert b"sk-client-secret" not in shown
    assert b"sk-simulated-0123456789abcdef" not in shown
    assert b"****" in shown
