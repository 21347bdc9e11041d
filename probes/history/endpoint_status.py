"""The status of each endpoint, from the history: now, and over windows."""

from __future__ import annotations

import math
from dataclasses import dataclass
from itertools import pairwise
from typing import TYPE_CHECKING, Any

from aimon.call.outcome import Outcome
from aimon.probes.history.history import AHEAD
from aimon.probes.history.retention import DAY, DEFAULT
from aimon.probes.history.windows import WINDOWS, windows

if TYPE_CHECKING:
    from collections.abc import Sequence

    from aimon.call.result import Result
    from aimon.metrics.totals import Identity
    from aimon.probes.history.history import History
    from aimon.probes.history.windows import Window

# A prober that skips two runs may be late; one that skips three has stopped.
_MISSED = 3
_SHORTEST_GAP = 60.0
# Where there are too few runs to know the usual gap.
_LONGEST_SILENCE = DAY
_RUNS_FOR_GAP = 30


@dataclass(frozen=True, slots=True)
class EndpointStatus:
    """One endpoint.

    Attributes:
        identity: its labels.
        recent: the outcomes of its last runs, oldest first.
        windows: what it did, for each window asked for.
        age: seconds since its last probe ended; None if it never did, or if it is recorded in the future.
        gap: the usual seconds between its runs; None below three.
        spent: what its probes have cost since 00:00 UTC; None where nothing was priced.
        currency: of `spent`.
        probe: the last one that was made, in full.
        ahead: how many results are recorded in the future, by a clock that was set back since.
        lead: seconds by which the last run is; None where it is not.
    """

    identity: Identity
    recent: tuple[Outcome, ...]
    windows: tuple[Window, ...]
    age: float | None
    gap: float | None
    spent: float | None
    currency: str | None
    probe: Result | None
    ahead: int = 0
    lead: float | None = None

    @property
    def stale(self) -> bool:
        """Whether its prober seems to have stopped: then its availability says nothing about now."""
        if self.age is None:
            return False
        return self.age > (_LONGEST_SILENCE if self.gap is None else _MISSED * max(self.gap, _SHORTEST_GAP))

    @property
    def silence(self) -> float:
        """Seconds since its last probe ended; infinite if it never did."""
        return math.inf if self.age is None else self.age

    @property
    def place(self) -> tuple[str, str]:
        """Endpoint and region: what stays if the model changes."""
        return self.identity.endpoint, self.identity.region

    @property
    def state(self) -> str:
        """The outcome of the last run, or `no recent run`."""
        if self.stale:
            return "no recent run"
        return self.recent[-1].value if self.recent else "never probed"

    @property
    def healthy(self) -> bool:
        """Whether the last probe succeeded and is known to be recent."""
        return (
            self.lead is None
            and not self.stale
            and bool(self.recent)
            and self.recent[-1] in (Outcome.OK, Outcome.BUDGET_SKIPPED)
        )

    def as_object(self) -> dict[str, Any]:
        """As the JSON object of `aimon status --json`."""
        return {
            **self.identity.labels,
            "state": self.state,
            "well": self.healthy,
            "last_run_age_s": None if self.age is None else round(self.age, 3),
            "usual_gap_s": None if self.gap is None else round(self.gap, 3),
            "recent": list(self.recent),
            "recorded_in_the_future": self.ahead,
            "spent_today": self.spent,
            "currency": self.currency,
            "windows": {name: _window(w) for w in self.windows for name, s in WINDOWS.items() if s == w.seconds},
        }


def endpoint_statuses(
    history: History, names: Sequence[str], lengths: Sequence[str], *, last: int, now: float
) -> list[EndpointStatus]:
    """The status of the endpoints of these names (default: all that were ever probed).

    One that was given another model is left out under its old one, once that has no recent run.

    Args:
        history: where to look.
        names: endpoints.
        lengths: windows, by name.
        last: how many of the last runs to give.
        now: unix time.

    Raises:
        KeyError: an endpoint was never probed.
        HistoryError: the history cannot be read.
    """
    identities = sorted(history.identities())
    known = {identity.endpoint for identity in identities}
    for name in names:
        if name not in known:
            raise KeyError(f"endpoint {name!r} was never probed; known are {', '.join(sorted(known))}")
    found = [
        _endpoint_status(history, identity, lengths, last, now)
        for identity in identities
        if not names or identity.endpoint in names
    ]
    ages: dict[tuple[str, str], float] = {}
    for status in found:
        ages[status.place] = min(status.silence, ages.get(status.place, math.inf))
    return [status for status in found if not status.stale or status.silence == ages[status.place]]


def _endpoint_status(
    history: History, identity: Identity, lengths: Sequence[str], last: int, now: float
) -> EndpointStatus:
    latest = history.last(identity)
    samples = history.latest(identity, max(last, _RUNS_FOR_GAP))
    lead = None if latest.run_at is None or latest.run_at <= now + AHEAD else latest.run_at - now
    currency = next((r.currency for r in reversed(history.recent(identity, last)) if r.currency), None)
    return EndpointStatus(
        identity,
        tuple(Outcome(sample.outcome) for sample in samples[-last:]),
        tuple(windows(history, identity, now, [WINDOWS[name] for name in lengths])),
        None if latest.run_at is None or lead is not None else now - latest.run_at,
        _usual_gap([sample.started_at for sample in samples if sample.started_at <= now + AHEAD]),
        None if currency is None else history.spent_today(identity.endpoint, currency, now),
        currency,
        latest.probe,
        history.ahead(identity, now),
        lead,
    )


def _usual_gap(starts: Sequence[float]) -> float | None:
    """The 90th percentile: canaries follow each other closely, and an outage of the prober is no habit."""
    # No gap is negative or longer than a history is kept: that was the clock.
    gaps = sorted(b - a for a, b in pairwise(starts) if 0 <= b - a <= DEFAULT.results)
    return gaps[math.ceil(0.9 * len(gaps)) - 1] if len(gaps) > 1 else None


def _window(window: Window) -> dict[str, Any]:
    return {
        "availability": window.availability,
        "counted": window.counted,
        "total": window.total,
        "outcomes": dict(window.outcomes),
        "latency_s": {f"p{q * 100:g}": value for q, value in window.latency.items()},
        "ttft_s": {f"p{q * 100:g}": value for q, value in window.ttft.items()},
        "rate_limited": window.rate(Outcome.RATE_LIMITED),
        "unauthorized": window.rate(Outcome.UNAUTHORIZED),
    }
