"""Forms in which operators and simulators publish traces, told apart by their columns (or keys of JSON lines).

Mooncake: kvcache-ai/Mooncake, FAST25-release. Bailian: alibaba-edu/qwen-bailian-usagetraces-anon. BurstGPT:
HPMLL/BurstGPT. Azure: Azure/AzurePublicDataset, LLM inference traces of 2023 and later. Splitwise: Mutinifni/
splitwise-sim. Vidur: microsoft/vidur.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from aimon.load_terms import TRACE_UNITS
from aimon.loadtests.workload.spec import WorkloadError

if TYPE_CHECKING:
    from collections.abc import Iterable

EXAMPLE = '{"timestamp": 1500, "input_length": 512, "output_length": 64}'

UNITS = dict(zip(TRACE_UNITS, (1.0, 1e-3, 1e-6, 1e-9), strict=True))
"""Units of timestamps, in seconds."""
DATES = "dates"


class TraceFormat(NamedTuple):
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


MOONCAKE = TraceFormat("Mooncake", "timestamp", "input_length", "output_length", "ms")
FORMATS = (
    # Before Mooncake's, whose names it has, and whose unit it has not.
    TraceFormat("Bailian", "timestamp", "input_length", "output_length", "s", mark="chat_id", block_size=16),
    TraceFormat("Bailian", "timestamp", "input_length", "output_length", "s", mark="parent_chat_id", block_size=16),
    MOONCAKE,
    TraceFormat("BurstGPT", "Timestamp", "Request tokens", "Response tokens", "s"),
    TraceFormat("Azure", "TIMESTAMP", "ContextTokens", "GeneratedTokens", DATES),
    TraceFormat("Splitwise", "arrival_timestamp", "prompt_size", "token_size", "s"),
    TraceFormat("Vidur", "arrived_at", "num_prefill_tokens", "num_decode_tokens", "s"),
)


def find(names: Iterable[str]) -> TraceFormat:
    """The form of a trace with columns or keys of these names.

    Raises:
        WorkloadError: there is none; says what to write.
    """
    given = {*names}
    for trace_format in FORMATS:
        if {trace_format.time, trace_format.prompt, trace_format.answer} <= given and (
            not trace_format.mark or trace_format.mark in given
        ):
            return trace_format
    known = dict.fromkeys(
        f"{trace_format.time},{trace_format.prompt},{trace_format.answer}" for trace_format in FORMATS
    )
    raise WorkloadError(f"not a known trace: write JSON lines such as {EXAMPLE}, or the columns {' or '.join(known)}")
