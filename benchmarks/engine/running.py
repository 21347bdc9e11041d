"""Runs servers on the first core and clients on the last: pinned processes, with real-time priority on request."""

from __future__ import annotations

import json
import os
import resource
import socket
import subprocess
import sys
import tempfile
import time
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

FOLDER = Path(__file__).parent
CORES = sorted(os.sched_getaffinity(0))
# Without compiled bytecode a start takes several times as long as it does where aimon is installed.
ENVIRONMENT = {name: value for name, value in os.environ.items() if name != "PYTHONDONTWRITEBYTECODE"}
_ahead = False


class Server(NamedTuple):
    """A running server."""

    url: str
    pid: int


def go_before_others() -> None:
    """Gives later servers and clients real-time scheduling on their cores.

    Raises:
        PermissionError: it needs root.
    """
    global _ahead  # noqa: PLW0603 - of the whole program, once
    before = os.sched_getscheduler(0)
    os.sched_setscheduler(0, os.SCHED_FIFO, os.sched_param(1))
    os.sched_setscheduler(0, before, os.sched_param(0))
    _ahead = True


def _place(process: subprocess.Popen[bytes], core: int) -> None:
    os.sched_setaffinity(process.pid, {core})
    if _ahead:
        os.sched_setscheduler(process.pid, os.SCHED_FIFO, os.sched_param(1))


@contextmanager
def server(truthd: Path | None, *options: str) -> Iterator[Server]:
    """A server on the first core, until the end of the block."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    program = [sys.executable, str(FOLDER / "server.py")] if truthd is None else [str(truthd)]
    command = [*program, "--port", str(port), *options]
    process = subprocess.Popen(command, stdout=subprocess.DEVNULL, env=ENVIRONMENT)
    _place(process, CORES[0])
    try:
        wait_for(port)
        yield Server(f"{'https' if '--certificate' in options else 'http'}://127.0.0.1:{port}/v1", process.pid)
    finally:
        process.terminate()
        process.wait()


def wait_for(port: int) -> None:
    """Waits until the server accepts connections.

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


def client(name: str, at: Server, *options: str, seconds: float = 4.0) -> Any:
    """Runs one of our clients on the last core; what it found.

    Raises:
        RuntimeError: not all of its calls succeeded.
    """
    program = [sys.executable, str(FOLDER / "client.py"), name, "--url", at.url, "--server", str(at.pid)]
    with tempfile.TemporaryFile() as complaints:
        printed = on_last_core([*program, "--seconds", str(seconds), *options], complaints)
        found = json.loads(printed) if printed else {"outcomes": {}}
        if set(found["outcomes"]) != {"ok"}:
            complaints.seek(max(0, complaints.tell() - 1000))
            raise RuntimeError(f"{name} had {found['outcomes']}: {complaints.read().decode()}")
    return found


def servebench(program: Path, at: Server, *, users: int, seconds: float = 4.0) -> Any:
    """Runs servebench on the last core: the same prompt, model and concurrency, its own accounting and statistics.

    Its processor time per stream is the difference between a long run and a short one, so that its start and its
    report are left out, as they are of the other clients.

    Raises:
        RuntimeError: not all of its requests succeeded.
    """
    short, long = (_servebench(program, at, users, duration) for duration in (1.0, seconds))
    return {
        "rate": long["requests"] / long["duration"],
        "us_per_stream": (long["cpu"] - short["cpu"]) / max(1, long["requests"] - short["requests"]) * 1e6,
        "rss_mb": long["rss_mb"],
    }


def _servebench(program: Path, at: Server, users: int, seconds: float) -> dict[str, float]:
    with tempfile.TemporaryDirectory() as folder:
        prompts, results = Path(folder) / "prompts.txt", Path(folder) / "run.json"
        prompts.write_text("reply with exactly: pong\n", encoding="ascii")
        load = ["--concurrency", str(users), "--duration", str(seconds), "--warmup", str(users)]
        what = ["--model", "truth", "--prompts", str(prompts), "--output-len", "1000", "--no-ignore-eos", "--no-gpu"]
        before = resource.getrusage(resource.RUSAGE_CHILDREN)
        with tempfile.TemporaryFile() as complaints:
            on_last_core([str(program), "run", "--url", at.url, *load, *what, "--out", str(results)], complaints)
        after = resource.getrusage(resource.RUSAGE_CHILDREN)
        (level,) = json.loads(results.read_text(encoding="utf-8"))["levels"]
    failed = [request["error"] for request in level["requests"] if not request["ok"]]
    if failed:
        raise RuntimeError(f"servebench had {len(failed)} failures: {failed[0]}")
    return {
        "requests": len(level["requests"]),
        "duration": level["duration"],
        "cpu": after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime,
        "rss_mb": after.ru_maxrss / 1024,  # of the largest child so far, which it is
    }


def on_last_core(command: list[str], complaints: Any, environment: Mapping[str, str] = ENVIRONMENT) -> bytes:
    """Runs a program to its end and returns its output."""
    process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=complaints, env=environment)
    _place(process, CORES[-1])
    printed, _ = process.communicate(timeout=120)
    return printed
