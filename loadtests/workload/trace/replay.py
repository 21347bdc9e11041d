"""Replays a trace: calls with its prompt and answer lengths, and with shared prompt blocks where it records them."""

from __future__ import annotations

from random import Random
from typing import TYPE_CHECKING

from aimon.call.call import Message
from aimon.config.endpoint import new_nonce
from aimon.loadtests.workload import prompt_texts
from aimon.loadtests.workload.source import Tokens, Turn, WorkItem, call_factory

if TYPE_CHECKING:
    from collections.abc import Iterator

    from aimon.call.result import Result
    from aimon.config.endpoint import Endpoint
    from aimon.loadtests.workload.trace.trace import Trace

# Odd, so that numbers below 2**32 stay distinct; large, so that their hex digits differ.
_SPREAD = 0x9E3779B1


class Replay:
    """The calls of a trace.

    Equal blocks of a trace become equal texts at all workers, so that prompts share the recorded prefixes; prompts
    without blocks start with a nonce.

    Args:
        endpoint: the endpoint under test.
        trace: the trace.
        seed: seed of the blocks' texts; with another seed no cache has them.
        worker: number of the worker, from 0; used for calls without a due time only.
        workers: number of workers.

    Attributes:
        doubt: why the trace's times may have the wrong unit; None if they are plausible.
    """

    def __init__(self, endpoint: Endpoint, trace: Trace, *, seed: int, worker: int, workers: int) -> None:
        self._call = call_factory(endpoint)
        self._trace = trace
        self.doubt = trace.doubt
        self._salt = Random(f"{seed}/blocks").getrandbits(32)
        self._next, self._workers = worker, workers

    def next_item(self, due: float | None = None) -> WorkItem:
        """The call of the arrival at that offset; without an offset, this worker's entries in turn."""
        trace = self._trace
        if due is None:
            k = self._next % len(trace.offsets)
            self._next += self._workers
        else:
            k = trace.at(due)
        turn = Turn((Message("user", self._text(k)),), trace.answers[k])
        return WorkItem(self._call(turn.messages, turn))

    def on_result(self, item: WorkItem, result: Result) -> None:
        """Does nothing: later calls do not depend on answers."""

    def offsets(self) -> Iterator[float]:
        """Offset of each arrival in seconds."""
        return iter(self._trace.offsets)

    def size(self) -> int:
        """Number of arrivals."""
        return len(self._trace.offsets)

    def skipped(self) -> tuple[str, ...]:
        """Empty: a bad line of a trace is refused."""
        return ()

    def mean_tokens(self) -> Tokens:
        """Means over all arrivals."""
        return Tokens(sum(self._trace.prompts) / self.size(), sum(self._trace.answers) / self.size())

    def _text(self, k: int) -> str:
        tokens = self._trace.prompts[k]
        if blocks := self._trace.blocks(k):
            marks = [f"{block * _SPREAD + self._salt & 0xFFFFFFFF:08x}" for block in blocks]
            return prompt_texts.of_blocks(marks, self._trace.block_size, tokens)
        return prompt_texts.opening(new_nonce(), tokens)
