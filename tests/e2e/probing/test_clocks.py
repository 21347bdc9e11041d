"""Probes on a machine whose clock is wrong for some runs, by libfaketime, as cron would start them."""

from __future__ import annotations

import json
import subprocess
import time
from typing import TYPE_CHECKING

import pytest
from prometheus_client.parser import text_string_to_metric_families

from aimon.simulator import Profile, SimulatorProcess
from command import AIMON, target_flags

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from command import Command
    from services import Pushgateway

pytestmark = pytest.mark.requires_binary("faketime")


@pytest.fixture(scope="module")
def provider() -> Iterator[SimulatorProcess]:
    """A provider that answers at once."""
    with SimulatorProcess(Profile("sim", ttft=0.01, itl=0.001)) as running:
        yield running


@pytest.fixture
def probe(
    run_aimon: Command, provider: SimulatorProcess, require_binary: Callable[[str], Path]
) -> Iterator[Callable[..., int]]:
    """Runs `aimon probe` by a clock that is off, such as `+400 days`; returns the exit code."""

    def run(*arguments: str, off: str = "", fault: str = "") -> int:
        provider.set_faults(*([fault] if fault else []))
        clock: list[str | Path] = [require_binary("faketime"), "-f", off] if off else []
        where = target_flags(provider.base_url("sim"))
        done = subprocess.run(
            [*clock, AIMON, "probe", *where, *arguments],
            env=run_aimon.env, cwd=run_aimon.cwd, capture_output=True, text=True, check=False, timeout=60,
        )  # fmt: skip
        assert done.returncode in {0, 1}, done.stderr
        return done.returncode

    yield run
    provider.clear_faults()


@pytest.mark.parametrize("off", ["+400d", "+8h", "-8h", "-20000d"])
def test_a_wrong_clock_hides_no_failure(
    off: str, probe: Callable[..., int], run_aimon: Command, tmp_path: Path
) -> None:
    """Two good runs, one by a wrong clock, then failures: status and textfile say so, and nothing is lost."""
    runs = ["", "", off]
    for clock in runs:
        assert probe("--textfile", "t.prom", off=clock) == 0
    before = time.time()
    for _ in range(2):
        assert probe("--textfile", "t.prom", fault="overloaded") == 1
    done = run_aimon("status", "--json", "--window", "24h")
    status = json.loads(done.stdout)
    assert (done.returncode, status["state"], status["recent"]) == (1, "overloaded", ["ok"] * 3 + ["overloaded"] * 2)
    assert 0 <= status["last_run_age_s"] < 60
    assert status["recorded_in_the_future"] == (off[0] == "+")
    assert status["windows"]["24h"]["total"] == (5 if off == "-8h" else 4)
    gauges = {
        sample.name: sample.value
        for family in text_string_to_metric_families(tmp_path.joinpath("t.prom").read_text())
        for sample in family.samples
        if sample.labels.get("outcome", "ok") == "ok"
    }
    assert gauges["ai_probe_success"] == 0
    assert before <= gauges["ai_probe_last_run_timestamp_seconds"] <= time.time()
    assert 0 < gauges["ai_probe_last_success_timestamp_seconds"] < before
    assert gauges["ai_api_requests_total"] == 3


def test_a_wrong_clock_does_not_stay_in_the_gateway(probe: Callable[..., int], pushgateway: Pushgateway) -> None:
    """With --state gateway the next run by a right clock replaces what a wrong one pushed."""
    how = ("--state", "gateway", "--push", pushgateway.url)
    assert probe(*how, off="+400d") == 0
    [ahead] = pushgateway.samples("ai_probe_last_run_timestamp_seconds")
    assert ahead.value > time.time() + 86_400
    assert probe(*how, fault="overloaded") == 1
    [last] = pushgateway.samples("ai_probe_last_run_timestamp_seconds")
    assert last.value == pytest.approx(time.time(), abs=60)
    [success] = pushgateway.samples("ai_probe_last_success_timestamp_seconds")
    assert success.value == 0
    assert sum(sample.value for sample in pushgateway.samples("ai_api_requests_total")) == 2
