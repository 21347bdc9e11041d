"""Anthropic's error bodies: identified by type, and for spend limits by `details.error_code`."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from aimon.simulator.wire.errors.proxy_pages import PROXY_PAGES

if TYPE_CHECKING:
    from collections.abc import Mapping

    from aimon.simulator.wire.shape import ErrorAnswer, Problem

# status, type, message
ROWS: Mapping[str, tuple[int, str, str]] = {
    "unauthorized": (401, "authentication_error", "invalid x-api-key"),
    "unauthorized_echo": (401, "authentication_error", "invalid x-api-key: {key}"),
    "forbidden": (403, "permission_error", "Your API key does not have permission to use the specified resource."),
    "region": (403, "forbidden", "Request not allowed"),
    "payment_required": (402, "billing_error", "There is an issue with your billing or payment information."),
    "quota": (429, "rate_limit_error", "You have reached the spend limit of your usage tier."),
    "spend_cap": (400, "invalid_request_error", "You have reached your specified API usage limits."),
    "rate_limited": (429, "rate_limit_error", "This request would exceed the rate limit of requests per minute."),
    "token_rate_limited": (429, "rate_limit_error", "This request would exceed the rate limit of tokens per minute."),
    "model_not_found": (404, "not_found_error", "model: {model}"),
    "bad_request": (400, "invalid_request_error", "{message}"),
    "too_large": (413, "request_too_large", "Request exceeds the maximum size"),
    "server_error": (500, "api_error", "Internal server error"),
    "overloaded": (529, "overloaded_error", "Overloaded"),
    "gateway_timeout": (504, "timeout_error", "Request timed out"),
    "not_found": (404, "not_found_error", "Not found"),
}


def error(problem: Problem) -> ErrorAnswer:
    """Status and body of an error."""
    if problem.kind in PROXY_PAGES:
        return PROXY_PAGES[problem.kind]
    status, kind, template = ROWS.get(problem.kind, ROWS["bad_request"])
    message = template.format(model=problem.model, key=problem.key, message=problem.message or "Invalid request.")
    inner: dict[str, Any] = {"type": kind, "message": message}
    if problem.kind == "quota":
        inner["details"] = {"error_code": "enforced_spend_limit_reached"}
    return status, {"type": "error", "error": inner, "request_id": problem.request_id}
