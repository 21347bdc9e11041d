"""How long aimon takes from a cold start, as a multiple of `python -c pass` in the same run.

    python benchmarks/startup.py [--repeat 15] [--environment DIR] [--truthd PATH]

It measures the wheel, with compiled bytecode, in a separate environment: the import hook of an editable installation
adds time, and finds modules in another way. --environment names one that `scripts/wheel_environment.py FOLDER loadtest`
has made. The processes get only the variables that they need, and keep their history in a temporary folder.

A load test is 2,000 calls by 64 users at once, without a scenario and with one of Locust: from the command to the first
counted request (by the report's `started_at`), and to its end.

Targets: `aimon --help` at most 9 times, a one-endpoint probe of a local server at most 22 times; 200 endpoints in
one run at most 2.5 ms CPU each; the first request of a load test within 0.25 s, all of it within 0.5 s. The server of
probes is aimon's own simulator, which answers at once; that of load tests is `engine/server.py`, or truthd, which keeps
the load test less busy.
"""

from __future__ import annotations

import argparse
import json
import os
import resource
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from engine.running import server
from loadtest_scenarios import SCENARIO

from aimon.simulator import Profile, SimulatorProcess

ENDPOINTS = 200
LOAD = ("--concurrency", "64", "--requests", "2000", "--json", "--quiet", "--yes")


def main() -> None:
    """Prints the medians and their ratios."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--repeat", type=int, default=15, help="runs of each command")
    parser.add_argument("--environment", type=Path, help="one that holds the wheel already")
    parser.add_argument("--truthd", type=Path, help="the server of load tests")
    arguments = parser.parse_args()
    with (
        tempfile.TemporaryDirectory() as folder,
        SimulatorProcess(Profile("instant", ttft=0.0, itl=0.0, tokens=5)) as simulator,
    ):
        environment = arguments.environment or _installed(Path(folder))
        python, aimon = (str(environment / "bin" / name) for name in ("python", "aimon"))
        url = simulator.base_url("instant")
        one = [aimon, "probe", "--dialect", "openai-chat", "--base-url", url, "--model", "sim-1"]
        commands = {
            "python -c pass": [python, "-c", "pass"],
            "aimon --help": [aimon, "--help"],
            "one probe": one,
        }
        env = {"PATH": os.defpath, "HOME": folder, "AIMON_STATE_DIR": folder}
        times = _in_turn(commands, arguments.repeat, env)
        base = statistics.median(times["python -c pass"])
        for name, seconds in times.items():
            median = statistics.median(seconds)
            print(f"{name:15} {median * 1000:7.1f} ms  {median / base:5.1f} x")
        print(f"{ENDPOINTS} endpoints  {_cpu_each(aimon, url, env) * 1000:7.2f} ms CPU each")
        with server(arguments.truthd, "--tokens", "20", "--burst", "64") as at:
            (Path(folder) / "scenario.py").write_text(SCENARIO)
            for what in (["--output-tokens", "20"], ["scenario.py"]):
                command = [aimon, "loadtest", *what, "--dialect", "openai-chat", "--base-url", at.url, "--model", "m"]
                first, whole = (statistics.median(each) for each in _load_test(command, arguments.repeat, env))
                print(f"load test {' '.join(what):18} first request {first * 1e3:5.0f} ms, whole {whole * 1e3:5.0f} ms")


def _installed(folder: Path) -> Path:
    maker = Path(__file__).parent.parent / "scripts" / "wheel_environment.py"
    subprocess.run([sys.executable, maker, folder, "loadtest"], check=True)
    return folder / "environment"


def _in_turn(commands: dict[str, list[str]], repeat: int, env: dict[str, str]) -> dict[str, list[float]]:
    times: dict[str, list[float]] = {name: [] for name in commands}
    for _ in range(repeat):
        for name, command in commands.items():
            start = time.perf_counter()
            subprocess.run(command, env=env, check=True, stdout=subprocess.DEVNULL)
            times[name].append(time.perf_counter() - start)
    return times


def _load_test(command: list[str], repeat: int, env: dict[str, str]) -> tuple[list[float], list[float]]:
    """Seconds from the command to its first counted request, and to its end."""
    first, whole = list[float](), list[float]()
    for _ in range(repeat):
        began, start = time.time(), time.perf_counter()
        done = subprocess.run([*command, *LOAD], env=env, cwd=env["HOME"], check=True, capture_output=True)
        whole.append(time.perf_counter() - start)
        first.append(json.loads(done.stdout)["started_at"] - began)
    return first, whole


def _cpu_each(aimon: str, url: str, env: dict[str, str]) -> float:
    """CPU seconds an endpoint: a run of 201 endpoints less a run of one."""
    cpu = []
    for count in (1, ENDPOINTS + 1):
        endpoints = [
            {"name": f"e{i}", "dialect": "openai-chat", "base_url": url, "model": "sim-1"} for i in range(count)
        ]
        config = Path(env["HOME"]) / f"{count}.yaml"
        config.write_text(json.dumps({"endpoints": endpoints}))
        before = resource.getrusage(resource.RUSAGE_CHILDREN)
        subprocess.run(
            [aimon, "probe", "--config", str(config), "--state", "none"],
            env=env,
            check=True,
            stdout=subprocess.DEVNULL,
        )
        after = resource.getrusage(resource.RUSAGE_CHILDREN)
        cpu.append(after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime)
    return (cpu[1] - cpu[0]) / ENDPOINTS


if __name__ == "__main__":
    main()
