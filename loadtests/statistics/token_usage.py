"""Token counts of many calls: reported ones, and totals with estimates for the others. Unknown is not zero."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from aimon.call.outcome import Outcome

if TYPE_CHECKING:
    from collections.abc import Mapping

    from aimon.call.result import Result

_NAMES = (
    "input", "input_calls", "output", "output_calls", "served",
    "without", "estimated_calls", "all_input", "all_output", "all_served", "priced_by_estimate",
)  # fmt: skip


class TokenUsage:
    """Reported tokens, and totals in which estimates replace what was not reported.

    Attributes:
        amounts: `input` and `output` tokens reported, by `input_calls` and `output_calls`; `served` output tokens
            within the load window. `without` counts calls with text or success but no reported output; for
            `estimated_calls` of them there is an estimate. `all_input`, `all_output` and `all_served` are the sums of
            reported and estimated tokens, `priced_by_estimate` the calls whose cost is from an estimate.
    """

    def __init__(self) -> None:
        self.amounts = dict.fromkeys(_NAMES, 0.0)

    def observe(self, result: Result) -> None:
        """Counts a call."""
        amounts, told, guess = self.amounts, result.usage, result.estimated
        if told.input is not None:
            amounts["input"] += told.input
            amounts["input_calls"] += 1
        if told.output is not None:
            amounts["output"] += told.output
            amounts["output_calls"] += 1
        elif guess is not None or result.outcome is Outcome.OK:
            amounts["without"] += 1
            amounts["estimated_calls"] += guess is not None
            amounts["priced_by_estimate"] += guess is not None and result.cost is not None
        every = told if guess is None else guess
        amounts["all_input"] += every.input or 0
        amounts["all_output"] += every.output or 0

    def serve(self, result: Result, share: float, tokens: int) -> None:
        """Adds the share of its output within the load window; `tokens`: all of its output (`output_tokens`)."""
        self.amounts["served"] += share * (result.usage.output or 0)
        self.amounts["all_served"] += share * tokens

    def merge(self, other: Mapping[str, float]) -> None:
        """Adds the amounts of another."""
        for name, amount in other.items():
            self.amounts[name] += amount

    @property
    def estimated(self) -> bool:
        """Whether the sums include estimates."""
        return self.amounts["estimated_calls"] > 0

    def per_second(self, window: float) -> float | None:
        """Output tokens per second, with estimates; None where unknown."""
        # The window may hold calls of the warm-up only, which count in `all_served` alone.
        known = self.amounts["output_calls"] + self.amounts["estimated_calls"] + self.amounts["all_served"] > 0
        return self.amounts["all_served"] / window if known and window > 0 else None

    def summary(self, window: float) -> dict[str, Any]:
        """As in report.json."""
        amounts = self.amounts
        complete = amounts["output_calls"] + amounts["served"] > 0 and not amounts["without"]
        guessed = {
            "calls": round(amounts["estimated_calls"]),
            "input": round(amounts["all_input"]),
            "output": round(amounts["all_output"]),
            "output_per_s": self.per_second(window),
        }
        return {
            "input": round(amounts["input"]) if amounts["input_calls"] else None,
            "output": round(amounts["output"]) if amounts["output_calls"] else None,
            "output_per_s": amounts["served"] / window if complete and window > 0 else None,
            "without_usage": round(amounts["without"]),
            "estimated": guessed if self.estimated else None,
        }


def output_tokens(result: Result) -> int:
    """Output tokens of a call, reported or estimated; 0 where neither is known."""
    return (result.usage if result.estimated is None else result.estimated).output or 0
