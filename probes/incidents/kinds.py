"""The kinds of incident, and what a result says about each of them.

    outage      faults of network and provider: the endpoint is down
    account     the key, the quota or the rate limit of the account: calls are refused
    config      the configuration: no such model, a request that is refused
    unreliable  failures of network and provider that are too few for an outage: degraded
    slow        successes that took longer than allowed: degraded
    balance     the account's balance is about to run out (aimon.probes.balance)
    heartbeat   a program that reports in says that it is not well, or is silent (aimon.probes.heartbeats)

A success is good for all of them (for `slow`, if it was quick). A failure is bad for its own kind, and says nothing
about the others: a refused key does not show that the provider works. Faults of the prober (`prober_error`,
`budget_skipped`) and calls that were cancelled say nothing about any.
"""

from __future__ import annotations

from enum import StrEnum
from typing import TYPE_CHECKING, Final

from aimon.call.outcome import FAULTS, Fault, Outcome
from aimon.probes.incidents.machine import Rule

if TYPE_CHECKING:
    from collections.abc import Callable

    from aimon.config.incident_policy import IncidentPolicy


class Kind(StrEnum):
    """What an incident is about."""

    OUTAGE = "outage"
    ACCOUNT = "account"
    CONFIG = "config"
    UNRELIABLE = "unreliable"
    SLOW = "slow"
    BALANCE = "balance"
    HEARTBEAT = "heartbeat"


KNOWN: Final = frozenset(kind.value for kind in Kind)
"""Their words: a file may hold those of a newer version."""


class State(StrEnum):
    """How an endpoint is, for people.

    `blocked`: calls are refused because of the account or the configuration; the provider is not to blame.
    `unknown`: it was not probed, or not lately.
    """

    UP = "up"
    DEGRADED = "degraded"
    BLOCKED = "blocked"
    DOWN = "down"
    MAINTENANCE = "maintenance"
    UNKNOWN = "unknown"


# From the worst on: the state of an endpoint that has several incidents.
STATE_OF: Final[dict[Kind, State]] = {
    Kind.OUTAGE: State.DOWN,
    Kind.ACCOUNT: State.BLOCKED,
    Kind.CONFIG: State.BLOCKED,
    Kind.UNRELIABLE: State.DEGRADED,
    Kind.SLOW: State.DEGRADED,
}

_FAULT_KIND: Final = {
    Fault.NETWORK: Kind.OUTAGE,
    Fault.PROVIDER: Kind.OUTAGE,
    Fault.ACCOUNT: Kind.ACCOUNT,
    Fault.CONFIG: Kind.CONFIG,
}

RULES: Final[dict[Kind, Callable[[IncidentPolicy], Rule | None]]] = {
    # In the order in which they are looked at: an outage ends `unreliable`.
    Kind.OUTAGE: lambda policy: Rule(policy.open, policy.resolve, policy.flapping),
    Kind.ACCOUNT: lambda policy: Rule(policy.open, policy.resolve, policy.flapping),
    Kind.CONFIG: lambda policy: Rule(policy.open, policy.resolve, policy.flapping),
    Kind.UNRELIABLE: lambda policy: (
        None if policy.failures is None else Rule(policy.failures, policy.steady, policy.flapping)
    ),
    Kind.SLOW: lambda policy: None if policy.slow is None else Rule(policy.slow, policy.steady, policy.flapping),
}
"""The thresholds of each kind that results decide; None where a policy leaves the kind out."""


def signals(policy: IncidentPolicy, outcome: str, latency: float, ttft: float | None) -> dict[Kind, bool]:
    """What a result says: for each kind that it says something about, whether it is bad.

    Args:
        policy: of the endpoint.
        outcome: of the result; one that this version does not know says nothing.
        latency: seconds of the whole call.
        ttft: seconds to the first visible text; None without text.
    """
    if outcome == Outcome.OK:
        good = dict.fromkeys((Kind.OUTAGE, Kind.ACCOUNT, Kind.CONFIG, Kind.UNRELIABLE), False)
        slow = is_slow(policy, latency, ttft)
        return good if slow is None else good | {Kind.SLOW: slow}
    try:
        fault = FAULTS[Outcome(outcome)]
    except ValueError:
        return {}
    kind = _FAULT_KIND.get(fault) if fault is not None else None
    if kind is None:
        return {}
    return {kind: True, Kind.UNRELIABLE: True} if kind is Kind.OUTAGE else {kind: True}


def is_slow(policy: IncidentPolicy, latency: float, ttft: float | None) -> bool | None:
    """Whether a successful call took too long; None where there is no threshold that it can be held against."""
    found = [
        measured > limit
        for measured, limit in ((latency, policy.latency), (ttft, policy.ttft))
        if limit is not None and measured is not None
    ]
    return any(found) if found else None


def severity(kind: Kind, policy: IncidentPolicy, outcome: str) -> str:
    """How grave an incident is: critical, warning or info."""
    match kind:
        case Kind.OUTAGE:
            return policy.severity
        case Kind.ACCOUNT:
            # A rate limit passes by itself; a refused key and an empty account don't.
            return "warning" if outcome == Outcome.RATE_LIMITED else "critical"
        case _:
            return "warning"
