"""Every outcome, produced by a real HTTP exchange with the simulator in every dialect that can show it."""

from __future__ import annotations

import asyncio
import socket
from typing import TYPE_CHECKING

import pytest

from aimon import dialects
from aimon.call.call import Call, Message, Target, Timeouts
from aimon.call.checks import compile as checks
from aimon.call.outcome import Outcome
from aimon.config.endpoint import Budget, Canary, Endpoint, Transport
from aimon.probes.probe import Prober
from aimon.probes.transport import perform
from aimon.security.secret import Secret
from aimon.simulator import FAULTS, Profile, Rule, SimulatorProcess
from aimon.simulator.model.faults import expected_outcome

if TYPE_CHECKING:
    from collections.abc import Iterator

    from aimon.call.result import Result

# For the faults that only a limit ends; a busy machine must not reach it with any other.
LIMITS = Timeouts(connect=5.0, ttft=4.0, total=6.0)
PATIENT = Timeouts(connect=60.0, ttft=60.0, total=60.0)
AT_ONCE = 16
# "wrong" and friends are about the answer to this question.
NONCE = "7f3a91c2"
# The dialects in which faults that take seconds are tried: they are the transport's, and the same in all others.
LONG = ("openai-chat", "openai-responses", "anthropic-messages", "gemini", "openai-models", "openai-speech")


@pytest.fixture(scope="module")
def simulator() -> Iterator[SimulatorProcess]:
    """A process with a well provider and one for each fault, named after it."""
    profiles = [Profile(name, ttft=0.02, itl=0.002, reasoning=4) for name in ("sim", *FAULTS)]
    with SimulatorProcess(*profiles) as running:
        running.set_faults(*({"fault": name, "profile": name} for name in FAULTS))
        yield running


def call(simulator: SimulatorProcess, dialect: str, profile: str, *, stream: bool) -> Call:
    """An echo that ends with the nonce, within the limits."""
    family = "gemini" if dialect == "gemini" else "openai"
    target = Target(
        "e", "custom", dialect, simulator.base_url(profile, family), "sim-1", Secret("sk-test-0123456789abcdef")
    )
    question = Message("user", f"Reply with exactly: some words come first and the nonce last {NONCE}")
    documents = (Message("user", "something else"), question) if dialect == "rerank" else ()
    expect = {
        "rerank": {"regex": "^1"},
        "openai-images": {"contains": "image/"},
        "openai-speech": {"contains": "audio/"},
    }
    written = {} if dialect in ("openai-embeddings", "openai-models") else expect.get(dialect, {"contains": NONCE})
    return Call(
        target,
        (question, *documents),
        max_tokens=64,
        stream=stream,
        checks=checks(written) if written else (),
        timeouts=LIMITS if profile in FAULTS and FAULTS[profile].outcome.startswith("timeout") else PATIENT,
    )


def run_all(calls: list[Call]) -> list[Result]:
    """All calls, a few at once."""

    async def main() -> list[Result]:
        places = asyncio.Semaphore(AT_ONCE)

        async def one(each: Call) -> Result:
            async with places:
                return await perform(each, Transport())

        return await asyncio.gather(*map(one, calls))

    return asyncio.run(main())


def _long(fault: str) -> bool:
    """Whether a fault takes seconds: tens of megabytes are read, or a limit is waited for."""
    return fault in ("huge", "gzip_bomb") or FAULTS[fault].outcome.startswith("timeout")


def cases() -> list[tuple[str, str, bool, str]]:
    """(fault, dialect, streamed, outcome) wherever the simulator can show the fault."""
    found = []
    for name, fault in FAULTS.items():
        for dialect in fault.dialects:
            if _long(name) and dialect not in LONG:
                continue
            for stream in (True, False):
                shown = fault.streamed and dialects.get(dialect).streams if stream else fault.plain
                if shown:
                    outcome = expected_outcome(Rule(name), dialect=dialect, streamed=stream)
                    found.append((name, dialect, stream, outcome))
    return found


def test_each_fault_gives_its_outcome_in_every_dialect(simulator: SimulatorProcess) -> None:
    """The whole matrix: no fault is taken for another, and none for a success."""
    matrix = cases()
    results = run_all([call(simulator, dialect, fault, stream=stream) for fault, dialect, stream, _ in matrix])
    wrong = [
        f"{fault} {dialect} {'streamed' if stream else 'whole'}: {result.outcome} ({result.error}), not {expected}"
        for (fault, dialect, stream, expected), result in zip(matrix, results, strict=True)
        if result.outcome != expected
    ]
    assert not wrong, "\n".join(wrong)
    assert len(matrix) > 300


def test_without_a_fault_every_dialect_is_ok(simulator: SimulatorProcess) -> None:
    """Streamed or whole, with the tokens that the simulator counted."""
    asked = [(name, stream) for name in dialects.NAMES for stream in (True, False)]
    results = run_all([call(simulator, name, "sim", stream=stream) for name, stream in asked])
    for (name, stream), result in zip(asked, results, strict=True):
        assert (name, stream, result.outcome, result.error) == (name, stream, Outcome.OK, None)
        record = simulator.record(str(result.request_id), wait=2.0)
        if name not in ("openai-models", "openai-speech"):
            assert result.usage.input == record.input_tokens
            assert (result.usage.output or 0) == record.output_tokens
        assert (result.ttft is not None) == (stream and dialects.get(name).streams)


def test_what_happens_before_http() -> None:
    """Names, ports and certificates: nothing there to answer."""
    with socket.socket() as closed:
        closed.bind(("127.0.0.1", 0))
        port = closed.getsockname()[1]
    places = {
        "http://no.such.host.invalid/v1": Outcome.DNS,
        f"http://127.0.0.1:{port}/v1": Outcome.CONNECT,
    }
    for url, expected in places.items():
        target = Target("e", "custom", "openai-chat", url, "m")
        [result] = run_all([Call(target, (Message("user", "hi"),), timeouts=LIMITS)])
        assert (url, result.outcome, result.status_code) == (url, expected, None)


def test_a_server_that_accepts_and_never_speaks_tls() -> None:
    """The connect limit covers the handshake."""
    with socket.create_server(("127.0.0.1", 0)) as silent:
        target = Target("e", "custom", "openai-chat", f"https://127.0.0.1:{silent.getsockname()[1]}/v1", "m")
        limits = Timeouts(connect=0.3, ttft=5.0, total=5.0)
        [result] = run_all([Call(target, (Message("user", "hi"),), timeouts=limits)])
    assert result.outcome is Outcome.TIMEOUT_CONNECT
    assert result.end == pytest.approx(0.3, abs=0.25)


def test_a_server_without_tls(simulator: SimulatorProcess) -> None:
    """https:// on a plain port is a TLS fault, and the message guesses why."""
    url = simulator.url.replace("http:", "https:")
    [result] = run_all([Call(Target("e", "custom", "openai-chat", f"{url}/v1", "m"), (Message("user", "hi"),))])
    assert result.outcome is Outcome.TLS
    assert "does not speak TLS" in (result.error or "")


def test_what_the_prober_itself_decides(simulator: SimulatorProcess) -> None:
    """A spent budget sends nothing; a key that no header can carry is the prober's own fault, and stays secret."""
    before = simulator.truth().requests
    target = Target("e", "custom", "openai-chat", simulator.base_url("sim"), "sim-1")
    canary = Canary("echo", (Message("user", "hi"),))
    broke = Endpoint(target, (canary,), budget=Budget(1.0, "CNY"))
    skipped = asyncio.run(Prober(spent=lambda _: 1.5).probe(broke, canary))
    assert (skipped.outcome, skipped.status_code) == (Outcome.BUDGET_SKIPPED, None)
    assert "1.5 of 1 CNY" in (skipped.error or "")

    bad_key = Target("e", "custom", "openai-chat", simulator.base_url("sim"), "sim-1", Secret("sk-broken\nkey-0123"))
    failed = asyncio.run(Prober().probe(Endpoint(bad_key, (canary,)), canary))
    assert failed.outcome is Outcome.PROBER_ERROR
    assert "key-0123" not in (failed.error or "")
    assert simulator.truth().requests == before


def test_every_outcome_has_been_shown() -> None:
    """The tree has no leaf that these tests do not reach."""
    reached = {Outcome(outcome) for *_, outcome in cases()}
    before_http = {Outcome.DNS, Outcome.CONNECT, Outcome.TIMEOUT_CONNECT, Outcome.TLS}
    elsewhere = {Outcome.BUDGET_SKIPPED, Outcome.PROBER_ERROR, Outcome.CANCELLED}
    assert reached | before_http | elsewhere == set(Outcome)
