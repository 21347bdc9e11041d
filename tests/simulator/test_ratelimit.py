"""Token buckets, on a clock that the test sets."""

from __future__ import annotations

import pytest

from aimon.simulator import Profile
from aimon.simulator.model.ratelimit import Limiter
from aimon.simulator.wire.headers import limit_headers, retry_headers


def test_long_run_rate_is_exact() -> None:
    """At twice the limit exactly half of the requests pass, after the first burst."""
    limiter = Limiter(Profile(rpm=600))
    passed = sum(limiter.admit(0.05 * i, 1).retry_after is None for i in range(2001))
    assert passed == 10 + 1000  # one second's worth at first, then 10 a second for 100 s


def test_at_the_limit_nothing_is_refused() -> None:
    """Requests that come exactly at the rate all pass, for all the rounding of floats."""
    limiter = Limiter(Profile(rpm=420, burst=0.1))
    assert all(limiter.admit(i / 7, 1).retry_after is None for i in range(5000))


def test_refused_costs_nothing_and_says_when() -> None:
    """A refusal names the limit and the time to wait; after that time the request passes."""
    limiter = Limiter(Profile(rpm=60))
    assert limiter.admit(0.0, 1).retry_after is None
    for _ in range(3):
        verdict = limiter.admit(0.25, 1)
        assert verdict.exceeded == "requests"
        assert verdict.retry_after == pytest.approx(0.75)
    assert limiter.admit(1.0, 1).retry_after is None


def test_tokens_may_go_into_debt() -> None:
    """A request larger than the bucket passes and is paid off before the next: the long-run rate holds."""
    limiter = Limiter(Profile(tpm=6000))
    assert limiter.admit(0.0, 500).retry_after is None
    refused = limiter.admit(1.0, 500)
    assert refused.exceeded == "tokens"
    assert refused.retry_after == pytest.approx(3.01)
    assert limiter.admit(4.02, 500).retry_after is None


def test_report() -> None:
    """Idle, all of the limit remains; refused, nothing does; the reset is the time to fill up again."""
    limiter = Limiter(Profile(rpm=600, tpm=60_000, burst=60))
    verdict = limiter.admit(0.0, 30_000)
    assert verdict.requests is not None
    assert verdict.tokens is not None
    assert (verdict.requests.limit, verdict.requests.remaining) == (600, 599)
    assert (verdict.tokens.limit, verdict.tokens.remaining, verdict.tokens.reset) == (60_000, 30_000, 30.0)


def test_openai_headers() -> None:
    """Limits per minute, resets as Go prints durations, waits in seconds and in milliseconds."""
    verdict = Limiter(Profile(rpm=600, tpm=60_000, burst=600)).admit(0.0, 360_000)
    assert limit_headers("openai", verdict, 0.0) == [
        ("x-ratelimit-limit-requests", "600"),
        ("x-ratelimit-remaining-requests", "599"),
        ("x-ratelimit-reset-requests", "100ms"),
        ("x-ratelimit-limit-tokens", "60000"),
        ("x-ratelimit-remaining-tokens", "24000"),
        ("x-ratelimit-reset-tokens", "6m0s"),
    ]
    assert retry_headers("openai", "openai", 1.2) == [("retry-after", "2"), ("retry-after-ms", "1200")]
    assert retry_headers("openai", "deepseek", 1.2) == [("retry-after", "2")]
    assert retry_headers("gemini", "openai", 1.2) == []


def test_anthropic_headers() -> None:
    """Resets are points in time by RFC 3339, in UTC and never too early."""
    verdict = Limiter(Profile(rpm=60, burst=60)).admit(0.0, 1)
    assert limit_headers("anthropic", verdict, 1_700_000_000.5) == [
        ("anthropic-ratelimit-requests-limit", "60"),
        ("anthropic-ratelimit-requests-remaining", "59"),
        ("anthropic-ratelimit-requests-reset", "2023-11-14T22:13:22Z"),
    ]
