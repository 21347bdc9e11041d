"""A long run of `aimon serve` with faults, reloads and kills: incidents, counters, memory and open files.

    python benchmarks/serve_soak.py [--minutes 30]

Providers of the simulator fail at random, for half a minute each time. Configurations good and bad are reloaded at
random. For the first two thirds the service is killed (SIGKILL) every minute and started again; in the last third it
is not, so that memory and open files can be compared. A real Prometheus scrapes it. In the end:

- the incidents are those that the recorded results say by the definition, no more and no fewer, and each was triggered
  and resolved once at a webhook (a message that says that it may be a repetition is counted apart);
- nearly every failure of a provider is one: on a busy machine, a restart may take so long that too few probes are made;
- the counters in Prometheus never fell;
- the history holds as many results as its totals count;
- neither memory nor open files grow in the last third.

Everything is on loopback. Exit code 1 if one of these does not hold.
"""

from __future__ import annotations

import argparse
import contextlib
import json
import os
import random
import shutil
import signal
import subprocess
import sys
import tempfile
import threading
import time
import urllib.parse
import urllib.request
from collections import Counter
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import TYPE_CHECKING, Any

import psutil
from serve import free_port

from aimon.metrics.definitions import REQUESTS
from aimon.probes.history.database import Database
from aimon.probes.history.history import History
from aimon.simulator import Profile, SimulatorProcess

if TYPE_CHECKING:
    from collections.abc import Iterator

PROVIDERS = tuple(f"p{i}" for i in range(6))
KILL_EVERY = 60.0
# Long enough to open an incident, and to end it, on a busy machine and over a restart.
FAULTY, HEALTHY = 25.0, 25.0
MOST_GROWTH = 0.15
MOST_FILES = 10
# Share of failures of which a busy machine may see too little.
MOST_UNSEEN = 0.05
OPENING = 3


def main() -> None:
    """Runs it; prints what was found."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--minutes", type=float, default=30.0)
    parser.add_argument("--seed", type=int, default=1)
    arguments = parser.parse_args()
    chance = random.Random(arguments.seed)
    with (
        tempfile.TemporaryDirectory() as folder,
        SimulatorProcess(*(Profile(name, ttft=0.02, itl=0.002) for name in PROVIDERS)) as simulator,
        _webhook() as (hook, received),
    ):
        service = _Service(Path(folder), simulator, hook)
        with _prometheus(Path(folder), service.port) as prometheus:
            failures, sizes = _run(service, simulator, chance, arguments.minutes * 60)
            resets = _resets(prometheus, arguments.minutes)
        service.end()
        problems = [*_incidents(service.history, failures, received), *_counts(service.history), *_growth(sizes)]
    problems += [f"counters fell {resets:.0f} times in Prometheus"] if resets else []
    print("\n".join(problems) or "all holds")
    sys.exit(bool(problems))


class _Service:
    """The service, its configuration and its history."""

    def __init__(self, folder: Path, simulator: SimulatorProcess, hook: str) -> None:
        self.port, self.history = free_port(), folder / "history.db"
        self._config, self._folder = folder / "aimon.yaml", folder
        endpoints = "".join(
            f"  - {{name: {name}, provider: {name}, dialect: openai-chat, model: m, "
            f"base_url: {simulator.base_url(name)}}}\n"
            for name in PROVIDERS
        )
        self._good = (
            "defaults: {interval: 1s, budget: none, incident: {open: 3 of 4, resolve: 3, flapping: 100, "
            f"group_wait: 1s}}, degraded: {{failures: none}}}}\nendpoints:\n{endpoints}"
            f"notify:\n  - {{name: hook, kind: webhook, url: '{hook}'}}\n"
        )
        self.start()

    def start(self) -> None:
        """Starts it with the good configuration, and waits until it is ready."""
        self._config.write_text(self._good)
        aimon = str(Path(sys.executable).with_name("aimon"))
        with (self._folder / "log").open("ab") as log:
            self.process = subprocess.Popen(
                [aimon, "serve", f"--config={self._config}", f"--listen=127.0.0.1:{self.port}"],
                env={**os.environ, "AIMON_STATE_DIR": str(self._folder)},
                stdout=log,
                stderr=log,
            )
        for _ in range(600):
            with contextlib.suppress(OSError), urllib.request.urlopen(f"http://127.0.0.1:{self.port}/-/ready"):
                return
            time.sleep(0.1)
        raise TimeoutError((self._folder / "log").read_text())

    def kill(self) -> None:
        """Kills it, and starts it again."""
        self.process.kill()
        self.process.wait()
        self.start()

    def end(self) -> None:
        """Ends it as an operator does."""
        self.process.terminate()
        code = self.process.wait(90)
        assert code == 0, (self._folder / "log").read_text()

    def reload(self, chance: random.Random) -> None:
        """Reads a configuration again: the same, one with another label, or one that is wrong."""
        text = chance.choice(
            (
                self._good,
                self._good.replace("defaults: {", f"defaults: {{labels: {{run: r{chance.random():.3f}}}, "),
                "not: yaml: at all",
            )
        )
        self._config.write_text(text)
        self.process.send_signal(signal.SIGHUP)

    def size(self) -> tuple[float, int]:
        """Megabytes that are resident, and open files."""
        process = psutil.Process(self.process.pid)
        return process.memory_info().rss / 1e6, process.num_fds()


def _run(
    service: _Service, simulator: SimulatorProcess, chance: random.Random, seconds: float
) -> tuple[Counter[str], list[tuple[float, int]]]:
    """Breaks things; returns how often each provider failed, and the sizes in the last third."""
    start = time.monotonic()
    failures: Counter[str] = Counter()
    turn = dict.fromkeys(PROVIDERS, 0.0)  # when each provider changes next
    failing: set[str] = set()
    sizes: list[tuple[float, int]] = []
    next_kill, next_reload = KILL_EVERY, 5.0
    # The last half a minute is for incidents to end.
    while (now := time.monotonic() - start) < seconds:
        for name in PROVIDERS:
            if now < turn[name]:
                continue
            turn[name] = now + (FAULTY if name not in failing else HEALTHY) * chance.uniform(1.0, 2.0)
            if name in failing:
                failing.discard(name)
            elif 10 < now < seconds - 2 * FAULTY - HEALTHY:
                failing.add(name)
                failures[name] += 1
            simulator.set_faults(*(f"server_error:profile={each}" for each in failing))
        if now >= next_reload:
            service.reload(chance)
            next_reload = now + chance.uniform(3.0, 15.0)
        if now >= next_kill and now < seconds * 2 / 3:
            service.kill()
            next_kill = now + KILL_EVERY
        if now >= seconds * 2 / 3:
            sizes.append(service.size())
        time.sleep(1.0)
    print(f"{sum(failures.values())} failures of providers in {seconds / 60:.0f} minutes")
    return failures, sizes


def _incidents(history: Path, failures: Counter[str], received: list[dict[str, Any]]) -> Iterator[str]:
    with Database(history, read_only=True) as database:
        rows = database.query("SELECT endpoint, resolved_at FROM incidents WHERE kind = 'outage'")
        uids = {uid for (uid,) in database.query("SELECT uid FROM incident_groups WHERE kind = 'outage'")}
    opened = Counter(endpoint for endpoint, _ in rows)
    expected = _expected(history)
    if opened != expected:
        yield f"incidents {dict(opened)}, but by the results {dict(expected)}"
    unseen = failures.total() - expected.total()
    print(f"{unseen} failures were too short for the probes that were made")
    if not 0 <= unseen <= MOST_UNSEEN * failures.total():
        yield f"of {failures.total()} failures only {expected.total()} were seen"
    if still := [endpoint for endpoint, resolved_at in rows if resolved_at is None]:
        yield f"incidents that are still open: {still}"
    first = Counter((each["id"], each["action"]) for each in received if not each["maybe_repeated"])
    anyhow = {(each["id"], each["action"]) for each in received}
    doubled = [key for key, count in first.items() if count > 1]
    lost = [(uid, action) for uid in uids for action in ("trigger", "resolve") if (uid, action) not in anyhow]
    if doubled or lost:
        yield f"notifications: twice {doubled}, lost {lost}"
    repeated = sum(each["maybe_repeated"] for each in received)
    print(f"{len(rows)} incidents, {len(received)} notifications, {repeated} of them marked as perhaps repeated")


def _expected(history: Path) -> Counter[str]:
    """How often an incident must have opened by the recorded results: 3 bad of 4 open one, 3 good in a row end it."""
    with Database(history, read_only=True) as database:
        rows = database.query(
            "SELECT endpoint, outcome FROM results JOIN endpoints ON endpoints.id = endpoint_id ORDER BY record_id"
        )
    found: Counter[str] = Counter()
    for name in PROVIDERS:
        is_open, since = False, ""
        for endpoint, outcome in rows:
            if endpoint == name:
                since += "." if outcome == "ok" else "x"
                if is_open and since.endswith("..."):
                    is_open, since = False, ""
                elif not is_open and since.endswith("x") and since[-4:].count("x") >= OPENING:
                    is_open, since = True, ""
                    found[name] += 1
    return found


def _counts(history: Path) -> Iterator[str]:
    with History(history, read_only=True) as opened:
        counted = sum(opened.totals().counters[REQUESTS].values())
        kept = sum(len(opened.samples(identity, 0)) for identity in opened.identities())
    print(f"{kept} results")
    if counted != kept:
        yield f"{kept} results, but the totals count {counted:.0f}"


def _growth(sizes: list[tuple[float, int]]) -> Iterator[str]:
    third = len(sizes) // 3
    early, late = sizes[third : 2 * third], sizes[2 * third :]
    (rss, files), (rss_late, files_late) = (
        (max(size for size, _ in part), max(count for _, count in part)) for part in (early, late)
    )
    print(f"resident {rss:.0f} MB, later {rss_late:.0f} MB; open files {files}, later {files_late}")
    if rss_late > rss * (1 + MOST_GROWTH):
        yield f"memory grows: {rss:.0f} MB, then {rss_late:.0f} MB"
    if files_late > files + MOST_FILES:
        yield f"open files grow: {files}, then {files_late}"


@contextlib.contextmanager
def _webhook() -> Iterator[tuple[str, list[dict[str, Any]]]]:
    received: list[dict[str, Any]] = []

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            received.append(json.loads(self.rfile.read(int(self.headers["Content-Length"]))))
            self.send_response(204)
            self.end_headers()

        def log_message(self, *_: object) -> None:
            """Says nothing."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield f"http://127.0.0.1:{server.server_address[1]}/", received
    server.shutdown()


@contextlib.contextmanager
def _prometheus(folder: Path, target: int) -> Iterator[str]:
    program = shutil.which("prometheus")
    if program is None:
        sys.exit("this needs Prometheus: apt-get install prometheus")
    config, port = folder / "prometheus.yml", free_port()
    config.write_text(
        f"scrape_configs: [{{job_name: s, scrape_interval: 2s, static_configs: [{{targets: ['127.0.0.1:{target}']}}]}}]"
    )
    options = [f"--config.file={config}", f"--web.listen-address=127.0.0.1:{port}", f"--storage.tsdb.path={folder}/p"]
    process = subprocess.Popen([program, *options], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    try:
        yield f"http://127.0.0.1:{port}"
    finally:
        process.terminate()
        process.wait(30)


def _resets(prometheus: str, minutes: float) -> float:
    """How often a counter of probes fell; there must be samples."""
    span = f"{int(minutes * 60 + 60)}s"
    query = urllib.parse.quote(f"sum(resets(ai_api_requests_total[{span}]))")
    with urllib.request.urlopen(f"{prometheus}/api/v1/query?query={query}") as answer:  # noqa: S310 - a server of this run
        [found] = json.load(answer)["data"]["result"]
    return float(found["value"][1])


if __name__ == "__main__":
    main()
