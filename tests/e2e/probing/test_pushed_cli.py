"""`aimon probe --push` as cron runs it, against real servers: PromQL says what the simulator did."""

from __future__ import annotations

import subprocess
from typing import TYPE_CHECKING

import pytest

from aimon.simulator import Profile, SimulatorProcess
from command import AIMON
from one_endpoint import configure
from services import scrape, wait_for

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from command import Command
    from services import Pushgateway, Servers

# One fault (or none) a run, in this order; and the outcome that each must come to.
RUNS = [None, "overloaded", None, None, "unauthorized", None, "cut", None, "rate_limited", None, None, "wrong"]
OUTCOMES = {"overloaded": 1, "unauthorized": 1, "stream_truncated": 1, "rate_limited": 1, "answer_mismatch": 1, "ok": 7}
AVAILABILITY = 7 / 10


@pytest.fixture
def simulator(tmp_path: Path) -> Iterator[SimulatorProcess]:
    """A provider, and the configuration that names it."""
    with SimulatorProcess(Profile("sim", ttft=0.02, itl=0.001)) as running:
        configure(tmp_path, running)
        yield running


def probe(run_aimon: Command, tmp_path: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    """One run, as cron starts it."""
    return run_aimon("probe", "--config", str(tmp_path / "aimon.yaml"), *arguments)


def killed(run_aimon: Command, simulator: SimulatorProcess, *arguments: str) -> None:
    """Starts `aimon` and sends SIGKILL while its call is under way."""
    simulator.set_faults({"fault": "hang_midway"})
    with subprocess.Popen([AIMON, *arguments], env=run_aimon.env, cwd=run_aimon.cwd) as process:
        wait_for(lambda: simulator.truth().in_flight == 1, what="the call under way")
        process.kill()
    wait_for(lambda: simulator.truth().in_flight == 0, what="the end of the call")
    simulator.clear_faults()
    simulator.truth(reset=True)


@pytest.mark.parametrize("state", ["sqlite", "gateway"])
def test_prometheus_sees_what_the_simulator_did(
    state: str,
    run_aimon: Command,
    servers: Servers,
    pushgateway: Pushgateway,
    simulator: SimulatorProcess,
    tmp_path: Path,
) -> None:
    """12 cron runs with 5 known failures: availability and every outcome's increase are exact."""
    how = ("--push", pushgateway.url, "--state", state)
    prometheus = servers.prometheus([scrape("gateway", pushgateway.url, honor_labels=True)])
    # Killed during its call: it has shown the series at 0 and counted nothing, so every increase starts there.
    killed(run_aimon, simulator, "probe", "--config", str(tmp_path / "aimon.yaml"), *how)
    prometheus.wait_until('ai_api_requests_total{outcome="ok"} == 0')
    for fault in RUNS:
        simulator.set_faults(*([{"fault": fault}] if fault else []))
        done = probe(run_aimon, tmp_path, *how)
        assert (done.returncode, done.stderr) == (1 if fault else 0, "")
    prometheus.wait_until(f"sum(ai_api_requests_total) == {len(RUNS)}")
    at = prometheus.value('max(timestamp(ai_api_requests_total{outcome="ok"}))')
    increases = prometheus.query("increase(ai_api_requests_total[10m])", at)
    assert {sample.labels["outcome"]: sample.value for sample in increases if sample.value} == OUTCOMES

    ok = 'sum(increase(ai_api_requests_total{outcome="ok"}[10m]))'
    others = (
        "unauthorized|forbidden|quota_exhausted|rate_limited|model_not_found|bad_request|budget_skipped|prober_error"
    )
    counted = f'sum(increase(ai_api_requests_total{{outcome!~"{others}"}}[10m]))'
    assert prometheus.value(f"{ok} / {counted}", at) == AVAILABILITY
    truth = simulator.truth(wait=10.0)
    assert truth.requests == len(RUNS)
    # A cut stream never came to its usage, so its tokens are estimated; every other answer with status 200 did.
    told = sum(record.output_tokens for record in truth.records if record.status == 200 and record.fault != "cut")
    reported = "sum(ai_token_usage_output_total) - sum(ai_token_usage_estimated_output_total)"
    assert prometheus.value(reported, at) == told > 0


def test_an_endpoint_that_is_probed_by_its_name_is_announced_too(
    run_aimon: Command, pushgateway: Pushgateway, simulator: SimulatorProcess, tmp_path: Path
) -> None:
    """The first push of a named endpoint has its series at 0, so that its first failure is an increase."""
    killed(run_aimon, simulator, "probe", "qwen", "-c", str(tmp_path / "aimon.yaml"), "--push", pushgateway.url)
    counts = {s.labels["outcome"]: s.value for s in pushgateway.samples("ai_api_requests_total")}
    assert counts["ok"] == counts["overloaded"] == sum(counts.values()) == 0


def test_a_gateway_that_is_down_is_exit_3_and_the_next_push_brings_it(
    run_aimon: Command, pushgateway: Pushgateway, simulator: SimulatorProcess, tmp_path: Path
) -> None:
    """The results are printed and recorded all the same."""
    how = ("--push", pushgateway.url)
    assert probe(run_aimon, tmp_path, *how).returncode == 0
    pushgateway.stop()
    simulator.set_faults({"fault": "overloaded"})
    done = probe(run_aimon, tmp_path, *how)
    assert done.returncode == 3
    assert done.stdout.startswith("qwen overloaded ")
    assert "the next push delivers it" in done.stderr
    assert pushgateway.url in done.stderr
    simulator.clear_faults()
    pushgateway.start()
    assert probe(run_aimon, tmp_path, *how).returncode == 0
    counts = {s.labels["outcome"]: s.value for s in pushgateway.samples("ai_api_requests_total") if s.value}
    assert counts == {"ok": 2, "overloaded": 1}


def test_a_run_that_is_killed_counts_for_nothing_or_once(
    run_aimon: Command, pushgateway: Pushgateway, simulator: SimulatorProcess, tmp_path: Path
) -> None:
    """SIGKILL while the call is under way: the killed run is lost, and nothing else."""
    how = ["probe", "--config", str(tmp_path / "aimon.yaml"), "--push", pushgateway.url]
    assert run_aimon(*how).returncode == 0
    killed(run_aimon, simulator, *how)
    assert run_aimon(*how).returncode == 0
    counts = {s.labels["outcome"]: s.value for s in pushgateway.samples("ai_api_requests_total") if s.value}
    assert counts == {"ok": 2}
