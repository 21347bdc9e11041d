"""The load tests' engine against Locust's FastHttpUser, and against the truth.

    python benchmarks/loadtest_engine.py [--truthd PATH] [--only throughput,truth,pacing] [--repeats 3]

Server and client have a core each; clients take turns, and the medians of their runs are compared, so that what
else the machine does meets all of them. `throughput` streams 20 tokens as fast as it goes, one write a token (A)
or all at once (B). `truth` streams 50 tokens, 50 ms to the first and 10 ms between them, and compares what the
client measured with what the server logged. `pacing` starts calls at a rate and looks at how late they started.

--truthd PATH is a server in C that logs when it wrote each answer. Without it there is a plain one of our own: its
case A is bound by the server, and its truth goes as far as it keeps time itself, which is also where TLS is measured.
"""

from __future__ import annotations

import argparse
import json
import math
import os
import socket
import statistics
import subprocess
import sys
import tempfile
import time
from contextlib import contextmanager
from itertools import pairwise
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Iterator

FOLDER = Path(__file__).parent / "engine"
CORES = sorted(os.sched_getaffinity(0))
THROUGHPUT = ("fasthttp", "user", "engine")
TRUTH = ("--tokens", "50", "--ttft-ms", "50", "--itl-ms", "10")


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--truthd", type=Path)
    parser.add_argument("--only", default="throughput,truth,pacing")
    parser.add_argument("--repeats", type=int, default=3)
    parser.add_argument("--swap", action="store_true", help="the client on the first core, where that is the calmer")
    arguments = parser.parse_args()
    if len(CORES) < 2:
        print("skipped: server and client need a core each, and there is one")
        return
    if arguments.swap:
        CORES.reverse()
    wanted = arguments.only.split(",")
    if "throughput" in wanted:
        throughput(arguments)
    if "truth" in wanted:
        truth(arguments)
    if "pacing" in wanted:
        pacing(arguments)


def throughput(arguments: argparse.Namespace) -> None:
    """Cases A and B."""
    print(f"\n20 tokens, 64 at once, median of {arguments.repeats}; every call accounted for by user and engine")
    print("case  client     streams/s  to fasthttp   CPU µs/stream   RSS MB   first request after s")
    for case, burst in (("A", 1), ("B", 64)):
        runs: dict[str, list[Any]] = {name: [] for name in THROUGHPUT}
        for _ in range(arguments.repeats):
            for name in THROUGHPUT:
                with server(arguments.truthd, "--tokens", "20", "--burst", str(burst)) as url:
                    runs[name].append(client(name, url))
        base = median(runs["fasthttp"], "rate")
        for name in THROUGHPUT:
            done = runs[name]
            rate = median(done, "rate")
            print(
                f"{case:4}  {name:9} {rate:10,.0f} {rate / base:12.2f} {median(done, 'us_per_stream'):15.1f}"
                f" {median(done, 'rss_mb'):8.0f} {median(done, 'start'):23.2f}"
            )


def truth(arguments: argparse.Namespace) -> None:
    """Case C: what was measured against what was written."""
    print("\n50 tokens, 50 ms to the first, 10 ms between: errors against the server's log, ms")
    print("server  client    streams   core   TTFT p50      p99   ITL p50    p99   lag p99   RSS MB   stamps")
    for users in (400, 800, 1000) if arguments.truthd else ():
        for name, *options in (("engine",), ("engine", "--no-stamps"), ("fasthttp",)):
            runs = [against_log(arguments.truthd, name, users, options) for _ in range(arguments.repeats)]
            print(row("truthd", name, users, runs, stamps=options == [] and name == "engine"))
    for certificate in (False, True):
        for options in ([], ["--no-stamps"]):
            runs = [against_log(None, "engine", 200, options, tls=certificate) for _ in range(arguments.repeats)]
            print(row("own+TLS" if certificate else "own", "engine", 200, runs, stamps=options == []))


def row(where: str, name: str, users: int, runs: list[dict[str, float]], *, stamps: bool) -> str:
    """A line of the table: the medians of the runs."""
    cpu, p50, p99, itl50, itl99, lag, rss = (statistics.median(run[key] for run in runs) for key in runs[0])
    return (
        f"{where:7} {name:9} {users:7} {cpu:6.2f} {p50:10.3f} {p99:8.3f} {itl50:9.3f} {itl99:6.2f} {lag:9.2f}"
        f" {rss:8.0f}   {'on' if stamps else 'off':>6}"
    )


def against_log(
    truthd: Path | None, name: str, users: int, options: list[str], *, tls: bool = False
) -> dict[str, float]:
    """One run, and how far its times were from the truth."""
    with tempfile.TemporaryDirectory() as folder:
        log, certificate = Path(folder) / "log", Path(folder) / "certificate.pem"
        secured = []
        if tls:
            subprocess.run([sys.executable, FOLDER / "certificate.py", certificate], check=True)
            secured, options = ["--certificate", str(certificate)], [*options, "--ca-file", str(certificate)]
        with server(truthd, *TRUTH, "--log", str(log), *secured) as url:
            found = client(name, url, "--users", str(users), "--warmup", "2", *options)
        rows = [[int(field) for field in line.split(",")] for line in log.read_text(encoding="ascii").splitlines()]
    written = {number: (first - read) / 1e9 for number, read, first, *_ in rows}
    errors = sorted((ttft - written[number]) * 1e3 for number, ttft in found["ttft"] if number in written)
    gaps = sorted(found["gap_ms"]) or [math.nan]
    return {
        "cpu": found["cpu"],
        "p50": quantile(errors, 0.5),
        "p99": quantile(errors, 0.99),
        "itl50": quantile(gaps, 0.5),
        "itl99": quantile(gaps, 0.99),
        "lag": quantile(sorted(found["lag"]) or [math.nan], 0.99) * 1e3,
        "rss": found["rss_mb"],
    }


def pacing(arguments: argparse.Namespace) -> None:
    """Start lateness and the arrivals' distribution."""
    print("\narrivals on a schedule: how late calls started, ms; KS of Poisson gaps (a fit is refused above 1.63)")
    print("rate   arrivals  started   not started   rate/asked   late p50    p99     max     KS    core")
    for rate in (100, 500, 1000):
        for kind in ("constant", "poisson"):
            with server(arguments.truthd, *TRUTH) as url:
                found = client("open", url, "--rate", str(rate), "--arrivals", kind, seconds=5.0)
            late = sorted(found["lateness"])
            fit = f"{kolmogorov_smirnov(found['starts']):7.2f}" if kind == "poisson" else "      -"
            span = found["starts"][-1] - found["starts"][0]
            achieved = (len(found["starts"]) - 1) / span / rate
            print(
                f"{rate:5} {kind:>9} {found['started']:8} {found['not_started']:13} {achieved:12.4f}"
                f" {quantile(late, 0.5) * 1e3:10.3f} {quantile(late, 0.99) * 1e3:6.3f} {late[-1] * 1e3:7.3f}"
                f" {fit} {found['cpu']:6.2f}"
            )


def kolmogorov_smirnov(starts: list[float]) -> float:
    """The KS statistic of the gaps between starts against an exponential distribution, times √n."""
    gaps = sorted(later - earlier for earlier, later in pairwise(sorted(starts)))
    mean = sum(gaps) / len(gaps)
    count = len(gaps)
    worst = max(
        max((k + 1) / count - (1 - math.exp(-gap / mean)), 1 - math.exp(-gap / mean) - k / count)
        for k, gap in enumerate(gaps)
    )
    return worst * math.sqrt(count)


@contextmanager
def server(truthd: Path | None, *options: str) -> Iterator[str]:
    """A server on the first core; its base URL."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    program = [sys.executable, str(FOLDER / "server.py")] if truthd is None else [str(truthd)]
    command = [*program, "--port", str(port), *options]
    process = subprocess.Popen(command, stdout=subprocess.DEVNULL)
    os.sched_setaffinity(process.pid, {CORES[0]})
    try:
        wait_for(port)
        yield f"{'https' if '--certificate' in options else 'http'}://127.0.0.1:{port}/v1"
    finally:
        process.terminate()
        process.wait()


def wait_for(port: int) -> None:
    """Returns when the server accepts connections.

    Raises:
        TimeoutError: it does not within ten seconds.
    """
    until = time.monotonic() + 10
    while time.monotonic() < until:
        with socket.socket() as probe:
            if not probe.connect_ex(("127.0.0.1", port)):
                return
        time.sleep(0.05)
    raise TimeoutError(f"no server on port {port} within 10 s")


def client(name: str, url: str, *options: str, seconds: float = 4.0) -> Any:
    """Runs a client on the last core; what it found.

    Raises:
        RuntimeError: not all of its calls succeeded.
    """
    command = [sys.executable, str(FOLDER / "client.py"), name, "--url", url, "--seconds", str(seconds), *options]
    with tempfile.TemporaryFile() as complaints:
        process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=complaints)
        os.sched_setaffinity(process.pid, {CORES[-1]})
        printed, _ = process.communicate(timeout=120)
        found = json.loads(printed) if printed else {"outcomes": {}}
        if set(found["outcomes"]) != {"ok"}:
            complaints.seek(max(0, complaints.tell() - 1000))
            raise RuntimeError(f"{name} had {found['outcomes']}: {complaints.read().decode()}")
    return found


def median(runs: list[Any], name: str) -> float:
    """The median of one of their numbers."""
    return float(statistics.median(run[name] for run in runs))


def quantile(ordered: list[float], share: float) -> float:
    """The value that this share of a sorted list does not exceed."""
    return ordered[min(len(ordered) - 1, int(share * len(ordered)))]


if __name__ == "__main__":
    main()
