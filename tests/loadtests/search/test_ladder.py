"""The knee of a ladder of concurrencies, against a server whose slots are known."""

from __future__ import annotations

from typing import Any

import pytest

from aimon.loadtests.search.ladder import Ladder, LadderStep


def step(concurrency: int, slots: int, service: float, **more: Any) -> LadderStep:
    """What a server with so many equal slots does with so many users."""
    busy = min(concurrency, slots)
    rate = busy / service
    known: dict[str, Any] = {
        "duration_s": 10.0, "sent": round(10 * rate), "ok": round(10 * rate), "iterations_per_s": rate,
        "calls_per_s": rate, "output_tokens_per_s": None, "latency_mean_s": concurrency / rate, "latency_p50_s": None,
        "latency_p95_s": None, "ttft_p50_s": None, "ttft_p95_s": None, "tpot_p50_s": None, "met": True,
    }  # fmt: skip
    return LadderStep(concurrency=concurrency, **(known | more))


@pytest.mark.parametrize("slots", [1, 2, 8, 16])
def test_the_knee_is_at_the_number_of_slots(slots: int) -> None:
    """Below it throughput is left unused, above it calls wait."""
    found = Ladder([step(concurrency, slots, 0.2) for concurrency in (1, 2, 4, 8, 16, 32, 64)])
    assert (found.knee, found.why) == (slots, "")
    assert found.as_dict()["steps"][0]["iterations_per_s"] == pytest.approx(5)


def test_there_is_no_knee_where_throughput_still_rises() -> None:
    """With 64 slots a ladder up to 16 has no knee and says why; two steps have none either."""
    rising = Ladder([step(concurrency, 64, 0.2) for concurrency in (1, 4, 16)])
    assert rising.knee is None
    assert "still rose" in rising.why
    short = Ladder([step(1, 1, 0.2), step(2, 1, 0.2)])
    assert short.knee is None
    assert "3 steps" in short.why


def test_steps_of_a_late_client_and_without_a_success_are_left_out() -> None:
    """A step that the client could not keep up with says nothing of the server."""
    steps = [step(concurrency, 4, 0.2) for concurrency in (1, 2, 4, 8)]
    wrong = [step(16, 64, 0.1, limited=True), step(32, 4, 0.2, iterations_per_s=0.0, latency_mean_s=None)]
    assert Ladder([*steps, *wrong]).knee == 4
