"""What an error's code, type or HTTP status means: tables shared by all dialects.

The code (or type) decides where it is known, the HTTP status otherwise. Codes are those that the vendors document or
that their servers' source has, compared without regard to case; gateways mix vendors, so there is one table and not
one a dialect. Where one code stands for several things, a phrase of the vendor's message tells them apart
(`_PHRASES`); a message alone never decides anything, since it may quote the user's own words.
"""

from __future__ import annotations

import re
from functools import lru_cache
from typing import TYPE_CHECKING, Final

from aimon.call.outcome import Outcome

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

# No vendor's code is longer; what is, is a text.
MAX_NAME = 128

_STATUS: Final[Mapping[int, Outcome]] = {
    401: Outcome.UNAUTHORIZED,
    402: Outcome.QUOTA_EXHAUSTED,
    403: Outcome.FORBIDDEN,
    404: Outcome.MODEL_NOT_FOUND,
    # The server (or what is behind it) ran out of time, is locked or broke: nothing the caller could mend, and client
    # libraries try again.
    408: Outcome.SERVER_ERROR,
    409: Outcome.SERVER_ERROR,  # OpenAI, Gemini: another request held what this one needed
    421: Outcome.SERVER_ERROR,  # a proxy took the request to the wrong server
    423: Outcome.SERVER_ERROR,
    424: Outcome.SERVER_ERROR,  # Bedrock ModelError, Groq's MCP failures: what it depends on failed
    425: Outcome.SERVER_ERROR,
    429: Outcome.RATE_LIMITED,
    444: Outcome.SERVER_ERROR,  # nginx, which does not answer
    449: Outcome.SERVER_ERROR,  # "retry with"
    451: Outcome.FORBIDDEN,
    460: Outcome.SERVER_ERROR,  # AWS's load balancer
    498: Outcome.OVERLOADED,  # Groq: no capacity in the flex tier
    499: Outcome.SERVER_ERROR,  # a gateway on the way gave up; Gemini: the operation was cancelled
    503: Outcome.OVERLOADED,
    529: Outcome.OVERLOADED,  # Anthropic
}


def status(code: int) -> Outcome:
    """What an HTTP status other than 2xx means where the body does not say.

    A redirect is `bad_request`: it is not followed with credentials, and the base URL is what has to change.
    """
    if code in _STATUS:
        return _STATUS[code]
    if 300 <= code < 500:
        return Outcome.BAD_REQUEST
    return Outcome.SERVER_ERROR if code >= 500 else Outcome.MALFORMED


# Left out on purpose, for the status to decide: OpenAI's invalid_request_error, which is also the type of its 401
# and 404; api_error and server_error, which say no more than the status does.
_BY_OUTCOME: Final[Mapping[Outcome, str]] = {
    Outcome.UNAUTHORIZED: (
        "invalid_api_key authentication_error unauthorized unauthenticated "  # OpenAI shape
        "account_deactivated invalid_organization "  # OpenAI
        "invalid_authentication_error incorrect_api_key_error "  # Moonshot
        "api_key_invalid access_token_expired access_token_type_unsupported "  # Gemini
        "invalidapikey "  # DashScope
        "authenticationerror "  # Volcengine, vLLM, LiteLLM
        "auth_error token_not_found_in_db expired_key "  # LiteLLM
        "unrecognizedclientexception invalidsignatureexception expiredtokenexception "  # Bedrock
        "missingauthenticationtokenexception "
        "1000 1001 1002 1003 1004"  # Zhipu
    ),
    Outcome.FORBIDDEN: (
        "permission_error permission_denied permission_denied_error access_denied accessdenied "
        "unsupported_country_region_territory organization_restricted "
        "service_disabled api_key_service_blocked api_key_http_referrer_blocked api_key_ip_address_blocked "
        "access_terminated_error "  # Moonshot
        "model_terms_required "  # Groq
        "permissiondeniederror permissiondenied operationdenied "  # vLLM, LiteLLM, Volcengine
        "accessdeniedexception "  # Bedrock
        "key_model_access_denied team_model_access_denied "  # LiteLLM
        "1110 1111 1112 1120 1121 1220 1311 1313"  # Zhipu: the account, not the key
    ),
    Outcome.QUOTA_EXHAUSTED: (
        "insufficient_quota credit_balance_exhausted billing_hard_limit_reached billing_not_active "  # OpenAI
        "organization_usage_limit_exceeded organization_spend_limit_exceeded project_spend_limit_exceeded "
        "billing_error enforced_spend_limit_reached "  # Anthropic
        "payment_required insufficient_credits insufficient_balance "  # OpenRouter, DeepSeek
        "insufficient_user_quota pre_consume_token_quota_failed "  # the One API family of gateways
        "exceeded_current_quota_error "  # Moonshot
        "arrearage prepaidbilloverdue postpaidbilloverdue commoditynotpurchased "  # DashScope
        "allocationquota.freetieronly "
        "accountoverdueerror operationdenied.serviceoverdue quotaexceeded setlimitexceeded "  # Volcengine
        "budget_exceeded "  # LiteLLM
        "1113 1304 1308 1309 1310 "  # Zhipu
        "30001"  # SiliconFlow
    ),
    Outcome.RATE_LIMITED: (
        "rate_limit_exceeded rate_limit_error rate_limited rate_limit slow_down too_many_requests tokens requests "
        "ramp_limit_exceeded "  # Anthropic
        "resource_exhausted rate_limit_reached ratelimitreached "  # Gemini, Azure
        "rate_limit_reached_error "  # Moonshot
        "throttling limit_requests limit_burst_rate throttling_error "  # DashScope, LiteLLM
        "ratelimitexceeded accountratelimitexceeded modelaccountrpmratelimitexceeded "  # Volcengine
        "modelaccounttpmratelimitexceeded modelaccountipmratelimitexceeded requestbursttoofast "
        "ratelimiterror "  # vLLM, LiteLLM
        "throttlingexception toomanyrequestsexception servicequotaexceededexception "  # Bedrock
        "1302 1303"  # Zhipu
    ),
    Outcome.MODEL_NOT_FOUND: (
        "model_not_found not_found_error not_found notfounderror model_not_available invalid_model "
        "model_decommissioned "  # Groq
        "deploymentnotfound unknown_model "  # Azure
        "resource_not_found_error "  # Moonshot
        "modelnotfound model_not_supported "  # DashScope
        "invalidendpointormodel.notfound invalidendpointormodel modelnotopen "  # Volcengine
        "invalidendpoint.notfound invalidendpoint.closedendpoint "
        "resourcenotfoundexception "  # Bedrock
        "1211 1221 1222 "  # Zhipu
        "20012"  # SiliconFlow
    ),
    Outcome.BAD_REQUEST: (
        "context_length_exceeded request_too_large string_above_max_length unsupported_parameter "
        "unsupported_value invalid_value missing_required_parameter "  # OpenAI
        "invalidparameter missingparameter badrequesterror validationexception "  # DashScope, vLLM, Bedrock
        "1210 1212 1213 1214 1215 1261 "  # Zhipu
        "20015"  # SiliconFlow
    ),
    Outcome.CONTENT_FILTERED: (
        "content_filter content_policy_violation responsibleaipolicyviolation image_content_policy_violation "
        "moderation_blocked "
        "bio_policy misalignment_policy_violation "  # OpenAI
        "datainspectionfailed data_inspection_failed "  # DashScope
        "sensitivecontentdetected inputtextsensitivecontentdetected outputtextsensitivecontentdetected "
        "inputimagesensitivecontentdetected inputtextriskdetection outputtextriskdetection "  # Volcengine
        "contentpolicyviolationerror "  # LiteLLM
        "1300 1301"  # Zhipu
    ),
    Outcome.OVERLOADED: (
        "overloaded_error overloaded service_unavailable engine_overloaded server_overloaded unavailable "
        "engine_overloaded_error "  # Moonshot
        "nocapacity serviceunavailable "  # Azure
        "capacity_exceeded model_capacity_exceeded "  # Groq, Together
        "serveroverloaded "  # Volcengine
        "modelunavailable modelservingerror "  # DashScope
        "serviceunavailableerror "  # vLLM, LiteLLM
        "serviceunavailableexception modelnotreadyexception "  # Bedrock
        "1305 1312 "  # Zhipu
        "50505 50603"  # SiliconFlow
    ),
    Outcome.SERVER_ERROR: (
        "internal internal_error internal_server_error deadline_exceeded timeout_error "
        "internalerror internalservererror "  # DashScope
        "internalserviceerror "  # Volcengine
        "internalserverexception modelerrorexception modeltimeoutexception modelstreamerrorexception "  # Bedrock
        "1200 1230 1234"  # Zhipu
    ),
}

CODES: Final[Mapping[str, Outcome]] = {
    code: outcome for outcome, codes in _BY_OUTCOME.items() for code in codes.split()
}

# MiniMax's base_resp.status_code, whose numbers mean other things elsewhere.
MINIMAX: Final[Mapping[int, Outcome]] = {
    1000: Outcome.SERVER_ERROR,
    1001: Outcome.SERVER_ERROR,
    1002: Outcome.RATE_LIMITED,
    1004: Outcome.UNAUTHORIZED,
    1008: Outcome.QUOTA_EXHAUSTED,
    1013: Outcome.SERVER_ERROR,
    1024: Outcome.SERVER_ERROR,
    1026: Outcome.CONTENT_FILTERED,
    1027: Outcome.CONTENT_FILTERED,
    1033: Outcome.SERVER_ERROR,
    1039: Outcome.RATE_LIMITED,
    1041: Outcome.RATE_LIMITED,
    2013: Outcome.BAD_REQUEST,
    2045: Outcome.RATE_LIMITED,
    2049: Outcome.UNAUTHORIZED,
    2056: Outcome.QUOTA_EXHAUSTED,
}

# Baidu's error_code, whose numbers mean other things elsewhere, too.
BAIDU: Final[Mapping[int, Outcome]] = {
    1: Outcome.SERVER_ERROR,
    2: Outcome.SERVER_ERROR,
    3: Outcome.MODEL_NOT_FOUND,
    4: Outcome.RATE_LIMITED,
    6: Outcome.FORBIDDEN,
    13: Outcome.UNAUTHORIZED,
    14: Outcome.UNAUTHORIZED,
    15: Outcome.RATE_LIMITED,
    17: Outcome.QUOTA_EXHAUSTED,
    18: Outcome.RATE_LIMITED,
    19: Outcome.QUOTA_EXHAUSTED,
    100: Outcome.BAD_REQUEST,
    110: Outcome.UNAUTHORIZED,
    111: Outcome.UNAUTHORIZED,
    336000: Outcome.SERVER_ERROR,
    336001: Outcome.BAD_REQUEST,
    336002: Outcome.BAD_REQUEST,
    336003: Outcome.BAD_REQUEST,
    336100: Outcome.OVERLOADED,
    336103: Outcome.BAD_REQUEST,
    336501: Outcome.RATE_LIMITED,
    336502: Outcome.RATE_LIMITED,
}

_MONEY = ("credit", "billing", "spend", "balance")

# code → (phrases of the message, in lower case; what the code then means). Looked at before CODES.
_PHRASES: Final[Mapping[str, tuple[tuple[tuple[str, ...], Outcome], ...]]] = {
    "invalid_request_error": (
        # Anthropic: an empty balance, and a spend limit that the user has set, are both plain 400s.
        (("credit balance is too low", "reached your specified"), Outcome.QUOTA_EXHAUSTED),
    ),
    "invalid_argument": ((("api key not valid", "api key expired", "api_key_invalid"), Outcome.UNAUTHORIZED),),
    "permission_denied": (
        (("api key was reported as leaked", "unregistered callers", "api key not valid"), Outcome.UNAUTHORIZED),
    ),
    "failed_precondition": (
        (("location is not supported",), Outcome.FORBIDDEN),
        (("billing",), Outcome.QUOTA_EXHAUSTED),
    ),
    "resource_exhausted": (
        (("credits are depleted", "spending cap", "spend cap", "monthly spend"), Outcome.QUOTA_EXHAUSTED),
    ),
    "throttling.allocationquota": ((("free allocated quota",), Outcome.QUOTA_EXHAUSTED),),
    "insufficient_quota": ((("free allocated quota",), Outcome.QUOTA_EXHAUSTED),),
    # xAI's codes are sentences.
    "client specified an invalid argument": ((("incorrect api key",), Outcome.UNAUTHORIZED),),
    "the caller does not have permission to execute the specified operation": (
        (_MONEY, Outcome.QUOTA_EXHAUSTED),
        (("content violates",), Outcome.CONTENT_FILTERED),
    ),
    "some resource has been exhausted": ((_MONEY, Outcome.QUOTA_EXHAUSTED),),
    # OpenRouter passes on that a provider's moderation stopped the prompt.
    "403": ((("flagged", "moderation"), Outcome.CONTENT_FILTERED),),
    # Azure: a 429 can be the system's demand rather than the account's limit.
    "429": ((("experiencing high demand",), Outcome.OVERLOADED),),
    "too_many_requests": ((("experiencing high demand",), Outcome.OVERLOADED),),
}


def code(names: Iterable[str], message: str = "", *, quota_is_rate: bool = False) -> Outcome | None:
    """What an error means by its code, its type, or whatever else names it; the first that says something wins.

    Args:
        names: the most telling first. A number from 400 to 599 is a copy of the HTTP status and counts last.
        message: tells apart what one code stands for.
        quota_is_rate: `Quirks.insufficient_quota_is_rate`.

    Returns:
        None where no name is known.
    """
    # Words before numbers: Mistral's 1300 is a rate limit and says so in its type, Zhipu's has no type.
    names = sorted(names, key=str.isdigit)
    keys = [name.lower() for name in names]
    said = message.lower()
    for name, key in zip(names, keys, strict=True):
        for phrases, outcome in _PHRASES.get(key, ()):
            if any(phrase in said for phrase in phrases):
                return outcome
        if quota_is_rate and key == "insufficient_quota":
            return Outcome.RATE_LIMITED
        if (known := _known(name)) is not None:
            return known
    return next((status(int(key)) for key in keys if repeats_status(key)), None)


# Too little to tell a code by, where other words stand before them: `invalid_tokens`, `api_key_not_found`.
_NOT_ALONE: Final = frozenset(("tokens", "requests", "internal", "notfound", "notfounderror"))
_JOINED: Final[Mapping[str, Outcome]] = {
    joined: outcome
    for name, outcome in CODES.items()
    if not (joined := name.replace("_", "").replace(".", "")).isdigit() and joined not in _NOT_ALONE
}
_CODE_WORD = re.compile(r"[A-Z]+(?![a-z])|[A-Z]?[a-z]+|[0-9]+")
_ENVELOPES: Final = ("error", "exception", "code")


@lru_cache(maxsize=1024)
def _known(name: str) -> Outcome | None:
    """What a code means: as it stands, as a kind of the one before its dot, or behind words of the vendor's own.

    `Throttling.RateQuota` is a kind of throttling; `server_is_overloaded`, `upstream-rate-limit-exceeded` and
    `ModelOverloadedError` are `overloaded` and `rate_limit_exceeded` with something before or after them.
    """
    key = name.lower()
    found = CODES.get(key) or CODES.get(key.partition(".")[0])
    if found is not None:
        return found
    words = [word.lower() for word in _CODE_WORD.findall(name[:MAX_NAME])]
    for end in (len(words), len(words) - 1):
        if end < len(words) and words[-1:] and words[-1] not in _ENVELOPES:
            break
        for begin in range(end):
            if (found := _JOINED.get("".join(words[begin:end]))) is not None:
                return found
    return None


def repeats_status(name: str) -> bool:
    """Whether a code is an HTTP status of failure: 400 to 599."""
    return len(name) == 3 and name.isascii() and name.isdigit() and name[0] in "45"
