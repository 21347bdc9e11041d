"""How far a probe's times are from the truth, for 1, 10 and 100 probes at once.

    python benchmarks/probe_timing.py [--truthd PATH] [--tls] [--repeat 3]

Each probe is a streamed chat completion over a fresh connection: 200 ms to the first token, 10 ms between 20 of
them. The server logs when it handed each byte to the kernel; both sides read the machine's monotonic clock. Printed
are the client's time of the first token, and of the end, minus the server's, probe by probe.

--truthd PATH is a server in C that logs when it wrote each answer; without it the simulator keeps the truth, which
with 100 answers at once is as late as its own event loop, so those rows hold its errors too. --tls needs the simulator.
Server and client have a core each where there are two.
"""

from __future__ import annotations

import argparse
import asyncio
import os
import socket
import subprocess
import sys
import tempfile
import time
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from engine.running import wait_for

from aimon.call.call import Call, Message, Target
from aimon.call.outcome import Outcome
from aimon.config.endpoint import Transport
from aimon.probes.transport import perform, warm_up
from aimon.simulator import Profile, SimulatorProcess

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from aimon.call.result import Result

CORES = sorted(os.sched_getaffinity(0))
TTFT, ITL, TOKENS = 0.2, 0.01, 20
STAGGER = 0.002
ROUNDS = {1: 30, 10: 10, 100: 5}

# Of an answer, by its request id: when its first and its last bytes were written (seconds of time.monotonic()).
Log = dict[str, tuple[float, float]]


@dataclass(frozen=True)
class Server:
    """A running server: its base URL, its certificate if it has one, and how to get its log when all is over."""

    base_url: str
    ca_file: str | None
    log: Callable[[], Log]


@dataclass(frozen=True)
class Timed:
    """A probe's Result, and when it started (seconds of time.monotonic())."""

    started: float
    result: Result


def main() -> None:
    """Measures and prints."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--truthd", type=Path)
    parser.add_argument("--tls", action="store_true")
    parser.add_argument("--repeat", type=int, default=1, help="that many times as many rounds of each row")
    arguments = parser.parse_args()
    if arguments.truthd and arguments.tls:
        parser.error("--truthd speaks no TLS: leave one of the two out")
    print("              first token, ms          end, ms             self-lag, ms   sent after, ms  stamped  CPU, ms")
    print(
        "at once  apart  p50     p99     max      p50     p99         p50     max     p50     p99             a probe"
    )
    for at_once, rounds in ROUNDS.items():
        for stagger in (0.0,) if at_once == 1 else (0.0, STAGGER):
            measure(arguments, at_once, rounds * arguments.repeat, stagger)


def measure(arguments: argparse.Namespace, at_once: int, rounds: int, stagger: float) -> None:
    """One row, on a server of its own."""
    os.sched_setaffinity(0, {CORES[0]})  # inherited by the server
    with truthd(arguments.truthd) if arguments.truthd else simulator(tls=arguments.tls) as server:
        os.sched_setaffinity(0, {CORES[-1]})
        probes, cpu = asyncio.run(drive(server, at_once, rounds, stagger))
        log = server.log()
    written = [log[probe.result.request_id or ""] for probe in probes]
    first = [
        (probe.started + (probe.result.first_token or 0.0) - at) * 1e3
        for probe, (at, _) in zip(probes, written, strict=True)
    ]
    end = [(probe.started + probe.result.end - at) * 1e3 for probe, (_, at) in zip(probes, written, strict=True)]
    lag = [(probe.result.self_lag or 0.0) * 1e3 for probe in probes]
    sent = [(probe.result.request_sent or 0.0) * 1e3 for probe in probes]
    stamped = sum(bool(probe.result.connection and probe.result.connection.stamped) for probe in probes)
    print(
        f"{at_once:7} {stagger * 1e3:3.0f}ms {len(probes):5}"
        f" {quantile(first, 0.5):7.3f} {quantile(first, 0.99):7.3f} {max(first):7.3f}"
        f" {quantile(end, 0.5):7.3f} {quantile(end, 0.99):7.3f} {quantile(lag, 0.5):7.2f} {max(lag):7.2f}"
        f" {quantile(sent, 0.5):7.2f} {quantile(sent, 0.99):7.2f} {stamped / len(probes):8.0%}"
        f" {cpu / len(probes) * 1e3:8.2f}"
    )


async def drive(server: Server, at_once: int, rounds: int, stagger: float) -> tuple[list[Timed], float]:
    """Runs all probes; they and the CPU seconds that they took together."""
    target = Target("truth", "truth", "openai-chat", server.base_url, "truth")
    call, transport = Call(target, (Message("user", "ping"),)), Transport(ca_file=server.ca_file)

    async def probe(delay: float) -> Timed:
        await asyncio.sleep(delay)
        before = time.monotonic()
        result = await perform(call, transport, scheduled=before)
        if result.outcome is not Outcome.OK:
            raise RuntimeError(f"a probe ended with {result.outcome}: {result.error}")
        return Timed(before - result.scheduled, result)

    await warm_up([(target, transport)])
    await probe(0.0)
    spent = time.process_time()
    probes = []
    for _ in range(rounds):
        probes += await asyncio.gather(*(probe(i * stagger) for i in range(at_once)))
    return probes, time.process_time() - spent


@contextmanager
def truthd(program: Path) -> Iterator[Server]:
    """The server in C, whose log is complete when it has ended."""
    with tempfile.TemporaryDirectory() as folder, socket.socket() as reserved:
        reserved.bind(("127.0.0.1", 0))
        port = reserved.getsockname()[1]
        reserved.close()
        file = Path(folder) / "log"
        timing = ["--tokens", str(TOKENS), "--ttft-ms", str(TTFT * 1e3), "--itl-ms", str(ITL * 1e3)]
        process = subprocess.Popen([program, "--port", str(port), *timing, "--log", file], stdout=subprocess.DEVNULL)

        def log() -> Log:
            process.terminate()
            process.wait()
            rows = [line.split(",") for line in file.read_text(encoding="ascii").splitlines()]
            return {number: (int(first) / 1e9, int(last) / 1e9) for number, _, first, last, _ in rows}

        try:
            wait_for(port)
            yield Server(f"http://127.0.0.1:{port}/v1", None, log)
        finally:
            process.terminate()
            process.wait()


@contextmanager
def simulator(*, tls: bool) -> Iterator[Server]:
    """The simulator, which tells its truth on request."""
    with tempfile.TemporaryDirectory() as folder:
        certificate = None
        options: dict[str, Any] = {"records": 10_000}
        if tls:
            certificate = str(Path(folder) / "certificate.pem")
            maker = Path(__file__).parent / "engine" / "certificate.py"
            subprocess.run([sys.executable, maker, certificate], check=True)
            options |= {"certfile": certificate, "keyfile": certificate}
        with SimulatorProcess(Profile("truth", ttft=TTFT, itl=ITL, tokens=TOKENS), **options) as running:

            def log() -> Log:
                records = running.truth(wait=5.0).records
                return {record.id: (record.first_token or 0.0, record.last_write or 0.0) for record in records}

            yield Server(running.base_url("truth"), certificate, log)


def quantile(values: list[float], share: float) -> float:
    """The value that this share of a list does not exceed."""
    return sorted(values)[min(len(values) - 1, int(share * len(values)))]


if __name__ == "__main__":
    main()
