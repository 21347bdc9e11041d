"""What a metered transport passes on, and what it counts, with both libraries, sync and async."""

from __future__ import annotations

import gzip
import random
import zlib
from functools import partial
from typing import TYPE_CHECKING, Any

import brotli  # type: ignore[import-untyped]
import pytest

import aimon
from aimon.call.outcome import Outcome
from aimon.metering.http.exchange import ApplicationExchange
from aimon.metrics import definitions
from canned_http import ASKED, CHAT, DONE, KINDS, STOP, STREAM, TEXT, USAGE, WHOLE, Canned, Client, Got
from hostile import cut, hostile

if TYPE_CHECKING:
    from metered import Metered

pytestmark = pytest.mark.parametrize(("library", "way"), KINDS)


def _call(library: str, way: str, answer: Canned, body: Any = STREAM, *, most: int | None = None) -> Got:
    return Client(library, way, lambda: answer, {}).post(body, most=most)


def test_a_stream_passes_as_it_is(library: str, way: str, metered: Metered) -> None:
    """Every chunk, in its own piece; tokens, cost and time to the first token are counted."""
    chunks = [TEXT[:10], TEXT[10:], TEXT + TEXT, STOP, USAGE, DONE]
    got = _call(library, way, Canned(chunks))
    assert (got.status, got.chunks, got.error) == (200, chunks, None)
    assert metered.outcomes() == {"ok": 1}
    assert metered.total(definitions.INPUT_TOKENS) == 9
    assert metered.total(definitions.OUTPUT_TOKENS) == 3
    assert metered.total("ai_api_cost_yuan_total") == pytest.approx((9 * 1 + 3 * 2) / 1e6)
    [result] = metered.results
    assert (result.source, result.endpoint, result.provider, result.model) == ("app", "chat", "openai", "gpt-4o")
    assert result.ttft is not None
    assert result.text is None, "answers are not kept unless asked"
    assert metered.gauge(definitions.IN_FLIGHT) == [0]


def test_a_whole_answer_has_its_cached_tokens_priced(library: str, way: str, metered: Metered) -> None:
    """Cached input is a part of the input, with a price of its own."""
    got = _call(library, way, Canned([WHOLE[:50], WHOLE[50:]]), ASKED)
    assert b"".join(got.chunks) == WHOLE
    assert metered.total(definitions.CACHED_INPUT_TOKENS) == 4
    assert metered.total("ai_api_cost_yuan_total") == pytest.approx((5 * 1 + 4 * 0.5 + 3 * 2) / 1e6)


def test_a_stream_that_the_caller_breaks_off_is_cancelled(library: str, way: str, metered: Metered) -> None:
    """It has a status of its own; its tokens are estimated, and marked."""
    _call(library, way, Canned([TEXT, TEXT, STOP, DONE]), most=2)
    assert metered.outcomes() == {"cancelled": 1}
    assert {labels[-2] for labels, count in metered.counter(definitions.REQUESTS).items() if count} == {"cancelled"}
    assert metered.total(definitions.OUTPUT_TOKENS) == metered.total(definitions.ESTIMATED_OUTPUT_TOKENS) == 3
    assert metered.total(definitions.ESTIMATED_INPUT_TOKENS) == 6
    assert metered.results[0].estimated is not None
    assert metered.results[0].usage.source == "none"


def test_a_caller_that_has_the_whole_answer_may_leave(library: str, way: str, metered: Metered) -> None:
    """After the finish reason nothing is missing but the terminal event."""
    _call(library, way, Canned([TEXT, STOP, DONE]), most=2)
    assert metered.outcomes() == {"ok": 1}


@pytest.mark.parametrize("error", [None, "ReadError", "RemoteProtocolError"])
def test_a_stream_that_the_provider_cuts_is_truncated(
    library: str, way: str, metered: Metered, error: str | None
) -> None:
    """However it ends, the application gets the same exception as without metering."""
    got = _call(library, way, Canned([TEXT, TEXT], error=error))
    assert (None if got.error is None else type(got.error).__name__) == error
    assert metered.outcomes() == {"stream_truncated": 1}
    assert metered.total(definitions.ESTIMATED_OUTPUT_TOKENS) == 3


@pytest.mark.parametrize(
    ("error", "body", "outcome"),
    [
        ("ConnectTimeout", STREAM, Outcome.TIMEOUT_CONNECT),
        ("ConnectError", STREAM, Outcome.CONNECT),
        ("ReadTimeout", STREAM, Outcome.TIMEOUT_TTFT),
        ("ReadTimeout", ASKED, Outcome.TIMEOUT_TOTAL),
        ("ReadError", ASKED, Outcome.CONNECT),
        ("ProxyError", ASKED, Outcome.CONNECT),
        ("PoolTimeout", ASKED, Outcome.PROBER_ERROR),
        ("LocalProtocolError", ASKED, Outcome.PROBER_ERROR),
    ],
)
def test_a_call_without_an_answer(
    library: str, way: str, metered: Metered, error: str, body: Any, outcome: Outcome
) -> None:
    """The library's exception says how it failed, and goes on to the application."""
    got = _call(library, way, Canned(error=error, early=True), body)
    assert type(got.error).__name__ == error
    assert str(got.error) == "made up"
    assert metered.outcomes() == {outcome: 1}


def test_a_refusal_whose_body_nobody_reads(library: str, way: str, metered: Metered) -> None:
    """SDKs close a 429 unread before they try again: its status says enough."""
    answer = Canned([b'{"error": {}}'], status=429, headers={"x-ratelimit-remaining-requests": "0", "retry-after": "1"})
    _call(library, way, answer, most=0)
    client = Client(library, way, lambda: answer, {})
    client.post(STREAM, most=1)
    assert metered.outcomes() == {"rate_limited": 2}
    assert metered.total(definitions.UNPRICED_CALLS) == 0


def test_a_redirect_is_no_call(library: str, way: str, metered: Metered) -> None:
    """What it leads to is one."""
    answers = iter([Canned(status=307, headers={"location": CHAT}), Canned([WHOLE])])
    got = Client(library, way, lambda: next(answers), {"follow_redirects": False}).post(ASKED)
    assert got.status == 307
    assert metered.outcomes() == {}
    assert metered.gauge(definitions.IN_FLIGHT) == [0]


def test_limits_are_gauges(library: str, way: str, metered: Metered) -> None:
    """What the last answer's headers said."""
    _call(
        library, way, Canned([WHOLE], headers={"x-ratelimit-limit-tokens": "50", "x-ratelimit-remaining-tokens": "7"})
    )
    assert metered.gauge(definitions.RATE_LIMIT) == [50]
    assert metered.gauge(definitions.RATE_LIMIT_REMAINING) == [7]


@pytest.mark.parametrize("encoding", ["gzip", "deflate", "br"])
@pytest.mark.parametrize("streamed", [False, True])
def test_compressed_answers_are_read(
    library: str, way: str, metered: Metered, encoding: str, *, streamed: bool
) -> None:
    """They pass compressed, and what is in them is counted all the same."""
    encode = {"gzip": gzip.compress, "deflate": zlib.compress, "br": brotli.compress}[encoding]
    sent = encode(TEXT + STOP + USAGE + DONE if streamed else WHOLE)
    chunks = [sent[i : i + 20] for i in range(0, len(sent), 20)]
    got = _call(library, way, Canned(chunks, headers={"content-encoding": encoding}), STREAM if streamed else ASKED)
    assert got.chunks == chunks
    assert metered.outcomes() == {"ok": 1}
    assert metered.total(definitions.OUTPUT_TOKENS) == 3


def test_hostile_answers_pass_unchanged(library: str, way: str, metered: Metered) -> None:
    """Mutated recordings in every dialect: the same chunks and exceptions as without metering, and no fault of ours."""
    source = random.Random(f"{library} {way}")  # the same on every run
    urls = {
        "openai-chat": CHAT,
        "openai-responses": "https://a/v1/responses",
        "anthropic-messages": "https://a/v1/messages",
        "gemini": "https://a/v1beta/models/gpt-x:streamGenerateContent",
    }
    for i in range(60):
        dialect = source.choice(tuple(urls))
        made = hostile(source, dialect)
        body = {**ASKED, "stream": made.stream}
        headers = {name: value for name, value in made.headers.items() if name not in {"content-length", "location"}}
        answer = Canned(
            cut(source, made.body), made.status, headers, source.choice((None, None, None, "ReadError", "ReadTimeout"))
        )
        most = source.choice((None, None, 1, 2))
        bare = Client(library, way, partial(Canned, **vars(answer)), None).post(body, urls[dialect], most=most)
        watched = Client(library, way, partial(Canned, **vars(answer)), {}).post(body, urls[dialect], most=most)
        assert (bare.status, bare.chunks, repr(bare.error)) == (watched.status, watched.chunks, repr(watched.error)), i
    assert metered.faults == 0
    assert sum(metered.outcomes().values()) == 60
    assert metered.gauge(definitions.IN_FLIGHT) == [0] * len(metered.gauge(definitions.IN_FLIGHT))


@pytest.mark.parametrize("step", ["feed_all", "head", "close", "result"])
def test_a_fault_of_the_metering_stays_with_it(
    library: str, way: str, metered: Metered, step: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The application gets every byte; the fault is counted, and so is the call."""

    def fail(*_: object, **__: object) -> None:
        raise RuntimeError("a bug")

    chunks = [TEXT, STOP, DONE]
    monkeypatch.setattr(ApplicationExchange, step, fail)
    got = _call(library, way, Canned(chunks))
    assert (got.chunks, got.error) == (chunks, None)
    assert metered.faults == 1
    # At the end the answer was complete.
    assert metered.outcomes() == {"ok" if step == "close" else "prober_error": 1}


def test_a_client_is_instrumented_once_and_undone(library: str, way: str, metered: Metered) -> None:
    """Twice counts once; afterwards its own transport is back, mounts included."""
    client = Client(library, way, lambda: Canned([WHOLE]), None)
    own = client.http._transport
    assert aimon.instrument(aimon.instrument(client.http)) is client.http
    client.post(ASKED)
    assert metered.outcomes() == {"ok": 1}
    aimon.uninstrument(aimon.uninstrument(client.http))
    assert client.http._transport is own
    client.post(ASKED)
    assert metered.outcomes() == {"ok": 1}
