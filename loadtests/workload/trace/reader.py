"""Reads the arrivals of published traces (see `formats`): arrival time, prompt and answer tokens.

A file holds JSON lines or CSV with a header. Times stay in the file's unit; `Trace` converts them to seconds.
"""

from __future__ import annotations

import csv
import math
from datetime import UTC, datetime
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, BinaryIO, NamedTuple, TextIO

import msgspec

from aimon.loadtests.workload.spec import WorkloadError
from aimon.loadtests.workload.trace import formats
from aimon.loadtests.workload.trace.formats import DATES, EXAMPLE, MOONCAKE, TraceFormat
from aimon.token_lengths import MOST

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

_MARK = b"\xef\xbb\xbf"  # byte order mark that Windows editors write before UTF-8
_Tokens = Annotated[int, msgspec.Meta(ge=0, le=MOST)]


class Arrival(NamedTuple):
    """A call: its time in the file's unit, token counts, and block numbers of its prompt, equal for equal blocks."""

    time: float
    prompt: int
    answer: int
    blocks: Sequence[int] = ()


def find_format(path: str) -> TraceFormat:
    """Detects the format of a file by its first line.

    Raises:
        OSError: it can't be read.
        WorkloadError: its format is unknown.
    """
    try:
        if _is_json(path):
            with Path(path).open("rb") as file:
                first = next((line for data in file if (line := data.removeprefix(_MARK).strip())), b"")
            return _json_format(first)
        with Path(path).open(encoding="utf-8-sig", newline="") as text:
            return formats.find(_header(csv.reader(text, strict=True)))
    except WorkloadError as error:
        raise WorkloadError(f"{path}:1: {error}") from None
    except (csv.Error, UnicodeDecodeError) as error:
        raise WorkloadError(f"{path}:1: not CSV in UTF-8: {error}") from None


def read(path: str, trace_format: TraceFormat, *, dated: bool) -> Iterator[Arrival]:
    """The arrivals of a file, in file order.

    Args:
        path: the file.
        trace_format: its format.
        dated: times are dates, converted to unix time; otherwise they are numbers, and stay unchanged.

    Raises:
        OSError: it can't be read.
        WorkloadError: a line is invalid; says which, and what to write instead.
    """
    if _is_json(path):
        with Path(path).open("rb") as file:
            yield from _json_lines(path, file, trace_format, dated=dated)
        return
    with Path(path).open(encoding="utf-8-sig", newline="") as text:
        yield from _table(path, text, trace_format, dated=dated)


def _is_json(path: str) -> bool:
    with Path(path).open("rb") as file:
        return file.read(64).removeprefix(_MARK).lstrip().startswith((b"{", b"["))


def _json_format(line: bytes) -> TraceFormat:
    try:
        names = [*msgspec.json.decode(line, type=dict[str, msgspec.Raw])]
    except (msgspec.DecodeError, UnicodeDecodeError):
        return MOONCAKE  # its parser reports what is wrong with the line
    try:
        return formats.find(names)
    except WorkloadError:
        if MOONCAKE.time in names:
            return MOONCAKE
        raise


@cache
def _line_type(trace_format: TraceFormat, *, dated: bool) -> type[msgspec.Struct]:
    fields: list[Any] = [
        ("time", str if dated else float, msgspec.field(name=trace_format.time)),
        ("prompt", _Tokens, msgspec.field(name=trace_format.prompt)),
        ("answer", _Tokens, msgspec.field(name=trace_format.answer)),
        ("blocks", list[int], msgspec.field(name="hash_ids", default_factory=list)),
    ]
    return msgspec.defstruct("TraceLine", fields)


def _json_lines(path: str, file: BinaryIO, trace_format: TraceFormat, *, dated: bool) -> Iterator[Arrival]:
    decode: Callable[[bytes], Any] = msgspec.json.Decoder(_line_type(trace_format, dated=dated)).decode
    for number, data in enumerate(file, start=1):
        if not (text := data.removeprefix(_MARK).strip()):
            continue
        try:
            line = decode(text)
            time = _time(trace_format, line.time, dated=True) if dated else line.time
        except (msgspec.DecodeError, UnicodeDecodeError) as error:
            raise WorkloadError(f"{path}:{number}: {error}: a line is {EXAMPLE}") from None
        except ValueError as error:
            raise WorkloadError(f"{path}:{number}: {error}") from None
        yield Arrival(time, line.prompt, line.answer, line.blocks)


def _table(path: str, file: TextIO, trace_format: TraceFormat, *, dated: bool) -> Iterator[Arrival]:
    rows = csv.reader(file, strict=True)
    number = 0
    try:
        header = _header(rows)
        number = 1
        time, prompt, answer = (
            header.index(name) for name in (trace_format.time, trace_format.prompt, trace_format.answer)
        )
        for row in rows:
            number = rows.line_num
            if row:
                yield Arrival(_time(trace_format, row[time], dated=dated), _tokens(row[prompt]), _tokens(row[answer]))
    except IndexError:
        raise WorkloadError(f"{path}:{number}: has too few columns: the first line names {len(header)}") from None
    except (csv.Error, UnicodeDecodeError) as error:
        raise WorkloadError(f"{path}:{number + 1}: not CSV in UTF-8: {error}") from None
    except ValueError as error:
        raise WorkloadError(f"{path}:{number}: {error}") from None


def _header(rows: Iterator[list[str]]) -> list[str]:
    return [name.strip() for name in next(rows, [])]


def _time(trace_format: TraceFormat, text: str, *, dated: bool) -> float:
    try:
        time = _unix_time(text) if dated else float(text)
    except ValueError:
        time = math.nan
    if not math.isfinite(time):
        if trace_format.unit == DATES and not dated:
            raise ValueError(
                f"{trace_format.time} is {text!r}: --trace-unit is for numbers: leave it out where there are dates"
            )
        example = "2023-11-16 18:15:46.680" if dated else "1500"
        raise ValueError(f"{trace_format.time} is {text!r}: write a time such as {example}")
    return time


def _unix_time(text: str) -> float:
    moment = datetime.fromisoformat(text)
    # Dates without a zone are UTC: they must not depend on this machine's zone.
    return (moment if moment.tzinfo else moment.replace(tzinfo=UTC)).timestamp()


def _tokens(text: str) -> int:
    try:
        tokens = int(text)
    except ValueError:
        tokens = -1
    if not 0 <= tokens <= MOST:
        raise ValueError(f"a length is {text!r}: write a number of tokens from 0 to {MOST}")
    return tokens
