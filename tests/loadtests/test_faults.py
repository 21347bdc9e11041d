"""`aimon loadtest` against a simulator that misbehaves: it ends by itself, and counts what the simulator counted."""

from __future__ import annotations

import gzip
import itertools
import json
import re
import signal
import time
from collections import Counter
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

import psutil
import pytest

from aimon.loadtests.statistics.censoring import LATE
from aimon.simulator.model.faults import FAULTS
from aimon.simulator.model.profile import Profile
from aimon.simulator.process import SimulatorProcess
from services import wait_for

if TYPE_CHECKING:
    import subprocess
    from collections.abc import Iterator
    from pathlib import Path

    from command import Command

pytestmark = pytest.mark.e2e

SOON, STREAMS = 20.0, 8
SERVICE, TTFT, DEADLINE = 0.1, 1.2, 1.8
# Shares of what the rules before have left over.
FAULTY = (
    "cut:share=0.08,after=3",
    "cut_at_end:share=0.08",
    "hang:share=0.05",
    "hang_midway:share=0.05,after=2",
    "endless:share=0.05",
    "server_error:share=0.1",
    "rate_limited:share=0.1,retry_after=1",
    "overloaded:share=0.08",
    "error_event:share=0.08,after=2",
    "not_json:share=0.08",
    "bad_chunk:share=0.05",
    "wrong:share=0.1",
    "empty:share=0.05",
    "max_tokens:share=0.05",
)


@pytest.fixture
def sim() -> Iterator[SimulatorProcess]:
    """A provider whose answers begin after a tenth of a second."""
    with SimulatorProcess(Profile(ttft=SERVICE)) as started:
        yield started


def configure(run_aimon: Command, sim: SimulatorProcess) -> None:
    """An endpoint, `local`, with short deadlines."""
    (run_aimon.cwd / "aimon.yaml").write_text(
        f"endpoints: [{{name: local, dialect: openai-chat, base_url: {sim.base_url()}, model: m, "
        f"timeout: {{connect: 1s, ttft: {TTFT * 1e3:.0f}ms, total: {DEADLINE * 1e3:.0f}ms}}}}]\n"
    )


def reported(run: subprocess.Popen[str]) -> tuple[dict[str, Any], str]:
    """The report on stdout, which adds up, and what was said."""
    out, said = run.communicate(timeout=SOON)
    assert "Traceback" not in said, said
    report = json.loads(out)
    assert report["requests"]["sent"] == sum(report["requests"]["by_outcome"].values())
    assert report["latency_s"] is None or report["latency_s"]["count"] == report["requests"]["ok"]
    return report, said


def served(sim: SimulatorProcess) -> int:
    """Calls that have ended, as the simulator knows."""
    return sim.truth(limit=0).requests


def results(folder: Path) -> list[dict[str, Any]]:
    """What `--results` has written."""
    with gzip.open(folder / "results.jsonl.gz", "rt") as lines:
        return [json.loads(line) for line in lines]


def but_the_first(sim: SimulatorProcess) -> dict[str, int]:
    """What the simulator did, by outcome, without the call that goes first and is not counted."""
    truth = sim.truth(wait=10)
    first = min(truth.records, key=lambda record: record.received)
    return dict(Counter(truth.by_outcome) - Counter([first.outcome]))


@pytest.mark.parametrize(
    "loop",
    [("--rate", "100/s", "--duration", "2s"), ("--concurrency", "24", "--requests", "200")],
    ids=["open", "closed"],
)
def test_every_fault_is_counted_as_what_it_was(
    run_aimon: Command, sim: SimulatorProcess, loop: tuple[str, ...]
) -> None:
    """Two thirds of the calls fail, in fourteen ways: each is counted once, and none is the value of a latency."""
    configure(run_aimon, sim)
    sim.set_faults(*FAULTY)
    out = run_aimon.cwd / "out"
    with run_aimon.start("loadtest", "local", "--json", *loop, "--out", str(out), "--results") as run:
        report, said = reported(run)
    happened = but_the_first(sim)
    assert run.returncode == 0, said
    assert set(happened) == {FAULTS[rule.partition(":")[0]].outcome for rule in FAULTY} | {"ok"}
    assert report["requests"]["by_outcome"] == happened
    assert report["ended"]["how"] == "complete"
    assert 0.6 < 1 - happened["ok"] / report["requests"]["sent"] < 0.75
    written = results(out)
    # Text that came before a call ran out of time, or its stream broke off, has come when it did.
    begun = {"ok", *LATE, "stream_truncated", "stream_error"}
    counts = {
        "latency": happened["ok"],
        "ttft": sum(call["outcome"] in begun and call.get("first_token") is not None for call in written),
    }
    # A failure comes back at once or at a deadline: either would be the least or the greatest of these.
    for series, count in counts.items():
        found = report["distributions"]["series"][series]
        assert found["count"] == count
        assert SERVICE * 0.99 < found["min_s"] <= found["max_s"] < TTFT
    late = sum(happened.get(outcome, 0) for outcome in LATE)
    assert late <= report["distributions"]["series"]["latency"]["censored"] <= sum(happened.get(k, 0) for k in begun)
    assert Counter(call["outcome"] for call in written) == happened
    for outcome, deadline in (("timeout_ttft", TTFT), ("timeout_total", DEADLINE)):
        ends = [call["end"] for call in written if call["outcome"] == outcome]
        assert deadline - 0.01 < min(ends) <= max(ends) < deadline + 0.5


def test_connections_that_break_are_counted(run_aimon: Command, sim: SimulatorProcess) -> None:
    """Each once; a request on a kept connection that nobody can have heard is sent again, and the results say so."""
    configure(run_aimon, sim)
    sim.set_faults("close:share=0.1", "reset:share=0.1")
    out = run_aimon.cwd / "out"
    with run_aimon.start(
        "loadtest", "local", "--json", "--concurrency", "8", "--requests", "150", "--out", str(out), "--results"
    ) as run:
        report, said = reported(run)
    happened = but_the_first(sim)
    assert run.returncode == 0, said
    assert report["requests"]["sent"] == 150
    again = sum(call["connection"] is not None and call["connection"]["resent"] for call in results(out))
    assert sum(happened.values()) == 150 + again
    by_outcome = Counter(report["requests"]["by_outcome"])
    # Resets of kept connections, at once after the request, are the client's bad luck.
    assert by_outcome["prober_error"] == report["requests"]["stale"]
    assert by_outcome["ok"] == happened["ok"]
    assert by_outcome["connect"] + by_outcome["prober_error"] == happened["connect"] - again


@pytest.mark.parametrize(
    "loop", [("--rate", "40/s", "--duration", "5s"), ("--concurrency", "8", "--duration", "5s")], ids=["open", "closed"]
)
def test_a_server_that_restarts(run_aimon: Command, sim: SimulatorProcess, loop: tuple[str, ...]) -> None:
    """The run goes on: calls are refused while the server is away, and succeed once it is back."""
    configure(run_aimon, sim)
    with run_aimon.start("loadtest", "local", "--json", *loop) as run:
        wait_for(lambda: served(sim) > 20)
        before = served(sim) - 1
        sim.__exit__(None, None, None)
        time.sleep(1)  # as long as the provider is away
        with SimulatorProcess(*sim.profiles, port=urlsplit(sim.url).port) as again:
            report, said = reported(run)
            after = again.truth(wait=10, limit=0).by_outcome
    assert run.returncode == 0, said
    assert [report["ended"][key] for key in ("how", "why", "uncounted", "lost")] == ["complete", None, 1, 0]
    by_outcome = report["requests"]["by_outcome"]
    assert set(by_outcome) == {"ok", "connect", "stream_truncated"}
    # Answers that were on the way when the server went may have come or not.
    assert set(after) == {"ok"}
    assert before <= by_outcome["ok"] - after["ok"] <= before + STREAMS
    assert by_outcome["stream_truncated"] <= STREAMS
    last = report["seconds"][-1]
    assert last["ok"] == last["ended"] > 0


def test_a_server_that_is_gone_ends_the_run(run_aimon: Command, sim: SimulatorProcess) -> None:
    """After five seconds of refused connections; what had succeeded before is kept."""
    configure(run_aimon, sim)
    with run_aimon.start("loadtest", "local", "--json", "--rate", "50/s", "--duration", "1m") as run:
        wait_for(lambda: served(sim) > 20)
        before = served(sim) - 1
        sim.__exit__(None, None, None)
        report, said = reported(run)
    by_outcome, ended = report["requests"]["by_outcome"], report["ended"]
    assert run.returncode == 1
    assert ended["how"] == "aborted"
    assert re.fullmatch(r"\d+ calls in a row failed; the last: connect: .+ refused", ended["why"])
    assert ended["why"] in said
    assert before <= by_outcome["ok"] <= before + STREAMS
    assert report["duration_s"] < 12


def test_a_storm_of_errors_ends_the_run(run_aimon: Command, sim: SimulatorProcess) -> None:
    """After a hundred in a row, with those under way; the exit code is 1, and it says why."""
    configure(run_aimon, sim)
    out = run_aimon.cwd / "out"
    load = ["--concurrency", str(STREAMS), "--duration", "1m"]
    with run_aimon.start("loadtest", "local", "--json", *load, "--out", str(out), "--results") as run:
        wait_for(lambda: served(sim) > 40)
        sim.set_faults("server_error")
        report, said = reported(run)
    happened = but_the_first(sim)
    assert run.returncode == 1
    assert report["requests"]["by_outcome"] == happened
    # Answers that were on their way when the errors began may end in between, or after the last of them.
    rows = [len(list(row)) for outcome, row in itertools.groupby(call["outcome"] for call in results(out))
            if outcome == "server_error"]  # fmt: skip
    assert 100 <= max(rows) < 100 + STREAMS
    assert report["ended"]["how"] == "aborted"
    assert report["ended"]["why"].startswith("100 calls in a row failed; the last: server_error (HTTP 500)")
    assert "ABORTED, results are partial: 100 calls in a row failed" in said


def test_the_measuring_process_ends_with_the_one_that_started_it(run_aimon: Command, sim: SimulatorProcess) -> None:
    """A killed `aimon loadtest` leaves a report behind, marked as interrupted, and no process."""
    configure(run_aimon, sim)
    out = run_aimon.cwd / "out"
    with run_aimon.start(
        "loadtest", "local", "--json", "--concurrency", "4", "--duration", "1m", "--out", str(out), "--results"
    ) as run:
        wait_for(lambda: served(sim) > 40)
        (measuring,) = psutil.Process(run.pid).children()
        run.kill()
        wait_for(lambda: not measuring.is_running() or measuring.status() == psutil.STATUS_ZOMBIE)
    report = json.loads((out / "report.json").read_text())
    assert report["ended"]["how"] == "interrupted"
    assert report["ended"]["why"] == "the process that started it has ended"
    happened = but_the_first(sim)
    by_outcome = report["requests"]["by_outcome"]
    # What was cut off may have been on its way, there or back; the log of calls has it, too.
    cut = report["requests"]["interrupted"]
    assert Counter(call["outcome"] for call in results(out)) == Counter(by_outcome) + Counter(prober_error=cut)
    assert happened.get("abandoned", 0) <= cut <= 4
    assert 0 <= report["requests"]["sent"] + cut - sum(happened.values()) <= cut


def test_ctrl_c_before_anything_was_measured(run_aimon: Command, sim: SimulatorProcess) -> None:
    """Ctrl-C during start-up ends the run at once, without a report or a traceback."""
    configure(run_aimon, sim)
    with run_aimon.start("loadtest", "local", "--json", "--rate", "10/s") as run:
        wait_for(lambda: len(psutil.Process(run.pid).children()) > 0)
        run.send_signal(signal.SIGINT)
        out, said = run.communicate(timeout=SOON)
    assert (run.returncode, out) == (130, "")
    # The measuring process starts before the command knows what it will ask of it.
    assert re.fullmatch(r"(up to 601 calls.*\n)?", said)
    assert served(sim) == 0


def test_ctrl_c_while_workers_start_up(run_aimon: Command, sim: SimulatorProcess) -> None:
    """Ctrl-C while workers start ends the run at once and leaves no worker behind."""
    configure(run_aimon, sim)
    with run_aimon.start("loadtest", "local", "--json", "--rate", "10/s", "--processes", "2") as run:
        wait_for(lambda: len(psutil.Process(run.pid).children(recursive=True)) == 3)
        processes = psutil.Process(run.pid).children(recursive=True)
        run.send_signal(signal.SIGINT)
        report, _ = reported(run)
    assert run.returncode == 130
    assert (report["ended"]["how"], report["requests"]["sent"]) == ("interrupted", 0)
    assert not any(process.is_running() for process in processes)
    assert served(sim) == 0


def test_ctrl_c_before_the_first_answer(run_aimon: Command, sim: SimulatorProcess) -> None:
    """The first call is cut off, and nothing else is sent."""
    configure(run_aimon, sim)
    sim.configure("sim", ttft=30.0)
    with run_aimon.start("loadtest", "local", "--json", "--concurrency", "4") as run:
        wait_for(lambda: sim.truth(limit=0).in_flight == 1)
        run.send_signal(signal.SIGINT)
        report, _ = reported(run)
    assert run.returncode == 130
    ended = [report["ended"][key] for key in ("how", "why", "uncounted", "lost")]
    assert ended == ["interrupted", "it was stopped by a signal", 1, 0]
    assert report["requests"]["by_outcome"] == {}
    assert but_the_first(sim) == {}


@pytest.mark.parametrize(
    "load",
    [
        ("--rate", "40/s", "--warmup", "30s"),
        ("--concurrency", "4", "--warmup", "30s"),
        ("--profile", "capacity", "--rate", "40/s"),
        ("--profile", "limits", "--rate", "40/s"),
        ("--rate", "40/s", "--honour-retry-after", "1"),
    ],
    ids=["warm-up", "warm-up of a closed loop", "capacity", "limits", "waiting to come back"],
)
def test_ctrl_c_at_any_moment(run_aimon: Command, sim: SimulatorProcess, load: tuple[str, ...]) -> None:
    """The counts add up, calls under way are cut off, and a second Ctrl-C changes nothing."""
    configure(run_aimon, sim)
    waiting = "--honour-retry-after" in load
    if waiting:
        sim.set_faults("rate_limited:share=0.3,retry_after=1.5")
    with run_aimon.start("loadtest", "local", "--json", *load) as run:
        wait_for(lambda: served(sim) > 10)
        run.send_signal(signal.SIGINT)
        run.send_signal(signal.SIGINT)
        report, said = reported(run)
    truth = sim.truth(wait=10, limit=0)
    assert run.returncode == 130, said
    assert report["ended"]["how"] == "interrupted"
    by_outcome = report["requests"]["by_outcome"]
    if "--warmup" in load:
        assert by_outcome == {}
        assert truth.by_outcome["ok"] <= report["ended"]["uncounted"] <= truth.by_outcome["ok"] + 40
    else:
        assert report["ended"]["uncounted"] == 1
        # What was cut off may have been on its way, there or back.
        cut = report["requests"]["interrupted"]
        assert 0 <= report["requests"]["sent"] + cut - (truth.requests - 1) <= cut
        assert truth.by_outcome.get("abandoned", 0) <= cut
    assert (report["capacity"] is not None, report["limits"] is not None) == ("capacity" in load, "limits" in load)
    assert not waiting or by_outcome["rate_limited"] == truth.by_outcome["rate_limited"] > 0


def test_a_call_comes_back_as_often_as_it_may(run_aimon: Command, sim: SimulatorProcess) -> None:
    """Each attempt is a call; all have one schedule, so that the waiting is in the latency from it."""
    configure(run_aimon, sim)
    out = run_aimon.cwd / "out"
    told = run_aimon.cwd / "aimon.yaml"
    told.write_text(told.read_text().replace("total: 1800ms", "total: 5s"))
    sim.set_faults("rate_limited:share=0.5,retry_after=1")
    arguments = ["--rate", "40/s", "--arrivals", "constant", "--duration", "2s", "--honour-retry-after", "2"]
    with run_aimon.start("loadtest", "local", "--json", *arguments, "--out", str(out), "--results") as run:
        report, said = reported(run)
    assert run.returncode == 0, said
    assert report["requests"]["by_outcome"] == but_the_first(sim)
    calls: dict[int, list[dict[str, Any]]] = {}
    for call in sorted(results(out), key=lambda call: call["started_at"]):
        calls.setdefault(round((call["started_at"] + call["scheduled"]) * 40), []).append(call)
    assert len(calls) == 80
    for attempts in calls.values():
        outcomes = [call["outcome"] for call in attempts]
        assert outcomes[:-1] == ["rate_limited"] * (len(outcomes) - 1)
        assert outcomes[-1] == "ok" or len(outcomes) == 3
        for before, after in itertools.pairwise(attempts):
            assert after["started_at"] - before["started_at"] - before["end"] == pytest.approx(1, abs=0.1)
    again = sum(len(attempts) - 1 for attempts in calls.values())
    assert report["requests"]["sent"] == 80 + again
    assert {len(attempts) for attempts in calls.values()} == {1, 2, 3}
    # From schedule there is the waiting, once and twice; from the start of the call there is none.
    assert report["latency_s"]["max"] < 1
    assert 2.1 < report["latency_from_schedule_s"]["max"] < 3


def test_a_call_does_not_come_back_after_its_deadline(run_aimon: Command, sim: SimulatorProcess) -> None:
    """A call with a Retry-After beyond its deadline is not retried."""
    configure(run_aimon, sim)
    sim.set_faults("rate_limited:share=0.5,retry_after=3600")
    with run_aimon.start(
        "loadtest", "local", "--json", "--concurrency", "4", "--requests", "40", "--honour-retry-after", "3"
    ) as run:
        report, said = reported(run)
    assert run.returncode == 0, said
    assert report["requests"]["by_outcome"] == but_the_first(sim)
    assert report["requests"]["sent"] == 40
