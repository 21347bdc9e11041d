"""Checks a long load test for leaks: memory, open files and counts, with faults in one call of 100.

`make soak`, or `python benchmarks/loadtest_soak.py --minutes 3`. Against the simulator in a process of its own. Fails
if the measuring process grows by a tenth after its first minute, keeps files open, or counts other than the simulator.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
import tempfile
import time
from collections import Counter
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

import psutil

from aimon.simulator.model.profile import Profile
from aimon.simulator.process import SimulatorProcess

if TYPE_CHECKING:
    from collections.abc import Iterator

STREAMS = 16
PROFILE = Profile(ttft=0.03, itl=0.002, tokens=10)
FAULTS = ("cut", "server_error", "rate_limited", "hang", "not_json", "error_event")
FAULTY = 0.01
MINUTE = 60.0
MOST_GROWTH = 0.1
# A connection of each stream may be on its way out while its successor is made.
MOST_FILES = STREAMS
# So long that a busy machine alone makes no call miss them.
CONFIG = (
    "endpoints: [{{name: local, dialect: openai-chat, base_url: {url}, model: m, timeout: {{ttft: 2s, total: 4s}}}}]\n"
)


class Sample(NamedTuple):
    """The measuring process at one moment: seconds since its start, bytes, open files, calls served so far."""

    at: float
    rss: int
    files: int
    served: int


def samples(run: subprocess.Popen[bytes], sim: SimulatorProcess) -> Iterator[Sample]:
    """One a second, while it lives."""
    began = time.monotonic()
    measuring: psutil.Process | None = None
    while True:
        try:
            run.wait(1.0)
        except subprocess.TimeoutExpired:
            pass  # it goes on
        else:
            return
        try:
            if measuring is None:
                (measuring,) = psutil.Process(run.pid).children()
            served = sim.truth(limit=0).requests
            yield Sample(time.monotonic() - began, measuring.memory_info().rss, measuring.num_fds(), served)
        except psutil.NoSuchProcess:
            return  # it has just ended


def soak(minutes: float, folder: Path) -> tuple[list[Sample], dict[str, Any], Counter[str]]:
    """The samples, the report, and what the simulator did but for the first call, which is not counted."""
    with SimulatorProcess(PROFILE, records=1) as sim:
        (folder / "aimon.yaml").write_text(CONFIG.format(url=sim.base_url()))
        load = ["--concurrency", str(STREAMS), "--duration", f"{minutes * MINUTE:.0f}s", "--output-tokens", "10"]
        command = [str(Path(sys.executable).with_name("aimon")), "loadtest", "local", *load, "--json", "--quiet"]
        taken: list[Sample] = []
        with (
            (folder / "report").open("w+b") as out,
            subprocess.Popen([*command, "--out", "out", "--results"], cwd=folder, stdout=out) as run,
        ):
            # The first call must not meet a fault: it is not among those that are counted.
            while not sim.truth(limit=0).requests and run.poll() is None:
                time.sleep(0.01)
            sim.set_faults(*[f"{fault}:share={FAULTY / len(FAULTS)}" for fault in FAULTS])
            for sample in samples(run, sim):
                taken.append(sample)
                if int(sample.at / MINUTE) > int((sample.at - 1) / MINUTE):
                    show(sample)
            out.seek(0)
            report: dict[str, Any] = json.loads(out.read())
        happened = Counter(sim.truth(wait=10, limit=0).by_outcome)
    happened["ok"] -= 1
    return taken, report, happened


def show(sample: Sample) -> None:
    """One line."""
    print(
        f"{sample.at / MINUTE:5.1f} min  {sample.served:9,} calls  {sample.rss / 1e6:6.1f} MB  {sample.files} files",
        flush=True,
    )


def main() -> None:
    """Prints what was measured, and fails if it is not as it should be."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--minutes", type=float, default=10.0, help="at least 2")
    minutes = max(2.0, parser.parse_args().minutes)
    with tempfile.TemporaryDirectory() as folder:
        taken, report, happened = soak(minutes, Path(folder))
    early = [sample for sample in taken if sample.at < MINUTE]
    late = [sample for sample in taken if sample.at >= MINUTE]
    first, last = early[-1], late[-1]
    growth = max(sample.rss for sample in late) / first.rss - 1
    # The first seconds are those of the start.
    most_files = max(sample.files for sample in early)
    files = max(sample.files for sample in late)
    each = (last.rss - first.rss) / (last.served - first.served)
    requests = report["requests"]
    failed = 1 - requests["ok"] / requests["sent"]
    print(
        f"{requests['sent']:,} calls, {failed:.2%} failed; after the first minute memory grew by {growth:.1%} at most, "
        f"{each:.1f} bytes a call; {files} open files, before that {most_files}"
    )
    assert growth < MOST_GROWTH, f"memory grew by {growth:.1%}"
    assert files <= most_files + MOST_FILES, f"{files} open files, before that {most_files}"
    assert report["ended"]["how"] == "complete", report["ended"]
    assert requests["sent"] == sum(requests["by_outcome"].values())
    assert requests["by_outcome"] == happened, (requests["by_outcome"], happened)


if __name__ == "__main__":
    main()
