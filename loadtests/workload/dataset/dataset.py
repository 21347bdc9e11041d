"""Datasets: files of prompts and conversations, divided among workers."""

from __future__ import annotations

from functools import partial
from itertools import cycle, islice
from pathlib import Path
from random import Random
from typing import TYPE_CHECKING

import msgspec

from aimon import token_lengths
from aimon.loadtests.workload.conversations import Conversations
from aimon.loadtests.workload.dataset import formats
from aimon.loadtests.workload.source import Tokens, Turn, conversation_tokens
from aimon.loadtests.workload.spec import WorkloadError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from aimon.config.endpoint import Endpoint
    from aimon.loadtests.workload.spec import Workload

_MARK = b"\xef\xbb\xbf"  # byte order mark that Windows editors write before UTF-8
Conversation = tuple[Turn, ...]


def open_dataset(
    endpoint: Endpoint, spec: Workload, path: str, *, seed: int, worker: int, workers: int
) -> Conversations:
    """The entries of a file in order, repeated for ever: entry k, from 0, is for worker k % workers.

    If there are fewer entries than workers, the remaining workers use all entries, each from another start.

    Args:
        endpoint: the endpoint under test.
        spec: its `output_tokens` replace all limits in the file.
        path: the file. All of it is read and checked; a worker keeps its own entries. Bad ones are skipped, unless the
            workload is strict.
        seed: seed of the lengths.
        worker: number of the worker, from 0.
        workers: number of workers.

    Raises:
        OSError: the file can't be read.
        WorkloadError: an entry is invalid and the workload strict, or there is no valid one.
    """
    mine: list[Conversation] = []
    bad: list[str] = []
    size = calls = 0
    prompts = answers = 0.0
    limits = None if spec.output_tokens is None else token_lengths.parse(spec.output_tokens)
    for turns in read(path, endpoint.target.dialect, None if spec.strict_dataset else bad):
        if size % workers == worker:
            mine.append(turns)
        size += 1
        calls += len(turns)
        sums = conversation_tokens(turns, None if limits is None else limits.mean)
        prompts += sums[0]
        answers += sums[1]
    if not size and bad:
        raise WorkloadError(bad[0])
    if not size:
        raise WorkloadError(f'{path}: has no entry with a question: write lines such as {{"prompt": "…"}}')
    # Only a worker without entries reads the file, which is then short, a second time.
    endless = (
        cycle(mine) if mine else islice(cycle(list(read(path, endpoint.target.dialect, bad[:0]))), worker % size, None)
    )
    tokens = Tokens(prompts / calls, answers / calls)
    start: Callable[[], Conversation] = partial(next, endless)
    if limits is not None:
        start = partial(_limited, endless, partial(limits.draw, Random(f"{seed}/{worker}")))
    return Conversations(endpoint, start, tokens, size, delay=spec.turn_delay, skipped=bad)


def read(path: str, dialect: str, bad: list[str] | None = None) -> Iterator[Conversation]:
    """The entries of a file of JSON lines, or of one JSON array. Conversations without a question are left out.

    Args:
        path: the file.
        dialect: in which they are sent.
        bad: takes what is wrong with invalid entries, each with its place; None refuses the first one.

    Raises:
        OSError: it can't be read.
        WorkloadError: an entry is invalid, and none may be; says which. Or it is no list of entries.
    """
    with Path(path).open("rb") as file:
        start = file.read(64).removeprefix(_MARK).lstrip()
        file.seek(0)
        numbered = _elements(path, file.read()) if start.startswith(b"[") else _lines(file)
        for where, data in numbered:
            try:
                turns = formats.read(data, dialect)
            except WorkloadError as error:
                problem = f"{path}{where}: {error}"
                if bad is None:
                    raise WorkloadError(problem) from None
                bad.append(problem)
                continue
            if turns:
                yield turns


def _lines(file: Iterator[bytes]) -> Iterator[tuple[str, bytes]]:
    for number, line in enumerate(file, start=1):
        if text := line.removeprefix(_MARK).strip():
            yield f":{number}", text


def _elements(path: str, data: bytes) -> Iterator[tuple[str, msgspec.Raw]]:
    try:
        elements = msgspec.json.decode(data.removeprefix(_MARK), type=list[msgspec.Raw])
    except msgspec.DecodeError as error:
        raise WorkloadError(f"{path}: not a JSON array ({error}): write one, or one JSON object a line") from None
    for number, element in enumerate(elements, start=1):
        yield f": entry {number}", element


def _limited(endless: Iterator[Conversation], limit: Callable[[], int]) -> Conversation:
    return tuple([msgspec.structs.replace(turn, max_tokens=limit()) for turn in next(endless)])
