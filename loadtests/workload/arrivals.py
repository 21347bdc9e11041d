"""Lines of traces as operators publish them: when a call arrived, and how long its prompt and its answer were.

Known are Mooncake's JSON lines (kvcache-ai/Mooncake, FAST25-release) and the tables of BurstGPT (HPMLL/BurstGPT) and
of Azure's LLM inference traces (Azure/AzurePublicDataset, 2023 and later).
"""

from __future__ import annotations

import csv
import math
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, BinaryIO, NamedTuple, TextIO

import msgspec

from aimon.loadtests.workload.lengths import MOST
from aimon.loadtests.workload.spec import WorkloadError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

EXAMPLE = '{"timestamp": 1500, "input_length": 512, "output_length": 64}'

_MARK = b"\xef\xbb\xbf"  # with which editors on Windows begin UTF-8
_Tokens = Annotated[int, msgspec.Meta(ge=0, le=MOST)]


class Arrival(NamedTuple):
    """A call: seconds from any origin, tokens, and numbers of the prompt's blocks, equal for equal blocks."""

    time: float
    prompt: int
    answer: int
    blocks: Sequence[int] = ()


class _Line(msgspec.Struct):
    """Mooncake's form, in milliseconds."""

    timestamp: float
    input_length: _Tokens
    output_length: _Tokens
    hash_ids: list[int] = []


class _Table(NamedTuple):
    """A form of CSV: the columns that count, and what makes seconds of the first."""

    time: str
    prompt: str
    answer: str
    seconds: Callable[[str], float]


def _date(text: str) -> float:
    moment = datetime.fromisoformat(text)
    # Without a zone it must not depend on the clock changes of this machine's.
    return (moment if moment.tzinfo else moment.replace(tzinfo=UTC)).timestamp()


def _milliseconds(text: str) -> float:
    return float(text) / 1000


TABLES = (
    _Table("Timestamp", "Request tokens", "Response tokens", float),  # BurstGPT
    _Table("TIMESTAMP", "ContextTokens", "GeneratedTokens", _date),  # Azure
    _Table("timestamp", "input_length", "output_length", _milliseconds),  # Mooncake's, as a table
)


def read(path: str) -> Iterator[Arrival]:
    """The arrivals of a file, in its order.

    Raises:
        OSError: it can't be read.
        WorkloadError: it is in no known form, or a line is wrong; says which, and what to write instead.
    """
    with Path(path).open("rb") as file:
        start = file.read(64).removeprefix(_MARK).lstrip()
        if start.startswith((b"{", b"[")):
            file.seek(0)
            yield from _json_lines(path, file)
            return
    with Path(path).open(encoding="utf-8-sig", newline="") as text:
        yield from _table(path, text)


def _json_lines(path: str, file: BinaryIO) -> Iterator[Arrival]:
    decode = msgspec.json.Decoder(_Line).decode
    for number, data in enumerate(file, start=1):
        if not (text := data.removeprefix(_MARK).strip()):
            continue
        try:
            line = decode(text)
        except (msgspec.DecodeError, UnicodeDecodeError) as error:
            raise WorkloadError(f"{path}:{number}: {error}: a line is {EXAMPLE}") from None
        yield Arrival(line.timestamp / 1000, line.input_length, line.output_length, line.hash_ids)


def _table(path: str, file: TextIO) -> Iterator[Arrival]:
    rows = csv.reader(file, strict=True)
    number = 0
    try:
        header = [name.strip() for name in next(rows, [])]
        number = 1
        table = _known(header)
        time, prompt, answer = (header.index(name) for name in table[:3])
        for row in rows:
            number = rows.line_num
            if row:
                yield Arrival(_time(table, row[time]), _tokens(row[prompt]), _tokens(row[answer]))
    except IndexError:
        raise WorkloadError(f"{path}:{number}: has too few columns: the first line names {len(header)}") from None
    except (csv.Error, UnicodeDecodeError) as error:
        raise WorkloadError(f"{path}:{number + 1}: not CSV in UTF-8: {error}") from None
    except ValueError as error:
        raise WorkloadError(f"{path}:{number}: {error}") from None


def _known(header: list[str]) -> _Table:
    for table in TABLES:
        if {*table[:3]} <= {*header}:
            return table
    columns = " or ".join(f"{table.time},{table.prompt},{table.answer}" for table in TABLES)
    raise ValueError(f"not a known trace: write JSON lines such as {EXAMPLE}, or the columns {columns}")


def _time(table: _Table, text: str) -> float:
    try:
        seconds = table.seconds(text)
    except ValueError:
        seconds = math.nan
    if not math.isfinite(seconds):
        example = "2023-11-16 18:15:46.680" if table.seconds is _date else "1500"
        raise ValueError(f"{table.time} is {text!r}: write a time such as {example}")
    return seconds


def _tokens(text: str) -> int:
    try:
        tokens = int(text)
    except ValueError:
        tokens = -1
    if not 0 <= tokens <= MOST:
        raise ValueError(f"a length is {text!r}: write a number of tokens from 0 to {MOST}")
    return tokens
