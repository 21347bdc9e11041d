"""`aimon loadtest` against the simulator's own record: times, tokens, arrivals and the file of all calls are true."""

from __future__ import annotations

import gzip
import json
import math
from collections import Counter
from itertools import pairwise
from typing import TYPE_CHECKING, Any

import msgspec
import pytest

from aimon.call.result import Result, Source
from aimon.loadtests.engine.schedule import Phase, Schedule
from aimon.simulator.model.profile import Profile
from aimon.simulator.process import SimulatorProcess
from command import target_flags

if TYPE_CHECKING:
    from command import Command

pytestmark = pytest.mark.e2e

KEY = "sk-recognisable-key-0123456789"


def loadtest(run_aimon: Command, sim: SimulatorProcess, *arguments: str) -> tuple[dict[str, Any], list[Result]]:
    """The report, and the calls that `--results` wrote, in the order of their ends."""
    where = [*target_flags(sim.base_url()), "--api-key-env", "MY_KEY"]
    out = run_aimon.cwd / "out"
    what = [*where, *arguments, "--json", "--out", str(out), "--results"]
    done = run_aimon("loadtest", *what, env={"MY_KEY": KEY})
    assert done.returncode == 0, done.stderr
    lines = gzip.decompress((out / "results.jsonl.gz").read_bytes()).splitlines()
    return json.loads(done.stdout), [msgspec.json.decode(line, type=Result) for line in lines]


def nearest_rank(values: list[float], share: float) -> float:
    """The smallest value that so large a share of all are not above."""
    return sorted(values)[max(1, math.ceil(round(share * len(values), 9))) - 1]


def test_times_and_tokens_are_those_of_each_call(run_aimon: Command) -> None:
    """Four tokens a chunk and ten of reasoning: gaps are the chunks', times per token those of the tokens."""
    profile = Profile(ttft=0.02, itl=0.005, chunk_tokens=4, reasoning=10, key=KEY, tokens=41)
    with SimulatorProcess(profile) as sim:
        load = ["--rate", "60/s", "--arrivals", "constant", "--duration", "2s", "--warmup", "1s"]
        report, calls = loadtest(run_aimon, sim, *load, "--output-tokens", "51")
        truth = sim.truth(wait=10)
    records = {record.id: record for record in truth.records}
    # Each counted call once; the first one and the warm-up came before.
    assert (len(calls), report["ended"]["uncounted"], truth.requests) == (120, 61, 181)
    received = sorted(records.values(), key=lambda record: record.received)
    assert {call.request_id for call in calls} == {record.id for record in received[61:]}
    for call in calls:
        record = records[call.request_id or ""]
        assert (call.usage.input, call.usage.output, call.usage.reasoning) == (record.input_tokens, 51, 10)
        assert (call.chunks, call.arrivals and call.arrivals.count) == (11, 10)
        assert (call.source, call.text) == (Source.LOADTEST, None)
    errors = [call.first_token - (records[call.request_id or ""].ttft or 0) for call in calls if call.first_token]
    # How late both sides were, which on a busy machine is more than any error.
    lag = truth.max_lateness + (report["client"]["lag_p99_s"] or 0.0)
    assert nearest_rank(errors, 0.5) == pytest.approx(0, abs=0.001 + lag)
    # 20 ms to the first thought, 5 ms for each of ten, and then a chunk of four every 20.
    expected = {"ttft_reasoning_s": 0.02, "ttft_s": 0.07, "itl_s": 0.02, "tpot_s": 0.005}
    for key, seconds in expected.items():
        if "p50" not in report[key]["not_measured"]:
            assert report[key]["p50"] == pytest.approx(seconds, rel=0.06, abs=0.001 + lag), key
    assert report["itl_s"]["count"] == 120 * 10
    assert report["tokens"]["output"] == sum(call.usage.output or 0 for call in calls) == 120 * 51


def test_the_file_of_all_calls_agrees_with_the_report(run_aimon: Command) -> None:
    """Outcomes, tokens, and every percentile within half a per cent; and no file holds the key."""
    with SimulatorProcess(Profile(ttft=0.02, ttft_sigma=0.5, itl=0.001, itl_sigma=0.5, reasoning=4, key=KEY)) as sim:
        sim.set_faults("server_error:share=0.2", "unauthorized_echo:share=0.05")
        report, calls = loadtest(run_aimon, sim, "--concurrency", "8", "--requests", "300", "--output-tokens", "12")
    assert Counter(call.outcome.value for call in calls) == report["requests"]["by_outcome"]
    assert set(report["requests"]["by_outcome"]) == {"ok", "server_error", "unauthorized"}
    good = [call for call in calls if call.outcome.value == "ok"]
    series: dict[str, list[float | None]] = {
        "latency_s": [call.latency for call in good],
        "latency_from_schedule_s": [call.latency_from_schedule for call in good],
        "ttft_s": [call.ttft_connected for call in good],
        "ttft_reasoning_s": [call.first_reasoning - call.set_up for call in good if call.first_reasoning],
        "tpot_s": [call.tpot for call in good],
    }
    for key, values in series.items():
        exact = [value for value in values if value is not None]
        assert report[key]["count"] == len(exact)
        # A simulator that is late sends a short answer at once, which then has no time per token.
        assert key == "tpot_s" or len(exact) == len(good)
        truth = {"max": max(exact), "mean": sum(exact) / len(exact)}
        truth |= {f"p{percent}": nearest_rank(exact, percent / 100) for percent in (50, 90, 95, 99)}
        for name, value in truth.items():
            # On a busy machine a number may be withheld, but none is wrong.
            withheld = name in report[key]["not_measured"]
            assert withheld or report[key][name] == pytest.approx(value, rel=0.005), (key, name)
    files = list((run_aimon.cwd / "out").iterdir())
    reports = {"report.json", "report.md", "report.html", "report.csv", "seconds.csv"}
    assert {file.name for file in files} == {*reports, "results.jsonl.gz"}
    for file in files:
        content = file.read_bytes()
        assert KEY.encode() not in (gzip.decompress(content) if file.suffix == ".gz" else content)


@pytest.mark.parametrize(("options", "dialled"), [(("--cold",), 40), ((), 3)], ids=["cold", "warm"])
def test_connections_are_fresh_or_kept(run_aimon: Command, options: tuple[str, ...], dialled: int) -> None:
    """One for each call, or one for each stream; the first call of all has left one to the first stream."""
    with SimulatorProcess(Profile(ttft=0.05)) as sim:
        _, calls = loadtest(run_aimon, sim, "--concurrency", "4", "--requests", "40", *options)
    cold = [call for call in calls if call.connection and call.connection.cold]
    assert len(cold) == dialled
    assert all((call.connect is not None) == (call in cold) for call in calls)


def test_a_text_in_one_piece_has_no_time_per_token(run_aimon: Command) -> None:
    """An answer in one piece has no time per token, and an objective on it is not met."""
    with SimulatorProcess(Profile(ttft=0.02, chunk_tokens=20)) as sim:
        report, calls = loadtest(run_aimon, sim, "--concurrency", "2", "--requests", "10", "--output-tokens", "20")
    assert {(call.chunks, call.tpot) for call in calls} == {(1, None)}
    assert (report["tpot_s"], report["itl_s"]) == (None, None)


def exponential_distance(gaps: list[float], rate: float) -> float:
    """Kolmogorov's: the largest difference between the gaps' distribution and the exponential one of that rate."""
    shares = [-math.expm1(-rate * gap) for gap in sorted(gaps)]
    count = len(shares)
    return max(max(share - k / count, (k + 1) / count - share) for k, share in enumerate(shares))


@pytest.mark.parametrize(("arrivals", "variation"), [("poisson", 1.0), ("constant", 0.0), ("gamma", 3.0)])
def test_calls_start_when_they_should(run_aimon: Command, arrivals: str, variation: float) -> None:
    """Calls start at the scheduled times, whose rate and distribution of gaps are the requested ones."""
    options = ["--variation", str(variation)] if arrivals == "gamma" else []
    with SimulatorProcess(Profile(ttft=0.01)) as sim:
        load = ["--rate", "200/s", "--duration", "2s", "--arrivals", arrivals, "--seed", "7", *options]
        report, calls = loadtest(run_aimon, sim, *load)
    assert report["rate"]["achieved"] == pytest.approx(200, rel=0.01)
    schedule = Schedule((Phase(2.0, 200.0),), arrivals, variation=variation or 1.0, seed=7)
    due = sorted(call.started_at + call.scheduled for call in calls)
    planned = [offset - next(schedule.offsets()) for offset in schedule.offsets()]
    # The clocks of wall and schedule are read one after the other, and a busy machine may come between.
    apart = [abs(at - due[0] - offset) for at, offset in zip(due, planned, strict=True)]
    assert nearest_rank(apart, 0.9) < 0.002
    late = [-call.scheduled for call in calls]
    # Bursts start one call after another, on a machine that runs other tests; the benchmarks have the true bound.
    assert nearest_rank(late, 0.5) < 0.01
    gaps = [after - before for before, after in pairwise(due)]
    mean = sum(gaps) / len(gaps)
    deviation = math.sqrt(sum((gap - mean) ** 2 for gap in gaps) / len(gaps))
    assert deviation / mean == pytest.approx(variation, abs=0.25 + variation / 4)
    distance = exponential_distance(gaps, 200.0) * math.sqrt(len(gaps))
    # 1.63 is what a hundredth of all exponential samples exceed.
    assert (distance < 1.63) == (arrivals == "poisson")
