"""What counting costs: a call in memory, a probe in the history, a month's windows, a push of many endpoints.

python benchmarks/accounting.py [--month-endpoints 5] [--push-endpoints 200]

The push needs Debian's prometheus-pushgateway and is left out, with a word, where there is none.
"""

from __future__ import annotations

import argparse
import shutil
import socket
import subprocess
import sys
import tempfile
import time
import urllib.request
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from aimon.call.outcome import Outcome
from aimon.call.result import Connection, Result, Usage
from aimon.metrics import definitions
from aimon.metrics.pushgateway import Gateway
from aimon.metrics.totals import Identity, Totals
from aimon.probes.history.history import History
from aimon.probes.history.retention import DAY
from aimon.probes.history.windows import windows_at_intervals
from aimon.probes.publish.publish import push
from aimon.probes.state.monitored import MonitoredEndpoint
from aimon.probes.state.open_state import open_state

if TYPE_CHECKING:
    from collections.abc import Iterator

GATEWAY = "prometheus-pushgateway"


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--month-endpoints", type=int, default=5)
    parser.add_argument("--push-endpoints", type=int, default=200)
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        observe()
        append(Path(folder))
        month(Path(folder), arguments.month_endpoints)
        pushes(Path(folder), arguments.push_endpoints)


def identity(i: int) -> Identity:
    """The i-th endpoint."""
    return Identity(f"endpoint-{i}", "qwen-plus", "dashscope", "cn-east")


def a_result(endpoint: Identity, started_at: float) -> Result:
    """A success with all that a real one has."""
    return Result(
        endpoint=endpoint.endpoint,
        model=endpoint.model,
        provider=endpoint.provider,
        region=endpoint.region,
        operation="chat",
        started_at=started_at,
        dns=0.002,
        connect=0.02,
        tls=0.05,
        request_sent=0.051,
        headers=0.3 + started_at % 7 / 70,
        first_token=0.4 + started_at % 11 / 50,
        last_token=1.2 + started_at % 13 / 10,
        end=1.21 + started_at % 13 / 10,
        outcome=Outcome.OK,
        status_code=200,
        finish_reason="stop",
        request_id="chatcmpl-0123456789abcdef",
        text="4f1c9a",
        answer_ok=True,
        usage=Usage(input=20, output=12, source="reported"),
        cost=0.0001,
        currency="CNY",
        connection=Connection(http_version="HTTP/1.1", tls_version="TLSv1.3", certificate_expiry=1.8e9),
    )


def observe() -> None:
    """`Totals.observe`, best of five."""
    totals, result = Totals(), a_result(identity(0), 0)
    rounds, best = 20_000, float("inf")
    for _ in range(5):
        began = time.perf_counter()
        for _ in range(rounds):
            totals.observe(result)
        best = min(best, time.perf_counter() - began)
    assert totals.counters[definitions.REQUESTS][*identity(0), "success", "ok"] == 5 * rounds
    print(f"observe one call                         {best / rounds * 1e6:8.2f} µs")


def append(folder: Path) -> None:
    """One probe appended and synced to disk; and 200 in one transaction."""
    with History(folder / "append.db") as history:
        times = []
        for i in range(200):
            began = time.perf_counter()
            history.append([a_result(identity(0), i)])
            times.append(time.perf_counter() - began)
        began = time.perf_counter()
        history.append([a_result(identity(i), 0) for i in range(200)])
        together = time.perf_counter() - began
    times.sort()
    print(f"append one probe, median and p99         {times[100] * 1e3:8.2f} ms {times[198] * 1e3:8.2f} ms")
    print(f"append 200 probes of 200 endpoints       {together * 1e3:8.2f} ms")


def month(folder: Path, endpoints: int) -> None:
    """Windows over 30 days of a probe a minute: read anew, and in the runs after that."""
    minutes, now = 43_200, 30 * DAY
    path = folder / "month.db"
    clock = [0.0]
    with History(path, clock=lambda: clock[0]) as history:
        for hour in range(minutes // 60):
            began = hour * 3600.0
            clock[0] = began + 3600.0  # so that what is old is thinned out, as it is in a month
            history.append([a_result(identity(i), began + 60 * m) for i in range(endpoints) for m in range(60)])
        identities = [identity(i) for i in range(endpoints)]
        for name, at in (("anew", now), ("a minute later", now + 60)):
            began = time.process_time()
            found = windows_at_intervals(history, identities, at)
            spent = time.process_time() - began
            assert all(windows[-1].total >= minutes - 1 for windows in found.values())
            print(f"windows of a month, {name:20} {spent / endpoints * 1e3:8.2f} ms CPU an endpoint")
    size = path.stat().st_size / endpoints
    print(f"size of a month                          {size / 1e6:8.2f} MB an endpoint")


def pushes(folder: Path, endpoints: int) -> None:
    """A run that records and pushes that many endpoints, for the third time."""
    if shutil.which(GATEWAY) is None:
        print(f"push: left out for want of {GATEWAY} (apt-get install {GATEWAY})", file=sys.stderr)
        return
    monitored = [MonitoredEndpoint(identity(i), interval=60, currency="CNY", daily_budget=5) for i in range(endpoints)]
    with pushgateway() as url:
        gateway = Gateway.parse(url, {})
        state = open_state("sqlite", monitored, path=folder / "push.db")
        for _ in range(3):
            began, cpu = time.perf_counter(), time.process_time()
            state.record([a_result(each.identity, time.time()) for each in monitored])
            push(state, gateway, region="cn-east", owner="aimon.yaml")
            wall, cpu = time.perf_counter() - began, time.process_time() - cpu
        state.close()
    print(f"record and push {endpoints} endpoints            {wall:8.2f} s  {cpu / endpoints * 1e3:8.2f} ms CPU each")


@contextmanager
def pushgateway() -> Iterator[str]:
    """A Pushgateway on a free port."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    command = [GATEWAY, f"--web.listen-address=127.0.0.1:{port}", "--persistence.file="]
    with subprocess.Popen(command, stderr=subprocess.DEVNULL) as process:
        try:
            wait_until_ready(f"http://127.0.0.1:{port}")
            yield f"http://127.0.0.1:{port}"
        finally:
            process.terminate()


def wait_until_ready(url: str) -> None:
    """Asks until it answers, for at most ten seconds."""
    deadline = time.monotonic() + 10
    while True:
        try:
            urllib.request.urlopen(f"{url}/-/ready", timeout=1).close()  # noqa: S310 - loopback
        except OSError:
            if time.monotonic() > deadline:
                raise
            time.sleep(0.02)
        else:
            return


if __name__ == "__main__":
    main()
