"""A ladder of closed loops: throughput and latency at each of several concurrencies, and the knee between them. Pure.

The knee is where *power*, throughput divided by latency, is greatest: below it more concurrency gives more throughput,
above it more latency (L. Kleinrock, "Power and Deterministic Rules of Thumb for Probabilistic Problems in Computer
Communications", ICC 1979). A server with N equal slots has it at a concurrency of N.
"""

from __future__ import annotations

from dataclasses import asdict, dataclass, field
from typing import Any

# Powers that are apart by less than their own error: the higher concurrency of these is taken.
_TIE = 0.03
_FEWEST_STEPS = 3
_ONE_WAY = "throughput still rose at the highest concurrency: the knee may lie above it"


@dataclass(frozen=True, slots=True, kw_only=True)
class LadderStep:
    """One step: so many users for so long. Rates are per second, times in seconds; None is not known.

    Attributes:
        concurrency: users at a time.
        duration_s: of what counts.
        iterations_per_s: iterations of which every call succeeded; without a scenario calls and iterations are the
            same.
        calls_per_s: calls that succeeded.
        output_tokens_per_s: reported tokens.
        sent: calls that ended, `ok` of them well.
        latency_mean_s: of an iteration; the knee depends on it. `latency_p50_s` and `latency_p95_s` likewise.
        ttft_p50_s: of calls; `ttft_p95_s`, `tpot_p50_s` likewise.
        met: whether the objectives were met; `why` says which were not.
        limited: the client and not the endpoint could not keep up.
    """

    concurrency: int
    duration_s: float
    sent: int
    ok: int
    iterations_per_s: float | None
    calls_per_s: float | None
    output_tokens_per_s: float | None
    latency_mean_s: float | None
    latency_p50_s: float | None
    latency_p95_s: float | None
    ttft_p50_s: float | None
    ttft_p95_s: float | None
    tpot_p50_s: float | None
    met: bool
    why: str = ""
    limited: bool = False

    @property
    def power(self) -> float | None:
        """Throughput divided by latency."""
        if not self.iterations_per_s or not self.latency_mean_s:
            return None
        return self.iterations_per_s / self.latency_mean_s


@dataclass(slots=True)
class Ladder:
    """The steps so far, in the order in which they were run."""

    steps: list[LadderStep] = field(default_factory=list)

    @property
    def knee(self) -> int | None:
        """The concurrency with the greatest power; None if fewer than three steps are known, or if it is the last."""
        known = self._known()
        if len(known) < _FEWEST_STEPS:
            return None
        most = max(power for _, power in known)
        found = max(concurrency for concurrency, power in known if power >= most * (1 - _TIE))
        return None if found == max(concurrency for concurrency, _ in known) else found

    @property
    def why(self) -> str:
        """Why there is no knee; empty if there is one."""
        if self.knee is not None:
            return ""
        if len(self._known()) < _FEWEST_STEPS:
            return f"a knee needs {_FEWEST_STEPS} steps whose throughput and latency are known"
        limited = [step.concurrency for step in self.steps if step.limited]
        if limited:
            return f"throughput still rose where the client could keep up, and it could not at {limited[0]}"
        return _ONE_WAY

    def as_dict(self) -> dict[str, Any]:
        """As JSON values."""
        return {"steps": [asdict(step) for step in self.steps], "knee": self.knee, "why": self.why}

    def _known(self) -> list[tuple[int, float]]:
        """Concurrency and power of the steps that say something of the server."""
        return [(step.concurrency, power) for step in self.steps if not step.limited and (power := step.power)]
