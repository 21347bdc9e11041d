"""The workload options of a load test. Holds no texts, and is sent between processes."""

from __future__ import annotations

import msgspec

from aimon import token_lengths
from aimon.load_terms import MOST_TRACE_SPEED, MOST_TURNS, TRACE_UNITS


class WorkloadError(ValueError):
    """Invalid workload options or files: says what is wrong, where, and what to write instead."""


class Workload(msgspec.Struct, kw_only=True, frozen=True, forbid_unknown_fields=True):
    """The workload; by default the endpoint's first canary.

    Attributes:
        prompt_tokens: lengths of synthetic prompts, as `token_lengths.parse` reads them.
        output_tokens: likewise the limits of answers.
        shared_prefix_tokens: length of a prefix shared by all synthetic prompts, in addition to `prompt_tokens`.
        turns: turns of each synthetic conversation.
        turn_delay: seconds between an answer and the next question of its conversation, at least.
        dataset: path of a file of prompts or conversations.
        strict_dataset: whether a bad entry of it is refused; it is skipped otherwise.
        trace: path of a file of arrivals and lengths, replayed with its timestamps.
        trace_unit: their unit, one of TRACE_UNITS; by default that of the file's format.
        trace_speed: factor by which the trace is replayed faster than recorded.
    """

    prompt_tokens: str | None = None
    output_tokens: str | None = None
    shared_prefix_tokens: int = 0
    turns: int = 1
    turn_delay: float = 0.0
    dataset: str | None = None
    strict_dataset: bool = False
    trace: str | None = None
    trace_unit: str | None = None
    trace_speed: float = 1.0

    @property
    def synthetic(self) -> bool:
        """Whether any option asks for synthetic prompts."""
        return bool(self.prompt_tokens or self.output_tokens or self.shared_prefix_tokens or self.turns > 1)

    def check(self) -> None:
        """Refuses contradictory options. Opens no file.

        Raises:
            WorkloadError: names the options and what to write instead.
        """
        for option, text in (("--prompt-tokens", self.prompt_tokens), ("--output-tokens", self.output_tokens)):
            try:
                token_lengths.parse("1" if text is None else text)
            except ValueError as error:
                raise WorkloadError(f"{option} {error}") from None
        if not 0 <= self.shared_prefix_tokens <= token_lengths.MOST:
            raise WorkloadError(
                f"--shared-prefix-tokens {self.shared_prefix_tokens}: write a number from 0 to {token_lengths.MOST}"
            )
        if not 1 <= self.turns <= MOST_TURNS:
            raise WorkloadError(f"--turns {self.turns}: write a number from 1 to {MOST_TURNS}")
        self._check_trace_options()
        if self.dataset is not None and self.trace is not None:
            raise WorkloadError("--dataset and --trace both say what to ask: keep one of the two")
        if self.dataset is not None:
            self._refuse("--dataset", "has its own prompts and turns")
        if self.trace is not None:
            self._refuse("--trace", "has its own lengths")
            if self.output_tokens is not None:
                raise WorkloadError("--trace has its own lengths: leave out --output-tokens")

    def _check_trace_options(self) -> None:
        if self.trace_unit is not None and self.trace_unit not in TRACE_UNITS:
            raise WorkloadError(f"--trace-unit {self.trace_unit}: there are {', '.join(TRACE_UNITS)}")
        if not 1 / MOST_TRACE_SPEED <= self.trace_speed <= MOST_TRACE_SPEED:
            bounds = f"{1 / MOST_TRACE_SPEED:g} to {MOST_TRACE_SPEED:,}"
            raise WorkloadError(f"--trace-speed {self.trace_speed:g}: write a number from {bounds}")
        if self.trace is None:
            for option, given in (("--trace-unit", self.trace_unit), ("--trace-speed", self.trace_speed != 1)):
                if given:
                    raise WorkloadError(f"{option} is for a trace: add --trace FILE, or leave it out")

    def _refuse(self, option: str, why: str) -> None:
        for other, given in (
            ("--prompt-tokens", self.prompt_tokens is not None),
            ("--shared-prefix-tokens", self.shared_prefix_tokens > 0),
            ("--turns", self.turns > 1),
        ):
            if given:
                raise WorkloadError(f"{option} {why}: leave out {other}")
