"""`aimon probe` as a person runs it: what it prints, and what the exit code says."""

from __future__ import annotations

import json
import signal
import urllib.request
from typing import TYPE_CHECKING
from xml.etree import ElementTree as ET

import pytest

from aimon.simulator import Profile, SimulatorProcess
from services import free_port, wait_for

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from command import Command

BINDING_KEYS = (
    *("endpoint", "provider", "model", "region", "started_at", "outcome", "fault", "status_code"),
    *("latency_s", "ttft_s", "tpot_s", "phases", "usage", "cost", "currency"),
    *("answer_ok", "finish_reason", "request_id", "error", "self_lag_s"),
)
PHASES = ["resolve", "connect", "tls", "send", "wait", "first_token", "transfer"]


@pytest.fixture(scope="module")
def simulator() -> Iterator[SimulatorProcess]:
    """A provider that answers at once, and one that hangs."""
    with SimulatorProcess(Profile("sim", ttft=0.01, itl=0.001), Profile("stuck")) as running:
        yield running


def flags(url: str) -> list[str]:
    """An endpoint on the command line."""
    return ["probe", "--dialect", "openai-chat", "--base-url", url, "--model", "sim-1"]


def test_a_well_endpoint(run_aimon: Command, simulator: SimulatorProcess) -> None:
    """The result is one line on stdout, stderr is empty, and the exit code is 0."""
    simulator.clear_faults()
    done = run_aimon(*flags(simulator.base_url("sim")))
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout.startswith("openai-chat-sim-1 ok latency ")


def test_json_has_the_documented_keys(run_aimon: Command, simulator: SimulatorProcess) -> None:
    """One object a line, in success and failure, phases that add up to the latency."""
    for fault in ("overloaded", None):
        simulator.set_faults(*([{"fault": fault, "profile": "sim"}] if fault else []))
        done = run_aimon(*flags(simulator.base_url("sim")), "--json")
        result = json.loads(done.stdout)
        assert [key for key in BINDING_KEYS if key not in result] == []
        assert list(result["phases"]) == PHASES
    assert result["outcome"] == "ok"
    assert result["usage"]["source"] == "reported"
    assert sum(value or 0 for value in result["phases"].values()) == pytest.approx(result["latency_s"], abs=1e-4)


def test_junit_counts_failures(run_aimon: Command, simulator: SimulatorProcess, tmp_path: Path) -> None:
    """JUnit XML has a failure whose type is the outcome."""
    simulator.set_faults({"fault": "overloaded", "profile": "sim"})
    assert run_aimon(*flags(simulator.base_url("sim")), "--junit", "junit.xml").returncode == 1
    suite = ET.parse(tmp_path / "junit.xml").getroot()  # noqa: S314 - our own file
    assert (suite.get("tests"), suite.get("failures"), suite.get("errors")) == ("1", "1", "0")
    failure = suite.find("testcase/failure")
    assert failure is not None
    assert failure.get("type") == "overloaded"


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["--every", "30"], "--every 30: "),
        (["--every", "10ms"], "at least 1s"),
        (["--every", "30s", "--junit", "junit.xml"], "leave out --every"),
        (["--listen", "127.0.0.1:0"], "add --every 30s"),
        (["--every", "30s", "--listen", "nonsense"], "write HOST:PORT"),
        (["--every", "30s", "--listen", "0.0.0.0:9464"], "--no-auth"),
        (["--state", "gateway"], "give its address with --push URL"),
        (["--state", "cloud"], "sqlite, gateway, none"),
        (["--textfile", "metrics.txt"], ".prom"),
        (["--junit", "no/such/folder/junit.xml"], "does not exist"),
        (["--push", "ftp://x"], "--push"),
        (["--preset", "opanai"], "openai"),
        (["--bogus"], "--bogus"),
    ],
)
def test_wrong_usage_is_exit_2_and_calls_nobody(
    arguments: list[str], said: str, run_aimon: Command, simulator: SimulatorProcess
) -> None:
    """Wrong usage is exit code 2, calls nobody, and stderr says what to write instead."""
    simulator.truth(reset=True)
    done = run_aimon(*flags(simulator.base_url("sim")), *arguments)
    assert (done.returncode, done.stdout) == (2, "")
    assert said in done.stderr
    assert "Traceback" not in done.stderr
    assert simulator.truth().requests == 0


def test_no_configuration_says_how_to_begin(run_aimon: Command) -> None:
    """The first thing that a newcomer types."""
    done = run_aimon("probe")
    assert done.returncode == 2
    assert "aimon init" in done.stderr


def test_an_unwritable_history_is_exit_3(run_aimon: Command, simulator: SimulatorProcess, tmp_path: Path) -> None:
    """The endpoint is probed and shown all the same."""
    simulator.clear_faults()
    tmp_path.joinpath("file").write_text("")
    done = run_aimon(*flags(simulator.base_url("sim")), "--history", "file/history.db")
    assert (done.returncode, done.stdout.startswith("openai-chat-sim-1 ok ")) == (3, True)
    assert "the results are not recorded: file/history.db: " in done.stderr


def test_an_interrupt_keeps_what_was_probed(run_aimon: Command, simulator: SimulatorProcess, tmp_path: Path) -> None:
    """An interrupt is exit code 130; the finished endpoint is shown and recorded, the other is named."""
    simulator.set_faults({"fault": "hang", "profile": "stuck"})
    simulator.truth(reset=True)
    config = tmp_path / "aimon.yaml"
    config.write_text(
        "endpoints:\n"
        f"- {{name: quick, dialect: openai-chat, base_url: '{simulator.base_url('sim')}', model: m}}\n"
        f"- {{name: stuck, dialect: openai-chat, base_url: '{simulator.base_url('stuck')}', model: m}}\n"
    )
    with run_aimon.start("probe", "-c", str(config)) as process:
        wait_for(lambda: simulator.truth().requests >= 1 and simulator.truth().in_flight == 1, what="both calls")
        process.send_signal(signal.SIGINT)
        out, err = process.communicate(timeout=20)
    assert process.returncode == 130, err
    assert out.startswith("quick ok ")
    assert "1 endpoints were not finished" in err
    assert run_aimon("status").stdout.startswith("quick ok ")


def test_every_serves_metrics_and_drains(run_aimon: Command, simulator: SimulatorProcess) -> None:
    """Probes go on at their beat, are scraped meanwhile, and SIGTERM ends them well."""
    simulator.clear_faults()
    port = free_port()
    listen = ["--every", "1s", "--listen", f"127.0.0.1:{port}"]
    with run_aimon.start(*flags(simulator.base_url("sim")), *listen) as process:
        assert process.stderr is not None
        assert process.stderr.readline() == f"metrics: http://127.0.0.1:{port}/metrics\n"

        def scraped(path: str) -> str:
            with urllib.request.urlopen(f"http://127.0.0.1:{port}{path}", timeout=5) as answer:
                return str(answer.read().decode())

        wait_for(lambda: 'outcome="ok"' in scraped("/metrics"), what="metrics")
        count = 'ai_api_requests_total{endpoint="openai-chat-sim-1",model="sim-1",outcome="ok"'
        wait_for(
            lambda: any(
                line.startswith(count) and float(line.rsplit(" ", 1)[1]) >= 3
                for line in scraped("/metrics").splitlines()
            ),
            what="three probes",
        )
        assert scraped("/-/healthy") == "ok\n"
        assert "aimon_scheduler_heartbeat_timestamp_seconds " in scraped("/metrics")
        process.send_signal(signal.SIGTERM)
        out, err = process.communicate(timeout=20)
    assert (process.returncode, err) == (0, "")
    assert out.count("openai-chat-sim-1 ok ") >= 3
