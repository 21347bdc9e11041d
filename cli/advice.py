"""Advice on a failed call: why it failed, and what to do about it, on one line."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from aimon.call.failure import FailureReason
from aimon.call.outcome import Fault, Outcome
from aimon.language import CHINESE, current, pick

if TYPE_CHECKING:
    from collections.abc import Mapping

    from aimon.call.result import Result

_WHAT_TO_DO: dict[Outcome, str] = {
    Outcome.DNS: "Check base_url's host name and this machine's DNS (try: getent hosts HOST).",
    Outcome.CONNECT: "Check base_url's host and port, that the server runs, and firewalls or proxies on the way.",
    Outcome.TLS: "Check base_url's host and port, the server's TLS settings, and proxies on the way.",
    Outcome.TIMEOUT_CONNECT: "Check the route to the host (firewall, proxy, VPN), or raise timeout.connect.",
    Outcome.TIMEOUT_TTFT: "The provider took the call and said nothing: see its status page; raise timeout.ttft only "
    "if that is normal.",
    Outcome.TIMEOUT_TOTAL: "The answer is too slow or never ends: see the provider's status page; raise timeout.total "
    "only if that is normal.",
    Outcome.OVERLOADED: "The provider is out of capacity: see its status page; nothing to change here.",
    Outcome.SERVER_ERROR: "The provider failed: see its status page, and give it the request id.",
    Outcome.CONTENT_FILTERED: "The provider's filter stopped the canary: use a blander prompt.",
    Outcome.REFUSAL: "The model declined to answer: use a blander prompt.",
    Outcome.EMPTY_ANSWER: "The model said nothing visible: see finish_reason with --json, and the reasoning setting.",
    Outcome.MAX_TOKENS_HIT: "Raise the canary's max_tokens, or set reasoning: off for a model that thinks first.",
    Outcome.ANSWER_MISMATCH: "The model answered something else: ask it by hand, and loosen expect if it is right.",
    Outcome.STREAM_ERROR: "The provider broke off with an error of its own: see its status page.",
    Outcome.STREAM_TRUNCATED: "The provider or a proxy on the way cut the stream: compare with a direct connection.",
    Outcome.MALFORMED: "That is not this API's language: check base_url and dialect, and for a proxy's error page.",
    Outcome.UNAUTHORIZED: "Check the key: that the variable or file behind api_key holds it, that it is this "
    "provider's, and that it was not revoked.",
    Outcome.FORBIDDEN: "The key is known but not allowed: check its permissions, the model's access and the region.",
    Outcome.QUOTA_EXHAUSTED: "No retry helps: top up or raise the spending limit in the provider's console.",
    Outcome.RATE_LIMITED: "All calls with this key count: probe less often, or ask the provider for a higher limit.",
    Outcome.MODEL_NOT_FOUND: "Check the model's name, base_url, and that the account has access to the model.",
    Outcome.BAD_REQUEST: "The provider did not understand the request: check model, dialect and options.",
    Outcome.BUDGET_SKIPPED: "Raise budget, or wait for the next day (UTC).",
    Outcome.PROBER_ERROR: "The fault is on this side, in this machine or in aimon: the endpoint was not judged.",
}

_OWN_AUTHORITY = "For an authority of your own set ca_file; else a proxy on the way opens TLS."
# Advice by reason, which takes precedence over the advice by outcome.
_BY_REASON: dict[FailureReason, str] = {
    FailureReason.CERTIFICATE_EXPIRED: "Renew it on the server; if it is new there, look at this machine's clock (try: "
    "date -u).",
    FailureReason.CERTIFICATE_NOT_YET_VALID: "Look at this machine's clock (try: date -u), else at the server's "
    "certificate.",
    FailureReason.CERTIFICATE_SELF_SIGNED: "If it is your own, name it in ca_file; else something on the way poses as "
    "the server.",
    FailureReason.CERTIFICATE_PRIVATE_AUTHORITY: _OWN_AUTHORITY,
    FailureReason.CERTIFICATE_UNKNOWN_ISSUER: "Have the server send its whole chain; for an authority of your own set "
    "ca_file.",
    FailureReason.CERTIFICATE_HOST_MISMATCH: "Check base_url's host name, and which names the server's certificate is "
    "for.",
    FailureReason.TLS_NOT_SPOKEN: "Check base_url: http:// in place of https://, or another port.",
    FailureReason.PROXY_LOGIN_REQUIRED: "Give the proxy's user and password: http://USER:PASSWORD@HOST:PORT (or "
    "socks5://…), with special characters as %xx.",
    FailureReason.PROXY_LOGIN_REFUSED: "Check user and password in the proxy's address, with special characters as "
    "%xx.",
    FailureReason.PROXY_DENIED: "Ask whoever runs the proxy to let this host through, or exempt the host in NO_PROXY.",
    **dict.fromkeys(
        (FailureReason.PROXY_UNREACHABLE, FailureReason.PROXY_FAILED),
        "Check the proxy: its address in HTTPS_PROXY, ALL_PROXY or proxy, and that it runs; NO_PROXY exempts hosts.",
    ),
}

_WHOSE: dict[Fault, str] = {
    Fault.NETWORK: "network",
    Fault.PROVIDER: "provider",
    Fault.ACCOUNT: "account",
    Fault.CONFIG: "configuration",
    Fault.PROBER: "prober",
}


class Texts(NamedTuple):
    """All texts of this module in one language."""

    what_to_do: Mapping[Outcome, str]
    by_reason: Mapping[FailureReason, str]
    whose: Mapping[Fault, str]
    no_such_method: str
    request_id: str
    moved: str


ENGLISH = Texts(
    _WHAT_TO_DO,
    _BY_REASON,
    _WHOSE,
    "That address does not take such calls: check base_url, up to and including /v1, and dialect.",
    "The provider failed: see its status page, and give it the request id {request_id}.",
    "The address has moved, and keys are not sent after it: write the new one in base_url.",
)


def _texts() -> Texts:
    if current() != CHINESE:
        return ENGLISH
    from aimon.cli import advice_zh

    return Texts(*advice_zh.TEXTS)


def reason(result: Result) -> str:
    """Why the call failed: the HTTP status, the server that answered, and its message. Empty for `ok`."""
    if result.outcome is Outcome.OK:
        return ""
    address = result.connection.address if result.connection is not None else None
    who = address
    if result.status_code and result.status_code >= 400:
        who = f"HTTP {result.status_code} from {address}" if address else f"HTTP {result.status_code}"
    said = ": ".join(part for part in (who, _bare(result.error or "")) if part)
    after = "" if result.retry_after is None else f"{result.retry_after:g}"
    retry = after and pick(f"retry after {after} s", f"{after} 秒后重试")
    return "; ".join(part for part in (said, retry) if part)


def advice(result: Result) -> str:
    """What to do about the failure. Empty for `ok`."""
    return advise(result.outcome, result.status_code, result.failure_reason, result.request_id)


def advise(
    outcome: Outcome, status_code: int | None, reason: FailureReason | None, request_id: str | None = None
) -> str:
    """What to do about a call with that outcome, in the language of `aimon.language`. Empty for `ok`."""
    texts, status = _texts(), status_code or 0
    if reason is not None and reason in texts.by_reason:
        return texts.by_reason[reason]
    if status in {405, 501}:  # a web server without this method, not an API endpoint
        return texts.no_such_method
    if outcome is Outcome.SERVER_ERROR and request_id:
        return texts.request_id.format(request_id=request_id)
    if outcome is Outcome.BAD_REQUEST and 300 <= status < 400:
        return texts.moved
    return texts.what_to_do.get(outcome, "")


def explained(result: Result) -> str:
    """Why the call failed and what to do, as sentences. Empty for `ok`."""
    return pick(". ", "。").join(part for part in (reason(result), advice(result)) if part)


def whose(result: Result) -> str:
    """The fault as a word. Empty for `ok`."""
    return _texts().whose[result.fault] if result.fault is not None else ""


def _bare(message: str) -> str:
    """The text without its full stop, since more text follows."""
    return message[:-1] if message.endswith(".") and not message.endswith("..") else message
