"""What `aimon loadtest --processes` costs and brings: the whole command, with reports, view and merging.

    python benchmarks/loadtest_processes.py [--truthd PATH] [--repeats 3]

One process and two take turns against the same server, 64 streams of 20 tokens at once as fast as it goes. The
processor time of a call, taken from the difference between a long run and a short one, says what two would do where
each had a core to itself: that is the figure to hold against 1.8. How many calls there were in a second says what
came of it here, where the server needs a core, too.
"""

from __future__ import annotations

import argparse
import json
import resource
import statistics
import subprocess
import sys
from pathlib import Path
from typing import Any

from engine.running import ENVIRONMENT, server

SHORT, LONG = 2, 10
LOAD = ["--concurrency", "64", "--warmup", "1s", "--prompt-tokens", "14", "--output-tokens", "20"]


def loadtest(url: str, processes: int) -> dict[str, float]:
    """The rate of a long run, and the processor time of all its processes for each call, in microseconds."""
    _, few, little = run(url, processes, SHORT)
    rate, many, much = run(url, processes, LONG)
    return {"rate": rate, "us": (much - little) / (many - few) * 1e6}


def run(url: str, processes: int, seconds: int) -> tuple[float, int, float]:
    """Runs the command once: calls per second, how many calls, and processor seconds."""
    where = ["--dialect", "openai-chat", "--base-url", url, "--model", "truth"]
    how = ["--duration", f"{seconds}s", "--processes", str(processes), "--json", "--quiet"]
    before = spent()
    command = [str(Path(sys.executable).with_name("aimon")), "loadtest", *where, *LOAD, *how]
    done = subprocess.run(command, env=ENVIRONMENT, capture_output=True, check=True)
    report: dict[str, Any] = json.loads(done.stdout)
    calls = report["requests"]["sent"] + report["ended"]["uncounted"]
    return report["rate"]["achieved"], calls, spent() - before


def spent() -> float:
    """Processor seconds of all children that have ended."""
    usage = resource.getrusage(resource.RUSAGE_CHILDREN)
    return usage.ru_utime + usage.ru_stime


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--truthd", type=Path)
    parser.add_argument("--repeats", type=int, default=3)
    arguments = parser.parse_args()
    runs: dict[int, list[dict[str, float]]] = {1: [], 2: []}
    for _ in range(arguments.repeats):
        for processes, done in runs.items():
            with server(arguments.truthd, "--tokens", "20", "--burst", "64") as at:
                done.append(loadtest(at.url, processes))
    print("processes   calls/s   CPU µs a call")
    for processes, done in runs.items():
        rate, each = (statistics.median(run[key] for run in done) for key in ("rate", "us"))
        print(f"{processes:9} {rate:9,.0f} {each:15.1f}")
    pairs = list(zip(runs[2], runs[1], strict=True))
    here = statistics.median(two["rate"] / one["rate"] for two, one in pairs)
    apart = 2 * statistics.median(one["us"] / two["us"] for two, one in pairs)
    print(f"two processes: {here:.2f} times the calls here, {apart:.2f} times where each has a core to itself")


if __name__ == "__main__":
    main()
