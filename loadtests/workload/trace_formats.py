"""Forms in which operators and simulators publish traces, told apart by their columns (or keys of JSON lines).

Mooncake: kvcache-ai/Mooncake, FAST25-release. Bailian: alibaba-edu/qwen-bailian-usagetraces-anon. BurstGPT:
HPMLL/BurstGPT. Azure: Azure/AzurePublicDataset, LLM inference traces of 2023 and later. Splitwise: Mutinifni/
splitwise-sim. Vidur: microsoft/vidur.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from aimon.loadtests.workload.spec import TRACE_UNITS, WorkloadError

if TYPE_CHECKING:
    from collections.abc import Iterable

EXAMPLE = '{"timestamp": 1500, "input_length": 512, "output_length": 64}'

UNITS = dict(zip(TRACE_UNITS, (1.0, 1e-3, 1e-6, 1e-9), strict=True))
"""Units of timestamps, in seconds."""
DATES = "dates"


class TraceForm(NamedTuple):
    """One form.

    Attributes:
        name: whose it is.
        time: column of the time of arrival; `prompt` and `answer` those of the tokens.
        unit: of the time: a key of UNITS, or DATES.
        mark: a column by which it is told from another form with the same three.
        block_size: tokens that each of its `hash_ids` stands for; 0 where that is found from the lengths.
    """

    name: str
    time: str
    prompt: str
    answer: str
    unit: str
    mark: str = ""
    block_size: int = 0

    @property
    def columns(self) -> str:
        """Those that it is known by, as a header of CSV."""
        names = (self.mark, self.time, self.prompt, self.answer)
        return ",".join(name for name in names if name)


MOONCAKE = TraceForm("Mooncake", "timestamp", "input_length", "output_length", "ms")
FORMS = (
    # Before Mooncake's, whose names it has, and whose unit it has not.
    TraceForm("Bailian", "timestamp", "input_length", "output_length", "s", mark="chat_id", block_size=16),
    TraceForm("Bailian", "timestamp", "input_length", "output_length", "s", mark="parent_chat_id", block_size=16),
    MOONCAKE,
    TraceForm("BurstGPT", "Timestamp", "Request tokens", "Response tokens", "s"),
    TraceForm("Azure", "TIMESTAMP", "ContextTokens", "GeneratedTokens", DATES),
    TraceForm("Splitwise", "arrival_timestamp", "prompt_size", "token_size", "s"),
    TraceForm("Vidur", "arrived_at", "num_prefill_tokens", "num_decode_tokens", "s"),
)


def find(names: Iterable[str]) -> TraceForm:
    """The form of a trace with columns or keys of these names.

    Raises:
        WorkloadError: there is none; says what to write.
    """
    given = {*names}
    for form in FORMS:
        if {form.time, form.prompt, form.answer} <= given and (not form.mark or form.mark in given):
            return form
    known = dict.fromkeys(f"{form.time},{form.prompt},{form.answer}" for form in FORMS)
    raise WorkloadError(f"not a known trace: write JSON lines such as {EXAMPLE}, or the columns {' or '.join(known)}")
