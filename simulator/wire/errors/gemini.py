"""Gemini's error bodies: google.rpc.Status, with the reason and the delay in `details`."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from aimon.simulator.wire.errors.proxy_pages import PROXY_PAGES

if TYPE_CHECKING:
    from collections.abc import Mapping

    from aimon.simulator.wire.shape import ErrorAnswer, Problem

_TYPES = "type.googleapis.com/google.rpc."
# Gemini uses this text for every 429, even if it lasts a second: only quotaId and RetryInfo differ.
_LIMITED = "You exceeded your current quota, please check your plan and billing details."

# status, google.rpc.Code, message
ROWS: Mapping[str, tuple[int, str, str]] = {
    "unauthorized": (401, "UNAUTHENTICATED", "Request had invalid authentication credentials."),
    "unauthorized_echo": (401, "UNAUTHENTICATED", "Request had invalid authentication credentials: {key}"),
    "key_invalid": (400, "INVALID_ARGUMENT", "API key not valid. Please pass a valid API key."),
    "forbidden": (403, "PERMISSION_DENIED", "The caller does not have permission"),
    "region": (400, "FAILED_PRECONDITION", "User location is not supported for the API use."),
    "payment_required": (402, "FAILED_PRECONDITION", "Billing is not enabled for this project."),
    "quota": (429, "RESOURCE_EXHAUSTED", "Your prepayment credits are depleted."),
    "rate_limited": (429, "RESOURCE_EXHAUSTED", _LIMITED),
    "token_rate_limited": (429, "RESOURCE_EXHAUSTED", _LIMITED),
    "model_not_found": (404, "NOT_FOUND", "models/{model} is not found for API version v1beta."),
    "bad_request": (400, "INVALID_ARGUMENT", "{message}"),
    "too_large": (413, "INVALID_ARGUMENT", "Request payload size exceeds the limit."),
    "server_error": (500, "INTERNAL", "An internal error has occurred."),
    "overloaded": (503, "UNAVAILABLE", "The model is overloaded. Please try again later."),
    "gateway_timeout": (504, "DEADLINE_EXCEEDED", "Deadline expired before operation could complete."),
    "not_found": (404, "NOT_FOUND", "Requested entity was not found."),
}

_QUOTAS = {
    "rate_limited": ("generate_content_paid_tier_requests", "GenerateRequestsPerMinutePerProjectPerModel"),
    "token_rate_limited": (
        "generate_content_paid_tier_input_token_count",
        "GenerateContentPaidTierInputTokensPerModelPerMinute",
    ),
}


def error(problem: Problem) -> ErrorAnswer:
    """Status and body of an error."""
    if problem.kind in PROXY_PAGES:
        return PROXY_PAGES[problem.kind]
    status, code, template = ROWS.get(problem.kind, ROWS["bad_request"])
    message = template.format(model=problem.model, key=problem.key, message=problem.message or "Invalid request.")
    inner: dict[str, Any] = {"code": status, "message": message, "status": code}
    details = _details(problem)
    if details:
        inner["details"] = details
    return status, {"error": inner}


def _details(problem: Problem) -> list[dict[str, Any]]:
    if problem.kind == "key_invalid":
        domain = {"reason": "API_KEY_INVALID", "domain": "googleapis.com"}
        return [{"@type": _TYPES + "ErrorInfo"} | domain]
    if problem.kind not in _QUOTAS:
        return []
    metric, quota = _QUOTAS[problem.kind]
    violation = {
        "quotaMetric": f"generativelanguage.googleapis.com/{metric}",
        "quotaId": quota,
        "quotaDimensions": {"location": "global", "model": problem.model},
    }
    details: list[dict[str, Any]] = [{"@type": _TYPES + "QuotaFailure", "violations": [violation]}]
    if problem.retry_after is not None:
        details.append({"@type": _TYPES + "RetryInfo", "retryDelay": f"{problem.retry_after:g}s"})
    return details
