"""`aimon loadtest` against the simulator: what it reports is what the simulator did."""

from __future__ import annotations

import json
import os
import re
import threading
import time
from typing import TYPE_CHECKING

import pytest

from aimon.simulator.model.profile import Profile
from aimon.simulator.process import SimulatorProcess
from command import target_flags
from loadtest_command import interrupted

if TYPE_CHECKING:
    from pathlib import Path

    from command import Command
    from services import Pushgateway

pytestmark = pytest.mark.e2e

KEY = "sk-recognisable-key-0123456789"
_KEYS = (
    "version endpoint profile started_at duration_s requests rate latency_s latency_from_schedule_s ttft_s itl_s "
    "tpot_s tokens cost goodput slo client capacity limits workers config"
)
KEYS = _KEYS.split()


def configure(run_aimon: Command, sim: SimulatorProcess, prices: str) -> None:
    """Writes a configuration with one endpoint, `local`."""
    text = f"""
currency: USD
endpoints:
  - name: local
    dialect: openai-chat
    base_url: {sim.base_url()}
    model: m
    prices: {prices}
loadtests:
  brief: {{endpoint: local, concurrency: 3, requests: 9, slo: ["error_rate<1%"], max_cost: 1.00}}
"""
    (run_aimon.cwd / "aimon.yaml").write_text(text)


def outcomes(sim: SimulatorProcess) -> dict[str, int]:
    """What the simulator did, by outcome."""
    return dict(sim.truth(wait=10, limit=0).by_outcome)


def test_an_open_loop_is_reported_as_it_was(run_aimon: Command, tmp_path: Path) -> None:
    """Every call is counted once, times are right, and the files hold the same numbers."""
    with SimulatorProcess(Profile(ttft=0.05, itl=0.01)) as sim:
        arguments = ["--rate", "40/s", "--duration", "2s", "--slo", "p99<5s", "--slo", "error_rate<1%", "--json"]
        arguments += ["--output-tokens", "6", "--out", str(tmp_path / "out")]
        done = run_aimon("loadtest", *target_flags(sim.base_url()), *arguments)
        assert done.returncode == 0, done.stderr
        report = json.loads(done.stdout)
        assert outcomes(sim) == {"ok": 81}  # and the first call, which is not counted
    assert [key for key in KEYS if key not in report] == []
    assert report["requests"]["by_outcome"] == {"ok": 80}
    assert [report["requests"][key] for key in ("sent", "ok", "not_started", "interrupted")] == [80, 80, 0, 0]
    assert [report["ended"][key] for key in ("how", "why", "uncounted", "lost")] == ["complete", None, 1, 0]
    assert report["rate"]["asked"] == 40
    assert report["rate"]["achieved"] == pytest.approx(40, rel=0.01)
    assert report["latency_s"]["count"] == report["ttft_s"]["count"] == 80
    assert 0.05 <= report["ttft_s"]["p50"] < report["latency_s"]["p50"]
    assert report["latency_s"]["p50"] >= 0.1 * 0.995
    assert report["tokens"]["output"] == 80 * 6
    assert [row["met"] for row in report["slo"]] == [True, True]
    assert sum(row["sent"] for row in report["seconds"]) == 80
    saved = json.loads((tmp_path / "out" / "report.json").read_text())
    assert saved == report
    assert "| Requests | 80 sent, 80 ok, 0 not started |" in (tmp_path / "out" / "report.md").read_text()
    html = (tmp_path / "out" / "report.html").read_text()
    assert "80 ok, 0 failed" in html
    assert re.findall(r"(?:src|href)=", html) == []


def test_a_closed_loop_makes_as_many_calls_as_asked(run_aimon: Command) -> None:
    """50 calls, 8 at a time."""
    with SimulatorProcess(Profile(ttft=0.2)) as sim:
        done = run_aimon("loadtest", *target_flags(sim.base_url()), "--concurrency", "8", "--requests", "50", "--json")
        assert done.returncode == 0, done.stderr
        assert json.loads(done.stdout)["requests"]["by_outcome"] == {"ok": 50}
        truth = sim.truth(wait=10, limit=0)
        assert (truth.requests, truth.peak_in_flight) == (51, 8)


def test_refusals_are_counted_exactly(run_aimon: Command) -> None:
    """429s of a limit, as many as the simulator sent, with no part in the latencies; the objective is missed."""
    with SimulatorProcess(Profile(rpm=600, burst=0.5, ttft=0.02)) as sim:
        slo = ["--slo", "rate_limited<1%"]
        done = run_aimon(
            "loadtest", *target_flags(sim.base_url()), "--rate", "40/s", "--duration", "3s", *slo, "--json"
        )
        truth = outcomes(sim)
    report = json.loads(done.stdout)
    assert done.returncode == 1
    assert report["requests"]["sent"] == 120
    assert report["requests"]["by_outcome"] == {"ok": truth["ok"] - 1, "rate_limited": truth["rate_limited"]}
    assert report["latency_s"]["count"] == truth["ok"] - 1
    (row,) = report["slo"]
    assert (row["expr"], row["value"], row["met"]) == ("rate_limited<1%", truth["rate_limited"] / 120, False)
    assert "Missed: rate_limited<1%" in done.stderr


def test_a_wrong_key_ends_the_run_after_one_call(run_aimon: Command, tmp_path: Path) -> None:
    """The exit code is 1, stderr has the reason, and no output has the key."""
    with SimulatorProcess(Profile(key="another-key")) as sim:
        out = tmp_path / "out"
        arguments = ["--api-key-env", "MY_KEY", "--rate", "100/s", "--duration", "1m", "--out", str(out)]
        done = run_aimon("loadtest", *target_flags(sim.base_url()), *arguments, env={"MY_KEY": KEY})
        assert outcomes(sim) == {"unauthorized": 1}
    assert done.returncode == 1
    assert "ABORTED, nothing was measured: unauthorized (HTTP 401)" in done.stderr
    # As a probe says it, at the very end; and no tables of nothing.
    assert done.stderr.splitlines()[-1] == (
        "aimon loadtest: Check the key: that the variable or file behind api_key holds it, that it is this provider's, "
        "and that it was not revoked."
    )
    assert [line.split(" | ")[0] for line in done.stdout.splitlines() if line.startswith("|")] == [
        "| ", "| ---", "| Endpoint", "| Profile", "| Started", "| Requests", "| Cost",
    ]  # fmt: skip
    assert KEY not in done.stdout + done.stderr + "".join(path.read_text() for path in out.iterdir())


def withdraw(sim: SimulatorProcess) -> None:
    """Refuses every key once twenty calls were served."""
    while sim.truth(limit=0).requests < 20:
        time.sleep(0.02)
    sim.set_faults("unauthorized")


def test_a_key_that_is_withdrawn_ends_the_run(run_aimon: Command) -> None:
    """After five refusals and what was under way by then."""
    with SimulatorProcess(Profile(ttft=0.01)) as sim:
        withdrawal = threading.Thread(target=withdraw, args=(sim,))
        withdrawal.start()
        done = run_aimon(
            "loadtest", *target_flags(sim.base_url()), "--concurrency", "2", "--requests", "5000", "--json"
        )
        withdrawal.join()
        truth = outcomes(sim)
    assert done.returncode == 1, done.stderr
    report = json.loads(done.stdout)
    assert report["ended"]["how"] == "aborted"
    assert report["requests"]["sent"] == sum(truth.values()) - 1
    # An answer that was on its way when the key was withdrawn may come between the first refusals, and they count anew.
    assert 5 <= report["requests"]["by_outcome"]["unauthorized"] <= 12


def test_an_interrupted_run_keeps_what_it_has(run_aimon: Command) -> None:
    """Ctrl-C: exit code 130; calls that it cut are counted apart, and are no failures."""
    with SimulatorProcess(Profile(ttft=0.3)) as sim:
        load = ["--concurrency", "4", "--duration", "1m"]
        code, report = interrupted(run_aimon, "in flight 4", *target_flags(sim.base_url()), *load)
    assert code == 130
    assert report["ended"]["how"] == "interrupted"
    by_outcome = report["requests"]["by_outcome"]
    assert report["requests"]["interrupted"] <= 4
    assert by_outcome.keys() == {"ok"}
    assert by_outcome["ok"] >= 8
    assert report["requests"]["sent"] == sum(by_outcome.values())


def test_a_known_capacity_is_found(run_aimon: Command) -> None:
    """Within 5 %: 8 slots of 0.1 s are 80 a second."""
    with SimulatorProcess(Profile(slots=8, ttft=0.05, itl=0.01, tokens=6)) as sim:
        arguments = ["--profile", "capacity", "--prompt-tokens", "8", "--output-tokens", "6", "--rate", "50/s"]
        done = run_aimon("loadtest", *target_flags(sim.base_url()), *arguments, "--json", timeout=120)
        assert done.returncode == 0, done.stderr
        report = json.loads(done.stdout)
        # Measured and not computed: the simulator's own timers add to each service.
        records = sim.truth(wait=10).records
    services = [record.end - record.service for record in records if record.end and record.service]
    truth = 8 / (sum(services) / len(services))
    assert report["capacity"]["rate"] == pytest.approx(truth, rel=0.05)
    assert report["capacity"]["low"] < report["capacity"]["high"]
    assert report["requests"]["sent"] == sum(report["requests"]["by_outcome"].values())


def test_a_limit_is_no_capacity_beyond_it(run_aimon: Command) -> None:
    """A rate that is answered with 429 is not held, also if the objective is on times alone; the limit is named."""
    with SimulatorProcess(Profile(rpm=1200, ttft=0.02)) as sim:
        arguments = ["--profile", "capacity", "--slo", "p99<2s", "--rate", "40/s"]
        done = run_aimon("loadtest", *target_flags(sim.base_url()), *arguments, "--json", timeout=120)
    assert done.returncode == 0, done.stderr
    found = json.loads(done.stdout)["capacity"]
    assert found["rate"] == pytest.approx(20.0, rel=0.05)
    assert found["limit"].startswith("429 above ")
    assert [step["held"] for step in found["steps"][:1]] == [False]


@pytest.mark.parametrize(
    ("profile", "key", "truth"),
    [
        (Profile(rpm=1200, ttft=0.02), "requests_per_s", 20.0),
        (Profile(tpm=60_000, ttft=0.02, itl=0.001), "tokens_per_min", 60_000.0),
    ],
)
def test_a_known_limit_is_found(run_aimon: Command, profile: Profile, key: str, truth: float) -> None:
    """A limit of requests within 5 %, and one of tokens within 10; every 429 is counted."""
    with SimulatorProcess(profile) as sim:
        arguments = ["--profile", "limits", "--prompt-tokens", "50", "--output-tokens", "10", "--rate", "15/s"]
        done = run_aimon("loadtest", *target_flags(sim.base_url()), *arguments, "--json", timeout=120)
        happened = outcomes(sim)
    assert done.returncode == 0, done.stderr
    report = json.loads(done.stdout)
    assert report["limits"][key] == pytest.approx(truth, rel=0.05)
    assert report["requests"]["by_outcome"] == happened | {"ok": happened["ok"] - 1}
    (other,) = {"requests_per_s", "tokens_per_min"} - {key}
    assert report["limits"][other] is None


def test_the_result_is_pushed(run_aimon: Command, pushgateway: Pushgateway) -> None:
    """A Pushgateway has the metrics of the run, under the job of load tests."""
    with SimulatorProcess(Profile(ttft=0.01)) as sim:
        arguments = ["--profile", "smoke", "--slo", "error_rate<1%", "--push", pushgateway.url]
        done = run_aimon("loadtest", *target_flags(sim.base_url()), *arguments)
    assert done.returncode == 0, done.stderr
    (met,) = pushgateway.samples("ai_loadtest_slo_met")
    assert (met.value, met.labels["job"], met.labels["slo"]) == (1, "aimon-loadtest", "error_rate<1%")
    (info,) = pushgateway.samples("ai_loadtest_run_info")
    assert info.labels["profile"] == "smoke"


def test_a_load_test_of_the_file_is_run_by_its_name(run_aimon: Command) -> None:
    """A load test of the file runs with its options, except those that the command line overrides."""
    with SimulatorProcess(Profile(ttft=0.01)) as sim:
        configure(run_aimon, sim, "{input: 0, output: 0, currency: USD}")
        done = run_aimon("loadtest", "brief", "--concurrency", "2", "--json")
    assert done.returncode == 0, done.stderr
    report = json.loads(done.stdout)
    assert (report["endpoint"], report["requests"]["sent"]) == ("local", 9)
    assert (report["config"]["concurrency"], report["config"]["max_cost"]) == (2, 1.0)
    assert [row["met"] for row in report["slo"]] == [True]


@pytest.mark.parametrize("processes", ["1", "2"])
def test_the_configuration_is_read_once(run_aimon: Command, processes: str) -> None:
    """A named pipe can be read once: every process of the run has the configuration from the command."""
    pipe = run_aimon.cwd / "pipe.yaml"
    os.mkfifo(pipe)
    with SimulatorProcess(Profile(ttft=0.01)) as sim:
        configure(run_aimon, sim, "{input: 0, output: 0, per_request: 0.01, currency: USD}")
        text = (run_aimon.cwd / "aimon.yaml").read_text()
        writer = threading.Thread(target=pipe.write_text, args=(text,), daemon=True)
        writer.start()
        done = run_aimon("loadtest", "brief", "-c", str(pipe), "--processes", processes, "--json")
    assert done.returncode == 0, done.stderr
    report = json.loads(done.stdout)
    assert (report["requests"]["by_outcome"], report["cost"]["amount"]) == ({"ok": 9}, pytest.approx(0.10))


def test_a_limit_of_cost_ends_the_run(run_aimon: Command) -> None:
    """Before it is passed by more than the calls under way."""
    with SimulatorProcess(Profile(ttft=0.01)) as sim:
        configure(run_aimon, sim, "{input: 0, output: 0, per_request: 0.01, currency: USD}")
        done = run_aimon("loadtest", "local", "--concurrency", "2", "--duration", "1m", "--max-cost", "0.50", "--json")
    report = json.loads(done.stdout)
    assert done.returncode == 1
    assert "the limit of cost is reached" in report["ended"]["why"]
    assert report["cost"]["currency"] == "USD"
    assert 0.45 <= report["cost"]["amount"] <= 0.50 * (1 + 1e-9)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ([], "--profile steady needs --rate, such as 20/s, or --concurrency, such as 16"),
        (["--rate", "20"], "--rate 20: a rate needs a unit: write 20/s or 20/m"),
        (["--rate", "20/s", "--concurrency", "3"], "--rate is an open loop and --concurrency a closed one"),
        (["--rate", "20/s", "--slo", "p99<10"], "p99 is a time: write p99<10s or 10ms"),
        (["--profile", "stedy"], "--profile stedy: no profile 'stedy'; did you mean 'steady'?"),
        (["--rate", "1/s", "--max-cost", "5 EUR"], "--max-cost in EUR: the reporting currency is"),
    ],
)
def test_what_does_not_fit_is_refused(run_aimon: Command, arguments: list[str], message: str) -> None:
    """Such options are exit code 2 with what to write instead, and nothing is sent."""
    flags = target_flags("http://127.0.0.1:9/v1")
    done = run_aimon("loadtest", *flags, *arguments)
    assert (done.returncode, done.stdout) == (2, "")
    assert message in done.stderr
