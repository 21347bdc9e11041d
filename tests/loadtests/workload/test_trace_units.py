"""Units of traces: known forms by their columns, what is said otherwise, and times that can't be right."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pytest

from aimon.call.call import Target
from aimon.config.endpoint import Endpoint
from aimon.loadtests.workload import Workload, WorkloadError, open_source
from aimon.loadtests.workload.trace.arrival_rates import most_within
from aimon.loadtests.workload.trace.trace import Trace, read

if TYPE_CHECKING:
    from pathlib import Path

ENDPOINT = Endpoint(Target("e", "p", "openai-chat", "http://127.0.0.1/v1", "m"), ())
TWO_HOURS = 7200.0


def bailian(time: float, **more: Any) -> dict[str, Any]:
    """A line as Bailian's: seconds, and blocks of 16 tokens."""
    line = {"chat_id": 159, "parent_chat_id": -1, "timestamp": time, "input_length": 33, "output_length": 7}
    return {**line, "type": "text", "turn": 1, "hash_ids": [1, 2, 3], **more}


def as_json(path: Path, rows: list[dict[str, Any]]) -> Path:
    """A file of JSON lines."""
    file = path / "t.jsonl"
    file.write_text("".join(f"{json.dumps(row)}\n" for row in rows))
    return file


def as_csv(path: Path, rows: list[dict[str, Any]]) -> Path:
    """A table of the same."""
    file = path / "t.csv"
    lines = [",".join(rows[0]), *(",".join(map(str, row.values())) for row in rows)]
    file.write_text("\n".join(lines) + "\n")
    return file


def dense(times: list[float], **names: str) -> list[dict[str, Any]]:
    """Calls at these times, in columns of these names."""
    time, prompt, answer = (
        names.get("time", "timestamp"),
        *names.get("lengths", "input_length|output_length").split("|"),
    )
    return [{time: at, prompt: 20, answer: 5} for at in times]


@pytest.mark.parametrize("write", [as_json, as_csv])
@pytest.mark.parametrize(
    ("columns", "second"),
    [
        (("timestamp", "input_length", "output_length"), 1000),
        (("Timestamp", "Request tokens", "Response tokens"), 1),
        (("arrival_timestamp", "prompt_size", "token_size"), 1),
        (("arrived_at", "num_prefill_tokens", "num_decode_tokens"), 1),
    ],
)
def test_forms_are_known_by_their_columns(tmp_path: Path, write: Any, columns: tuple[str, ...], second: int) -> None:
    """Formats are recognised by their columns, as JSON lines or a table, in any order and among others."""
    rows = [dict(zip(("other", *columns[::-1]), ("x", 5, 20, k * 2 * second), strict=True)) for k in range(3)]
    assert list(read(str(write(tmp_path, rows))).offsets) == [0.0, 2.0, 4.0]


@pytest.mark.parametrize("write", [as_json, as_csv])
def test_bailians_are_seconds(tmp_path: Path, write: Any) -> None:
    """Though its columns are Mooncake's, which are milliseconds: it has those of chats, too."""
    rows = [bailian(61.114), bailian(61.5), bailian(TWO_HOURS + 61.114)]
    if write is as_csv:
        rows = [{key: value for key, value in row.items() if key != "hash_ids"} for row in rows]
    found = read(str(write(tmp_path, rows)))
    assert list(found.offsets) == pytest.approx([0.0, 0.386, TWO_HOURS])
    assert found.doubt is None


def test_bailians_blocks_have_16_tokens(tmp_path: Path) -> None:
    """Even where they would fit a larger size."""
    rows = [bailian(0, input_length=16, hash_ids=[4]), bailian(1, input_length=9, hash_ids=[5])]
    assert read(str(as_json(tmp_path, rows))).block_size == 16


@pytest.mark.parametrize("chat", ["chat_id", "parent_chat_id"])
def test_either_column_of_chats_is_enough(tmp_path: Path, chat: str) -> None:
    """One of the two columns of chats is enough to recognise the form."""
    rows = [{chat: 1, "timestamp": at, "input_length": 20, "output_length": 5} for at in (0, 30)]
    assert list(read(str(as_json(tmp_path, rows))).offsets) == [0.0, 30.0]


@pytest.mark.parametrize(("unit", "scale"), [("s", 1.0), ("ms", 1e-3), ("us", 1e-6), ("ns", 1e-9)])
@pytest.mark.parametrize("form", [{}, {"time": "TIMESTAMP", "lengths": "ContextTokens|GeneratedTokens"}])
def test_a_unit_that_is_said_wins(tmp_path: Path, unit: str, scale: float, form: dict[str, str]) -> None:
    """Over that of the form, and over dates, where there are numbers in their place; nothing is doubted then."""
    times = [1.5e9, 2.5e9, 4.5e9]
    found = read(str(as_csv(tmp_path, dense(times, **form))), unit)
    assert list(found.offsets) == pytest.approx([0.0, 1e9 * scale, 3e9 * scale], rel=1e-9, abs=1e-5)
    assert found.doubt is None


@pytest.mark.parametrize("speed", [0.5, 1.0, 60.0])
def test_speed(tmp_path: Path, speed: float) -> None:
    """`trace_speed` replays a trace this many times as fast as it was recorded."""
    source = open_source(ENDPOINT, Workload(trace=str(as_json(tmp_path, [bailian(9), bailian(69)])), trace_speed=speed))
    assert list(source.offsets() or []) == pytest.approx([0.0, 60 / speed])


def test_dates_have_no_unit(tmp_path: Path) -> None:
    """A unit for dates is refused with the line number."""
    file = as_csv(tmp_path, dense(["2023-11-16 18:15:46"], time="TIMESTAMP", lengths="ContextTokens|GeneratedTokens"))  # type: ignore[list-item]
    with pytest.raises(WorkloadError, match=r"t\.csv:2: TIMESTAMP is '2023.*: --trace-unit is for numbers"):
        read(str(file), "s")


def doubted(path: Path, times: list[float], **names: str) -> str | None:
    """What is said of a trace with these times."""
    found: Trace = read(str(as_json(path, dense(times, **names))))
    return found.doubt


BURST = {"time": "Timestamp", "lengths": "Request tokens|Response tokens"}


@pytest.mark.parametrize(
    ("times", "names", "said"),
    [
        # Two hours of seconds, at 24, 1 and .15 a second, as milliseconds.
        ([k // 24 for k in range(172_800)], {}, "172,800 calls in 7.2 s, 24,003/s"),
        (list(range(7200)), {}, "7,200 calls in 7.2 s, 1,000/s"),
        ([6.5 * k for k in range(1100)], {}, "have fractions, as seconds have"),
        ([61.114, 62.5], {}, "have fractions, as seconds have"),
        # An hour of milliseconds, as seconds.
        ([k * 1000 for k in range(3600)], BURST, "it would take 42 days"),
        ([5] * 20, {}, "20 calls in 0 s, all at once"),
        # As they should be.
        ([k * 40 for k in range(5000)], {}, None),
        ([k // 24 for k in range(20_000)], BURST, None),
        ([0.25, 0.5, 0.75], BURST, None),
        ([0, 0, 0], {}, None),
    ],
)
def test_times_that_can_hardly_be_right_are_doubted(
    tmp_path: Path, times: list[float], names: dict[str, str], said: str | None
) -> None:
    """Too dense, too long, or with digits that the unit has no use for."""
    found = doubted(tmp_path, times, **names)
    assert (found is None) if said is None else (found is not None and said in found), found


@pytest.mark.parametrize(
    ("options", "problem"),
    [
        ({"trace": "t", "trace_unit": "min"}, "--trace-unit min: there are s, ms, us, ns"),
        ({"trace": "t", "trace_speed": 0.0}, "--trace-speed 0: write a number from 0.0001 to 10,000"),
        ({"trace_speed": 2.0}, "--trace-speed is for a trace: add --trace FILE, or leave it out"),
        ({"dataset": "d", "trace_unit": "s"}, "--trace-unit is for a trace: add --trace FILE, or leave it out"),
    ],
)
def test_options_that_do_not_fit(options: dict[str, Any], problem: str) -> None:
    """Options that do not fit together are refused with what to write instead."""
    with pytest.raises(WorkloadError) as error:
        Workload(**options).check()
    assert str(error.value) == problem


def test_the_most_within_a_stretch() -> None:
    """Any stretch, not those that begin at whole seconds; its end is not part of it."""
    assert most_within([0.0, 0.6, 0.9, 1.4, 1.6, 5.0], 1.0) == 3
    assert most_within([0.0, 1.0, 2.0], 1.0) == 1
    assert most_within([0.0, 0.1], 60.0) == 2
