"""What the rate-limit headers of a response allow, for every provider, as one `Limits`.

The table below names the headers of each provider; what a value means is told by its form alone, so that no
provider needs code of its own. A reset may be a duration (`6m0s`, `20ms`), seconds from now (`11.38`), a unix
time in seconds or milliseconds, an RFC 3339 time or an HTTP date. Whatever cannot be read, is negative, or lies
further ahead than any provider's window counts as not said.

Several limits of one kind at once (tokens of the prompt and of the answer, per minute and per day) are reduced
to the tightest, the one with the smallest share remaining: it is the next to answer 429.

Sources: OpenAI and Azure "Rate limits"; Anthropic "Rate limits, response headers"; Groq, Cerebras, Fireworks and
Together "Rate limits"; OpenRouter "Limits"; Mistral's answers as client libraries report them;
draft-ietf-httpapi-ratelimit-headers, revisions 6 to 11.
"""

from __future__ import annotations

import re
from datetime import UTC, datetime
from functools import lru_cache
from typing import TYPE_CHECKING, NamedTuple

from aimon.call.result import Limits

if TYPE_CHECKING:
    from collections.abc import Mapping

# The longest window any provider resets by is a month.
MAX_SECONDS = 32 * 86400.0
MAX_COUNT = 10**15
_SAFE_DIGITS = 15
MAX_VALUE_CHARS = 64
MAX_DRAFT_CHARS = 1024

# A reset this little in the past is a window that has just ended, or clocks that differ; more is nonsense.
_CLOCK_SKEW = 3600.0
# Plain numbers above these are points in time: no window lasts three years.
_UNIX_SECONDS = 1e8
_UNIX_MILLISECONDS = 1e11

_UNIT_SECONDS = {"ns": 1e-9, "us": 1e-6, "µs": 1e-6, "ms": 1e-3, "s": 1.0, "m": 60.0, "h": 3600.0, "d": 86400.0}
_DURATION_PART = re.compile(r"([0-9]+(?:\.[0-9]*)?)(ns|us|µs|ms|s|m|h|d)")
_DRAFT_PARAMETER = re.compile(r"\b([a-z]+)\s*=\s*([0-9]+)")


class _Headers(NamedTuple):
    """The header names of one limit."""

    limit: str
    remaining: str
    reset: str


class _Limit(NamedTuple):
    """What the headers of one limit say."""

    limit: int | None = None
    remaining: int | None = None
    reset: float | None = None

    @property
    def share(self) -> float:
        """What is left of it, from 0 to 1; 1 where that is not known."""
        return 1.0 if self.limit is None or self.remaining is None else self.remaining / self.limit


_NO_LIMIT = _Limit()


def _x(what: str) -> _Headers:
    return _Headers(f"x-ratelimit-limit-{what}", f"x-ratelimit-remaining-{what}", f"x-ratelimit-reset-{what}")


def _anthropic(what: str) -> _Headers:
    prefix = f"anthropic-ratelimit-{what}"
    return _Headers(f"{prefix}-limit", f"{prefix}-remaining", f"{prefix}-reset")


# Each row is tried in turn, until one says something; the tightest of its limits counts.
_REQUESTS = (
    (_x("requests"),),  # OpenAI, Azure, Groq, xAI, Fireworks, LiteLLM
    (_anthropic("requests"),),
    (_x("requests-minute"), _x("requests-hour"), _x("requests-day")),  # Cerebras
    (_x("req-minute"),),  # Mistral
    (_Headers("x-ratelimit-limit", "x-ratelimit-remaining", "x-ratelimit-reset"),),  # OpenRouter, Together
    (_Headers("ratelimit-limit", "ratelimit-remaining", "ratelimit-reset"),),  # the IETF draft up to revision 6
)
_TOKENS = (
    (_x("tokens"),),  # OpenAI, Azure, Groq, xAI, LiteLLM
    (_anthropic("tokens"),),  # where present, Anthropic's own choice of the most restrictive
    (_anthropic("input-tokens"), _anthropic("output-tokens")),
    (_x("tokens-minute"), _x("tokens-hour"), _x("tokens-day")),  # Cerebras, Mistral
    (_x("tokens-prompt"), _x("tokens-cache-adjusted-prompt"), _x("tokens-generated")),  # Fireworks
    (  # Mistral, older
        _Headers("x-ratelimitbysize-limit-minute", "x-ratelimitbysize-remaining-minute", "ratelimitbysize-reset"),
        _Headers("x-ratelimitbysize-limit-month", "x-ratelimitbysize-remaining-month", ""),
    ),
    (_Headers("x-tokenlimit-limit", "x-tokenlimit-remaining", "x-tokenlimit-reset"),),  # Together
)

# Revision 7 and later of the IETF draft: structured fields.
_DRAFT = "ratelimit"
_DRAFT_POLICY = "ratelimit-policy"

_NAMES = frozenset(name for row in (*_REQUESTS, *_TOKENS) for headers in row for name in headers if name)
_RETRY_NAMES = frozenset(("retry-after", "retry-after-ms"))
_NAMES |= {_DRAFT, *_RETRY_NAMES}


def read(headers: Mapping[str, str], now: float) -> tuple[Limits | None, float | None]:
    """Reads the limits and how long to wait before the next request.

    Never raises: a header that makes no sense counts as absent. A limit of 0 or -1, and 0 remaining of an
    unknown limit, are what Azure sends for "not known", and are dropped.

    Args:
        headers: of the response, with lower-case names.
        now: unix time at which they arrived, to turn points in time into seconds.

    Returns:
        The limits, None where the headers name none; and `retry-after` in seconds, None where it is absent.
    """
    present = _present(tuple(headers))
    if present is None:
        return None, None
    requests = _first(present.requests, headers, now) or _read_draft(headers, now)
    tokens = _first(present.tokens, headers, now)
    limits = Limits(*(requests or _NO_LIMIT), *(tokens or _NO_LIMIT)) if requests or tokens else None
    return limits, _retry_after(headers, now) if present.retry_after else None


class _Present(NamedTuple):
    """The part of the tables that a response has headers for."""

    requests: tuple[tuple[_Headers, ...], ...]
    tokens: tuple[tuple[_Headers, ...], ...]
    retry_after: bool


@lru_cache(maxsize=256)
def _present(names: tuple[str, ...]) -> _Present | None:
    """None where there is nothing to read. A server's answers have the same headers, call after call."""
    if _NAMES.isdisjoint(names):
        return None
    return _Present(_rows(_REQUESTS, names), _rows(_TOKENS, names), not _RETRY_NAMES.isdisjoint(names))


def _rows(table: tuple[tuple[_Headers, ...], ...], names: tuple[str, ...]) -> tuple[tuple[_Headers, ...], ...]:
    rows = (tuple(headers for headers in row if not set(headers).isdisjoint(names)) for row in table)
    return tuple(row for row in rows if row)


def _first(rows: tuple[tuple[_Headers, ...], ...], headers: Mapping[str, str], now: float) -> _Limit | None:
    for row in rows:
        said = [limit for names in row if (limit := _read(names, headers, now)) is not None]
        if said:
            return said[0] if len(said) == 1 else min(said, key=lambda limit: limit.share)
    return None


def _read(names: _Headers, headers: Mapping[str, str], now: float) -> _Limit | None:
    return _limit(
        _count(headers.get(names.limit)),
        _count(headers.get(names.remaining)),
        _reset(headers.get(names.reset), now),
    )


def _limit(limit: int | None, remaining: int | None, reset: float | None) -> _Limit | None:
    """What is known of one limit, or None if that is nothing."""
    limit = limit or None
    if remaining == 0 and limit is None:
        remaining = None
    if limit is None and remaining is None and not reset:
        return None
    return _Limit(limit, remaining, reset)


def _read_draft(headers: Mapping[str, str], now: float) -> _Limit | None:
    """The structured fields of the IETF draft.

    Revision 7 writes `limit=100, remaining=50, reset=30`; later ones a list of policies, `"burst";r=50;t=30`,
    whose quotas stand in `RateLimit-Policy: "burst";q=100;w=60`. Policies in units other than requests
    (`qu="content-bytes"`) are skipped.
    """
    field = headers.get(_DRAFT, "")
    if not field or len(field) > MAX_DRAFT_CHARS:
        return None
    flat = dict(_DRAFT_PARAMETER.findall(field))
    if "remaining" in flat:
        return _limit(_count(flat.get("limit")), _count(flat["remaining"]), _reset(flat.get("reset"), now))
    quotas: dict[str, str] = {}
    for policy in headers.get(_DRAFT_POLICY, "")[:MAX_DRAFT_CHARS].split(","):
        name, _, parameters = policy.partition(";")
        quotas[name.strip()] = parameters
    said = []
    for item in field.split(","):
        name, _, parameters = item.partition(";")
        policy = quotas.get(name.strip(), "")
        if "qu=" in policy and 'qu="requests"' not in policy:
            continue
        now_left, quota = dict(_DRAFT_PARAMETER.findall(parameters)), dict(_DRAFT_PARAMETER.findall(policy))
        limit = _limit(_count(quota.get("q")), _count(now_left.get("r")), _reset(now_left.get("t"), now))
        if limit is not None:
            said.append(limit)
    return min(said, key=lambda limit: limit.share, default=None)


def _retry_after(headers: Mapping[str, str], now: float) -> float | None:
    milliseconds = _number(headers.get("retry-after-ms"))
    if milliseconds is not None and (seconds := _bounded(milliseconds / 1000)) is not None:
        return seconds
    return _reset(headers.get("retry-after"), now)


def _number(text: str | None) -> float | None:
    if text is None or len(text) > MAX_VALUE_CHARS:
        return None
    try:
        return float(text)
    except ValueError:
        return None


def _count(text: str | None) -> int | None:
    if text is not None and len(text) <= _SAFE_DIGITS and text.isdecimal():
        return int(text)
    number = _number(text)
    if number is None and text is not None and "," in text:
        # Early revisions of the IETF draft append the policy: "100, 100;w=60".
        number = _number(text.partition(",")[0])
    return int(number) if number is not None and 0 <= number <= MAX_COUNT else None


def _reset(text: str | None, now: float) -> float | None:
    """Seconds from now, from any form a provider writes a wait or a point in time in."""
    if text is None or len(text) > MAX_VALUE_CHARS:
        return None
    number = _number(text)
    if number is None:
        wait = _duration(text)
        return _bounded(wait) if wait is not None else _from_now(_point_in_time(text), now)
    if number > _UNIX_MILLISECONDS:
        return _from_now(number / 1000, now)
    if number > _UNIX_SECONDS:
        return _from_now(number, now)
    return _bounded(number)


def _bounded(seconds: float) -> float | None:
    return seconds if 0 <= seconds <= MAX_SECONDS else None  # NaN compares false


def _from_now(at: float | None, now: float) -> float | None:
    if at is None:
        return None
    seconds = at - now
    return 0.0 if -_CLOCK_SKEW <= seconds < 0 else _bounded(seconds)


def _duration(text: str) -> float | None:
    """Seconds of a duration as Go prints it: `1s`, `20ms`, `6m0s`, `1h2m3.5s`."""
    seconds, end = 0.0, 0
    for part in _DURATION_PART.finditer(text):
        if part.start() != end:
            return None
        seconds += float(part[1]) * _UNIT_SECONDS[part[2]]
        end = part.end()
    return seconds if 0 < end == len(text) else None


def _point_in_time(text: str) -> float | None:
    """Unix time of an RFC 3339 time, or of an HTTP date."""
    try:
        at = datetime.fromisoformat(text)
    except ValueError:
        return _http_date(text)
    return (at if at.tzinfo else at.replace(tzinfo=UTC)).timestamp()


def _http_date(text: str) -> float | None:
    # Costs as much to import as the whole core, and dates are rare.
    from email.utils import parsedate_to_datetime  # noqa: PLC0415

    try:
        at = parsedate_to_datetime(text)
    except (ValueError, OverflowError):
        return None
    return (at if at.tzinfo else at.replace(tzinfo=UTC)).timestamp()
