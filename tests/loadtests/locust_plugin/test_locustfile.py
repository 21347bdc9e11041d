"""The documentation's locustfile under Locust's own command, against the simulator: counts, reports, the web page."""

from __future__ import annotations

import json
import re
import signal
import socket
import subprocess
import sys
import time
from collections import Counter
from contextlib import contextmanager
from http.client import HTTPConnection
from pathlib import Path
from typing import TYPE_CHECKING, Any

import psutil
import pytest

from aimon.loadtests.report import schema
from aimon.simulator.model.profile import Profile
from aimon.simulator.process import SimulatorProcess
from services import free_port

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from command import Command

pytestmark = pytest.mark.e2e

LOCUSTFILE = Path(__file__).parents[3] / "docs" / "examples" / "locustfile.py"
NAMES = {"question", "first turn", "second turn", "summary"}
SOON = 60.0


def configure(run_aimon: Command, sim: SimulatorProcess) -> None:
    """The two endpoints that the locustfile names, with different prices."""
    (run_aimon.cwd / "aimon.yaml").write_text(
        "currency: USD\nendpoints:\n"
        f"  - {{name: chat, dialect: openai-chat, base_url: {sim.base_url('chat')}, model: m, "
        "prices: {input: 0, output: 0, per_request: 0.01, currency: USD}}\n"
        f"  - {{name: summaries, dialect: openai-chat, base_url: {sim.base_url('summaries')}, model: m}}\n"
    )


def locust(run_aimon: Command, *options: str) -> subprocess.Popen[str]:
    """`locust -f locustfile.py`, going on."""
    command = [str(Path(sys.executable).with_name("locust")), "-u", "8", "-r", "100"]
    if "-f" not in options:
        command += ["-f", str(LOCUSTFILE)]
    if "--processes" in options:
        # All that run at the same time would find the master of the first at Locust's own port.
        port = str(free_port())
        command += ["--master-bind-port", port, "--master-port", port]
    return subprocess.Popen(
        [*command, "--stop-timeout", "10", *options],
        env=run_aimon.env, cwd=run_aimon.cwd, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
    )  # fmt: skip


def reports(folder: Path) -> dict[str, dict[str, Any]]:
    """Those that were written, by endpoint; each as the schema says."""
    found = {}
    for file in sorted((folder / "report").glob("*/report.json")):
        schema.read(file)
        found[file.parent.name] = json.loads(file.read_text())
    return found


@pytest.mark.parametrize("processes", [1, 2])
def test_locust_and_aimon_count_the_same(run_aimon: Command, processes: int) -> None:
    """By name in Locust's statistics, by endpoint in the reports, one process or several; and as it happened."""
    with SimulatorProcess(Profile("chat", ttft=0.1, itl=0.005), Profile("summaries", ttft=0.05)) as sim:
        configure(run_aimon, sim)
        sim.set_faults("server_error:profile=summaries,count=1")
        options = ("--processes", str(processes)) if processes > 1 else ()
        # So many that a user who is never asked to talk, and so never gives the turns, is one in 100,000 runs.
        with locust(run_aimon, "-u", "24", "--headless", "-t", "3s", "--json", *options) as run:
            out, said = run.communicate(timeout=150)
        truth = sim.truth(wait=10)
    assert "Traceback" not in said, said
    # The workers print their own, empty statistics before the master's.
    statistics = {row["name"]: row for row in json.loads(out[out.rindex("\n[\n") if "\n[\n" in out else 0 :])}
    assert set(statistics) == NAMES
    found = reports(run_aimon.cwd)
    assert set(found) == {"chat", "summaries"}
    for endpoint, report in found.items():
        happened = Counter(record.outcome for record in truth.records if record.profile == endpoint)
        # Whoever left early was cut off by Locust, or had the whole answer when the provider was late to end it.
        left = happened.pop("abandoned", 0)
        over = Counter(report["requests"]["by_outcome"])
        over.subtract(happened)
        assert min(over.values()) >= 0
        assert 0 <= over.total() <= left
        assert report["ended"]["how"] == "complete"
        assert (report["profile"], report["model"], report["workers"]) == ("locust", "m", processes)
        assert sum(block["sent"] for block in report["blocks"]) == report["requests"]["sent"]
        assert report["duration_s"] > 2
    assert statistics["summary"]["num_requests"] == found["summaries"]["requests"]["sent"]
    assert statistics["summary"]["num_failures"] == 1
    chat = found["chat"]
    assert sum(statistics[name]["num_requests"] for name in NAMES - {"summary"}) == chat["requests"]["sent"]
    for key, least in (("ttft_s", 0.1), ("itl_s", 0.002)):
        assert chat[key]["p50"] is None or least <= chat[key]["p50"] < 1  # not known where the machine was too busy
    assert chat["cost"]["amount"] == chat["cost"]["counted"] == pytest.approx(0.01 * chat["requests"]["sent"])
    assert (chat["cost"]["currency"], chat["cost"]["unpriced"]) == ("USD", 0)
    # One of the few calls of one endpoint failed: too many failed, and what time it would have taken nobody knows.
    assert [row["verdict"] for row in chat["slo"]] == ["met", "met"]
    assert [row["verdict"] for row in found["summaries"]["slo"]] == ["not judged", "missed"]
    assert run.returncode == 1
    assert "summaries: Missed: error_rate<1%" in said


def test_a_test_that_is_interrupted_leaves_a_report(run_aimon: Command) -> None:
    """Marked as such, with what the calls were that had ended; those under way are cut off by Locust."""
    with SimulatorProcess(Profile("chat", ttft=0.1), Profile("summaries", ttft=0.05)) as sim:
        configure(run_aimon, sim)
        with locust(run_aimon, "--headless", "-t", "1m") as run:
            until(lambda: sim.truth(limit=0).requests > 20)
            run.send_signal(signal.SIGINT)
            _, said = run.communicate(timeout=150)
        truth = sim.truth(wait=10, limit=0)
    # Ctrl-C is raised in whichever greenlet runs: where that is a user's, Locust says so, and its call is in no count.
    hit = said.count("failed with KeyboardInterrupt")
    assert said.count("Traceback") == hit, said
    found = reports(run_aimon.cwd)
    assert {report["ended"]["how"] for report in found.values()} == {"interrupted"}
    assert re.fullmatch(r"it was stopped after \d+ of 60 s", found["chat"]["ended"]["why"])
    counted = sum(report["requests"]["ok"] for report in found.values())
    assert 0 <= truth.by_outcome["ok"] - counted <= hit


@pytest.mark.parametrize("processes", [1, 2])
def test_the_ramp_can_be_left_out(run_aimon: Command, processes: int) -> None:
    """Calls that began before all users were there are in no number but the one that says how many they were."""
    locustfile = run_aimon.cwd / "no_ramp.py"
    locustfile.write_text(
        LOCUSTFILE.read_text().replace('keep_report("report",', 'keep_report("report", leave_out_ramp=True,')
    )
    with SimulatorProcess(Profile("chat", ttft=0.1), Profile("summaries", ttft=0.05)) as sim:
        configure(run_aimon, sim)
        options = ("--processes", str(processes)) if processes > 1 else ()
        with locust(run_aimon, "-f", str(locustfile), "-u", "24", "-r", "8", "-t", "7s", "--headless", *options) as run:
            _, said = run.communicate(timeout=150)
        truth = sim.truth(wait=10)
    assert "Traceback" not in said, said
    for endpoint, report in reports(run_aimon.cwd).items():
        assert report["ended"]["how"] == "complete"
        assert report["ended"]["uncounted"] > 0
        assert report["requests"]["sent"] > 0
        happened = Counter(record.outcome for record in truth.records if record.profile == endpoint)
        counted = report["requests"]["sent"] + report["ended"]["uncounted"]
        assert 0 <= counted - (happened.total() - happened["abandoned"]) <= happened["abandoned"]
        # Two of the seven seconds are the ramp.
        assert report["duration_s"] < 6.5


def test_a_worker_that_dies_makes_the_reports_incomplete(run_aimon: Command) -> None:
    """Its last calls are in no number, and whoever reads the numbers is told so."""
    with SimulatorProcess(Profile("chat", ttft=0.1), Profile("summaries", ttft=0.05)) as sim:
        configure(run_aimon, sim)
        with locust(run_aimon, "-u", "24", "--headless", "-t", "8s", "--processes", "2") as run:
            until(lambda: sim.truth(limit=0).requests > 20)
            worker = max(psutil.Process(run.pid).children(), key=lambda child: child.pid)
            worker.kill()
            _, said = run.communicate(timeout=150)
    found = reports(run_aimon.cwd)
    assert {report["ended"]["how"] for report in found.values()} == {"incomplete"}
    assert "a worker did not tell of the last calls" in found["chat"]["ended"]["why"]
    assert "chat: Incomplete: a worker did not tell of the last calls" in said
    assert run.returncode == 3


def until(true: Callable[[], bool]) -> None:
    """Waits for something that must happen soon."""
    ends = time.monotonic() + SOON
    while not true():
        assert time.monotonic() < ends, "it did not happen"
        time.sleep(0.05)


@contextmanager
def web(run_aimon: Command) -> Iterator[Callable[..., tuple[int, str]]]:
    """Locust's web page on a free port: `ask("GET", "/")`."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]

    def ask(method: str, path: str, body: str | None = None) -> tuple[int, str]:
        connection = HTTPConnection("127.0.0.1", port, timeout=SOON)
        try:
            connection.request(method, path, body, {"content-type": "application/x-www-form-urlencoded"})
            answer = connection.getresponse()
            return answer.status, answer.read().decode()
        finally:
            connection.close()

    def serves() -> bool:
        try:
            return ask("GET", "/")[0] == 200
        except ConnectionRefusedError:
            return False

    with locust(run_aimon, "--web-host", "127.0.0.1", "--web-port", str(port)) as run:
        try:
            until(serves)
            yield ask
        finally:
            run.terminate()
            _, said = run.communicate(timeout=150)
    assert "Traceback" not in said, said


def test_the_web_page_starts_and_stops_tests(run_aimon: Command) -> None:
    """It shows the names of the calls; each test replaces the report of the one before."""

    def shown() -> dict[str, int]:
        rows = json.loads(ask("GET", "/stats/requests")[1])["stats"]
        return {row["name"]: row["num_requests"] for row in rows}

    sent: list[int] = []
    with SimulatorProcess(Profile("chat", ttft=0.1), Profile("summaries", ttft=0.05)) as sim:
        configure(run_aimon, sim)
        with web(run_aimon) as ask:
            assert "Locust" in ask("GET", "/")[1]
            for _ in range(2):
                assert ask("POST", "/swarm", "user_count=4&spawn_rate=100")[0] == 200
                until(lambda: sim.truth(limit=0).requests >= sum(sent) + 8)
                assert ask("POST", "/stop")[0] == 200
                found = reports(run_aimon.cwd)
                sent.append(sum(report["requests"]["sent"] for report in found.values()))
                assert {report["ended"]["how"] for report in found.values()} == {"complete"}
            # The page is told the same for two seconds.
            until(lambda: shown()["Aggregated"] == sent[-1])
            assert {"question", "summary"} <= set(shown()) <= NAMES | {"Aggregated"}
            truth = sim.truth(wait=10, limit=0)
    # What Locust cuts off at the end of a test is in no report.
    assert 0 <= truth.requests - sum(sent) <= truth.by_outcome.get("abandoned", 0)
