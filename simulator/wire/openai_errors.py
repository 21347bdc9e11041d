"""Error bodies of the OpenAI dialects: OpenAI's own, and where a compatible vendor's differ."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from aimon.simulator.wire.proxy import PROXY_PAGES
from aimon.simulator.wire.shape import ErrorAnswer, Problem

_QUOTA = (
    "You exceeded your current quota, please check your plan and billing details. For more information on this "
    "error, read the docs."
)
_STREAM_ERROR = "The server had an error while processing your request. Sorry about that!"

# status, type, code, message. {model}, {key}, {message} come from the request, {wait} is the time to wait.
_Row = tuple[int, str, str | int | None, str]

_OPENAI: Mapping[str, _Row] = {
    "unauthorized": (401, "invalid_request_error", "invalid_api_key", "Incorrect API key provided: {masked}."),
    "unauthorized_echo": (401, "invalid_request_error", "invalid_api_key", "Incorrect API key provided: {key}."),
    "forbidden": (403, "invalid_request_error", "insufficient_permissions", "You have insufficient permissions for this operation."),
    "region": (403, "request_forbidden", "unsupported_country_region_territory", "Country, region, or territory not supported"),
    "payment_required": (402, "insufficient_quota", "billing_not_active", "Your account is not active, please check your billing details."),
    "quota": (429, "insufficient_quota", "insufficient_quota", _QUOTA),
    "rate_limited": (429, "requests", "rate_limit_exceeded", "Rate limit reached for {model} on requests per min (RPM).{wait}"),
    "token_rate_limited": (429, "tokens", "rate_limit_exceeded", "Rate limit reached for {model} on tokens per min (TPM).{wait}"),
    "model_not_found": (404, "invalid_request_error", "model_not_found", "The model `{model}` does not exist or you do not have access to it."),
    "bad_request": (400, "invalid_request_error", None, "{message}"),
    "unprocessable": (422, "invalid_request_error", None, "{message}"),
    "too_large": (413, "invalid_request_error", "request_too_large", "The request is too large."),
    "prompt_filtered": (400, "invalid_request_error", "content_policy_violation", "Your request was rejected by our safety system."),
    "server_error": (500, "server_error", None, "The server had an error while processing your request."),
    "overloaded": (503, "server_error", None, "The engine is currently overloaded, please try again later."),
    "gateway_timeout": (504, "server_error", None, "Gateway timed out."),
    "not_found": (404, "invalid_request_error", None, "Invalid URL (POST {message})"),
}  # fmt: skip

_DEEPSEEK: Mapping[str, _Row] = {
    "unauthorized": (401, "authentication_error", "invalid_request_error", "Authentication Fails, Your api key: {masked} is invalid"),
    "payment_required": (402, "unknown_error", "invalid_request_error", "Insufficient Balance"),
    "quota": (402, "unknown_error", "invalid_request_error", "Insufficient Balance"),
    "model_not_found": (400, "invalid_request_error", "invalid_request_error", "Model Not Exist"),
    "overloaded": (503, "service_unavailable_error", "service_unavailable_error", "Service is too busy."),
}  # fmt: skip

_DASHSCOPE: Mapping[str, _Row] = {
    "unauthorized": (401, "invalid_request_error", "invalid_api_key", "Incorrect API key provided."),
    "forbidden": (403, "AccessDenied", "AccessDenied", "Access denied."),
    "payment_required": (400, "Arrearage", "Arrearage", "Access denied, please make sure your account is in good standing."),
    "quota": (400, "Arrearage", "Arrearage", "Access denied, please make sure your account is in good standing."),
    "rate_limited": (429, "Throttling.RateQuota", "Throttling.RateQuota", "Requests rate limit exceeded, please try again later."),
    # A token rate in the words that mean an empty account at OpenAI.
    "token_rate_limited": (429, "insufficient_quota", "insufficient_quota", _QUOTA),
    "prompt_filtered": (400, "data_inspection_failed", "data_inspection_failed", "Input data may contain inappropriate content."),
}  # fmt: skip

_AZURE: Mapping[str, _Row] = {
    "unauthorized": (401, "", "401", "Access denied due to invalid subscription key or wrong API endpoint."),
    "forbidden": (403, "", "403", "Access denied due to Virtual Network/Firewall rules."),
    "rate_limited": (429, "", "429", "Requests have exceeded the call rate limit of your current pricing tier.{wait}"),
    "token_rate_limited": (429, "", "429", "Requests have exceeded the token rate limit of your current pricing tier.{wait}"),
    "model_not_found": (404, "", "DeploymentNotFound", "The API deployment for this resource does not exist."),
    "prompt_filtered": (400, "", "content_filter", "The response was filtered due to the prompt triggering the content management policy."),
    "server_error": (500, "", "InternalServerError", "The service encountered an internal error."),
    "overloaded": (503, "", "ServiceUnavailable", "The service is temporarily unable to process your request."),
}  # fmt: skip

# OpenRouter's codes are the HTTP status, as a number.
_OPENROUTER: Mapping[str, _Row] = {
    "unauthorized": (401, "", 401, "User not found."),
    "forbidden": (403, "", 403, "This key may not use this model."),
    "payment_required": (402, "", 402, "Insufficient credits. Add more and try again."),
    "quota": (402, "", 402, "Insufficient credits. Add more and try again."),
    "rate_limited": (429, "", 429, "Rate limit exceeded."),
    "token_rate_limited": (429, "", 429, "Rate limit exceeded."),
    "model_not_found": (404, "", 404, "No endpoints found for {model}."),
    "bad_request": (400, "", 400, "{message}"),
    "server_error": (500, "", 500, "Internal Server Error"),
    "overloaded": (503, "", 503, "No available model provider meets your routing requirements."),
}

# Older vLLM servers answer with a flat object.
_VLLM: Mapping[str, _Row] = {
    "model_not_found": (404, "NotFoundError", 404, "The model `{model}` does not exist."),
    "bad_request": (400, "BadRequestError", 400, "{message}"),
    "server_error": (500, "InternalServerError", 500, "Internal server error"),
}

_VENDORS: Mapping[str, Mapping[str, _Row]] = {
    "openai": {},
    "azure": _AZURE,
    "deepseek": _DEEPSEEK,
    "dashscope": _DASHSCOPE,
    "openrouter": _OPENROUTER,
    "vllm": _VLLM,
}


def error(problem: Problem) -> ErrorAnswer:
    """Status and body of an error, in the vendor's words."""
    if problem.kind in PROXY_PAGES:
        return PROXY_PAGES[problem.kind]
    own = _VENDORS[problem.vendor].get(problem.kind)
    status, kind, code, template = own or _OPENAI[problem.kind]
    message = template.format(
        model=problem.model,
        key=problem.key,
        masked=_masked(problem.key),
        message=problem.message or "Invalid request.",
        wait="" if problem.retry_after is None else f" Please try again in {problem.retry_after:g}s.",
    )
    return status, _shape(problem, own is not None, {"type": kind, "code": code, "message": message})


def stream_error(vendor: str) -> dict[str, Any]:
    """The error object inside a stream that began with 200."""
    if vendor == "openrouter":
        return {"error": {"code": 502, "message": "Provider returned error"}, "choices": []}
    return {"error": {"message": _STREAM_ERROR, "type": "server_error", "param": None, "code": None}}


def _shape(problem: Problem, own: bool, words: dict[str, Any]) -> dict[str, Any]:
    """What surrounds the words: a nested `error`, mostly."""
    full = {"message": words["message"], "type": words["type"], "param": problem.param, "code": words["code"]}
    if problem.vendor == "vllm" and own:
        return {"object": "error"} | full
    if problem.vendor == "dashscope":
        return {"error": full, "request_id": problem.request_id}
    if problem.vendor == "openrouter" and own:
        return {"error": {"code": words["code"], "message": words["message"]}, "user_id": "user_simulated"}
    if problem.vendor == "azure" and own:
        short: dict[str, Any] = {"code": words["code"], "message": words["message"]}
        if problem.kind == "prompt_filtered":
            verdict = {"hate": {"filtered": True, "severity": "high"}}
            inner = {"code": "ResponsibleAIPolicyViolation", "content_filter_result": verdict}
            short |= {"param": "prompt", "status": 400, "innererror": inner}
        return {"error": short}
    return {"error": full}


def _masked(key: str) -> str:
    """A key as OpenAI repeats it: the first and the last few characters."""
    return f"{key[:6]}{'*' * 8}{key[-4:]}" if len(key) > 14 else "*" * 8
