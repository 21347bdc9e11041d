"""Formats of published traces, identified by their columns (or keys of JSON lines).

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
    """A format of traces.

    Attributes:
        name: its publisher.
        time: column of the arrival time; `prompt` and `answer` are those of the token counts.
        unit: unit of the time: a key of UNITS, or DATES.
        mark: a column that distinguishes it from another format with the same three columns.
        block_size: tokens of each of its `hash_ids`; 0 if it follows from the lengths.
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
        """The identifying columns, as a CSV header."""
        names = (self.mark, self.time, self.prompt, self.answer)
        return ",".join(name for name in names if name)


MOONCAKE = TraceFormat("Mooncake", "timestamp", "input_length", "output_length", "ms")
FORMATS = (
    # Before Mooncake's, which has the same columns and another unit.
    TraceFormat("Bailian", "timestamp", "input_length", "output_length", "s", mark="chat_id", block_size=16),
    TraceFormat("Bailian", "timestamp", "input_length", "output_length", "s", mark="parent_chat_id", block_size=16),
    MOONCAKE,
    TraceFormat("BurstGPT", "Timestamp", "Request tokens", "Response tokens", "s"),
    TraceFormat("Azure", "TIMESTAMP", "ContextTokens", "GeneratedTokens", DATES),
    TraceFormat("Splitwise", "arrival_timestamp", "prompt_size", "token_size", "s"),
    TraceFormat("Vidur", "arrived_at", "num_prefill_tokens", "num_decode_tokens", "s"),
)


def find(names: Iterable[str]) -> TraceFormat:
    """The format with these columns or keys.

    Raises:
        WorkloadError: no format has them; says what to write.
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
