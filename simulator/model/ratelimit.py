"""Request and token limits per minute, as token buckets that start full."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from aimon.simulator.model.profile import Profile

# Levels are sums of floats: a rounding error of 1e-16 must not refuse a request.
_TOLERANCE = 1e-9


@dataclass(frozen=True, slots=True)
class Limit:
    """One limit as a provider reports it: per minute, what remains, and seconds until it is full again.

    With a burst shorter than a minute the bucket holds less than the limit; `remaining` is scaled, so that
    it equals the limit when idle and 0 when the next request is refused.
    """

    limit: int
    remaining: int
    reset: float


@dataclass(frozen=True, slots=True)
class Verdict:
    """Whether a request is allowed, and the values of the headers. `retry_after` is in seconds, None if allowed."""

    requests: Limit | None = None
    tokens: Limit | None = None
    retry_after: float | None = None
    exceeded: str = ""  # "requests" or "tokens"


class Bucket:
    """A token bucket with a rate per minute and a capacity of `burst` seconds' worth."""

    def __init__(self, per_minute: float, burst: float) -> None:
        self.per_minute = per_minute
        self.rate = per_minute / 60
        self.capacity = max(self.rate * burst, 1.0)
        self.level = self.capacity
        self.filled_at: float | None = None

    def fill(self, now: float) -> None:
        """Adds the amount for the time since the last call."""
        if self.filled_at is not None:
            self.level = min(self.capacity, self.level + (now - self.filled_at) * self.rate)
        self.filled_at = now

    def wait(self, need: float) -> float:
        """Seconds until the level is `need`; 0 if it is already."""
        short = need - self.level
        return 0.0 if short <= _TOLERANCE else short / self.rate

    def report(self) -> Limit:
        """The bucket as shown in headers."""
        share = max(self.level, 0.0) / self.capacity
        remaining = int(self.per_minute * share + _TOLERANCE)
        return Limit(int(self.per_minute), remaining, max(self.capacity - self.level, 0.0) / self.rate)


class Limiter:
    """Both limits of one provider. A refused request uses nothing."""

    def __init__(self, profile: Profile) -> None:
        self._requests = Bucket(profile.rpm, profile.burst) if profile.rpm else None
        self._tokens = Bucket(profile.tpm, profile.burst) if profile.tpm else None

    def admit(self, now: float, tokens: int) -> Verdict:
        """Allows one request with that many tokens (input plus output), or refuses it.

        A request is allowed while any tokens are left and may make the level negative: otherwise a request larger
        than the bucket would always be refused, and the long-run rate would depend on the sizes.
        """
        waits: dict[str, float] = {}
        if self._requests:
            self._requests.fill(now)
            waits["requests"] = self._requests.wait(1.0)
        if self._tokens:
            self._tokens.fill(now)
            waits["tokens"] = self._tokens.wait(min(1.0, self._tokens.capacity))
        exceeded = max(waits, key=lambda kind: waits[kind], default="")
        refused = bool(exceeded) and waits[exceeded] > 0
        if not refused:
            if self._requests:
                self._requests.level -= 1
            if self._tokens:
                self._tokens.level -= tokens
        return Verdict(
            requests=self._requests.report() if self._requests else None,
            tokens=self._tokens.report() if self._tokens else None,
            retry_after=waits[exceeded] if refused else None,
            exceeded=exceeded if refused else "",
        )
