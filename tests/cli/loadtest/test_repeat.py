"""`aimon loadtest --repeat`: runs in a row with a folder each, and what remains of an interrupted series."""

from __future__ import annotations

import json
import signal
from typing import TYPE_CHECKING

import pytest

from aimon.simulator.model.profile import Profile
from aimon.simulator.process import SimulatorProcess
from command import target_flags

if TYPE_CHECKING:
    from command import Command


@pytest.mark.e2e
def test_an_interrupted_series_keeps_the_runs_that_were_complete(run_aimon: Command) -> None:
    """Ctrl-C in the third of five runs: exit code 130, and a report of the spread of the first two."""
    with SimulatorProcess(Profile(ttft=0.02)) as sim:
        where = target_flags(sim.base_url())
        load = ["--requests", "20", "--concurrency", "2", "--repeat", "5", "--out", "runs", "--slo", "error_rate<50%"]
        with run_aimon.start("loadtest", *where, *load) as process:
            assert process.stderr is not None
            assert process.stdout is not None
            for line in process.stderr:
                if line.startswith("run 3 of 5"):
                    process.send_signal(signal.SIGINT)
                    break
            rest = process.stderr.read()
            shown = process.stdout.read()
        assert process.returncode == 130, rest
    found = json.loads((run_aimon.cwd / "runs" / "repeat.json").read_text())
    assert [run["folder"] for run in found["runs"]] == ["run-1", "run-2"]
    assert (found["planned"], len(found["measures"][0]["values"])) == (5, 2)
    assert found["why"] == "it was stopped by a signal"
    reports = [json.loads((run_aimon.cwd / "runs" / f"run-{k}" / "report.json").read_text()) for k in (1, 2)]
    assert [each["config"]["seed"] for each in reports] == [0, 1]
    (errors,) = (each for each in found["measures"] if each["name"] == "error_rate")
    assert errors["values"] == [0.0, 0.0]
    assert shown == (run_aimon.cwd / "runs" / "repeat.md").read_text()
    # Another, shorter series would mix with the runs that are there.
    refused = run_aimon("loadtest", *where, *load[:4], "--repeat", "2", "--out", "runs")
    assert refused.returncode == 2
    assert "--out runs: holds another run" in refused.stderr


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--repeat", "1"], "'--repeat': Input should be greater than or equal to 2"),
        (["--repeat", "3", "--master"], "--repeat: workers on other machines end with the run"),
    ],
)
def test_what_can_not_be_repeated_is_refused(run_aimon: Command, arguments: list[str], message: str) -> None:
    """Such a run is refused with exit code 2 before anything is sent."""
    where = target_flags("http://127.0.0.1:9/v1")
    done = run_aimon("loadtest", *where, "--rate", "1/s", "--duration", "1s", *arguments)
    assert done.returncode == 2
    assert message in " ".join(done.stderr.split())


def test_a_forecast_is_of_all_runs(run_aimon: Command) -> None:
    """`--dry-run --repeat 3` has the calls and the time of three runs, at the rate of one."""
    where = target_flags("http://127.0.0.1:9/v1")
    dry = ["--rate", "2/s", "--duration", "10s", "--dry-run", "--json", "--repeat", "3"]
    found = json.loads(run_aimon("loadtest", *where, *dry).stdout)
    # Each with the call that goes first.
    assert found["requests"] == 3 * (20 + 1)
    assert (found["duration_s"], found["rate_mean"]) == (30.0, 2.0)
