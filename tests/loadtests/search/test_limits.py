"""The search for an account's limits, against token buckets and fixed windows that are known."""

from __future__ import annotations

import pytest

from aimon.call.outcome import Outcome
from aimon.call.result import Limits
from aimon.loadtests.search.limits import AccountLimits, search, throughput_between_429s
from aimon.loadtests.statistics.observation import CallObservation
from limit_cases import Serve, bucket, window


def answer(at: float, passed: bool, limits: Limits | None) -> CallObservation:
    """A success with 60 tokens, or a 429."""
    if passed:
        return CallObservation(at, Outcome.OK, 60, limits, None)
    return CallObservation(at, Outcome.RATE_LIMITED, 0, limits, 2.0)


def drive(serve: Serve, limits: Limits | None = None, *, most: float = 1e5) -> tuple[AccountLimits, int]:
    """A whole search from 1/s, in steps of 10 s; what it found, and how many calls it took."""
    found = AccountLimits()
    steps = search(1.0, most=most, found=found)
    now, sent = 0.0, 0
    rate: float | None = next(steps)
    while rate is not None:
        calls = [answer(now + k / rate, serve(now + k / rate), limits) for k in range(int(rate * 10))]
        sent += len(calls)
        now += 10
        try:
            rate = steps.send(calls)
        except StopIteration:
            rate = None
    return found, sent


@pytest.mark.parametrize(("rate", "size"), [(5.0, 5.0), (5.0, 60.0), (33.3, 33.3), (200.0, 2000.0)])
def test_a_bucket_is_found_whatever_it_holds(rate: float, size: float) -> None:
    """The limit of a token bucket is found within 5 %, however full the bucket is."""
    found, sent = drive(bucket(rate, size))
    assert found.requests_per_s == pytest.approx(rate, rel=0.05)
    assert found.tokens_per_min is None
    assert sent < 10 * rate * 12


def test_a_bucket_of_one_is_called_a_lower_bound() -> None:
    """A bucket of one loses what it refills between calls, so its measured rate is a lower bound."""
    found, _ = drive(bucket(5, 1))
    assert found.requests_per_s is not None
    assert 3.5 <= found.requests_per_s <= 5
    assert found.evidence["why"].startswith("two rates disagree")


def test_headers_tell_what_was_used_up() -> None:
    """Headers with fewer tokens than requests left make it a limit of tokens."""
    headers = Limits(requests_limit=1000, requests_remaining=900, tokens_limit=18_000, tokens_remaining=20)
    found, _ = drive(bucket(5, 5), headers)
    assert found.requests_per_s is None
    assert found.tokens_per_min == pytest.approx(5 * 60 * 60, rel=0.05)
    assert (found.evidence["binding"], found.evidence["tokens_limit_header"]) == ("tokens", 18_000)


def test_a_window_that_stays_shut_is_not_guessed_at() -> None:
    """For a window that stays shut no limit is guessed; Retry-After and headers are quoted."""
    found, _ = drive(window(100, 60), Limits(requests_limit=100, requests_remaining=0))
    assert (found.requests_per_s, found.tokens_per_min) == (None, None)
    assert found.evidence["requests_limit_header"] == 100
    assert found.evidence["retry_after_s"] == 2.0
    assert found.evidence["why"].startswith("nothing came through after the first 429")


def test_no_limit_is_no_number() -> None:
    """Without a 429 up to the highest allowed rate no limit is reported."""
    found, _ = drive(lambda _: True, most=20)
    assert found == AccountLimits(evidence={"why": "no 429 up to 20/s, the highest rate that was allowed"})


def test_a_step_without_refusals_says_nothing() -> None:
    """A step without 429s gives no throughput between 429s."""
    assert throughput_between_429s([answer(float(k), passed=True, limits=None) for k in range(20)]) is None


@pytest.mark.parametrize("outcome", sorted(set(Outcome) - {Outcome.OK, Outcome.RATE_LIMITED}))
def test_what_fails_otherwise_is_not_held(outcome: Outcome) -> None:
    """If a tenth of calls fails from 4/s on without a 429, the search ends, and no such rate was held."""
    found = AccountLimits()
    steps = search(1.0, found=found)
    rate: float | None = next(steps)
    while rate is not None:
        failing = rate >= 4
        calls = [
            CallObservation(k / rate, outcome if failing and k % 10 == 0 else Outcome.OK, 60, None, None)
            for k in range(40)
        ]
        try:
            rate = steps.send(calls)
        except StopIteration:
            rate = None
    assert (found.requests_per_s, found.evidence["held_per_s"], found.evidence["failed_at_per_s"]) == (None, 2.0, 4.0)
    assert f"36 of 40 calls succeeded ({outcome} 4) at 4/s" in found.evidence["why"]
