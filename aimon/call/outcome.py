"""How a call went: exactly one outcome per call, and whose fault it is.

The tree, by fault (who has to act):

    ok
    network   dns, connect, tls, timeout_connect
    provider  timeout_ttft, timeout_total, overloaded, server_error,
              content_filtered, refusal, empty_answer, max_tokens_hit, answer_mismatch,
              stream_error, stream_truncated, malformed
    account   unauthorized, forbidden, quota_exhausted, rate_limited
    config    model_not_found, bad_request
    prober    budget_skipped, prober_error
    none      cancelled

The availability of a provider counts network and provider faults only. Account and config faults alert on
their own: a wrong key says nothing about the provider. Prober faults count against nobody. `cancelled` is a call that
an application broke off itself (probes and load tests never do): neither a success nor a failure of anybody.
"""

from enum import StrEnum


class Fault(StrEnum):
    """Who has to act when a call did not succeed."""

    NETWORK = "network"
    PROVIDER = "provider"
    ACCOUNT = "account"
    CONFIG = "config"
    PROBER = "prober"


class Outcome(StrEnum):
    """Exactly one per call; the value is the `outcome` label of every metric."""

    OK = "ok"

    DNS = "dns"
    CONNECT = "connect"
    TLS = "tls"
    TIMEOUT_CONNECT = "timeout_connect"

    TIMEOUT_TTFT = "timeout_ttft"
    TIMEOUT_TOTAL = "timeout_total"
    OVERLOADED = "overloaded"
    SERVER_ERROR = "server_error"
    CONTENT_FILTERED = "content_filtered"
    REFUSAL = "refusal"
    EMPTY_ANSWER = "empty_answer"
    MAX_TOKENS_HIT = "max_tokens_hit"
    ANSWER_MISMATCH = "answer_mismatch"
    STREAM_ERROR = "stream_error"
    STREAM_TRUNCATED = "stream_truncated"
    MALFORMED = "malformed"

    UNAUTHORIZED = "unauthorized"
    FORBIDDEN = "forbidden"
    QUOTA_EXHAUSTED = "quota_exhausted"
    RATE_LIMITED = "rate_limited"

    MODEL_NOT_FOUND = "model_not_found"
    BAD_REQUEST = "bad_request"

    CANCELLED = "cancelled"

    BUDGET_SKIPPED = "budget_skipped"
    PROBER_ERROR = "prober_error"

    @property
    def fault(self) -> Fault | None:
        """Who has to act; None for `ok` and `cancelled`."""
        return FAULTS[self]

    @property
    def status(self) -> str:
        """The `status` label: `success` for `ok` alone, `cancelled` for itself, `error` for the rest."""
        return _STATUS.get(self, "error")

    @property
    def counts_for_availability(self) -> bool:
        """Whether the call says anything about the provider: it answered, or the fault is the network's or its own."""
        return self is Outcome.OK or FAULTS[self] in (Fault.NETWORK, Fault.PROVIDER)


_STATUS = {Outcome.OK: "success", Outcome.CANCELLED: "cancelled"}

_BY_FAULT: dict[Fault, tuple[Outcome, ...]] = {
    Fault.NETWORK: (Outcome.DNS, Outcome.CONNECT, Outcome.TLS, Outcome.TIMEOUT_CONNECT),
    Fault.PROVIDER: (
        Outcome.TIMEOUT_TTFT,
        Outcome.TIMEOUT_TOTAL,
        Outcome.OVERLOADED,
        Outcome.SERVER_ERROR,
        Outcome.CONTENT_FILTERED,
        Outcome.REFUSAL,
        Outcome.EMPTY_ANSWER,
        Outcome.MAX_TOKENS_HIT,
        Outcome.ANSWER_MISMATCH,
        Outcome.STREAM_ERROR,
        Outcome.STREAM_TRUNCATED,
        Outcome.MALFORMED,
    ),
    Fault.ACCOUNT: (Outcome.UNAUTHORIZED, Outcome.FORBIDDEN, Outcome.QUOTA_EXHAUSTED, Outcome.RATE_LIMITED),
    Fault.CONFIG: (Outcome.MODEL_NOT_FOUND, Outcome.BAD_REQUEST),
    Fault.PROBER: (Outcome.BUDGET_SKIPPED, Outcome.PROBER_ERROR),
}

FAULTS: dict[Outcome, Fault | None] = {Outcome.OK: None, Outcome.CANCELLED: None} | {
    outcome: fault for fault, outcomes in _BY_FAULT.items() for outcome in outcomes
}
