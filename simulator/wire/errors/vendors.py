"""Error texts of the vendors of OpenAI dialects, OpenAI's own first.

A row is status, type, code, message. In the message {model}, {key}, {masked} and {message} come from the
request, and {wait} is when to try again.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping

Row = tuple[int, str, str | int | None, str]

_INVALID = "invalid_request_error"
_QUOTA = "You exceeded your current quota, please check your plan and billing details."
_NO_MODEL = "The model `{model}` does not exist or you do not have access to it."

OPENAI: Mapping[str, Row] = {
    "unauthorized": (401, _INVALID, "invalid_api_key", "Incorrect API key provided: {masked}."),
    "unauthorized_echo": (401, _INVALID, "invalid_api_key", "Incorrect API key provided: {key}."),
    "forbidden": (403, _INVALID, "insufficient_permissions", "You have insufficient permissions for this."),
    "region": (403, "request_forbidden", "unsupported_country_region_territory", "Country or region not supported"),
    "payment_required": (402, "insufficient_quota", "billing_not_active", "Your account is not active."),
    "quota": (429, "insufficient_quota", "insufficient_quota", _QUOTA),
    "rate_limited": (429, "requests", "rate_limit_exceeded", "Rate limit reached for {model}: requests.{wait}"),
    "token_rate_limited": (429, "tokens", "rate_limit_exceeded", "Rate limit reached for {model}: tokens.{wait}"),
    "model_not_found": (404, _INVALID, "model_not_found", _NO_MODEL),
    "bad_request": (400, _INVALID, None, "{message}"),
    "unprocessable": (422, _INVALID, None, "{message}"),
    "too_large": (413, _INVALID, "request_too_large", "The request is too large."),
    "prompt_filtered": (400, _INVALID, "content_policy_violation", "Rejected by our safety system."),
    "server_error": (500, "server_error", None, "The server had an error while processing your request."),
    "overloaded": (503, "server_error", None, "The engine is currently overloaded, please try again later."),
    "gateway_timeout": (504, "server_error", None, "Gateway timed out."),
    "not_found": (404, _INVALID, None, "Invalid URL ({message})"),
}

_AZURE: Mapping[str, Row] = {
    "unauthorized": (401, "", "401", "Access denied due to invalid subscription key or wrong API endpoint."),
    "forbidden": (403, "", "403", "Access denied due to Virtual Network/Firewall rules."),
    "rate_limited": (429, "", "429", "Requests have exceeded the call rate limit of your pricing tier.{wait}"),
    "token_rate_limited": (429, "", "429", "Requests have exceeded the token rate limit of your tier.{wait}"),
    "model_not_found": (404, "", "DeploymentNotFound", "The API deployment for this resource does not exist."),
    "prompt_filtered": (400, "", "content_filter", "The prompt triggered the content management policy."),
    "server_error": (500, "", "InternalServerError", "The service encountered an internal error."),
    "overloaded": (503, "", "ServiceUnavailable", "The service is temporarily unable to process your request."),
}

_DEEPSEEK: Mapping[str, Row] = {
    "unauthorized": (401, "authentication_error", _INVALID, "Authentication Fails, Your api key: {masked} is invalid"),
    "payment_required": (402, "unknown_error", _INVALID, "Insufficient Balance"),
    "quota": (402, "unknown_error", _INVALID, "Insufficient Balance"),
    # Not a 404: only the message says that the model is unknown.
    "model_not_found": (400, _INVALID, _INVALID, "Model Not Exist"),
    "overloaded": (503, "service_unavailable_error", "service_unavailable_error", "Service is too busy."),
}

_ARREARS = (400, "Arrearage", "Arrearage", "Access denied, please make sure your account is in good standing.")
_DASHSCOPE: Mapping[str, Row] = {
    "unauthorized": (401, _INVALID, "invalid_api_key", "Incorrect API key provided."),
    "forbidden": (403, "AccessDenied", "AccessDenied", "Access denied."),
    "payment_required": _ARREARS,
    "quota": _ARREARS,
    "rate_limited": (429, "Throttling.RateQuota", "Throttling.RateQuota", "Requests rate limit exceeded."),
    # A token rate limit with the text that means an empty account at OpenAI.
    "token_rate_limited": (429, "insufficient_quota", "insufficient_quota", _QUOTA),
    "prompt_filtered": (400, "data_inspection_failed", "data_inspection_failed", "Inappropriate content."),
}

# OpenRouter's codes are the HTTP status, as a number.
_OPENROUTER: Mapping[str, Row] = {
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

_VLLM: Mapping[str, Row] = {
    "model_not_found": (404, "NotFoundError", 404, "The model `{model}` does not exist."),
    "bad_request": (400, "BadRequestError", 400, "{message}"),
    "server_error": (500, "InternalServerError", 500, "Internal server error"),
}

# Errors that differ from OpenAI's.
OWN_WORDS: Mapping[str, Mapping[str, Row]] = {
    "openai": {},
    "azure": _AZURE,
    "deepseek": _DEEPSEEK,
    "dashscope": _DASHSCOPE,
    "openrouter": _OPENROUTER,
    "vllm": _VLLM,
}
