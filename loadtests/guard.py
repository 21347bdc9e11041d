"""Reasons to end a load test early. Pure: it is told of every call, and says why to stop."""

from __future__ import annotations

from typing import TYPE_CHECKING

from aimon.outcome import Fault, Outcome

if TYPE_CHECKING:
    from aimon.result import Result

# What the next call cannot mend.
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


class Guard:
    """Watches the calls of a run.

    Args:
        budget: what the run may cost, in the reporting currency.
        storms: whether a hundred failures in a row (429s do not count as such) end the run.

    Attributes:
        spent: so far.
    """

    def __init__(self, budget: float | None = None, *, storms: bool = True) -> None:
        self.spent = 0.0
        self.budget = budget
        self._storms = storms
        self._calls = self._fatal = self._failed = 0

    def first(self, result: Result) -> str | None:
        """Why the run should not even begin, by its first call."""
        self.told(result, in_flight=0)
        if result.outcome in FATAL or result.fault is Fault.NETWORK:
            return describe(result)
        if self.budget is not None and result.outcome is Outcome.OK and result.cost is None:
            return "a limit of cost was given, but the cost of a call is not known: give the endpoint prices"
        return None

    def told(self, result: Result, *, in_flight: int) -> str | None:
        """Why to stop after this call; None goes on. Calls in flight are expected to cost what the others did."""
        outcome = result.outcome
        self._calls += 1
        self.spent += result.cost or 0.0
        self._fatal = self._fatal + 1 if outcome in FATAL else 0
        self._failed = 0 if outcome in (Outcome.OK, Outcome.RATE_LIMITED) else self._failed + 1
        if self._fatal >= _FATAL_IN_A_ROW:
            return f"{self._fatal} calls in a row ended so: {describe(result)}"
        if self._storms and self._failed >= _STORM:
            return f"{self._failed} calls in a row failed; the last: {describe(result)}"
        if self.budget is not None and self.spent + in_flight * self.spent / self._calls >= self.budget:
            return f"the limit of cost is reached: {self.spent:.6g} of {self.budget:.6g} spent"
        return None


def describe(result: Result) -> str:
    """One line about a failure, for people."""
    status = "" if result.status_code is None else f" (HTTP {result.status_code})"
    return f"{result.outcome}{status}" + (f": {result.error}" if result.error else "")
