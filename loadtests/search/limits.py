"""The request and token limits of an account: up until 429s come, then one step a little above.

A limit that refills steadily (a token bucket, a sliding window) lets through exactly what it refills once it is
empty. So after the first 429 of a step, the rate of successes is the limit, whatever the bucket had held before.
A limit that opens again at fixed times lets nothing through until then; the headers and Retry-After are all that
tells about such a one in a short test.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from aimon.call.outcome import Outcome

if TYPE_CHECKING:
    from collections.abc import Generator, Sequence

    from aimon.call.result import Limits
    from aimon.loadtests.statistics.observation import CallObservation

_GROWTH = 2.0
_ABOVE = 1.5
_FEWEST = 5
_DISAGREEMENT = 0.05
# As many as may fail in another way, for a rate to have been let through.
_TOLERATED = 0.01
_SHUT = "nothing came through after the first 429: the limit opens at fixed times, or for long"
_COARSE = "two rates disagree: the limit allows no bursts, and may be higher than what came through"


@dataclass(frozen=True, slots=True)
class StepThroughput:
    """What a step let through after its first 429.

    Attributes:
        per_s: successes per second.
        tokens_per_min: their input and output tokens per minute; None where any was not reported.
        count: how many successes that is from.
    """

    per_s: float
    tokens_per_min: float | None
    count: int


@dataclass(slots=True)
class AccountLimits:
    """What a search found; None is not known.

    Attributes:
        requests_per_s: calls per second that were let through, where requests are what is limited.
        tokens_per_min: tokens per minute that were let through, where tokens are.
        evidence: what that is from, for people and programs.
    """

    requests_per_s: float | None = None
    tokens_per_min: float | None = None
    evidence: dict[str, Any] = field(default_factory=dict)


def throughput_between_429s(calls: Sequence[CallObservation]) -> StepThroughput | None:
    """What came through after the first 429 of a step; None without one, or if too little did."""
    ordered = sorted(calls, key=lambda call: call.at)
    refused = [call.at for call in ordered if call.outcome is Outcome.RATE_LIMITED]
    if not refused:
        return None
    first, last = refused[0], refused[-1]
    # From refusal to refusal the bucket goes from empty to empty.
    passed = [call for call in ordered if first < call.at < last and call.outcome is Outcome.OK]
    if len(passed) < _FEWEST:
        return None
    tokens = [call.tokens for call in passed if call.tokens is not None]
    per_minute = 60 * sum(tokens) / (last - first) if len(tokens) == len(passed) else None
    return StepThroughput(len(passed) / (last - first), per_minute, len(passed))


def search(
    start: float, *, most: float = 1e5, found: AccountLimits
) -> Generator[float, Sequence[CallObservation], None]:
    """Yields the next rate, is sent the calls at that rate, and fills `found`.

    Args:
        start: the first rate, per second.
        most: no rate above this one is tried.
        found: what is known so far.
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
                "why": f"{failed} at {rate:.4g}/s, and no 429: a limit above that can't be found",
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
        # An empty limit never lets through more than it is: of two findings, the higher is nearer to it.
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
    """What failed, and was not limited; empty if that is next to nothing."""
    outcomes = Counter(call.outcome for call in calls)
    served = outcomes.pop(Outcome.OK, 0)
    if calls and served >= (1 - _TOLERATED) * len(calls):
        return ""
    worst = ", ".join(f"{outcome} {count}" for outcome, count in outcomes.most_common())
    return f"{served} of {len(calls)} calls succeeded ({worst or 'none was made'})"


def _headers(limited: Sequence[CallObservation]) -> Limits | None:
    return next((call.limits for call in reversed(limited) if call.limits is not None), None)


def _binding(headers: Limits | None) -> str | None:
    """Whether requests or tokens were used up, by the share that is left of each; None where headers don't say."""
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
