"""Load from several processes: a real Locust master and workers, on loopback, against the simulator's own counts."""

from __future__ import annotations

import json
import os
import re
import signal
from contextlib import ExitStack
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

import psutil
import pytest

from aimon.simulator.model.profile import Profile
from aimon.simulator.process import SimulatorProcess
from command import target_flags
from loadtest_command import SOON, distributed, port_of, reported
from services import wait_for

if TYPE_CHECKING:
    import subprocess
    from pathlib import Path

    from aimon.simulator.world.truth import Truth
    from command import Command

pytestmark = pytest.mark.e2e


def descendants(process: subprocess.Popen[str]) -> list[psutil.Process]:
    """The measuring processes of a command: the director first, then its workers in the order of their start."""
    found = [child for child in psutil.Process(process.pid).children(recursive=True) if "python" in child.name()]
    return sorted(found, key=lambda child: (child.create_time(), child.pid))


def ended(processes: list[psutil.Process]) -> bool:
    """Whether none of them runs any more."""
    return not any(process.is_running() and process.status() != psutil.STATUS_ZOMBIE for process in processes)


def counts(sim: SimulatorProcess) -> dict[str, int]:
    """What the simulator did, by outcome."""
    return dict(sim.truth(wait=10, limit=0).by_outcome)


@pytest.mark.parametrize("arrivals", ["constant", "poisson"])
def test_two_processes_make_each_arrival_once(run_aimon: Command, arrivals: str) -> None:
    """Two processes share the rate exactly, and their counts add up to the simulator's."""
    with SimulatorProcess(Profile(ttft=0.05, itl=0.01)) as sim:
        arguments = ["--rate", "61/s", "--duration", "3s", "--arrivals", arrivals, "--output-tokens", "5"]
        done = run_aimon("loadtest", *target_flags(sim.base_url()), *arguments, "--processes", "2", "--json")
        assert done.returncode == 0, done.stderr
        report = json.loads(done.stdout)
        assert counts(sim) == {"ok": 184}
    assert report["requests"]["by_outcome"] == {"ok": 183}
    assert report["requests"]["not_started"] == report["requests"]["interrupted"] == 0
    assert (report["workers"], report["ended"]["lost"], report["ended"]["how"]) == (2, 0, "complete")
    assert report["rate"]["achieved"] == pytest.approx(61, rel=0.01)
    assert report["latency_s"]["count"] == report["ttft_s"]["count"] == 183
    assert report["tokens"]["output"] == 183 * 5
    assert sum(row["sent"] for row in report["seconds"]) == 183


def test_two_processes_share_users_and_requests(run_aimon: Command) -> None:
    """Two processes make 101 calls, 7 at a time."""
    with SimulatorProcess(Profile(ttft=0.2)) as sim:
        arguments = ["--concurrency", "7", "--requests", "101", "--processes", "2", "--json"]
        done = run_aimon("loadtest", *target_flags(sim.base_url()), *arguments)
        assert done.returncode == 0, done.stderr
        truth = sim.truth(wait=10, limit=0)
    assert json.loads(done.stdout)["requests"]["by_outcome"] == {"ok": 101}
    assert (truth.requests, truth.peak_in_flight) == (102, 7)


def test_a_master_and_two_workers(run_aimon: Command) -> None:
    """Workers read their own configuration, as on three machines, and end with the run."""
    with SimulatorProcess(Profile(ttft=0.05, key="sk-Qm3xK9vT2pLw7ZbR4nHd")) as sim:
        (run_aimon.cwd / "aimon.yaml").write_text(
            f"endpoints: [{{name: local, dialect: openai-chat, base_url: {sim.base_url()}, model: m, "
            "api_key: '${SIM_KEY}'}]\n"
        )
        run_aimon.env["SIM_KEY"] = "sk-Qm3xK9vT2pLw7ZbR4nHd"
        report = distributed(run_aimon, ["local", "--rate", "40/s", "--duration", "3s"], ["-c", "aimon.yaml"])
        assert counts(sim) == {"ok": 121}
    assert report["requests"]["by_outcome"] == {"ok": 120}
    assert (report["workers"], report["ended"]["lost"]) == (2, 0)


def test_a_worker_that_dies_is_reported_and_its_share_given_to_the_others(run_aimon: Command) -> None:
    """The rate recovers; the worker's calls in flight and the arrivals not started meanwhile count as lost."""
    with SimulatorProcess(Profile(ttft=0.05)) as sim:
        arguments = ["--rate", "60/s", "--arrivals", "constant", "--duration", "8s", "--processes", "3", "--json"]
        with run_aimon.start("loadtest", *target_flags(sim.base_url()), *arguments) as run:
            wait_for(lambda: sim.truth(limit=0).requests > 60)
            victim = descendants(run)[-1]
            victim.kill()
            report, said = reported(run)
        served = counts(sim)
    # Aimon did not do all of its job, and says so.
    assert run.returncode == 3, said
    assert report["ended"]["how"] == "incomplete"
    assert f"{report['ended']['lost']} of 480 calls were lost with a worker" in said
    assert [note for note in report["notes"] if "was lost, 2 left" in note] == report["notes"]
    assert "was lost, 2 left" in said
    requests, lost = report["requests"], report["ended"]["lost"]
    assert requests["sent"] + requests["not_started"] + lost == 480
    # Its third of less than three seconds: until it was missed, and a second's notice.
    assert 0 < lost <= 20 * 3
    # What was served and is not counted was the victim's, since its last report.
    assert requests["sent"] <= served["ok"] - 1 <= requests["sent"] + 20
    # All that was due in the last two seconds was started, however late on a busy machine.
    assert sum(row["sent"] for row in report["seconds"] if row["second"] >= 6) >= 120


def test_calls_of_a_closed_loop_are_made_by_others_when_a_worker_dies(run_aimon: Command) -> None:
    """If a worker dies, the others make all remaining calls at the full concurrency."""
    with SimulatorProcess(Profile(ttft=0.2)) as sim:
        arguments = ["--concurrency", "8", "--requests", "200", "--processes", "2", "--json"]
        with run_aimon.start("loadtest", *target_flags(sim.base_url()), *arguments) as run:
            wait_for(lambda: sim.truth(limit=0).requests > 40)
            descendants(run)[-1].kill()
            report, said = reported(run)
        truth = sim.truth(wait=10, limit=0)
    # Calls that were lost with it make the run incomplete.
    assert run.returncode == (3 if report["ended"]["lost"] else 0), said
    # Those that the victim had made or begun since its last report may be neither known nor made again.
    assert 200 - 16 <= report["requests"]["sent"] <= 200
    assert truth.peak_in_flight <= 12
    assert report["requests"]["sent"] == sum(report["requests"]["by_outcome"].values())


def test_a_run_without_workers_ends(run_aimon: Command) -> None:
    """When all workers are lost, the run ends with exit code 1 and a report of their calls."""
    with SimulatorProcess(Profile(ttft=0.05)) as sim:
        arguments = ["--rate", "40/s", "--duration", "1m", "--processes", "2", "--json"]
        with run_aimon.start("loadtest", *target_flags(sim.base_url()), *arguments) as run:
            wait_for(lambda: sim.truth(limit=0).requests > 60)
            for victim in descendants(run)[1:]:
                victim.kill()
            report, said = reported(run)
    assert run.returncode == 1
    assert report["ended"]["how"] == "aborted"
    assert "the last worker was lost" in report["ended"]["why"]
    assert report["requests"]["sent"] == sum(report["requests"]["by_outcome"].values()) > 0
    assert "the last worker was lost" in said


def test_workers_end_with_their_master_and_keep_what_they_know(run_aimon: Command, tmp_path: Path) -> None:
    """A master that is killed takes the report with it: each worker writes its own part, marked as such."""
    with SimulatorProcess(Profile(ttft=0.05)) as sim:
        out = tmp_path / "out"
        arguments = ["--rate", "40/s", "--duration", "1m", "--processes", "2", "--out", str(out)]
        with run_aimon.start("loadtest", *target_flags(sim.base_url()), *arguments) as run:
            wait_for(lambda: sim.truth(limit=0).requests > 60)
            director, *workers = descendants(run)
            director.kill()
            _, said = run.communicate(timeout=SOON)
        wait_for(lambda: ended(workers))
        served = sim.truth(wait=10, limit=0)
    assert run.returncode == 3
    assert "killed by signal 9" in said
    reports = [json.loads((out / f"worker-{k}" / "report.json").read_text()) for k in (1, 2)]
    assert all(report["ended"]["how"] == "aborted" for report in reports)
    assert "these are the calls of worker 1 alone" in reports[0]["ended"]["why"]
    all_of_them_counted([report["requests"] for report in reports], served)


def all_of_them_counted(parts: list[dict[str, Any]], served: Truth) -> None:
    """The preflight's call is in no report; one that is cut off may not have reached the server yet."""
    interrupted = sum(part["interrupted"] for part in parts)
    asked = interrupted + sum(part["sent"] for part in parts)
    assert 0 <= asked - (served.requests - 1) <= interrupted


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_signal_ends_all_of_them(run_aimon: Command, number: signal.Signals) -> None:
    """A signal ends all processes with exit code 130, and the report has every started call."""
    with SimulatorProcess(Profile(ttft=0.3)) as sim:
        arguments = ["--concurrency", "6", "--duration", "1m", "--processes", "2", "--json"]
        with run_aimon.start("loadtest", *target_flags(sim.base_url()), *arguments) as run:
            wait_for(lambda: sim.truth(limit=0).requests > 20)
            processes = descendants(run)
            run.send_signal(number)
            report, said = reported(run)
        wait_for(lambda: ended(processes))
        served = sim.truth(wait=10, limit=0)
    assert run.returncode == 130, said
    assert report["ended"]["how"] == "interrupted"
    requests = report["requests"]
    assert requests["sent"] == sum(requests["by_outcome"].values())
    all_of_them_counted([requests], served)
    assert (requests["by_outcome"].get("prober_error"), requests["interrupted"] <= 6) == (None, True)


def test_a_signal_as_the_load_begins_ends_it(run_aimon: Command) -> None:
    """Between the first call and those of the schedule, when workers are just told of it."""
    with SimulatorProcess(Profile(ttft=0.05)) as sim:
        arguments = ["--rate", "50/s", "--duration", "1m", "--processes", "2", "--json"]
        with run_aimon.start("loadtest", *target_flags(sim.base_url()), *arguments) as run:
            wait_for(lambda: sim.truth(limit=0).requests == 1)
            run.send_signal(signal.SIGINT)
            report, said = reported(run)
        served = sim.truth(wait=10, limit=0)
    assert run.returncode == 130, said
    assert report["ended"]["how"] == "interrupted"
    # Far from the 3,000 of the schedule, and none of them unknown.
    assert report["requests"]["sent"] == sum(report["requests"]["by_outcome"].values()) == served.requests - 1 < 500


def test_a_worker_that_joins_gets_a_share(run_aimon: Command) -> None:
    """A worker that joins gets its share from a second later, and each arrival is made exactly once."""
    with SimulatorProcess(Profile(ttft=0.05)) as sim, ExitStack() as stack:
        arguments = ["--master", "--bind-port", "0", "--rate", "40/s", "--arrivals", "constant", "--duration", "8s"]
        master = stack.enter_context(run_aimon.start("loadtest", *target_flags(sim.base_url()), *arguments, "--json"))
        port = port_of(master)
        stack.enter_context(
            run_aimon.start("loadtest", "--worker", "--master-port", port, *target_flags(sim.base_url()))
        )
        wait_for(lambda: sim.truth(limit=0).requests > 40)
        second = stack.enter_context(
            run_aimon.start("loadtest", "--worker", "--master-port", port, *target_flags(sim.base_url()))
        )
        report, said = reported(master)
        assert second.wait(SOON) == 0
        assert counts(sim) == {"ok": 321}
    assert master.returncode == 0, said
    assert report["requests"]["by_outcome"] == {"ok": 320}
    assert report["ended"]["lost"] == 0
    assert [note for note in report["notes"] if "joined the run" in note] == report["notes"] != []
    assert report["workers"] == 2


def test_a_limit_of_cost_holds_for_all_workers_together(run_aimon: Command) -> None:
    """The total cost of all workers stays below the limit."""
    with SimulatorProcess(Profile(ttft=0.02)) as sim:
        (run_aimon.cwd / "aimon.yaml").write_text(
            f"currency: USD\nendpoints: [{{name: local, dialect: openai-chat, base_url: {sim.base_url()}, model: m, "
            "prices: {input: 0, output: 0, per_request: 0.01, currency: USD}}]\n"
        )
        arguments = ["--concurrency", "4", "--duration", "1m", "--max-cost", "1.00", "--processes", "2", "--json"]
        done = run_aimon("loadtest", "local", *arguments)
        served = counts(sim)["ok"]
    assert done.returncode == 1
    report = json.loads(done.stdout)
    assert "the limit of cost is reached" in report["ended"]["why"]
    assert 60 <= served <= 100
    assert report["cost"]["amount"] == pytest.approx(served * 0.01)


def test_a_wrong_key_ends_it_after_one_call(run_aimon: Command) -> None:
    """With several workers, a wrong key ends the run after one call."""
    with SimulatorProcess(Profile(key="another-key")) as sim:
        done = run_aimon("loadtest", *target_flags(sim.base_url()), "--rate", "100/s", "--processes", "2")
        assert counts(sim) == {"unauthorized": 1}
    assert done.returncode == 1
    assert "unauthorized (HTTP 401)" in done.stderr


def test_a_worker_that_cannot_follow_the_plan_says_why(run_aimon: Command, tmp_path: Path) -> None:
    """The master ends with exit code 3 and the worker's own reason."""
    (run_aimon.cwd / "aimon.yaml").write_text("endpoints: [{name: local, preset: ollama, model: m}]\n")
    other = tmp_path / "other.yaml"
    other.write_text("endpoints: [{name: elsewhere, preset: ollama, model: m}]\n")
    with run_aimon.start("loadtest", "local", "--rate", "1/s", "--master", "--bind-port", "0") as master:
        port = port_of(master)
        worker = run_aimon("loadtest", "--worker", "--master-port", port, "-c", str(other))
        _, said = master.communicate(timeout=SOON)
    assert (master.returncode, worker.returncode) == (3, 0)
    assert re.search(r"worker 1 \(.+\): .*no endpoint 'local'", said), said


def test_workers_that_do_not_come_are_not_waited_for_forever(run_aimon: Command) -> None:
    """The master waits for workers only as long as `--wait` says."""
    flags = target_flags("http://127.0.0.1:9/v1")
    arguments = ["--rate", "1/s", "--master", "--bind-port", "0", "--expect-workers", "2", "--wait", "1s"]
    done = run_aimon("loadtest", *flags, *arguments)
    assert done.returncode == 3
    assert "0 of 2 workers came within 1 s" in done.stderr


def test_an_address_that_is_taken_is_said(run_aimon: Command) -> None:
    """An address in use gives exit code 3 and names the option for another one."""
    with SimulatorProcess() as sim:
        port = str(urlsplit(sim.base_url()).port)
        done = run_aimon("loadtest", *target_flags(sim.base_url()), "--rate", "1/s", "--master", "--bind-port", port)
    assert done.returncode == 3
    assert f"--master can't listen on 127.0.0.1:{port}" in done.stderr
    assert "choose another --bind-port" in done.stderr
    assert "Traceback" not in done.stderr


def test_a_worker_that_looks_for_its_master_can_be_stopped(run_aimon: Command) -> None:
    """A worker that is connecting to its master can be interrupted."""
    with run_aimon.start("loadtest", "--worker", "--master-port", "9") as worker:
        assert worker.stderr is not None
        assert "looking for the master at 127.0.0.1:9" in worker.stderr.readline()
        worker.send_signal(signal.SIGTERM)
        out, said = worker.communicate(timeout=SOON)
    assert (worker.returncode, out, said) == (130, "", "")


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--processes", "2", "--master"], "--processes starts workers on this machine and --master waits for others"),
        (["--expect-workers", "2"], "--expect-workers is for a --master: add that, or leave it out"),
        (["--master-port", "5557"], "--master-port is for a --worker: add that, or leave it out"),
        (["--worker", "--master"], "--worker does what a master says: leave out --master and --processes"),
        (["--worker", "--master-host", "10.0.0.5"], "--rate is for the master to say: leave it out"),
        (["--token-file", "t"], "--token-file is for a --master: add that, or leave it out"),
        (["--master", "--bind-host", "10.0.0.5"], "--bind-host 10.0.0.5: others can reach that port"),
        (["--master", "--token-file", "absent"], "--token-file absent"),
    ],
)
def test_options_of_different_roles_do_not_mix(run_aimon: Command, arguments: list[str], message: str) -> None:
    """Options of different roles are refused together with exit code 2."""
    flags = [*target_flags("http://127.0.0.1:9/v1"), "--rate", "1/s"]
    done = run_aimon("loadtest", *flags, *arguments)
    assert (done.returncode, done.stdout) == (2, "")
    assert message in done.stderr


def test_the_interpreter_of_workers_shows_no_arguments(run_aimon: Command) -> None:
    """The arguments of worker processes, visible to all users, contain neither keys nor the plan."""
    with SimulatorProcess(Profile(ttft=0.05)) as sim:
        key = "sk-recognisable-key-0123456789"
        run_aimon.env["MY_KEY"] = key
        arguments = ["--api-key-env", "MY_KEY", "--rate", "10/s", "--duration", "2s", "--processes", "2"]
        with run_aimon.start("loadtest", *target_flags(sim.base_url()), *arguments) as run:
            wait_for(lambda: sim.truth(limit=0).requests > 3)
            lines = [" ".join(process.cmdline()) for process in descendants(run)]
            run.communicate(timeout=SOON)
    assert len(lines) == 3
    assert all(line.endswith("-m aimon.loadtests.locust_runner") for line in lines), lines
    assert key not in "".join(lines)
    assert os.environ.get("MY_KEY") is None
