"""What a failed probe means to the person who reads it: one line, ending with what to do."""

from __future__ import annotations

from typing import TYPE_CHECKING

from aimon.outcome import Fault, Outcome

if TYPE_CHECKING:
    from aimon.result import Result

_WHAT_TO_DO: dict[Outcome, str] = {
    Outcome.DNS: "Check base_url's host name and this machine's DNS (try: getent hosts HOST).",
    Outcome.CONNECT: "Check base_url's host and port, that the server runs, and firewalls or proxies on the way.",
    Outcome.TLS: "Check the server's certificate and this machine's clock; for a private CA set ca_file.",
    Outcome.TIMEOUT_CONNECT: "Check the route to the host (firewall, proxy, VPN), or raise timeout.connect.",
    Outcome.TIMEOUT_TTFT: "The provider accepted the call and said nothing; raise timeout.ttft only if that is normal.",
    Outcome.TIMEOUT_TOTAL: "The answer is too slow or never ends; raise timeout.total only if that is normal.",
    Outcome.OVERLOADED: "The provider is out of capacity: see its status page; nothing to change here.",
    Outcome.SERVER_ERROR: "The provider failed: see its status page, and give it the request id.",
    Outcome.CONTENT_FILTERED: "The provider's filter stopped the canary: use a blander prompt.",
    Outcome.REFUSAL: "The model declined to answer: use a blander prompt.",
    Outcome.EMPTY_ANSWER: "The model said nothing visible: look at finish_reason and at the reasoning setting.",
    Outcome.MAX_TOKENS_HIT: "Raise the canary's max_tokens, or set reasoning: off for a model that thinks first.",
    Outcome.ANSWER_MISMATCH: "The model answered something else: see the answer with --json, or loosen expect.",
    Outcome.STREAM_ERROR: "The provider broke off with an error of its own: see its status page.",
    Outcome.STREAM_TRUNCATED: "The provider or a proxy on the way cut the stream: compare with a direct connection.",
    Outcome.MALFORMED: "That is not this API's language: check base_url and dialect, and for a proxy's error page.",
    Outcome.UNAUTHORIZED: "Check the key: the variable that api_key names, its provider, and that it is not revoked.",
    Outcome.FORBIDDEN: "The key is known but not allowed: check its permissions, the model's access and the region.",
    Outcome.QUOTA_EXHAUSTED: "No retry helps: top up or raise the spending limit in the provider's console.",
    Outcome.RATE_LIMITED: "Probe less often (interval), or ask the provider for a higher limit.",
    Outcome.MODEL_NOT_FOUND: "Check the model's name, base_url, and that the account has access to the model.",
    Outcome.BAD_REQUEST: "The provider did not understand the request: check model, dialect and options.",
    Outcome.BUDGET_SKIPPED: "Raise budget, or wait for the next day (UTC).",
    Outcome.PROBER_ERROR: "This is aimon's own fault or this machine's, not the provider's.",
}

_WHOSE: dict[Fault, str] = {
    Fault.NETWORK: "network",
    Fault.PROVIDER: "provider",
    Fault.ACCOUNT: "account",
    Fault.CONFIG: "configuration",
    Fault.PROBER: "prober",
}


def reason(result: Result) -> str:
    """Why it failed, in a few words: the HTTP status where there is one, and what was said. Empty for `ok`."""
    if result.outcome is Outcome.OK:
        return ""
    status = f"HTTP {result.status_code}" if result.status_code and result.status_code >= 400 else ""
    retry = f"retry after {result.retry_after:g} s" if result.retry_after is not None else ""
    return "; ".join(part for part in (status, result.error, retry) if part)


def advice(result: Result) -> str:
    """What to do about it. Empty for `ok`."""
    return _WHAT_TO_DO.get(result.outcome, "")


def whose(result: Result) -> str:
    """Whose fault it is, as a word. Empty for `ok`."""
    return _WHOSE[result.fault] if result.fault is not None else ""
