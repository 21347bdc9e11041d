"""Generated hostile answers in every dialect, through the Exchange alone and through both transports.

What holds for each: one outcome that is no fault of aimon's own, a Result that can be priced, counted, shown and stored
within bounds, counters that never fall, and the same from both transports. `--fuzz N` makes N times as many answers.
"""

from __future__ import annotations

import random
import time
import tracemalloc
from itertools import count
from typing import TYPE_CHECKING, Any

import msgspec
import pytest

from aimon import dialects
from aimon.call import containment
from aimon.call.call import Call, Message, Target
from aimon.call.outcome import Outcome
from aimon.cli.probe import table
from aimon.exchange.exchange import Exchange
from aimon.metrics.totals import Identity, Totals
from aimon.pricing import Price, PriceBook
from aimon.probes.history.history import History
from aimon.probes.result_json import as_line
from aimon.security.secret import Secret
from hostile import RECORDED, cut, hostile
from transport_pair import KEY, Answer, play, seen

if TYPE_CHECKING:
    from pathlib import Path

    from aimon.call.result import Result
    from hostile import Hostile

ALONE, TOGETHER = 100, 20
LARGEST_RECORD = 300_000  # bytes of JSON: 64 Ki characters of text, escaped
LONGEST = 5.0  # seconds of CPU for one answer
PRICES = PriceBook(currency="USD", endpoints={"e": Price(input=2e-6, output=8e-6, currency="USD", source="test")})
TARGETS = [
    pytest.param(dialect, streamed, id=f"{dialect}, {'streamed' if streamed else 'whole'}")
    for dialect, recordings in RECORDED.items()
    for streamed in sorted({streamed for streamed, _ in recordings})
]


@pytest.fixture
def seed(request: pytest.FixtureRequest) -> int:
    """The same in every short run, another in each long one; a failure names it."""
    return 0 if request.config.getoption("--fuzz") == 1 else random.SystemRandom().randrange(1 << 30)


@pytest.fixture
def rounds(request: pytest.FixtureRequest) -> int:
    """How many times the usual number of answers."""
    return int(request.config.getoption("--fuzz"))


@pytest.fixture(autouse=True)
def _no_fault_of_our_own(monkeypatch: pytest.MonkeyPatch) -> None:
    """A contained fault is one all the same, and fails the test where it happens."""

    def report(endpoint: str, stage: str, error: Exception, **_: object) -> str:
        raise AssertionError(f"{endpoint} was not {stage}") from error

    monkeypatch.setattr(containment, "report", report)


def exchanged(answer: Hostile, dialect: str, source: random.Random) -> Result:
    """What the Exchange alone makes of it, cut anywhere."""
    target = Target("e", "custom", dialect, "http://127.0.0.1/v1", "m", api_key=Secret(KEY))
    call = Call(target, (Message("user", "Hi"),), stream=answer.stream)
    clock = count()
    exchange = Exchange(call, dialects.get(dialect), started=float(next(clock)), started_at=1.7e9)
    exchange.connected(float(next(clock)))
    exchange.head(answer.status, answer.headers, float(next(clock)))
    for piece in cut(source, answer.body):
        if exchange.complete:
            break
        exchange.feed(piece, float(next(clock)))
    if not exchange.complete:
        exchange.close(float(next(clock)))
    return exchange.result()


def said(result: Result) -> tuple[Any, ...]:
    """What must not hang on where reads happen to end."""
    usage = msgspec.structs.replace(result.usage, source="")
    return result.outcome, result.text, usage, result.finish_reason, result.error_code, result.response_model


def check(result: Result, totals: Totals) -> None:
    """What holds for every Result."""
    assert result.outcome in Outcome
    assert result.outcome is not Outcome.PROBER_ERROR, result.error
    priced = PRICES.cost(result)
    line = as_line(priced)
    assert msgspec.json.decode(line)["outcome"] == result.outcome
    assert len(msgspec.json.encode(priced)) < LARGEST_RECORD
    shown = " ".join(table.cells(priced))
    assert shown.isprintable()
    assert KEY not in shown
    before = totals.copy()
    totals.observe(priced)
    for name, series in totals.counters.items():
        for labels, value in series.items():
            assert before.counters.get(name, {}).get(labels, 0) <= value < float("inf")


@pytest.mark.parametrize(("dialect", "streamed"), TARGETS)
def test_the_exchange(dialect: str, streamed: bool, seed: int, rounds: int, tmp_path: Path) -> None:
    """Hostile answers, cut anywhere, give a Result that can be stored; no network is involved."""
    totals = Totals()
    kept: list[Result] = []
    for number in range(ALONE * rounds):
        source = random.Random(f"{seed} {dialect} {number}")
        answer = hostile(source, dialect)
        if answer.stream != streamed:
            continue
        began = time.process_time()
        result = exchanged(answer, dialect, source)
        try:
            check(result, totals)
            # However it is cut.
            assert said(result) == said(exchanged(answer, dialect, source))
        except BaseException as error:
            error.add_note(f"seed {seed}, {dialect}, number {number}")
            raise
        assert time.process_time() - began < LONGEST, f"seed {seed}, {dialect}, number {number}"
        kept = [*kept[-9:], PRICES.cost(result)]
    with History(tmp_path / "history.db") as history:
        history.append(kept)
        assert history.recent(Identity.of(kept[-1]), 1)[0].outcome == kept[-1].outcome


@pytest.mark.parametrize(("dialect", "streamed"), TARGETS)
def test_both_transports(dialect: str, streamed: bool, seed: int, rounds: int) -> None:
    """Over loopback, in any framing: the prober and the engine make the same of it."""
    numbers = iter(range(10_000_000))
    for _ in range(rounds):
        answers: list[Answer] = []
        named: list[str] = []
        while len(answers) < TOGETHER:
            number = next(numbers)
            source = random.Random(f"{seed} {dialect} {number}")
            made = hostile(source, dialect)
            if made.stream == streamed:
                answers.append(Answer([made.head, *cut(source, made.framed)]))
                named.append(f"seed {seed}, {dialect}, number {number}")
        totals = Totals()
        for name, answer, pair in zip(named, answers, play(answers, dialect=dialect, stream=streamed), strict=True):
            assert comparable(pair.engine) == comparable(pair.prober), f"{name}: {b''.join(answer.pieces)[:2000]!r}"
            check(pair.prober, totals)


def comparable(result: Result) -> dict[str, Any]:
    """What must be equal, but for what hangs on how much had arrived when it was clear that it is no HTTP."""
    fields = seen(result)
    fields["error"] = fields["error"].partition(" it begins with ")[0]
    fields.pop("pace", None)
    return fields


def test_memory_is_bounded() -> None:
    """Answers made to be large: one text, many texts, many small events, what inflates, an event without an end."""
    texts = b'data: {"choices":[{"delta":{"content":"' + b"x" * 60_000 + b'"}}]}\n\n'
    bodies = [
        texts * 200,
        texts[:60] + b'"}}]}\n\n',
        b"data: " + b"x" * (12 << 20),
        b":\n" * (4 << 20),
        b"\n" * (8 << 20),
    ]
    target = Target("e", "custom", "openai-chat", "http://127.0.0.1/v1", "m")
    for body in bodies:
        call = Call(target, (Message("user", "Hi"),))
        tracemalloc.start()
        exchange = Exchange(call, dialects.get("openai-chat"), started=0.0, started_at=1.7e9)
        exchange.head(200, {"content-type": "text/event-stream"}, 1.0)
        for at in range(0, len(body), 1 << 16):
            if not exchange.complete:
                exchange.feed(body[at : at + (1 << 16)], 2.0)
        if not exchange.complete:
            exchange.close(3.0)
        result = exchange.result()
        _, peak = tracemalloc.get_traced_memory()
        tracemalloc.stop()
        assert peak < 80 << 20
        assert len(msgspec.json.encode(result)) < LARGEST_RECORD
