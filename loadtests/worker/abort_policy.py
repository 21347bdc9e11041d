"""When a load test ends early: fatal errors, failures in a row, the limit of cost. Pure."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from aimon import quantities
from aimon.call.outcome import Fault, Outcome

if TYPE_CHECKING:
    from aimon.call.result import Result

# Attributes of an enumeration are slow to read.
_OK: Final = Outcome.OK
# Outcomes that every further call would have, too.
FATAL = frozenset(
    {
        Outcome.UNAUTHORIZED,
        Outcome.FORBIDDEN,
        Outcome.QUOTA_EXHAUSTED,
        Outcome.MODEL_NOT_FOUND,
        Outcome.BAD_REQUEST,
        Outcome.PROBER_ERROR,
    }
)
_FATAL_IN_A_ROW = 5
_STORM = 100
# Sums of floats miss a limit by rounding errors.
_ROUNDING = 1 + 1e-9
# Outcomes while a server restarts, and how long that may take (seconds).
_BROKEN = frozenset(outcome for outcome in Outcome if outcome.fault is Fault.NETWORK) | {Outcome.STREAM_TRUNCATED}
_RESTART = 5.0


class AbortPolicy:
    """Observes the calls of a run, and says when to stop.

    Args:
        budget: what the run may cost, in the reporting currency.
        storms: whether a hundred failures in a row (429s do not count as such) end the run; connections that break or
            are refused only if that lasts for 5 seconds.

    Attributes:
        spent: so far.
        culprit: outcome, HTTP status and failure reason of the call that ended the run; None if no call did.
    """

    def __init__(self, budget: float | None = None, *, storms: bool = True) -> None:
        self.spent = 0.0
        self.culprit: tuple[str, int | None, str | None] | None = None
        self.budget = budget
        self._storms = storms
        self._paid = self._fatal = self._failed = self._broken = 0
        self._failing_since = 0.0

    def check_first_call(self, result: Result) -> str | None:
        """Why the run must not begin, by its first call; None if it may."""
        self.observe(result, in_flight=0)
        return self.objection(result)

    def objection(self, result: Result) -> str | None:
        """Why the run must not begin, by a call that was observed before it; None if it may."""
        if result.outcome in FATAL or result.fault is Fault.NETWORK:
            return describe(result)
        if self.budget is not None and result.outcome is Outcome.OK and result.cost is None:
            return f"a limit of cost was given, but the cost of a call is not known: {_why_unpriced(result)}"
        return None

    def observe(self, result: Result, *, in_flight: int, fatal: bool = True) -> str | None:
        """Why to stop after this call; None to go on. Calls in flight are expected to cost the mean so far.

        Without `fatal`, a call is none to an AI endpoint: what its errors say of the next ones is not known.
        """
        outcome = result.outcome
        self._note(result)
        if outcome is _OK:
            self._fatal = self._failed = self._broken = 0
            if self.budget is not None and self.spent + in_flight * self._each >= self.budget:
                return self._reached(self.budget)
            return None
        if result.connection is not None and result.connection.stale:
            return None
        self._fatal = self._fatal + 1 if outcome in FATAL and fatal else 0
        if self._fatal >= _FATAL_IN_A_ROW:
            self.culprit = result.outcome.value, result.status_code, result.failure_reason
            return f"{self._fatal} calls in a row ended so: {describe(result)}"
        if self._is_storm(result) and self._storms:
            self.culprit = result.outcome.value, result.status_code, result.failure_reason
            return f"{self._failed} calls in a row failed; the last: {describe(result)}"
        if self.budget is not None and self.spent + in_flight * self._each >= self.budget:
            return self._reached(self.budget)
        return None

    def check_budget(self, *, in_flight: int) -> str | None:
        """Why not to start a call: with those in flight it would exceed the budget. None if it may start."""
        if self.budget is None or self.spent + (in_flight + 1) * self._each <= self.budget * _ROUNDING:
            return None
        return self._reached(self.budget)

    @property
    def _each(self) -> float:
        """Expected cost of a call in flight: the mean of those that cost anything."""
        return self.spent / self._paid if self._paid else 0.0

    def _note(self, result: Result) -> None:
        if result.cost:
            self.spent += result.cost
            self._paid += 1

    def _reached(self, budget: float) -> str:
        spent, most = (quantities.price_tag(amount, None) for amount in (self.spent, budget))
        return f"the limit of cost is reached: {spent} of {most} spent"

    def _is_storm(self, result: Result) -> bool:
        if result.outcome is Outcome.RATE_LIMITED:
            self._failed = self._broken = 0
            return False
        ended = result.started_at + result.end
        if not self._failed:
            self._failing_since = ended
        self._failed += 1
        self._broken += result.outcome in _BROKEN
        others, lasted = self._failed - self._broken, ended - self._failing_since
        return others >= _STORM or (self._failed >= _STORM and lasted >= _RESTART)


def _why_unpriced(result: Result) -> str:
    if result.usage.input is None and result.estimated is None:
        return "the endpoint does not report usage, and its answer has no text to estimate it from"
    return result.price_source or "give the endpoint prices"


def describe(result: Result) -> str:
    """One line about a failure, for people."""
    status = "" if result.status_code is None else f" (HTTP {result.status_code})"
    return f"{result.outcome}{status}" + (f": {result.error}" if result.error else "")
