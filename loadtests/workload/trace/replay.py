"""A trace as a workload: prompts and limits of the lengths it tells, and prompts alike where it says that they are."""

from __future__ import annotations

from random import Random
from typing import TYPE_CHECKING

from aimon.call.call import Message
from aimon.config.endpoint import new_nonce
from aimon.loadtests.workload import prompt_texts
from aimon.loadtests.workload.source import Tokens, WorkItem, call_factory

if TYPE_CHECKING:
    from collections.abc import Iterator

    from aimon.call.result import Result
    from aimon.config.endpoint import Endpoint
    from aimon.loadtests.workload.trace.trace import Trace

# Odd, so that different numbers below 2**32 stay different; large, so that their digits do.
_SPREAD = 0x9E3779B1


class Replay:
    """The calls of a trace.

    Where the trace names the blocks of its prompts, equal blocks become equal texts, the same at all workers, so that
    prompts share prefixes as they did when they were recorded; other prompts begin with a nonce.

    Args:
        endpoint: whom to ask.
        trace: what arrives.
        seed: of the texts of blocks: another seed, and no cache knows them.
        worker: which of the `workers` it is, from 0. This matters for calls that are no arrivals only.
        workers: how many there are.

    Attributes:
        doubt: why the trace's times may have been read in the wrong unit; None where nothing speaks for that.
    """

    def __init__(self, endpoint: Endpoint, trace: Trace, *, seed: int, worker: int, workers: int) -> None:
        self._call = call_factory(endpoint)
        self._trace = trace
        self.doubt = trace.doubt
        self._salt = Random(f"{seed}/blocks").getrandbits(32)
        self._next, self._workers = worker, workers

    def next_item(self, due: float | None = None) -> WorkItem:
        """The call of the arrival at that offset; without one, those of this worker's entries in turn."""
        trace = self._trace
        if due is None:
            k = self._next % len(trace.offsets)
            self._next += self._workers
        else:
            k = trace.at(due)
        return WorkItem(self._call((Message("user", self._text(k)),), trace.answers[k], ()))

    def on_result(self, item: WorkItem, result: Result) -> None:
        """Nothing follows from an answer."""

    def offsets(self) -> Iterator[float]:
        """Seconds from the start to each arrival."""
        return iter(self._trace.offsets)

    def size(self) -> int:
        """How many arrivals there are."""
        return len(self._trace.offsets)

    def mean_tokens(self) -> Tokens:
        """Over all arrivals."""
        return Tokens(sum(self._trace.prompts) / self.size(), sum(self._trace.answers) / self.size())

    def _text(self, k: int) -> str:
        tokens = self._trace.prompts[k]
        if blocks := self._trace.blocks(k):
            marks = [f"{block * _SPREAD + self._salt & 0xFFFFFFFF:08x}" for block in blocks]
            return prompt_texts.of_blocks(marks, self._trace.block_size, tokens)
        return prompt_texts.opening(new_nonce(), tokens)
