"""Endpoints and canaries as the prober runs them. Imports nothing that reads the file, so that it is cheap."""

from __future__ import annotations

import os
from dataclasses import dataclass, field
from datetime import UTC
from types import MappingProxyType
from typing import TYPE_CHECKING, Any

import msgspec

from aimon.call import checks
from aimon.call.call import Call, Message, Target, Timeouts
from aimon.call.result import Source
from aimon.config.incident_policy import DEFAULT as INCIDENT_POLICY
from aimon.config.incident_policy import IncidentPolicy
from aimon.metrics.totals import Identity

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from datetime import tzinfo

    from aimon.call.checks import Check
    from aimon.pricing import Price
    from aimon.security.secret import Secret

NONCE = "{nonce}"


class Transport(msgspec.Struct, frozen=True):
    """How to reach an endpoint. `ip` is "any", "4" or "6"; without a proxy the environment decides."""

    ca_file: str | None = None
    proxy: str | None = None  # may hold a password
    ip: str = "any"
    http2: bool = False

    def __repr__(self) -> str:
        return f"Transport(ca_file={self.ca_file!r}, ip={self.ip!r}, http2={self.http2!r})"


class Budget(msgspec.Struct, frozen=True):
    """What probes of one endpoint may cost in a day, in the reporting currency."""

    per_day: float
    currency: str


class LatencyObjective(msgspec.Struct, frozen=True):
    """The quantile (0.95) of a measure (latency, ttft or tpot) stays below `threshold` seconds."""

    measure: str
    quantile: float
    threshold: float


class Slo(msgspec.Struct, frozen=True):
    """The objectives of one endpoint. `availability` is a ratio: 0.995 for 99.5 %."""

    availability: float | None = None
    objectives: tuple[LatencyObjective, ...] = ()


@dataclass(frozen=True, slots=True)
class Canary:
    """A question with a known answer. `{nonce}` in messages and expectations is fresh in each call.

    Raises:
        CheckError: when made with an expectation that can't be checked.
    """

    name: str
    messages: tuple[Message, ...]
    expect: Mapping[str, Any] = field(default_factory=lambda: MappingProxyType({}))
    max_tokens: int = 64
    _checks: Callable[[Mapping[str, str]], tuple[Check, ...]] = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        # Validated and compiled once; a call only fills in its nonce.
        object.__setattr__(self, "_checks", checks.template(self.expect))

    def call(self, endpoint: Endpoint, nonce: str, source: Source = Source.PROBE) -> Call:
        """The call that puts this question to an endpoint.

        Args:
            endpoint: the endpoint to call.
            nonce: replaces `{nonce}` everywhere; `new_nonce()` makes one that no cache can have seen.
            source: what makes the call.
        """
        return Call(
            target=endpoint.target,
            messages=tuple(Message(m.role, m.content.replace(NONCE, nonce)) for m in self.messages),
            max_tokens=self.max_tokens,
            stream=endpoint.stream,
            temperature=endpoint.temperature,
            reasoning=endpoint.reasoning,
            exact_output=endpoint.exact_output,
            checks=self._checks({"nonce": nonce}),
            timeouts=endpoint.timeouts,
            source=source,
            region=endpoint.region,
            canary=self.name,
        )


class Cron(msgspec.Struct, frozen=True):
    """A cron expression, the time zone in which it is meant, and how often a day it comes on average."""

    expression: str
    zone: tzinfo = UTC
    per_day: float = 0.0


class Endpoint(msgspec.Struct, frozen=True):
    """One endpoint as the prober runs it. Durations are seconds.

    With `cron`, `interval` is the longest time between two of its probes.
    """

    target: Target
    canaries: tuple[Canary, ...]
    region: str = "local"
    interval: float = 60.0
    interval_failing: float | None = None  # while the last probe failed; None: `interval`
    cron: Cron | None = None  # instead of an interval
    timeouts: Timeouts = Timeouts()
    stream: bool = True
    temperature: float | None = None
    reasoning: str | None = None  # off, minimal, low, medium, high; None leaves it to the model
    exact_output: bool = False  # of a load test: answers as long as their limit, where the server knows how
    budget: Budget | None = None  # None: no limit
    slo: Slo = Slo()
    incidents: IncidentPolicy = INCIDENT_POLICY
    labels: Mapping[str, str] = MappingProxyType({})
    prices: Price | None = None  # None: the public price list
    transport: Transport = Transport()
    secrets: tuple[Secret, ...] = ()  # all that must never be shown: the key, headers, a proxy's URL
    unready: str = ""  # why it can't be called, such as a variable that is not set; then its target is incomplete

    @property
    def name(self) -> str:
        """The configured name: the `endpoint` label of every metric."""
        return self.target.endpoint

    @property
    def identity(self) -> Identity:
        """The labels that all of its metrics carry."""
        return Identity(self.name, self.target.model, self.target.provider, self.region)

    @property
    def rounds_per_day(self) -> float:
        """How often a day it is probed, on average, while it does not fail."""
        return 86_400.0 / self.interval if self.cron is None else self.cron.per_day


def new_nonce() -> str:
    """Eight random hex digits: short enough for any model to repeat, too many for a cache to have seen."""
    try:
        return _nonces.pop()
    except IndexError:
        drawn = os.urandom(4 * _DRAWN).hex()
        _nonces.extend([drawn[place : place + 8] for place in range(8, 8 * _DRAWN, 8)])
        return drawn[:8]


# Drawn in advance, since a system call for each takes longer than all else of a nonce.
_DRAWN = 128
_nonces: list[str] = []
if hasattr(os, "register_at_fork"):
    # A child has nonces of its own.
    os.register_at_fork(after_in_child=_nonces.clear)
