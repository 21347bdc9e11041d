"""One scenario under every profile, in one process and in several: the report is what the simulator did."""

from __future__ import annotations

import json
from collections import Counter
from pathlib import Path
from typing import TYPE_CHECKING, Any

import msgspec
import pytest

from aimon.loadtests.report import schema
from aimon.simulator.model.profile import Profile
from aimon.simulator.process import SimulatorProcess
from loadtest_command import distributed

if TYPE_CHECKING:
    from collections.abc import Iterator

    from command import Command
    from services import Pushgateway

pytestmark = pytest.mark.e2e

SHOP = Path(__file__).with_name("shop.py")
CHAT = {"login", "question", "first turn", "second turn"}


@pytest.fixture(name="sim", scope="module")
def sim_fixture() -> Iterator[SimulatorProcess]:
    """Two endpoints, of which one has four slots of 50 ms."""
    with SimulatorProcess(Profile("chat", ttft=0.03, itl=0.002), Profile("summaries", ttft=0.02)) as sim:
        yield sim


def configure(run_aimon: Command, sim: SimulatorProcess) -> None:
    """The two endpoints that the scenario names."""
    (run_aimon.cwd / "aimon.yaml").write_text(
        "endpoints:\n"
        f"  - {{name: chat, dialect: openai-chat, base_url: {sim.base_url('chat')}, model: m}}\n"
        f"  - {{name: summaries, dialect: openai-chat, base_url: {sim.base_url('summaries')}, model: n}}\n"
    )


def check(report: dict[str, Any], sim: SimulatorProcess) -> dict[str, int]:
    """Holds a report against what the simulator did since its last reset; returns the calls by name."""
    truth = sim.truth(wait=10)
    msgspec.convert(report, schema.Report)
    by_name = {row["name"]: row for row in report["by_name"]}
    sent = {name: row["requests"]["sent"] for name, row in by_name.items()}
    assert sum(sent.values()) == report["requests"]["sent"]
    assert report["requests"]["sent"] + report["ended"]["uncounted"] == truth.requests
    assert all(row["requests"]["by_outcome"] == {"ok": sent[name]} for name, row in by_name.items())
    assert sum(row["tokens"]["output"] for row in by_name.values()) == report["tokens"]["output"]
    assert report["tokens"]["output"] == 4 * report["requests"]["sent"]
    assert sent.get("first turn") == sent.get("second turn")
    counted = sum(count for name, count in sent.items() if name != "second turn")
    iterations = report["iterations"]
    assert (iterations["by_outcome"], iterations["ended"]) == ({"ok": counted}, counted)
    # Calls outside of the counts are logins, and those of the first iteration.
    extra = truth.by_profile.get("chat", 0) - sum(sent.get(name, 0) for name in CHAT)
    assert 0 <= extra <= report["ended"]["uncounted"]
    assert "login" not in sent
    assert (report["endpoint"], report["model"], report["scenario"]) == ("chat, summaries", "m, n", "shop.py")
    return sent


OPEN = ("--rate", "20/s", "--arrivals", "constant")
PROFILES = {
    "smoke": (),
    "steady": (*OPEN, "--duration", "2s", "--warmup", "1s"),
    "ramp": (*OPEN, "--duration", "2s"),
    "spike": (*OPEN, "--duration", "2s"),
    "soak": ("--concurrency", "3", "--duration", "2s"),
    "capacity": ("--rate", "20/s", "--max-rate", "20/s", "--duration", "10s"),
    "limits": ("--rate", "20/s", "--max-rate", "20/s", "--duration", "2s"),
}
ITERATIONS = {"smoke": 5, "steady": 40, "ramp": 22, "spike": 64, "capacity": 100, "limits": 40}


@pytest.mark.parametrize("profile", PROFILES)
def test_every_profile_runs_a_scenario(run_aimon: Command, sim: SimulatorProcess, profile: str) -> None:
    """Under every profile the iterations are those asked for, and calls by name those that the simulator saw."""
    configure(run_aimon, sim)
    sim.reset()
    options = ("--slo", "latency_p50{question}<9s", "--slo", "error_rate<1%")
    done = run_aimon("loadtest", str(SHOP), "--profile", profile, *PROFILES[profile], *options, "--json")
    report = json.loads(done.stdout)
    sent = check(report, sim)
    assert done.returncode == 0, done.stderr
    assert report["ended"]["how"] == "complete"
    assert report["slo"][1]["verdict"] == "met"
    assert report["slo"][0]["verdict"] == ("met" if sent.get("question") else "not judged")
    if profile in ITERATIONS:
        assert report["iterations"]["ended"] == ITERATIONS[profile]
    if profile in ("steady", "ramp", "spike"):
        assert report["rate"]["of"] == "iterations"
        assert report["rate"]["achieved"] == pytest.approx(report["rate"]["asked"], rel=0.05)
        assert any("wait_time is not used" in note for note in report["notes"])
    if profile == "capacity":
        assert report["capacity"]["rate"] == 20.0


def test_two_processes_share_a_scenario(run_aimon: Command, sim: SimulatorProcess) -> None:
    """Every arrival once, and users as Locust divides them."""
    configure(run_aimon, sim)
    sim.reset()
    options = ("--rate", "40/s", "--duration", "2s", "--processes", "2", "--set", "answer_tokens=4", "--json")
    done = run_aimon("loadtest", str(SHOP), *options)
    report = json.loads(done.stdout)
    check(report, sim)
    assert done.returncode == 0, done.stderr
    assert (report["iterations"]["ended"], report["workers"], report["ended"]["lost"]) == (80, 2, 0)


def test_a_master_and_two_workers_with_their_own_files(run_aimon: Command, sim: SimulatorProcess) -> None:
    """Workers on machines of their own run their own copy of the file; one without it is refused."""
    configure(run_aimon, sim)
    sim.reset()
    load = ["--concurrency", "4", "--duration", "2s"]
    report = distributed(run_aimon, [str(SHOP), *load], [str(SHOP)])
    sent = check(report, sim)
    assert report["workers"] == 2
    # Of four users Locust makes one a clerk.
    assert sent["summary"] < sum(sent.values()) / 2


@pytest.mark.requires_binary("prometheus-pushgateway")
def test_counters_of_every_endpoint_go_on_from_the_run_before(
    run_aimon: Command, sim: SimulatorProcess, pushgateway: Pushgateway
) -> None:
    """A Pushgateway that two runs of a scenario push to holds the calls of both, for each endpoint."""
    configure(run_aimon, sim)
    sent: Counter[str] = Counter()
    for _ in range(2):
        sim.truth(wait=10, reset=True)
        options = (*OPEN, "--duration", "1s", "--push", pushgateway.url, "--json", "--quiet")
        done = run_aimon("loadtest", str(SHOP), *options)
        assert done.returncode == 0, done.stderr
        report = json.loads(done.stdout)
        # The first iteration and the logins are in the metrics, too.
        sent.update(sim.truth(wait=10).by_profile)
        assert sum(sent.values()) >= report["requests"]["sent"]
    pushed: Counter[str] = Counter()
    for sample in pushgateway.samples("ai_api_requests_total"):
        pushed[sample.labels["endpoint"]] += int(sample.value)
    assert pushed == sent
