"""Response headers: request ids and rate limits, in each provider's names and units."""

from __future__ import annotations

import math
from datetime import UTC, datetime
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping

    from aimon.simulator.model.ratelimit import Limit, Verdict
    from aimon.simulator.wire.shape import Headers

# Gemini has none in REST; it gets one too, so that a client can match its result with the record.
_ID_HEADERS: Mapping[str, tuple[str, ...]] = {
    "openai": ("x-request-id",),
    "azure": ("x-request-id", "apim-request-id"),
    "anthropic": ("request-id",),
    "gemini": ("x-request-id",),
}


def id_headers(family: str, vendor: str, request_id: str) -> Headers:
    """The request id."""
    names = _ID_HEADERS["azure" if vendor == "azure" else family]
    return [(name, request_id) for name in names]


def limit_headers(family: str, verdict: Verdict, now: float) -> Headers:
    """The rate-limit headers; `now` is Unix time, since Anthropic's resets are points in time."""
    if family == "gemini":
        return []
    if family == "anthropic":
        # Input and output share one bucket and are reported as the combined limit.
        return _anthropic("requests", verdict.requests, now) + _anthropic("tokens", verdict.tokens, now)
    return _openai("requests", verdict.requests) + _openai("tokens", verdict.tokens)


def retry_headers(family: str, vendor: str, seconds: float | None) -> Headers:
    """How long to wait. Gemini puts it in the body; OpenAI and Azure also in milliseconds."""
    if seconds is None or family == "gemini":
        return []
    whole = [("retry-after", str(math.ceil(seconds)))]
    if family == "openai" and vendor in ("openai", "azure"):
        whole.append(("retry-after-ms", str(math.ceil(seconds * 1000))))
    return whole


def negative_limits() -> Headers:
    """Limits as Azure sends them when they are unknown; clients must discard them."""
    return [(f"x-ratelimit-remaining-{kind}", "-1") for kind in ("requests", "tokens")]


def _openai(kind: str, limit: Limit | None) -> Headers:
    if limit is None:
        return []
    return [
        (f"x-ratelimit-limit-{kind}", str(limit.limit)),
        (f"x-ratelimit-remaining-{kind}", str(limit.remaining)),
        (f"x-ratelimit-reset-{kind}", _go_duration(limit.reset)),
    ]


def _anthropic(kind: str, limit: Limit | None, now: float) -> Headers:
    if limit is None:
        return []
    reset = datetime.fromtimestamp(math.ceil(now + limit.reset), UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
    return [
        (f"anthropic-ratelimit-{kind}-limit", str(limit.limit)),
        (f"anthropic-ratelimit-{kind}-remaining", str(limit.remaining)),
        (f"anthropic-ratelimit-{kind}-reset", reset),
    ]


def _go_duration(seconds: float) -> str:
    """A duration as Go prints it: 20ms, 1.5s, 6m0s, 1h0m0s."""
    if seconds < 1:
        return f"{math.ceil(seconds * 1000)}ms"
    minutes, rest = divmod(round(seconds, 3), 60)
    hours, minutes = divmod(int(minutes), 60)
    text = f"{rest:g}s"
    if minutes or hours:
        text = f"{minutes}m{text}"
    return f"{hours}h{text}" if hours else text
