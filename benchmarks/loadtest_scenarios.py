"""`aimon loadtest` with a scenario beside the same load without one: throughput, CPU time, lateness, start.

    python benchmarks/loadtest_scenarios.py [--truthd PATH] [--rounds N] [--seconds S]

The scenario is one AIUser whose task is one call. Both stream 20 tokens, 64 at a time, as fast as it goes, in turn, and
the ratios are of neighbouring runs; then both start calls at 500 a second and say how late they started. Server and
client have a core each. `start` is from the command to the first request that the server has read.
"""

from __future__ import annotations

import argparse
import json
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

from engine.running import CORES, ENVIRONMENT, server

SCENARIO = """
from locust import task
from aimon.loadtests import AIUser

class One(AIUser):
    @task
    def ask(self):
        self.chat("hello", max_tokens=20)
"""
KINDS = ("plain", "scenario")


def run(folder: Path, url: str, kind: str, *options: str) -> dict[str, Any]:
    """One load test on the second core: its report, and when the command was started (unix time)."""
    what = ["scenario.py"] if kind == "scenario" else ["--output-tokens", "20"]
    where = ["--dialect", "openai-chat", "--base-url", url, "--model", "m", "--json", "--quiet"]
    command = [str(Path(sys.executable).with_name("aimon")), "loadtest", *what, *where, *options]
    began = time.time()
    pinned = ["taskset", "-c", str(CORES[-1]), *command]
    done = subprocess.run(pinned, cwd=folder, env=ENVIRONMENT, capture_output=True, text=True, check=False)
    if not done.stdout:
        raise RuntimeError(done.stderr)
    report: dict[str, Any] = json.loads(done.stdout)
    return report | {"began": began}


def main() -> None:
    """Measures and prints."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--truthd", type=Path)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--seconds", type=float, default=4.0)
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory() as name, server(arguments.truthd, "--tokens", "20", "--burst", "64") as at:
        folder = Path(name)
        (folder / "scenario.py").write_text(SCENARIO)
        ratios, costs = [], []
        for _ in range(arguments.rounds):
            closed = ("--concurrency", "64", "--duration", f"{arguments.seconds}s")
            found = {kind: run(folder, at.url, kind, *closed) for kind in KINDS}
            rates = {kind: report["requests"]["ok"] / report["window_s"] for kind, report in found.items()}
            ratios.append(rates["scenario"] / rates["plain"])
            # On a machine that does other things, too, this says more than the throughput.
            each = {
                kind: report["client"]["cpu"] * report["duration_s"] / report["requests"]["sent"] * 1e6
                for kind, report in found.items()
            }
            costs.append(each["plain"] / each["scenario"])
            said = [f"{kind} {rates[kind]:,.0f}/s, {each[kind]:.0f} µs of CPU a call" for kind in KINDS]
            print("; ".join(said), f"; ratios {ratios[-1]:.2f}, {costs[-1]:.2f}")
        print(f"throughput of a scenario: {statistics.median(ratios):.2f} of the plain path (median)")
        print(f"calls for the same CPU time: {statistics.median(costs):.2f} of the plain path (median)")
        for kind in KINDS:
            opened = ("--rate", "500/s", "--duration", f"{arguments.seconds}s")
            reports = [run(folder, at.url, kind, *opened) for _ in range(arguments.rounds)]
            late = statistics.median(report["client"]["start_lateness_p99_s"] for report in reports)
            start = min(report["started_at"] - report["began"] for report in reports)
            cpu = statistics.median(report["client"]["cpu"] for report in reports)
            print(f"{kind}: 500/s: p99 of lateness {late * 1e3:.2f} ms, {cpu:.0%} of a core; start {start:.2f} s")


if __name__ == "__main__":
    main()
