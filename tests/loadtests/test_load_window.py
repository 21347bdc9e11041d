"""Throughput and goodput in the load window: what they should be is known, however long calls drain."""

from __future__ import annotations

import json
import random
from typing import TYPE_CHECKING, Any

import pytest

from aimon.call.result import Result, Usage
from aimon.loadtests.engine.schedule import Schedule
from aimon.loadtests.protocol.profiles import phases
from aimon.loadtests.statistics import slo
from aimon.loadtests.statistics.call_stats import CallStats, share_within
from aimon.simulator.model.profile import Profile
from aimon.simulator.process import SimulatorProcess
from command import target_flags
from results import a_result

if TYPE_CHECKING:
    from command import Command

WINDOW = 10.0
RATIOS = (0.1, 0.3, 0.62, 1.0, 1.3, 2.0)


def call(at: float, latency: float) -> Result:
    """A success that began at that second of the window, with 100 tokens."""
    return a_result(
        started_at=1000.0 + at, end=latency, usage=Usage(10, 100), first_token=None, last_token=None, pace=None
    )


def rates(stats: CallStats) -> dict[str, float | None]:
    """Throughput and goodput as objectives see them, and tokens per second."""
    found = {name: slo.value(slo.parse(f"{name}>1/s"), stats, WINDOW) for name in ("rate", "goodput")}
    return found | {"tokens": stats.usage.per_second(WINDOW)}


@pytest.mark.parametrize("ratio", RATIOS)
@pytest.mark.parametrize("warmup", [0.0, 4.0, 25.0])
@pytest.mark.parametrize("spread", [0.0, 0.2])
def test_a_closed_loop_serves_streams_by_latency(ratio: float, warmup: float, spread: float) -> None:
    """Little's law: N streams of latency L make N/L calls a second, whether many or none of them end in the window."""
    streams, mean, random_ = 400, ratio * WINDOW, random.Random(7)
    stats = CallStats()
    for k in range(streams):
        at = -warmup + 0.1 * k / streams
        while at < WINDOW:
            latency = mean * random_.uniform(1 - spread, 1 + spread)
            part = share_within(at, at + latency, 0.0, WINDOW)
            if at < 0:
                stats.serve(call(at, latency), 1000.0, part)
            else:
                stats.observe(call(at, latency), 1000.0, share=part)
            at += latency
    # Where a window sees few calls of a stream, the quick among them weigh more: by 1.4 % at this spread.
    found, expected, off = rates(stats), streams / mean, 0.05 if spread else 0.02
    assert found == pytest.approx({"rate": expected, "goodput": expected, "tokens": 100 * expected}, rel=off)


@pytest.mark.parametrize("ratio", RATIOS)
@pytest.mark.parametrize("profile", ["smoke", "steady", "ramp", "spike", "soak"])
def test_an_open_loop_serves_what_was_due(ratio: float, profile: str) -> None:
    """Every call that was due in the window counts once, though the last ends long after it."""
    schedule = Schedule(phases(profile, 10.0, WINDOW), "constant")
    stats = CallStats(slo.good([slo.parse("p99<1h")]))
    for due in schedule.offsets():
        stats.observe(call(due, ratio * WINDOW), 1000.0)
    expected = pytest.approx(schedule.total / WINDOW)
    assert rates(stats) == {
        "rate": expected,
        "goodput": expected,
        "tokens": pytest.approx(100 * schedule.total / WINDOW),
    }


def test_an_overlap_is_a_share() -> None:
    """Before, after, across both ends, and calls that took no time."""
    cases = [((0, 1), 0), ((9, 10), 0), ((1, 3), 0.5), ((8, 10), 0.5), ((3, 5), 1), ((0, 14), 0.5)]
    assert [share_within(*span, 2.0, 9.0) for span, _ in cases] == [part for _, part in cases]
    assert (share_within(2, 2, 2, 9), share_within(9, 9, 2, 9)) == (1.0, 0.0)


def test_shares_travel_and_merge() -> None:
    """Shares survive JSON, and the windows of workers add up."""
    one, other = CallStats(), CallStats()
    one.observe(call(0, 1), 1000.0, share=0.25)
    other.serve(call(-1, 2), 1000.0, 0.5)
    one.merge(CallStats.load(json.loads(json.dumps(other.dump()))))
    assert one.served == {"sent": 0.75, "ok": 0.75, "good": 0.75}
    assert one.usage.summary(1.0)["output_per_s"] == 75.0
    assert one.sent == 1


def _loadtest(run_aimon: Command, latency: float, *arguments: str) -> dict[str, Any]:
    with SimulatorProcess(Profile(ttft=latency, itl=0.0, tokens=4)) as sim:
        where = target_flags(sim.base_url())
        done = run_aimon("loadtest", *where, *arguments, "--json", "-q")
    assert done.returncode == 0, done.stderr
    report: dict[str, Any] = json.loads(done.stdout)
    return report


@pytest.mark.e2e
@pytest.mark.parametrize(
    ("latency", "arguments", "rate"),
    [
        (1.0, ("--rate", "10/s", "--arrivals", "constant", "--slo", "goodput>9/s"), 10.0),
        (0.15, ("--concurrency", "3"), 20.0),
        (1.6, ("--concurrency", "8"), 5.0),
        (1.2, ("--concurrency", "12", "--warmup", "1500ms", "--slo", "goodput>9/s"), 10.0),
    ],
)
def test_against_a_server(run_aimon: Command, latency: float, arguments: tuple[str, ...], rate: float) -> None:
    """Rate and tokens are the server's, in windows shorter than a call and in long ones."""
    report = _loadtest(run_aimon, latency, "--duration", "1500ms", "--output-tokens", "4", *arguments)
    assert report["window_s"] == 1.5
    if arguments[0] == "--concurrency":
        # By Little's law, with the latency that there really was on a busy machine.
        rate *= latency / max(latency, report["latency_s"]["mean"])
    expected = pytest.approx(rate, rel=0.12)
    assert (report["goodput"], report["rate"]["achieved"]) == (expected, expected)
    assert report["tokens"]["output_per_s"] == pytest.approx(4 * rate, rel=0.12)


@pytest.mark.e2e
def test_the_window_of_a_trace(run_aimon: Command) -> None:
    """The time its arrivals take: 16 of them, a tenth of a second apart."""
    trace = run_aimon.cwd / "trace.jsonl"
    lines = [{"timestamp": 100 * k, "input_length": 8, "output_length": 4} for k in range(16)]
    trace.write_text("\n".join(map(json.dumps, lines)))
    report = _loadtest(run_aimon, 1.0, "--trace", str(trace))
    assert report["window_s"] == pytest.approx(1.6, rel=0.05)
    assert report["goodput"] == pytest.approx(10.0, rel=0.05)
