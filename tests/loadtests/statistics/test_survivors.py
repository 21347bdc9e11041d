"""Runs whose slow calls time out, as a user sees them: no number is that of the calls that survived."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import pytest

from aimon.simulator.model.profile import Profile
from aimon.simulator.process import SimulatorProcess

if TYPE_CHECKING:
    from command import Command

pytestmark = pytest.mark.e2e

DEADLINE = 0.6


def configure(run_aimon: Command, sim: SimulatorProcess) -> None:
    """An endpoint that gives up after six tenths of a second."""
    (run_aimon.cwd / "aimon.yaml").write_text(
        f"""endpoints:
  - {{name: slow, dialect: openai-chat, base_url: "{sim.url}/v1", model: m, timeout: {{ttft: 600ms, total: 5s}}}}
"""
    )


def test_every_report_counts_the_calls_that_timed_out(run_aimon: Command) -> None:
    """Two thirds of them, so that no percentile of all is known: on stdout, stderr, in all files and the exit code."""
    with SimulatorProcess(Profile(ttft=0.05)) as sim:
        configure(run_aimon, sim)
        sim.set_faults("slow:share=0.66,seconds=2")
        objectives = ["--slo", "ttft_p95<500ms", "--slo", "p50<500ms"]
        done = run_aimon("loadtest", "slow", "--rate", "40/s", "--duration", "3s", *objectives, "--out", "out")
    assert done.returncode == 1
    folder = run_aimon.cwd / "out"
    report = json.loads((folder / "report.json").read_text())
    sent, ok = report["requests"]["sent"], report["requests"]["ok"]
    assert report["requests"]["by_outcome"] == {"timeout_ttft": sent - ok, "ok": ok}
    for key in ("latency_s", "ttft_s"):
        times = report[key]
        assert (times["count"], times["censored"]) == (ok, sent - ok)
        assert [times[column] for column in ("mean", "p50", "p95", "p99", "max")] == [None] * 5
        assert times["at_least"]["p50"] == pytest.approx(DEADLINE, rel=0.1)
    assert [(row["verdict"], row["value"]) for row in report["slo"]] == [("missed", None), ("missed", None)]
    assert done.stdout.rstrip() == (folder / "report.md").read_text().rstrip()
    (row,) = (line for line in done.stdout.splitlines() if line.startswith("| Time to first token"))
    assert row.count("| > ") == 6
    assert f"| {ok} of {sent} |" in row
    assert "| ttft_p95<500ms | MISSED, > 6" in done.stdout
    page = (folder / "report.html").read_text()
    assert "&gt; 6" in page
    assert f"Time to first token, and {sent - ok} without an end" in page
    (ended,) = (line for line in done.stderr.splitlines() if " ended " in line)
    assert "ttft p50 > " in ended


@pytest.mark.parametrize("fault", ["server_error:share=0.2", "rate_limited:share=0.2", "wrong:share=0.2"])
def test_failures_without_a_time_are_not_judged_away(run_aimon: Command, fault: str) -> None:
    """One call in five might have been slower than all others: a P95 is not judged, and that is no success."""
    with SimulatorProcess(Profile(ttft=0.05)) as sim:
        configure(run_aimon, sim)
        sim.set_faults(fault)
        done = run_aimon("loadtest", "slow", "--rate", "40/s", "--duration", "2s", "--slo", "p95<10s", "--json")
    assert done.returncode == 1, done.stdout
    (row,) = json.loads(done.stdout)["slo"]
    assert (row["verdict"], row["met"]) == ("not judged", False)
    assert "failed without such a time, and could change it" in row["why"]
    assert "Not judged: p95<10s" in done.stderr
