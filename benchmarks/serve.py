"""`aimon serve` with a thousand endpoints: lateness, memory, the time of a scrape, and CPU beside blackbox_exporter.

    python benchmarks/serve.py [--endpoints 1000] [--interval 10] [--minutes 5]

One process of `aimon serve` probes the simulator, which runs on another core where there is one; the service is pinned
to one core, if `taskset` is there. Everything is counted from the end of a warm-up on, in which each endpoint is probed
for the first time. Then prometheus-blackbox-exporter, on the same core, is asked for as many plain HTTP probes of the
same server, and CPU time is compared. Its probe is a GET of a short answer; aimon's is a chat whose stream is parsed,
checked, priced, counted and committed to disk.

Targets, on a quiet core: no missed run, starts at most 50 ms late at P99, at most 250 MB resident, a scrape and the
status page within 300 ms.
"""

from __future__ import annotations

import argparse
import contextlib
import http.client
import os
import re
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
import urllib.request
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import quote

from aimon.probes.history.database import Database
from aimon.simulator import Profile, SimulatorProcess

if TYPE_CHECKING:
    from collections.abc import Iterator

_TICKS = os.sysconf("SC_CLK_TCK")
_BLACKBOX = "prometheus-blackbox-exporter"
# After the start, when everything is loaded and first probed.
_WARM_UP = 15.0


def main() -> None:
    """Prints what was measured."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--endpoints", type=int, default=1000)
    parser.add_argument("--interval", type=float, default=10.0, help="seconds")
    parser.add_argument("--minutes", type=float, default=5.0)
    arguments = parser.parse_args()
    with (
        tempfile.TemporaryDirectory() as folder,
        SimulatorProcess(Profile("fast", ttft=0.02, itl=0.002, tokens=5)) as simulator,
    ):
        config = Path(folder) / "aimon.yaml"
        config.write_text(_config(arguments.endpoints, arguments.interval, simulator.base_url("fast")))
        with serving(config) as service:
            window = _measure(service, arguments.minutes * 60)
        _lateness(config.with_name("history.db"), *window)
        _blackbox(simulator.base_url("fast"), arguments.endpoints / arguments.interval, arguments.minutes * 20)


def _config(endpoints: int, interval: float, url: str) -> str:
    lines = [
        f"  - {{name: endpoint-{i}, dialect: openai-chat, base_url: {url}, model: sim-1, interval: {interval:g}s}}\n"
        for i in range(endpoints)
    ]
    return f"defaults: {{budget: none}}\nendpoints:\n{''.join(lines)}"


class Process:
    """A server whose CPU time and memory are read from /proc."""

    def __init__(self, command: list[str], port: int, **options: object) -> None:
        pinned = ["taskset", "-c", "0"] if shutil.which("taskset") else []
        self.port = port
        self.process = subprocess.Popen([*pinned, *command], **options)  # type: ignore[call-overload]

    def cpu(self) -> float:
        """Seconds of CPU so far, of all threads."""
        fields = Path(f"/proc/{self.process.pid}/stat").read_text().rpartition(")")[2].split()
        return (int(fields[11]) + int(fields[12])) / _TICKS

    def megabytes(self) -> float:
        """Resident memory."""
        text = Path(f"/proc/{self.process.pid}/status").read_text()
        return int(re.findall(r"VmRSS:\s+(\d+)", text)[0]) / 1024

    def get(self, path: str) -> tuple[int, bytes, float]:
        """Status and body of a page, compressed, and the seconds that it took."""
        started = time.monotonic()
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=30)
        connection.request("GET", path, headers={"Accept-Encoding": "gzip"})
        answer = connection.getresponse()
        body = answer.read()
        connection.close()
        return answer.status, body, time.monotonic() - started

    def text(self, path: str) -> str:
        """A page as it is."""
        with urllib.request.urlopen(f"http://127.0.0.1:{self.port}{path}", timeout=30) as answer:
            return answer.read().decode()  # type: ignore[no-any-return]

    def end(self) -> None:
        """Ends it."""
        self.process.send_signal(signal.SIGTERM)
        self.process.wait(60)


@contextlib.contextmanager
def serving(config: Path) -> Iterator[Process]:
    """A service with that configuration, whose history is in the same folder."""
    port = free_port()
    command = [
        str(Path(sys.executable).with_name("aimon")),
        "serve",
        f"--config={config}",
        f"--listen=127.0.0.1:{port}",
    ]
    environment = {**os.environ, "AIMON_STATE_DIR": str(config.parent)}
    service = Process(command, port, env=environment, stderr=subprocess.DEVNULL)
    try:
        _wait(service, "/-/ready")
        yield service
    finally:
        service.end()


def _measure(service: Process, seconds: float) -> tuple[float, float]:
    """Prints what was measured in the window after the warm-up; returns its begin and its end in unix time."""
    time.sleep(_WARM_UP)
    before, began = service.text("/metrics"), time.time()
    scrapes: list[float] = []
    pages: list[float] = []
    megabytes = 0.0
    start, cpu = time.monotonic(), service.cpu()
    alone_cpu = alone = 0.0
    end = start + seconds
    while (now := time.monotonic()) < end:
        # As often as Prometheus does by default with a scrape_interval of 15 s.
        undisturbed = service.cpu()
        time.sleep(min(15.0, max(0.0, end - now)))
        alone_cpu, alone = alone_cpu + service.cpu() - undisturbed, alone + time.monotonic() - now
        status, body, took = service.get("/metrics")
        scrapes.append(took)
        status, _, took = service.get("/")
        if status == http.HTTPStatus.OK:
            pages.append(took)
        megabytes = max(megabytes, service.megabytes())
    cpu, lasted = service.cpu() - cpu, time.monotonic() - start
    window = began, time.time()
    after = service.text("/metrics")
    probes, good = (
        _sum(after, "ai_api_requests_total", having) - _sum(before, "ai_api_requests_total", having)
        for having in ("", 'outcome="ok"')
    )
    missed = _sum(after, "aimon_scheduler_missed_runs_total") - _sum(before, "aimon_scheduler_missed_runs_total")
    print(f"probes         {probes:10.0f}, failed {probes - good:.0f}, missed {missed:.0f}")
    print(f"CPU each       {cpu / probes * 1000:10.2f} ms, with scrapes and pages")
    print(f"  probing alone{alone_cpu / (probes * alone / lasted) * 1000:10.2f} ms")
    print(f"resident       {megabytes:10.0f} MB at most")
    print(
        f"/metrics       {max(scrapes) * 1000:10.0f} ms at most of {len(scrapes)}, {len(body) / 1e6:.2f} MB compressed"
    )
    if pages:
        print(f"/              {max(pages) * 1000:10.0f} ms at most of {len(pages)}")
    return window


def _lateness(history: Path, begin: float, end: float) -> None:
    with Database(history, read_only=True) as database:
        rows = database.query(
            "SELECT json_extract(record, '$.scheduled') FROM results JOIN records ON records.id = record_id "
            "WHERE started_at BETWEEN ? AND ?",
            (begin, end),
        )
    late = sorted(-(scheduled or 0.0) for (scheduled,) in rows)
    shown = ", ".join(f"P{q:g} {late[int(len(late) * q / 100)] * 1000:.1f} ms" for q in (50, 95, 99, 99.9))
    print(f"start lateness {shown}, of {len(late)}")


def _blackbox(url: str, rate: float, seconds: float) -> None:
    """CPU of a blackbox_exporter that is asked for plain HTTP probes of the same server at the same rate."""
    if shutil.which(_BLACKBOX) is None:
        print(f"blackbox       not compared: apt-get install {_BLACKBOX}")
        return
    port = free_port()
    with tempfile.TemporaryDirectory() as folder:
        config = Path(folder) / "blackbox.yml"
        config.write_text("modules: {http: {prober: http, timeout: 5s, http: {preferred_ip_protocol: ip4}}}\n")
        command = [_BLACKBOX, f"--config.file={config}", f"--web.listen-address=127.0.0.1:{port}"]
        blackbox = Process(command, port, stderr=subprocess.DEVNULL)
        try:
            _wait(blackbox, "/-/healthy")
            path = f"/probe?module=http&target={quote(f'{url}/models')}"
            assert "probe_success 1" in blackbox.text(path)
            before, asked = blackbox.cpu(), 0
            start = time.monotonic()
            with ThreadPoolExecutor(50) as client:
                while (now := time.monotonic()) - start < seconds:
                    client.submit(blackbox.get, path)
                    asked += 1
                    time.sleep(max(0.0, start + asked / rate - now))
            each = (blackbox.cpu() - before) / asked
            print(f"blackbox       {each * 1000:10.2f} ms CPU each, of {asked} plain HTTP probes")
        finally:
            blackbox.end()


def _sum(text: str, name: str, having: str = "") -> float:
    return sum(float(line.rpartition(" ")[2]) for line in text.splitlines() if line.startswith(name) and having in line)


def free_port() -> int:
    """A port that is free now."""
    with socket.create_server(("127.0.0.1", 0)) as taken:
        return int(taken.getsockname()[1])


def _wait(server: Process, path: str) -> None:
    end = time.monotonic() + 60
    while time.monotonic() < end:
        with contextlib.suppress(OSError):
            if server.get(path)[0] == http.HTTPStatus.OK:
                return
        time.sleep(0.1)
    raise TimeoutError(path)


if __name__ == "__main__":
    main()
