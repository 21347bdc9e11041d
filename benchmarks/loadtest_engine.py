"""The load tests' engine against Locust's FastHttpUser and servebench, and against the truth.

    python benchmarks/loadtest_engine.py [--truthd PATH] [--servebench PATH] [--only throughput,truth,pacing]

Server and client have a core each; clients take turns (ABAB…), and each is compared with the baseline that ran right
before or after it: shown are medians of these ratios, so that what else the machine does meets all of them.

`throughput` streams 20 tokens as fast as it goes, 64 at once: one write a token (A), or all at once (B). `truth`
streams 50 tokens, 50 ms to the first and 10 ms between them, and compares what the client measured with what the
server logged. `pacing` starts calls at a rate and looks at how late they started. What the clients do is told at
the top of `engine/client.py`; docs/benchmarks.md has figures.

--truthd PATH is a server in C that logs when it wrote each answer. Without it there is a plain one of our own: its
case A is bound by the server, and its truth goes as far as it keeps time itself, which is also where TLS is measured.
--servebench PATH is servebench's program, in an environment of its own: `pip install servebench==1.1.3`.
"""

from __future__ import annotations

import argparse
import math
import statistics
import subprocess
import sys
import tempfile
from itertools import pairwise
from pathlib import Path
from typing import Any

from engine.running import CORES, FOLDER, client, go_before_others, servebench, server
from engine.truth_log import answers, quantile

CLIENTS = ("fasthttp", "engine", "fasthttp-light", "user")
TRUTH = ("--tokens", "50", "--ttft-ms", "50", "--itl-ms", "10")


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--truthd", type=Path)
    parser.add_argument("--servebench", type=Path)
    parser.add_argument("--only", default="throughput,truth,pacing")
    parser.add_argument("--clients", default=",".join(CLIENTS), help="of the throughput; fasthttp is the baseline")
    parser.add_argument("--repeats", type=int, default=5)
    parser.add_argument("--seconds", type=float, default=4.0, help="of a run of the throughput")
    parser.add_argument("--swap", action="store_true", help="the client on the first core, where that is the calmer")
    parser.add_argument("--first", action="store_true", help="before all else that runs on a shared machine (root)")
    arguments = parser.parse_args()
    if arguments.first:
        go_before_others()
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
    names = arguments.clients.split(",") + ["servebench"] * bool(arguments.servebench)
    print(f"\n20 tokens, 64 at once, medians of {arguments.repeats} runs in turn; x is to fasthttp")
    print("case  client          streams/s      x   CPU µs/stream      x   server's core   RSS MB   first request s")
    for case, burst in (("A", 1), ("B", 64)):
        runs: dict[str, list[Any]] = {name: [] for name in names}
        for _ in range(arguments.repeats):
            for name in names:
                with server(arguments.truthd, "--tokens", "20", "--burst", str(burst)) as at:
                    if name == "servebench":
                        runs[name].append(servebench(arguments.servebench, at, users=64, seconds=arguments.seconds))
                    else:
                        runs[name].append(client(name, at, seconds=arguments.seconds))
        for name in names:
            print(standing(case, name, runs))
        if arguments.servebench and "engine" in names:
            faster, leaner = against(runs, "engine", "servebench")
            print(f"{case:4}  engine to servebench: {faster:.2f} x the streams/s, {leaner:.2f} x less CPU a stream")


def standing(case: str, name: str, runs: dict[str, list[Any]]) -> str:
    """A line of the table."""
    done = runs[name]
    faster, leaner = against(runs, name, "fasthttp")
    served, start = (median(done, key) if key in done[0] else math.nan for key in ("server", "start"))
    return (
        f"{case:4}  {name:14} {median(done, 'rate'):10,.0f} {faster:6.2f} {median(done, 'us_per_stream'):15.1f}"
        f" {leaner:6.2f} {served:15.2f} {median(done, 'rss_mb'):8.0f} {start:17.2f}"
    )


def against(runs: dict[str, list[Any]], name: str, base: str) -> tuple[float, float]:
    """How many times faster than the baseline a client was, and with how many times less processor time a stream."""
    pairs = list(zip(runs[name], runs[base], strict=True))
    faster = statistics.median(own["rate"] / other["rate"] for own, other in pairs)
    return faster, statistics.median(other["us_per_stream"] / own["us_per_stream"] for own, other in pairs)


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
        with server(truthd, *TRUTH, "--log", str(log), *secured) as at:
            found = client(name, at, "--users", str(users), "--warmup", "2", "--logged", *options)
        written = {answer.number: answer.ttft for answer in answers(log)}
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
    print(f"\narrivals on a schedule: how late calls started, ms, medians of {arguments.repeats} runs")
    print("KS of Poisson gaps: a fit is refused above 1.63, which chance alone passes once in a hundred")
    print("rate   arrivals   not started   rate/asked   late p50    p99     max     KS    core")
    for rate in (100, 500, 1000):
        for kind in ("constant", "poisson"):
            runs = [paced(arguments.truthd, rate, kind) for _ in range(arguments.repeats)]
            left, share, p50, p99, most, fit, cpu = (statistics.median(run[key] for run in runs) for key in runs[0])
            print(
                f"{rate:5} {kind:>9} {left:13.0f} {share:12.4f} {p50:10.3f} {p99:6.3f} {most:7.3f}"
                f" {'      -' if math.isnan(fit) else f'{fit:7.2f}'} {cpu:6.2f}"
            )


def paced(truthd: Path | None, rate: int, kind: str) -> dict[str, float]:
    """One run at a rate."""
    with server(truthd, *TRUTH) as at:
        found = client("open", at, "--rate", str(rate), "--arrivals", kind, "--logged", seconds=5.0)
    late, starts = sorted(found["lateness"]), found["starts"]
    return {
        "not_started": found["not_started"],
        "share": (len(starts) - 1) / (starts[-1] - starts[0]) / rate,
        "p50": quantile(late, 0.5) * 1e3,
        "p99": quantile(late, 0.99) * 1e3,
        "max": late[-1] * 1e3,
        "fit": kolmogorov_smirnov(starts) if kind == "poisson" else math.nan,
        "cpu": found["cpu"],
    }


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


def median(runs: list[Any], name: str) -> float:
    """The median of one of their numbers."""
    return float(statistics.median(run[name] for run in runs))


if __name__ == "__main__":
    main()
