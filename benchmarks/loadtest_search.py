"""How exactly `aimon loadtest` finds a known capacity, a known limit, and the latency beyond capacity.

Against the simulator in a process of its own. The capacity's truth is the slots over the mean service time that the
simulator measured, and for a scenario that calls twice an iteration half of it; that of overload is the fluid limit of
a queue.
"""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from statistics import fmean
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, Any

from aimon.simulator.model.profile import Profile
from aimon.simulator.process import SimulatorProcess

if TYPE_CHECKING:
    from collections.abc import Sequence

    from aimon.simulator.world.truth import Record

CAPACITIES = (
    Profile(slots=4, ttft=0.3, itl=0.02, tokens=11),
    Profile(slots=16, ttft=0.15, itl=0.01, tokens=11),
    Profile(slots=10, ttft=0.05, itl=0.005, tokens=11, ttft_sigma=0.2),
)
LIMITS = (
    (Profile(rpm=1200, ttft=0.02), "requests_per_s", 20.0),
    (Profile(tpm=90_000), "tokens_per_min", 90_000.0),
)
TWO_STEPS = """
from locust import task
from aimon.loadtests import AIUser

class Reader(AIUser):
    @task
    def read(self):
        self.chat("hello", max_tokens=11)
        self.chat("and then?", max_tokens=11)
"""
SCENARIO_SLOTS = Profile(slots=8, ttft=0.1, itl=0.01, tokens=11)
PROMPT = ("--prompt-tokens", "20", "--output-tokens", "11")
CAPACITY = ("--profile", "capacity", "--max-rate", "1000/s")


def loadtest(sim: SimulatorProcess, *arguments: str, what: Sequence[str] = PROMPT) -> dict[str, Any]:
    """Runs the command, and returns its report."""
    where = ["--dialect", "openai-chat", "--base-url", sim.base_url(), "--model", "m", "--json", "--quiet"]
    done = subprocess.run(
        [Path(sys.executable).with_name("aimon"), "loadtest", *what, *where, *arguments],
        stdout=subprocess.PIPE,
        check=False,
    )
    report: dict[str, Any] = json.loads(done.stdout)
    return report


def mean_service(records: Sequence[Record]) -> float:
    """Seconds that a call had its slot."""
    return fmean(r.end - r.service for r in records if r.service is not None and r.end is not None)


def capacity(profile: Profile, *, calls: int = 1, what: Sequence[str] = PROMPT) -> None:
    """Prints the capacity of a simulated provider, in iterations of so many calls, as found and as it is."""
    with SimulatorProcess(profile, records=20_000) as sim:
        report = loadtest(sim, *CAPACITY, what=what)
        records = sim.truth(wait=10).records
    true, found = profile.slots / mean_service(records) / calls, report["capacity"]["rate"] or 0.0
    print(
        f"capacity {true:8.2f}/s of {calls} call{'s' * (calls > 1)}  found {found:8.2f}/s  {found / true - 1:+7.1%}  "
        f"{len(report['capacity']['steps'])} steps, {report['duration_s']:.0f} s"
    )


def main() -> None:
    """Prints found and true for each."""
    for profile in CAPACITIES:
        capacity(profile)
    with TemporaryDirectory() as folder:
        scenario = Path(folder) / "two_steps.py"
        scenario.write_text(TWO_STEPS)
        capacity(SCENARIO_SLOTS, calls=2, what=(str(scenario),))
    for profile, key, limit in LIMITS:
        with SimulatorProcess(profile) as sim:
            report = loadtest(sim, "--profile", "limits", "--max-rate", "1000/s")
        got = report["limits"][key] or 0.0
        print(f"limit {limit:g} {key}  found {got:g}  {got / limit - 1:+.1%}, {report['requests']['sent']} calls")
    with SimulatorProcess(Profile(slots=10, ttft=0.1, itl=0.01, tokens=11)) as sim:
        report = loadtest(sim, "--rate", "75/s", "--arrivals", "constant", "--duration", "10s")
        records = sim.truth(wait=10).records
    service = mean_service(records)
    # After ten seconds at rate r, the last call waits for (r / C - 1) * 10 seconds and is then served.
    longest = (75 * service / 10 - 1) * 10 + service
    found = report["latency_from_schedule_s"]["max"]
    print(f"at 150 % of capacity: longest latency from schedule {found:.2f} s, by theory {longest:.2f} s")


if __name__ == "__main__":
    main()
