"""A trace in memory, with its arrivals in order of time."""

from __future__ import annotations

from array import array
from bisect import bisect_left
from dataclasses import dataclass
from itertools import pairwise
from typing import TYPE_CHECKING

from aimon.loadtests.workload.spec import WorkloadError
from aimon.loadtests.workload.trace import arrival_rates, reader
from aimon.loadtests.workload.trace.formats import DATES, EXAMPLE, UNITS

if TYPE_CHECKING:
    from collections.abc import Iterable

LEAST_GAP = 1e-6
"""Seconds between arrivals with the same timestamp.

Wide enough for an offset to be added to a clock reading and subtracted again without rounding to a neighbour: arrivals
are looked up by their offset.
"""
# Possible block sizes in tokens. Mooncake's is 512; other traces in its format have smaller ones.
_BLOCK_SIZES = (512, 16, 32, 64, 128, 256, 1024, 2048)


@dataclass(frozen=True, slots=True)
class Trace:
    """Arrivals in order, in arrays, since there may be millions.

    Attributes:
        offsets: seconds from the first arrival, strictly rising.
        prompts: tokens of each prompt.
        answers: tokens of each answer, at least 1.
        block_size: tokens of a block of a prompt; 0 where the trace has none.
        doubt: why its times may have the wrong unit; None if they are plausible.
    """

    offsets: array[float]
    prompts: array[int]
    answers: array[int]
    block_size: int
    doubt: str | None
    _blocks: array[int]  # of all prompts, concatenated
    _bounds: array[int]  # start of each prompt's blocks

    def at(self, due: float) -> int:
        """The arrival whose offset is nearest."""
        after = bisect_left(self.offsets, due)
        if after == len(self.offsets) or (after and due - self.offsets[after - 1] < self.offsets[after] - due):
            return after - 1
        return after

    def blocks(self, k: int) -> array[int]:
        """Block numbers of a prompt, from 0, unique in the trace; equal numbers are equal blocks."""
        return self._blocks[self._bounds[k] : self._bounds[k + 1]]


def read(path: str, unit: str | None = None, speed: float = 1.0) -> Trace:
    """Reads a trace in any known format.

    Args:
        path: the file.
        unit: unit of its times, one of UNITS; by default that of its format.
        speed: factor by which it is replayed faster than recorded.

    Raises:
        OSError: the file can't be read.
        WorkloadError: its format is unknown, or a line is invalid; says what to write instead.
    """
    trace_format = reader.find_format(path)
    dated = unit is None and trace_format.unit == DATES
    scale = 1.0 if dated else UNITS[unit or trace_format.unit]
    times, prompts, answers = array("d"), array("I"), array("I")
    blocks, bounds = array("I"), array("Q", [0])
    numbers: dict[int, int] = {}
    for arrival in reader.read(path, trace_format, dated=dated):
        times.append(arrival.time)
        prompts.append(max(1, arrival.prompt))
        # A failed call is recorded without an answer, but it arrived.
        answers.append(max(1, arrival.answer))
        blocks.extend([numbers.setdefault(block, len(numbers)) for block in arrival.blocks])
        bounds.append(len(blocks))
    if not times:
        raise WorkloadError(f"{path}: has no arrivals: write lines such as {EXAMPLE}")
    size = _block_size(path, prompts, bounds, trace_format.block_size) if blocks else 0
    if any(before > after for before, after in pairwise(times)):
        # A stable sort: equal times keep the order of the file.
        order = sorted(range(len(times)), key=times.__getitem__)
        times = array("d", [times[k] for k in order])
        prompts, answers = (array("I", [tokens[k] for k in order]) for tokens in (prompts, answers))
        blocks, bounds = _reordered(blocks, bounds, order)
    offsets = _rising(times, scale / speed)
    doubt = None
    if unit is None and not dated:
        fractional = trace_format.unit != "s" and any(time % 1 for time in times)
        doubt = arrival_rates.doubt(len(times), (times[-1] - times[0]) * scale, trace_format, fractional=fractional)
    return Trace(offsets, prompts, answers, size, doubt, blocks, bounds)


def _reordered(blocks: array[int], bounds: array[int], order: Iterable[int]) -> tuple[array[int], array[int]]:
    moved, ends = array("I"), array("Q", [0])
    for k in order:
        moved.extend(blocks[bounds[k] : bounds[k + 1]])
        ends.append(len(moved))
    return moved, ends


def _rising(times: array[float], scale: float) -> array[float]:
    offsets = array("d", [0.0])
    first, last = times[0], 0.0
    for time in times[1:]:
        last = max((time - first) * scale, last + LEAST_GAP)
        offsets.append(last)
    return offsets


def _block_size(path: str, prompts: Iterable[int], bounds: array[int], expected: int) -> int:
    """The block size that fits the number of blocks of every prompt; the `expected` one is tried first."""
    counts = [after - before for before, after in pairwise(bounds)]
    for size in (expected, *_BLOCK_SIZES) if expected else _BLOCK_SIZES:
        if all(
            not count or (count - 1) * size < tokens <= count * size
            for tokens, count in zip(prompts, counts, strict=True)
        ):
            return size
    sizes = ", ".join(map(str, sorted(_BLOCK_SIZES)))
    raise WorkloadError(f"{path}: hash_ids fit blocks of none of {sizes} tokens: leave hash_ids out of the file")
