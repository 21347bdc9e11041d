"""The stretches of a run that a report keeps: nothing is lost, and there are never many."""

from __future__ import annotations

from collections import Counter
from typing import Any

import pytest

from aimon.call.outcome import Outcome
from aimon.call.result import Arrivals, Pace, Result, Usage
from aimon.loadtests.statistics.blocks import MOST, SERIES, Blocks
from aimon.loadtests.statistics.call_stats import CallStats


def stats(*latencies: float, failed: int = 0) -> CallStats:
    """Successes of these latencies, with two tokens of 0.01 each, and some failures."""
    found = CallStats()
    for k, latency in enumerate([*latencies, *[0.001] * failed]):
        found.observe(
            Result(
                endpoint="e",
                provider="p",
                model="m",
                operation="chat",
                started_at=0.0,
                end=latency,
                first_token=latency / 2,
                last_token=latency,
                outcome=Outcome.OK if k < len(latencies) else Outcome.OVERLOADED,
                arrivals=Arrivals.of([latency / 2]),
                usage=Usage(5, 2),
                pace=Pace(latency / 2, 1.0),
                cost=0.01,
                currency="CNY",
            ),
            0.0,
        )
    return found


def total(blocks: list[dict[str, Any]], name: str) -> dict[str, int]:
    """A series over all blocks."""
    found: Counter[str] = Counter()
    for block in blocks:
        found.update(block["series"].get(name, {}).get("buckets", {}))
    return dict(found)


def test_a_block_holds_what_ended_in_it() -> None:
    """A block has outcomes, tokens and cost of all its calls, and times of the successes."""
    blocks = Blocks()
    blocks.add(0, stats(0.1, 0.1, failed=1))
    blocks.add(0, stats(0.2))
    blocks.add(2, CallStats())
    first, empty, last = blocks.dump()
    assert (first["start_s"], first["seconds"], first["sent"], first["ok"]) == (0, 1, 4, 3)
    assert first["outcomes"] == {"ok": 3, "overloaded": 1}
    assert first["output_tokens"] == 8
    assert first["cost"] == pytest.approx(0.04)
    assert sorted(first["series"]) == sorted(SERIES)
    assert sorted(first["series"]["latency"]["buckets"].values()) == [1, 2]
    assert (last["start_s"], last["sent"], last["series"]) == (2, 0, {})
    assert empty["outcomes"] == {}


@pytest.mark.parametrize(("seconds", "length"), [(64, 1), (65, 2), (200, 4), (5000, 128)])
def test_a_long_run_has_longer_blocks_and_not_more(seconds: int, length: int) -> None:
    """Blocks of a long run cover it without gaps and together equal one histogram."""
    blocks = Blocks()
    latencies = [0.01 + k % 7 / 100 for k in range(seconds)]
    for second, latency in enumerate(latencies):
        blocks.add(second, stats(latency, failed=second % 2))
    whole = stats(*latencies)
    found = blocks.dump()
    assert blocks.seconds == length
    assert len(found) <= MOST
    assert [block["start_s"] for block in found] == list(range(0, seconds, length))
    assert sum(block["seconds"] for block in found) == seconds
    assert sum(block["sent"] for block in found) == seconds + seconds // 2
    for name in SERIES:
        assert total(found, name) == {str(i): n for i, n in whole.series[name].dump()["buckets"].items()}


def test_what_comes_late_or_early_has_a_place() -> None:
    """A call after an hour of silence, and one that ended before counting began, are in a block."""
    blocks = Blocks()
    blocks.add(-1, stats(0.1))
    blocks.add(3600, stats(0.1))
    blocks.add(10, stats(0.3))
    found = blocks.dump()
    assert len(found) <= MOST
    assert (found[0]["sent"], found[-1]["sent"]) == (2, 1)
    assert found[-1]["start_s"] + found[-1]["seconds"] == 3601
