"""One-shot processes, a real Pushgateway and a real Prometheus: what PromQL says is what happened."""

from __future__ import annotations

import json
import math
import random
import subprocess
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from aimon.call.outcome import Fault, Outcome
from aimon.metrics import definitions
from aimon.probes.history.history import History
from results import QWEN, a_result
from services import scrape, wait_for

if TYPE_CHECKING:
    from services import Prometheus, Pushgateway, Servers

ONESHOT = Path(__file__).with_name("oneshot.py")
NOT_THE_PROVIDERS = "|".join(o.value for o in Outcome if o.fault in (Fault.ACCOUNT, Fault.CONFIG, Fault.PROBER))
# What 24 runs come to, one outcome each: known, and in an order that has failures first, last and between.
RUNS = [
    *["dns", "ok", "ok", "unauthorized", "ok", "overloaded", "ok", "ok"],
    *["ok", "stream_truncated", "ok", "ok", "rate_limited", "ok", "ok", "ok"],
    *["ok", "budget_skipped", "ok", "ok", "overloaded", "ok", "ok", "timeout_ttft"],
]


class Runs:
    """Starts one-shot processes, one after the other unless told otherwise."""

    def __init__(self, state: str, gateway: str, path: Path | None) -> None:
        self.state = state
        self._settings: dict[str, Any] = {"state": state, "gateway": gateway, "path": str(path) if path else ""}

    def start(self, *results: dict[str, Any]) -> subprocess.Popen[str]:
        """A process that is about to count these results."""
        stamped = [{"started_at": time.time(), **changes} for changes in results]
        command = [sys.executable, str(ONESHOT), json.dumps({**self._settings, "results": stamped})]
        pipe = subprocess.PIPE
        process = subprocess.Popen(command, stdin=pipe, stdout=pipe, stderr=pipe, text=True)
        assert process.stdout is not None
        assert process.stdout.readline() == "ready\n"
        return process

    def run(self, *results: dict[str, Any]) -> tuple[int, str]:
        """Exit code and stderr of a process that counted these results."""
        process = self.start(*results)
        _, errors = process.communicate("go\n", timeout=60)
        return process.returncode, errors


@pytest.fixture(params=["sqlite", "gateway"])
def runs(request: pytest.FixtureRequest, pushgateway: Pushgateway, tmp_path: Path) -> Runs:
    """With a history on disk, and without a disk."""
    return Runs(request.param, pushgateway.url, tmp_path / "history.db" if request.param == "sqlite" else None)


@pytest.fixture
def prometheus(servers: Servers, pushgateway: Pushgateway) -> Prometheus:
    """A Prometheus that scrapes the gateway."""
    return servers.prometheus([scrape("gateway", pushgateway.url, honor_labels=True)])


def latency(run: int) -> float:
    """Seconds that a run's call took: 0.6 to 1.8, and a tail of four in (3, 4]."""
    return 3.5 if run % 6 == 5 else 0.6 + run * 0.05


def total(pushgateway: Pushgateway) -> float:
    """All calls that the gateway knows of."""
    return sum(sample.value for sample in pushgateway.samples("ai_api_requests_total"))


def test_prometheus_sees_what_happened(runs: Runs, pushgateway: Pushgateway, prometheus: Prometheus) -> None:
    """24 runs: availability, every outcome's increase with each first failure, and P95, all exact."""
    # Announced before the first probe: what is born at 1 is an increase that nobody saw.
    assert runs.run() == (0, "")
    prometheus.wait_until('ai_api_requests_total{outcome="ok"} == 0')
    for run, outcome in enumerate(RUNS):
        assert runs.run({"outcome": outcome, "end": latency(run)}) == (0, "")
    prometheus.wait_until(f"sum(ai_api_requests_total) == {len(RUNS)}")
    # At the very moment of a sample, increase() has nothing to extrapolate.
    at = prometheus.value('max(timestamp(ai_api_requests_total{outcome="ok"}))')
    increases = prometheus.query("increase(ai_api_requests_total[10m])", at)
    assert {sample.labels["outcome"]: sample.value for sample in increases if sample.value} == {
        outcome: RUNS.count(outcome) for outcome in RUNS
    }
    joined = "increase(ai_api_requests_total[10m]) * on (endpoint, region) group_left (team) aimon_endpoint_info"
    assert prometheus.value(f'sum by (team) ({joined}{{team="search"}})', at) == len(RUNS)
    counted = [outcome for outcome in RUNS if Outcome(outcome).counts_for_availability]
    truth = RUNS.count("ok") / len(counted)
    ok = 'sum by (endpoint) (increase(ai_api_requests_total{outcome="ok"}[10m]))'
    said = f'sum by (endpoint) (increase(ai_api_requests_total{{outcome!~"{NOT_THE_PROVIDERS}"}}[10m]))'
    assert prometheus.value(f"{ok} / {said}", at) == truth

    buckets = 'sum by (le) (increase(ai_api_request_duration_seconds_bucket{status="success"}[10m]))'
    successes = sorted(latency(run) for run, outcome in enumerate(RUNS) if outcome == "ok")
    p95 = successes[math.ceil(0.95 * len(successes)) - 1]
    assert 3 < p95 <= 4
    assert 3 < prometheus.value(f"histogram_quantile(0.95, {buckets})", at) <= 4
    fast = 'sum(increase(ai_api_request_duration_seconds_bucket{status="success",le="3"}[10m]))'
    every = 'sum(increase(ai_api_request_duration_seconds_count{status="success"}[10m]))'
    within = sum(seconds <= 3 for seconds in successes) / len(successes)
    assert prometheus.value(f"{fast} / {every}", at) == within


def test_a_gateway_that_is_down_is_an_error_and_nothing_is_lost(pushgateway: Pushgateway, tmp_path: Path) -> None:
    """An unreachable gateway is exit code 3 with the reason; with a history the next push has the increments."""
    runs = Runs("sqlite", pushgateway.url, tmp_path / "history.db")
    assert runs.run({}) == (0, "")
    pushgateway.kill()
    code, errors = runs.run({"outcome": "dns"}, {"outcome": "ok"})
    assert code == 3
    assert errors == (
        f"the Pushgateway at {pushgateway.url} does not answer (Connection refused): "
        "is it running, and is the address right?\n"
    )
    pushgateway.start()
    assert runs.run({}) == (0, "")
    requests = pushgateway.samples("ai_api_requests_total")
    assert {s.labels["outcome"]: s.value for s in requests if s.value} == {"ok": 3, "dns": 1}


def test_without_a_disk_a_gateway_that_cannot_be_read_is_not_written(servers: Servers) -> None:
    """The run is lost, as said, and the counters go on from where they were."""
    pushgateway = servers.pushgateway(persistent=True)
    runs = Runs("gateway", pushgateway.url, None)
    for _ in range(3):
        assert runs.run({}) == (0, "")
    pushgateway.stop()
    assert runs.run({})[0] == 3
    pushgateway.start()
    assert total(pushgateway) == 3
    assert runs.run({}) == (0, "")
    assert total(pushgateway) == 4


def test_a_gateway_that_forgot_everything_is_a_reset_and_no_more(servers: Servers, tmp_path: Path) -> None:
    """A history pushes the whole total again; without one, counting starts over, which Prometheus understands."""
    for state, path, expected in (("sqlite", tmp_path / "history.db", 3), ("gateway", None, 1)):
        pushgateway = servers.pushgateway()
        runs = Runs(state, pushgateway.url, path)
        for _ in range(2):
            assert runs.run({}) == (0, "")
        pushgateway.kill()
        pushgateway.start()
        assert runs.run({}) == (0, "")
        assert total(pushgateway) == expected


def let_go(process: subprocess.Popen[str]) -> None:
    """Lets a started process count and push."""
    assert process.stdin is not None
    process.stdin.write("go\n")
    process.stdin.flush()


def go_and_kill(process: subprocess.Popen[str], after: float) -> bool:
    """Lets a process go and kills it after some seconds; whether it had ended by itself."""
    let_go(process)
    try:
        process.wait(after)
    except subprocess.TimeoutExpired:
        process.kill()
    process.communicate()
    return process.returncode == 0


def duration(process: subprocess.Popen[str]) -> float:
    """Seconds that a process takes that nobody kills."""
    began = time.monotonic()
    assert go_and_kill(process, 60)
    return time.monotonic() - began


def test_a_kill_loses_at_most_its_own_run_and_doubles_nothing(
    runs: Runs, pushgateway: Pushgateway, tmp_path: Path
) -> None:
    """40 processes, killed at random moments of counting and pushing; clean ones before and after."""
    moments = random.Random(7)
    longest = max(duration(runs.start({"request_id": f"clean {i}", "cost": 1.0})) for i in range(2))
    finished, delivered = 2, 0
    for run in range(40):
        before = total(pushgateway)
        ended = go_and_kill(runs.start({"request_id": str(run), "cost": 1.0}), moments.uniform(0, longest))
        pushed = total(pushgateway)
        finished += ended
        delivered += pushed > before
        assert pushed >= before + ended
        # Each run so far at most once. (Not "one more than before": the gateway may take a killed run's push late.)
        assert pushed <= 2 + run + 1
    assert runs.run({"request_id": "last", "cost": 1.0}) == (0, "")
    # Otherwise the moments were not those that matter.
    assert 0 < delivered < 40
    pushed = total(pushgateway)
    [cost] = pushgateway.samples("ai_api_cost_yuan_total")
    [durations] = [
        sample
        for sample in pushgateway.samples("ai_api_request_duration_seconds_count")
        if sample.labels["status"] == "success"
    ]
    assert finished + 1 <= pushed <= 43
    assert cost.value == durations.value == pushed
    if runs.state == "sqlite":
        with History(tmp_path / "history.db") as history:
            recorded = [result.request_id for result in history.recent(QWEN, 1000)]
        assert len(set(recorded)) == len(recorded) == pushed


def test_concurrent_runs_lose_nothing(pushgateway: Pushgateway, tmp_path: Path) -> None:
    """Ten processes at once share a history; the gateway never goes back and ends with all of it."""
    runs = Runs("sqlite", pushgateway.url, tmp_path / "history.db")
    processes = [runs.start({"cost": 1.0}) for _ in range(10)]
    for process in processes:
        let_go(process)
    seen = [0.0]
    while any(process.poll() is None for process in processes):
        seen.append(total(pushgateway))
    for process in processes:
        assert process.communicate() == ("", "")
        assert process.returncode == 0
    assert seen == sorted(seen)
    assert total(pushgateway) == 10


def test_what_is_pushed_is_read_when_it_is_ones_turn(pushgateway: Pushgateway, tmp_path: Path) -> None:
    """While another pushes, a run waits, and then pushes what was counted meanwhile too: counters never fall."""
    runs = Runs("sqlite", pushgateway.url, tmp_path / "history.db")
    with History(tmp_path / "history.db") as history:
        with history.database.sole_pusher(1):
            process = runs.start({})
            let_go(process)
            wait_for(lambda: history.recent(QWEN, 1), what="the run's result")
            history.append([a_result(started_at=time.time())])
        assert process.communicate() == ("", "")
    assert total(pushgateway) == 2


def test_without_state_no_counter_pretends_to_be_a_total(pushgateway: Pushgateway) -> None:
    """`none` pushes what is true of a single run: gauges."""
    runs = Runs("none", pushgateway.url, None)
    for _ in range(2):
        assert runs.run({"outcome": "dns", "status_code": None}) == (0, "")
    assert pushgateway.samples("ai_api_requests_total") == []
    assert [sample.value for sample in pushgateway.samples(definitions.PROBE_SUCCESS)] == [0]
    assert [sample.value for sample in pushgateway.samples(definitions.PROBE_INTERVAL)] == [60]
