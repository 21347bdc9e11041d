"""What a client sees of each fault: the bytes, and how the connection ends."""

from __future__ import annotations

import gzip
import json
import re
import socket
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

import pytest

from aimon.simulator import FAULTS, Rule
from aimon.simulator.model.faults import FRAMING_STYLES, expected_outcome
from rawhttp import Reply, ask

if TYPE_CHECKING:
    from aimon.simulator import Simulator

CHAT = ("openai-chat", "openai-responses", "anthropic-messages", "gemini")
PROMPT = "Reply with exactly: 日本-4f1c9e café"
# How long to look at what never ends: it is waited for.
GLANCE = 0.3
ENDLESS = ("hang", "slow_headers", "hang_at_start", "hang_midway", "keepalive", "keepalive_midway", "endless")


def cases() -> list[tuple[str, str, bool]]:
    """Every fault in every dialect and mode in which it can be shown."""
    found = []
    for name, fault in FAULTS.items():
        for dialect in fault.dialects:
            if fault.streamed and dialect in CHAT:
                found.append((name, dialect, True))
            if fault.plain:
                found.append((name, dialect, False))
    return found


def strike(sim: Simulator, rule: Rule, dialect: str = "openai-chat", *, stream: bool = True) -> Reply:
    """What comes back while a rule is in force."""
    sim.set_faults(rule)
    timeout = GLANCE if rule.fault in ENDLESS else 5.0
    return ask(f"{sim.url}/fast", dialect, PROMPT, stream=stream, timeout=timeout)


def texts(reply: Reply) -> list[str]:
    """The visible pieces of a chat completion's stream."""
    deltas = [choice["delta"] for chunk in reply.chunks for choice in chunk.get("choices", [])]
    return [delta["content"] for delta in deltas if delta.get("content")]


@pytest.mark.parametrize(("name", "dialect", "stream"), [c for c in cases() if c[0] not in ENDLESS])
def test_strikes_and_is_accounted_for(sim: Simulator, name: str, dialect: str, *, stream: bool) -> None:
    """Each fault strikes once where it can be shown, the truth names it, and the next answer is good."""
    small: dict[str, dict[str, Any]] = {
        "huge": {"megabytes": 0.5},
        "gzip_bomb": {"megabytes": 0.5},
        "slow": {"seconds": 0.01},
    }
    strike(sim, Rule(name, count=1, **small.get(name, {})), dialect, stream=stream)
    good = ask(f"{sim.url}/fast", dialect, PROMPT, stream=stream)
    assert (good.status, good.ended) == (200, "clean")
    truth = sim.truth(wait=5)
    struck, after = truth.records
    assert (struck.fault, after.fault, after.outcome) == (name, "", "ok")
    assert struck.outcome == expected_outcome(Rule(name), dialect=dialect, streamed=stream)
    assert truth.by_fault == {name: 1}
    assert sim.faults()[0]["struck"] == 1


@pytest.mark.parametrize("name", ENDLESS)
def test_endless_faults_end_with_the_client(sim: Simulator, name: str) -> None:
    """What never ends by itself is over as soon as the client goes, and keeps its outcome."""
    reply = strike(sim, Rule(name))
    record = sim.truth(wait=5).records[-1]
    assert (record.fault, record.outcome) == (name, FAULTS[name].outcome)
    assert reply.ended != "clean"


@pytest.mark.parametrize("stream", [True, False])
def test_close_and_reset(sim: Simulator, *, stream: bool) -> None:
    """`close` and `reset` send no byte; one ends with FIN, the other with RST."""
    closed = strike(sim, Rule("close"), stream=stream)
    assert (closed.raw, closed.ended) == (b"", "short")
    assert strike(sim, Rule("reset"), stream=stream).ended == "reset"


def test_hangs(sim: Simulator) -> None:
    """No response at all, headers alone, or a stream that goes silent half-way."""
    never = strike(sim, Rule("hang"))
    assert (never.raw, never.ended) == (b"", "unfinished")
    headers = strike(sim, Rule("hang_at_start"))
    assert (headers.status, headers.body, headers.ended) == (200, b"", "unfinished")
    plain = strike(sim, Rule("hang_at_start"), stream=False)
    assert (plain.status, plain.body, plain.ended) == (200, b"", "unfinished")
    assert int(plain.headers["content-length"]) > 0
    midway = strike(sim, Rule("hang_midway", after=2))
    assert (texts(midway), midway.ended) == (["日本-4", "f1c9"], "unfinished")


def _first_bytes(sim: Simulator, name: str, wanted: bytes, *, stream: bool) -> None:
    """Reads an answer that never ends until it has the bytes, then goes."""
    quick: dict[str, Any] = {"seconds": 0.001} if "seconds" in FAULTS[name].options else {}
    sim.set_faults(Rule(name, **quick))
    parts = urlsplit(sim.url)
    body = json.dumps({"model": "m", "messages": [{"role": "user", "content": PROMPT}], "stream": stream}).encode()
    head = f"POST /fast/v1/chat/completions HTTP/1.1\r\nhost: x\r\ncontent-length: {len(body)}\r\n\r\n".encode()
    with socket.create_connection((parts.hostname or "", parts.port or 0), timeout=5) as connection:
        connection.sendall(head + body)
        received = b""
        while wanted not in received and len(received) < 1 << 20:
            received += connection.recv(1 << 16)
    assert wanted in received
    assert sim.truth(wait=5).records[-1].fault == name


@pytest.mark.parametrize(
    ("name", "stream", "wanted"),
    [
        ("slow_headers", True, b"x-wait-5: 1\r\n"),
        ("keepalive", True, b"\r\n: keep-alive\n\n\r\ne\r\n: keep-alive"),
        ("keepalive", False, b"1\r\n\n\r\n1\r\n\n\r\n1\r\n\n\r\n"),
        ("keepalive_midway", True, b": keep-alive"),
        ("endless", True, b'"content":"\xe6\x97\xa5\xe6\x9c\xac-4"}'),
    ],
)
def test_what_never_ends(sim: Simulator, name: str, wanted: bytes, *, stream: bool) -> None:
    """Headers, comments, blank lines or tokens that go on for ever do arrive."""
    _first_bytes(sim, name, wanted, stream=stream)


@pytest.mark.parametrize(("how", "ended"), [("close", "short"), ("reset", "reset"), ("clean", "clean")])
def test_cut(sim: Simulator, how: str, ended: str) -> None:
    """A stream ends after so many text events; what came before is whole, however the connection ends."""
    reply = strike(sim, Rule("cut", after=3, how=how))
    assert (texts(reply), reply.ended) == (["日本-4", "f1c9", "e"], ended)
    half = strike(sim, Rule("cut", how=how))
    assert (texts(half), half.ended) == (["日本-4", "f1c9"], ended)
    early = strike(sim, Rule("cut_at_start", how=how))
    assert (texts(early), early.ended) == ([], ended)
    assert early.chunks[0]["choices"][0]["delta"]["role"] == "assistant"
    late = strike(sim, Rule("cut_at_end", how=how))
    assert late.chunks[-1]["choices"][0]["finish_reason"] == "stop"
    assert ("", "[DONE]") not in late.events
    assert late.ended == ended


def test_cut_body(sim: Simulator) -> None:
    """A body that is cut falls short of its content-length, or is half a document in a clean response."""
    short = strike(sim, Rule("cut"), stream=False)
    assert short.ended == "short"
    assert len(short.body) == int(short.headers["content-length"]) // 2
    clean = strike(sim, Rule("cut", how="clean"), stream=False)
    assert clean.ended == "clean"
    with pytest.raises(json.JSONDecodeError):
        json.loads(clean.body)


def test_error_events(sim: Simulator) -> None:
    """Each dialect has its own error inside a stream that began with 200, and no terminal event after it."""
    last = {dialect: strike(sim, Rule("error_event", after=1), dialect) for dialect in CHAT}
    assert all((reply.status, reply.ended) == (200, "clean") for reply in last.values())
    assert last["openai-chat"].chunks[-1]["error"]["type"] == "server_error"
    assert texts(last["openai-chat"]) == ["日本-4"]
    event, data = last["openai-responses"].events[-1]
    assert (event, json.loads(data)["code"]) == ("error", "server_error")
    event, data = last["anthropic-messages"].events[-1]
    assert (event, json.loads(data)["error"]["type"]) == ("error", "api_error")
    assert last["gemini"].chunks[-1]["error"]["status"] == "INTERNAL"
    first = strike(sim, Rule("error_at_start"))
    assert [set(chunk) for chunk in first.chunks] == [{"error"}]
    failed = strike(sim, Rule("failed"), "openai-responses")
    assert [event for event, _ in failed.events[-2:]] == ["error", "response.failed"]
    assert failed.chunks[-1]["response"]["error"]["code"] == "server_error"
    overloaded = strike(sim, Rule("overloaded_event"), "anthropic-messages")
    assert overloaded.chunks[-1]["error"]["type"] == "overloaded_error"


def test_other_answers(sim: Simulator) -> None:
    """Answers that are well-formed and not what was asked for."""
    choice = {
        name: strike(sim, Rule(name), stream=False).json["choices"][0]
        for name in ("wrong", "empty", "max_tokens", "content_filter", "refusal", "error_choice", "reasoning_only")
    }
    said = {name: (each["message"]["content"], each["finish_reason"]) for name, each in choice.items()}
    assert said == {
        "wrong": ("Something else entirely.", "stop"),
        "empty": ("", "stop"),
        "max_tokens": ("日本-4f1c9", "length"),
        "content_filter": ("日本-4f1c9", "content_filter"),
        "refusal": (None, "stop"),
        "error_choice": ("日本-4f1c9", "error"),
        "reasoning_only": ("", "length"),
    }
    assert choice["refusal"]["message"]["refusal"].startswith("I'm sorry")
    streamed = strike(sim, Rule("refusal"))
    deltas = [chunk["choices"][0]["delta"].get("refusal") for chunk in streamed.chunks]
    assert "".join(filter(None, deltas)) == choice["refusal"]["message"]["refusal"]


def test_other_answers_of_other_dialects(sim: Simulator) -> None:
    """The filter, the refusal and the blocked prompt in the other dialects' words."""
    filtered = strike(sim, Rule("content_filter"), "openai-responses").chunks[-1]
    assert filtered["type"] == "response.incomplete"
    assert filtered["response"]["incomplete_details"] == {"reason": "content_filter"}
    refused = strike(sim, Rule("refusal"), "openai-responses")
    assert "response.refusal.done" in [event for event, _ in refused.events]
    assert strike(sim, Rule("refusal"), "anthropic-messages").chunks[-2]["delta"]["stop_reason"] == "refusal"
    assert strike(sim, Rule("content_filter"), "gemini").chunks[-1]["candidates"][0]["finishReason"] == "SAFETY"
    blocked = strike(sim, Rule("blocked_prompt"), "gemini").chunks
    assert [chunk["promptFeedback"] for chunk in blocked] == [{"blockReason": "PROHIBITED_CONTENT"}]
    assert "candidates" not in blocked[0]
    assert strike(sim, Rule("empty"), "openai-embeddings", stream=False).json["data"] == []


def test_half_of_one_token(sim: Simulator) -> None:
    """An answer of a single token is cut inside it, so that no echo is ever whole."""
    sim.set_faults("max_tokens")
    reply = ask(f"{sim.url}/fast", "openai-chat", "Reply with exactly: ab", stream=False)
    assert reply.json["choices"][0]["message"]["content"] == "a"


def test_azure_oddities(sim: Simulator) -> None:
    """A filter that is down and limits of -1 do not spoil the answer."""
    down = strike(sim, Rule("filter_down"))
    assert "".join(texts(down)) == "日本-4f1c9e café"
    assert down.chunks[-1]["choices"][0]["content_filter_results"]["error"]["code"] == "content_filter_error"
    negative = strike(sim, Rule("negative_limits"))
    assert negative.headers["x-ratelimit-remaining-requests"] == "-1"
    assert "".join(texts(negative)) == "日本-4f1c9e café"


def test_other_bodies(sim: Simulator) -> None:
    """Bodies that are no answer at all, with status 200."""
    assert strike(sim, Rule("html")).headers["content-type"].startswith("text/html")
    assert strike(sim, Rule("not_json"), stream=False).body == b'{"id": "broken", "choices": ['
    assert strike(sim, Rule("not_json")).events[0] == ("", '{"id": "broken", "choices": [')
    assert strike(sim, Rule("wrong_shape")).json == {"ok": True}
    assert strike(sim, Rule("empty_body")).body == b""
    assert strike(sim, Rule("not_sse")).events == []
    assert strike(sim, Rule("deep_json"), stream=False).body == b"[" * 100_000 + b"]" * 100_000
    chunked = strike(sim, Rule("bad_chunk"))
    assert (chunked.ended, b"no length\r\n" in chunked.raw) == ("short", True)


def test_large_bodies(sim: Simulator) -> None:
    """A body as large as asked for, and one that only becomes so."""
    huge = strike(sim, Rule("huge", megabytes=2), stream=False)
    assert len(huge.json["padding"]) == 2 << 20
    bomb = strike(sim, Rule("gzip_bomb", megabytes=2))
    assert bomb.headers["content-encoding"] == "gzip"
    assert len(bomb.body) < 10_000
    assert len(gzip.decompress(bomb.body)) == (2 << 20) + len(b"data: \n\n")


def test_redirect_shows_whether_the_key_followed(sim: Simulator) -> None:
    """The redirect leads to the simulator again, where the truth says whether a key came along."""
    reply = strike(sim, Rule("redirect", count=1))
    assert (reply.status, reply.headers["location"]) == (307, "/fast/redirected/v1/chat/completions")
    ask(f"{sim.url}/fast/redirected", "openai-chat", headers={"authorization": "Bearer k"})
    assert [record.key_sent for record in sim.truth().records] == [False, True]


@pytest.mark.parametrize("dialect", CHAT)
@pytest.mark.parametrize("style", FRAMING_STYLES)
def test_framing(sim: Simulator, style: str, dialect: str) -> None:
    """Whatever the style, a reader by the letter of the standard gets the same events."""
    plain = ask(f"{sim.url}/fast", dialect, PROMPT)
    odd = strike(sim, Rule("framing", style=style), dialect)

    def comparable(reply: Reply) -> str:
        events = [(event, json.loads(data) if data.startswith("{") else data) for event, data in reply.events]
        return json.dumps(events).replace(reply.request_id.removeprefix("req_"), "ID")

    def without_time(text: str) -> str:
        return re.sub(r'"(created|created_at)": \d+', "", text)

    assert without_time(comparable(odd)) == without_time(comparable(plain))
    assert odd.ended == "clean"


def test_framing_bytes(sim: Simulator) -> None:
    """The styles are what they say."""
    bodies = {style: strike(sim, Rule("framing", style=style)).body for style in FRAMING_STYLES}
    assert b"\n\ndata: {" in bodies["lf"]
    assert b"\r\n\r\ndata: {" in bodies["crlf"]
    assert b"\r\rdata: {" in bodies["cr"]
    assert b"\n" not in bodies["cr"]
    assert b"\n\ndata:{" in bodies["no_space"]
    assert bodies["comments"].startswith(b": a comment\nid: 7\n")
    assert b'data: {\ndata: "id"' in bodies["multi_line"]
    assert bodies["bom"].startswith(b"\xef\xbb\xbfdata: ")
    assert strike(sim, Rule("no_final_newline")).body.endswith(b"[DONE]")


def test_bytes_are_cut_where_the_style_says(sim: Simulator) -> None:
    """Chunks hold single bytes, or end inside a character, or everything at once."""
    single = strike(sim, Rule("framing", style="byte_by_byte"))
    assert single.raw.count(b"\r\n1\r\n") >= len(single.body) - 1
    split = strike(sim, Rule("framing", style="split_utf8"))
    assert b"\xe6\r\n" in split.raw
    whole = strike(sim, Rule("framing", style="coalesced"))
    assert f"\r\n{len(whole.body):x}\r\n".encode() in whole.raw


def test_rules_choose_by_profile_model_and_dialect(sim: Simulator) -> None:
    """A rule strikes only the requests that it is about."""
    sim.set_faults(
        Rule("overloaded", profile="chunky"), {"fault": "server_error", "model": "bad-*"}, "quota:dialect=gemini"
    )
    assert ask(f"{sim.url}/fast", "openai-chat").status == 200
    assert ask(f"{sim.url}/chunky", "openai-chat").status == 503
    assert ask(f"{sim.url}/fast", "openai-chat", model="bad-1").status == 500
    assert ask(f"{sim.url}/fast", "gemini").status == 429
