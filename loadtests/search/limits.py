"""Search for the request and token limits of an account: raises the rate until 429s come, then one step just above.

A limit that refills steadily (token bucket, sliding window) admits exactly what it refills once it is empty: after the
first 429 of a step the rate of successes is the limit, however full the bucket was before. A limit that resets at fixed
times admits nothing until then; only headers and Retry-After show it in a short test.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from aimon.call.outcome import Outcome
from aimon.formatting import format_number

if TYPE_CHECKING:
    from collections.abc import Generator, Sequence

    from aimon.call.result import Limits
    from aimon.loadtests.statistics.observation import CallObservation

_GROWTH = 2.0
_ABOVE = 1.5
_FEWEST = 5
_DISAGREEMENT = 0.05
# Share of calls that may fail in other ways for a rate to count as admitted.
_TOLERATED = 0.01
_SHUT = "nothing came through after the first 429: the limit opens at fixed times, or for long"
_COARSE = "two rates disagree: the limit allows no bursts, and may be higher than what came through"


@dataclass(frozen=True, slots=True)
class StepThroughput:
    """Throughput of a step after its first 429.

    Attributes:
        per_s: successes per second.
        tokens_per_min: their input and output tokens per minute; None if any is unreported.
        count: number of successes.
    """

    per_s: float
    tokens_per_min: float | None
    count: int


@dataclass(slots=True)
class AccountLimits:
    """Result of a search; None is unknown.

    Attributes:
        requests_per_s: successes per second between 429s, if requests are limited.
        tokens_per_min: tokens per minute between 429s, if tokens are limited.
        evidence: the observations behind it.
    """

    requests_per_s: float | None = None
    tokens_per_min: float | None = None
    evidence: dict[str, Any] = field(default_factory=dict)


def throughput_between_429s(calls: Sequence[CallObservation]) -> StepThroughput | None:
    """Throughput from the first to the last 429 of a step; None without 429s or with too few successes."""
    ordered = sorted(calls, key=lambda call: call.at)
    refused = [call.at for call in ordered if call.outcome is Outcome.RATE_LIMITED]
    if not refused:
        return None
    first, last = refused[0], refused[-1]
    # At every 429 the bucket is empty.
    passed = [call for call in ordered if first < call.at < last and call.outcome is Outcome.OK]
    if len(passed) < _FEWEST:
        return None
    tokens = [call.tokens for call in passed if call.tokens is not None]
    per_minute = 60 * sum(tokens) / (last - first) if len(tokens) == len(passed) else None
    return StepThroughput(len(passed) / (last - first), per_minute, len(passed))


def search(
    start: float, *, most: float = 1e5, found: AccountLimits
) -> Generator[float, Sequence[CallObservation], None]:
    """Yields the next rate, is sent the calls at it, and updates `found`.

    Args:
        start: the first rate, per second.
        most: the highest rate to try, per second.
        found: the result, updated after every step.
    """
    rate = min(start, most)
    held = 0.0
    while True:
        calls = yield rate
        limited = [call for call in calls if call.outcome is Outcome.RATE_LIMITED]
        if limited:
            break
        if failed := _failed(calls):
            found.evidence = {
                "why": f"{failed} at {format_number(rate, 4)}/s, and no 429: a limit above that can't be found",
                "held_per_s": held or None,
                "failed_at_per_s": rate,
            }
            return
        held = rate
        found.evidence = {"why": "", "held_per_s": held}
        if rate >= most:
            found.evidence = {"why": f"no 429 up to {most:g}/s, the highest rate that was allowed"}
            return
        rate = min(rate * _GROWTH, most)
    rough, coarse = throughput_between_429s(calls), False
    if rough is not None:
        closer = yield min(_ABOVE * rough.per_s, most)
        near = throughput_between_429s(closer) or rough
        coarse = abs(near.per_s - rough.per_s) > _DISAGREEMENT * rough.per_s
        # An empty bucket never admits more than the limit: the higher of two results is closer to it.
        rough = max(near, rough, key=lambda step: step.per_s) if coarse else near
        limited += [call for call in closer if call.outcome is Outcome.RATE_LIMITED]
    headers = _headers(limited)
    kind = _binding(headers)
    waits = [call.retry_after for call in limited if call.retry_after is not None]
    found.evidence = {
        "why": _SHUT if rough is None else _COARSE if coarse else "",
        "held_per_s": held or None,
        "first_429_at_per_s": rate,
        "limited": len(limited),
        "let_through": rough.count if rough else 0,
        "binding": kind,
        "retry_after_s": max(waits, default=None),
        "requests_limit_header": headers.requests_limit if headers else None,
        "tokens_limit_header": headers.tokens_limit if headers else None,
    }
    if rough is not None and kind != "tokens":
        found.requests_per_s = rough.per_s
    if rough is not None and kind == "tokens":
        found.tokens_per_min = rough.tokens_per_min


def _failed(calls: Sequence[CallObservation]) -> str:
    """Failures other than 429; empty if they are within _TOLERATED."""
    outcomes = Counter(call.outcome for call in calls)
    served = outcomes.pop(Outcome.OK, 0)
    if calls and served >= (1 - _TOLERATED) * len(calls):
        return ""
    worst = ", ".join(f"{outcome} {count}" for outcome, count in outcomes.most_common())
    return f"{served} of {len(calls)} calls succeeded ({worst or 'none was made'})"


def _headers(limited: Sequence[CallObservation]) -> Limits | None:
    return next((call.limits for call in reversed(limited) if call.limits is not None), None)


def _binding(headers: Limits | None) -> str | None:
    """Whether requests or tokens ran out, by the remaining share of each; None without such headers."""
    if headers is None:
        return None
    left = {
        "requests": _share(headers.requests_remaining, headers.requests_limit),
        "tokens": _share(headers.tokens_remaining, headers.tokens_limit),
    }
    known = {kind: share for kind, share in left.items() if share is not None}
    return min(known, key=lambda kind: known[kind]) if known else None


def _share(remaining: int | None, limit: int | None) -> float | None:
    return remaining / limit if remaining is not None and limit else None
