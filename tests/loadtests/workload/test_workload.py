"""What a load test asks without a file: canaries and synthetic prompts, and what does not fit together."""

from __future__ import annotations

import re
import statistics
from random import Random
from typing import TYPE_CHECKING, Any

import pytest

from aimon import token_lengths
from aimon.call.call import Message, Target, Timeouts
from aimon.call.checks import Answer
from aimon.call.result import Source
from aimon.config.endpoint import Canary, Endpoint
from aimon.loadtests.workload import Tokens, Workload, WorkloadError, mean_tokens, open_source
from command import printed

if TYPE_CHECKING:
    from aimon.call.call import Call

ECHO = Canary("echo", (Message("user", "Reply with exactly: {nonce}"),), {"contains": "{nonce}"}, max_tokens=16)
BARE = Endpoint(Target("e", "p", "openai-chat", "http://127.0.0.1/v1", "m"), ())


def asked(spec: Workload, count: int, **where: int) -> list[Call]:
    """The next calls of a source."""
    source = open_source(BARE, spec, **where)
    return [source.next_item().call for _ in range(count)]


def text(call: Call) -> str:
    """What a call with one message says."""
    (message,) = call.messages
    assert message.role == "user"
    return message.content


def word_count(call: Call) -> int:
    """Words, of which the nonce counts as the seven tokens it has, and the request as six."""
    return len(text(call).split()) - 1 + 7 - 5 + 6


def test_nothing_asked_for_is_the_canary() -> None:
    """Each call has a nonce of its own, and its answer is checked against it."""
    source = open_source(Endpoint(BARE.target, (ECHO,)), Workload())
    first, second = (source.next_item().call for _ in range(2))
    nonces = [text(call).removeprefix("Reply with exactly: ") for call in (first, second)]
    assert [bool(re.fullmatch("[0-9a-f]{8}", nonce)) for nonce in nonces] == [True, True]
    assert nonces[0] != nonces[1]
    assert (first.canary, first.max_tokens, first.source) == ("echo", 16, Source.LOADTEST)
    (check,) = first.checks
    assert check(Answer(nonces[0], 1.0)) is None
    assert check(Answer(nonces[1], 1.0)) is not None
    assert (source.offsets(), source.size(), mean_tokens(source)) == (None, None, Tokens(7, 16))


def test_an_endpoint_without_canaries_gets_synthetic_prompts() -> None:
    """64 tokens, and 128 for the answer."""
    (call,) = asked(Workload(), 1)
    assert (word_count(call), call.max_tokens, call.checks) == (64, 128, ())


def test_the_endpoint_decides_how_it_is_called() -> None:
    """Streaming, temperature, reasoning, limits of time and region are those of the endpoint."""
    endpoint = Endpoint(
        BARE.target, (), stream=False, temperature=0.5, reasoning="low", timeouts=Timeouts(1, 2, 3), region="r"
    )
    call = open_source(endpoint, Workload(prompt_tokens="20")).next_item().call
    assert (call.stream, call.temperature, call.reasoning) == (False, 0.5, "low")
    assert (call.timeouts, call.region, call.source, call.target) == (
        Timeouts(1, 2, 3), "r", Source.LOADTEST, BARE.target,
    )  # fmt: skip


@pytest.mark.parametrize("tokens", [14, 15, 57, 512, 4096])
def test_a_prompt_has_the_length_asked_for(tokens: int) -> None:
    """Words are one token each; the nonce and the request are counted in."""
    (call,) = asked(Workload(prompt_tokens=str(tokens), output_tokens="D(7)"), 1)
    assert word_count(call) == tokens
    assert re.match("[0-9a-f]{8} Continue this story at length: the", text(call))
    assert call.max_tokens == 7


def test_no_two_prompts_begin_alike() -> None:
    """A cache of prompts finds nothing."""
    calls = asked(Workload(prompt_tokens="30"), 200)
    assert len({text(call)[:8] for call in calls}) == 200


def test_a_shared_prefix_comes_before_the_nonce() -> None:
    """All workers send the same so many words first, on top of the prompt's own length, and then differ."""
    spec = Workload(prompt_tokens="30", shared_prefix_tokens=1000)
    texts = [text(asked(spec, 1, worker=worker, workers=2)[0]) for worker in range(2)]
    prefixes, rests = zip(*[each.split("\n\n") for each in texts], strict=True)
    assert prefixes[0] == prefixes[1]
    assert len(prefixes[0].split()) == 1000
    assert rests[0][:8] != rests[1][:8]
    assert mean_tokens(open_source(BARE, spec)) == Tokens(1030, 128)


def test_lengths_of_calls_follow_their_distributions() -> None:
    """Prompts by one, answers by another."""
    calls = asked(Workload(prompt_tokens="N(200,20)", output_tokens="U(10,20)"), 4000)
    prompts = [word_count(call) for call in calls]
    # Four standard errors of the mean, and of the standard deviation.
    assert statistics.mean(prompts) == pytest.approx(200, abs=4 * 20 / 4000**0.5)
    assert statistics.stdev(prompts) == pytest.approx(20, abs=4 * 20 / 8000**0.5)
    assert {call.max_tokens for call in calls} == set(range(10, 21))


def test_a_seed_and_a_worker_have_a_sequence() -> None:
    """The same seed and worker give the same sequence; another seed or worker another one."""
    spec = Workload(prompt_tokens="U(14,900)", output_tokens="U(1,900)")

    def sequence(**where: int) -> list[tuple[int, int]]:
        return [(word_count(call), call.max_tokens) for call in asked(spec, 20, **where)]

    first = sequence(seed=1, worker=0, workers=2)
    assert sequence(seed=1, worker=0, workers=2) == first
    assert sequence(seed=1, worker=1, workers=2) != first
    assert sequence(seed=2, worker=0, workers=2) != first


@pytest.mark.parametrize(
    ("written", "mean", "deviation"),
    [
        ("512", 512, 0),
        ("D(512)", 512, 0),
        (" N( 512 , 64 ) ", 512, 64),
        ("N(512.4,0)", 512, 0),
        ("U(100,900)", 500, (801**2 / 12) ** 0.5),
        # Without what would round to less than 1: sums over the probabilities of the whole numbers from 1 on.
        ("N(2,4)", 4.314, 2.691),
    ],
)
def test_distributions(written: str, mean: float, deviation: float) -> None:
    """The mean that is predicted and the moments of what is drawn are those of the distribution."""
    found = token_lengths.parse(written)
    random = Random(written)
    drawn = [found.draw(random) for _ in range(5000)]
    assert found.mean == pytest.approx(mean, rel=0.005)
    assert statistics.fmean(drawn) == pytest.approx(mean, abs=max(4 * deviation / 5000**0.5, 1e-9))
    assert statistics.pstdev(drawn) == pytest.approx(deviation, rel=0.05, abs=1e-9)
    assert min(drawn) >= 1


def test_a_uniform_length_takes_each_value_alike() -> None:
    """Both ends are in, and chi-squared finds nothing against an even share."""
    draw, random = token_lengths.parse("U(3,7)").draw, Random(7)
    drawn = [draw(random) for _ in range(10_000)]
    counts = [drawn.count(value) for value in range(3, 8)]
    assert sum(counts) == 10_000
    assert sum((count - 2000) ** 2 / 2000 for count in counts) < 18.5  # 4 degrees of freedom, p = 0.001


_HINT = "write a number such as 512, N(512,64) with mean and standard deviation, or U(100,900) with least and most"


@pytest.mark.parametrize(
    ("written", "problem"),
    [
        ("", _HINT),
        ("many", _HINT),
        ("-5", _HINT),
        ("N(512)", _HINT),
        ("N(512,64,1)", _HINT),
        ("U(a,b)", _HINT),
        ("X(1)", _HINT),
        ("0", "a length is a whole number from 1 to 10000000"),
        ("1.5", "a length is a whole number from 1 to 10000000"),
        ("N(0.5,1)", "a mean is from 1 to 10000000"),
        ("N(5,10000001)", "a standard deviation is at most 10000000"),
        ("U(0,5)", "the least is a whole number from 1 to 10000000"),
        ("U(5,10000001)", "the most is a whole number from 1 to 10000000"),
        ("U(900,100)", "the least comes first: write U(100,900)"),
        ("D(100,1000)", "this is one length: write D(100), and the answers' as --output-tokens"),
        (
            "N(480,240)/(300,150)",
            "this is two lengths: write --prompt-tokens 'N(480,240)' --output-tokens 'N(300,150)'",
        ),
    ],
)
def test_lengths_that_are_none(written: str, problem: str) -> None:
    """The message says what to write."""
    with pytest.raises(ValueError, match=f"^{re.escape(f'{written}: {problem}')}$"):
        token_lengths.parse(written)


@pytest.mark.parametrize(
    ("given", "problem"),
    [
        ({"prompt_tokens": "N(5)"}, f"--prompt-tokens N(5): {_HINT}"),
        ({"output_tokens": "0"}, "--output-tokens 0: a length is a whole number from 1 to 10000000"),
        ({"shared_prefix_tokens": -1}, "--shared-prefix-tokens -1: write a number from 0 to 10000000"),
        ({"turns": 0}, "--turns 0: write a number from 1 to 1000"),
        ({"turns": 1001}, "--turns 1001: write a number from 1 to 1000"),
        ({"dataset": "a", "trace": "b"}, "--dataset and --trace both say what to ask: keep one of the two"),
        ({"dataset": "a", "prompt_tokens": "5"}, "--dataset has its own prompts and turns: leave out --prompt-tokens"),
        ({"dataset": "a", "turns": 2}, "--dataset has its own prompts and turns: leave out --turns"),
        (
            {"dataset": "a", "shared_prefix_tokens": 9},
            "--dataset has its own prompts and turns: leave out --shared-prefix-tokens",
        ),
        ({"trace": "a", "prompt_tokens": "5"}, "--trace has its own lengths: leave out --prompt-tokens"),
        ({"trace": "a", "output_tokens": "5"}, "--trace has its own lengths: leave out --output-tokens"),
        ({"trace": "a", "turns": 2}, "--trace has its own lengths: leave out --turns"),
    ],
)
def test_what_does_not_fit_together(given: dict[str, Any], problem: str) -> None:
    """No file is opened to find it."""
    with pytest.raises(WorkloadError) as error:
        Workload(**given).check()
    assert str(error.value) == problem


def test_neither_gevent_nor_numpy_is_imported() -> None:
    """The process that only predicts and shows must start fast."""
    program = (
        "import sys, aimon.loadtests.workload; print([m for m in ('gevent', 'locust', 'numpy') if m in sys.modules])"
    )
    assert printed(program) == "[]\n"
