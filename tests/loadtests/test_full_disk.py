"""A disk that fills during a load test: the report survives, and every message names the file."""

from __future__ import annotations

import gzip
import json
import os
import resource
import subprocess
import sys
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from aimon.call.outcome import Outcome
from aimon.call.result import Result
from aimon.loadtests.worker.call_log import CallLog
from aimon.simulator.model.profile import Profile
from aimon.simulator.process import SimulatorProcess
from command import target_flags

if TYPE_CHECKING:
    from collections.abc import Iterator

    from command import Command


@contextmanager
def small_disk(path: Path, size: str) -> Iterator[Path]:
    """A file system of its own, which is full before long."""
    path.mkdir()
    mounted = subprocess.run(
        ["/bin/mount", "-t", "tmpfs", "-o", f"size={size}", "tmpfs", path], capture_output=True, check=False
    )
    if mounted.returncode:
        pytest.skip("mounting a file system needs root")
    try:
        yield path
    finally:
        subprocess.run(["/bin/umount", "-l", path], check=False)


def result(number: int) -> Result:
    """A call whose line compresses badly, so that little fills a disk."""
    return Result(
        endpoint="e",
        provider="p",
        model="m",
        operation="chat",
        started_at=float(number),
        end=0.1,
        outcome=Outcome.SERVER_ERROR,
        error=os.urandom(400).hex(),
    )


def held(path: Path) -> list[float]:
    """The calls that a log holds; it must be whole."""
    return [json.loads(line)["started_at"] for line in gzip.decompress(path.read_bytes()).splitlines()]


def test_a_log_that_fills_the_disk_stays_whole(tmp_path: Path) -> None:
    """A log that fills the disk is complete up to a call, and the number of its calls is reported."""
    with small_disk(tmp_path / "disk", "6m") as disk:
        log = CallLog(disk / "run" / "results.jsonl.gz")
        for number in range(20_000):
            log.add(result(number))
        said = log.close()
        kept = held(disk / "run" / "results.jsonl.gz")
        assert said == (f"{disk}/run/results.jsonl.gz: No space left on device: it holds {len(kept):,} of 20,000 calls")
        assert kept == list(range(len(kept)))
        assert 1000 < len(kept) < 15_000


def test_a_log_that_may_not_grow(tmp_path: Path) -> None:
    """A log is complete up to a call under any limit of its size."""
    path = tmp_path / "results.jsonl.gz"
    log = CallLog(path)
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (20_000, before[1]))
    try:
        for number in range(500):
            log.add(result(number))
        said = log.close()
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)
    assert said == f"{path}: File too large: it holds 0 of 500 calls"
    assert path.read_bytes() == b""


def test_a_log_without_trouble(tmp_path: Path) -> None:
    """On a disk with room, the log has every call, in many blocks."""
    log = CallLog(tmp_path / "results.jsonl.gz")
    for number in range(2000):
        log.add(result(number))
    assert log.close() is None
    assert held(tmp_path / "results.jsonl.gz") == list(range(2000))


@pytest.mark.e2e
@pytest.mark.parametrize("processes", ["1", "2"])
def test_the_report_survives_a_full_disk(run_aimon: Command, tmp_path: Path, processes: str) -> None:
    """The log of calls is on the same one: exit code 3, the file is named, all files of the report are there."""
    with small_disk(tmp_path / "disk", "2m") as disk, SimulatorProcess(Profile(ttft=0.001)) as sim:
        (disk / "ballast").write_bytes(b"x" * ((2 << 20) - (300 << 10)))
        arguments = ["--concurrency", "8", "--requests", "2500", "--results", "--out", str(disk / "run")]
        (disk / "run").mkdir()
        done = run_aimon("loadtest", *target_flags(sim.base_url()), *arguments, "--processes", processes, "--json")
        assert done.returncode == 3, done.stderr
        assert "results.jsonl.gz: No space left on device: it holds " in done.stderr
        assert "Errno" not in done.stderr
        report = json.loads(done.stdout)
        assert report["requests"]["ok"] == 2500
        assert json.loads((disk / "run" / "report.json").read_text()) == report
        assert (disk / "run" / "report.html").read_text().endswith("</html>\n")


@pytest.mark.e2e
def test_a_report_that_can_not_be_written_is_on_stdout(run_aimon: Command, tmp_path: Path) -> None:
    """A report that can't be written is printed on stdout, and each of its files is named."""
    out = tmp_path / "run"
    program = (
        "import resource, sys; resource.setrlimit(resource.RLIMIT_FSIZE, (8000, 8000)); "
        "sys.argv = ['aimon', *sys.argv[1:]]; from aimon.cli.main import run; run()"
    )
    options = ["--profile", "smoke", "--out", str(out)]
    with SimulatorProcess(Profile(ttft=0.001)) as sim:
        done = subprocess.run(
            [sys.executable, "-c", program, "loadtest", *target_flags(sim.base_url()), *options],
            env=run_aimon.env,
            capture_output=True,
            text=True,
            check=False,
        )
    assert done.returncode == 3, done.stderr
    assert f"aimon loadtest: {out}/report.html: File too large" in done.stderr
    assert "Errno" not in done.stderr
    assert "| Requests | 5 sent, 5 ok" in done.stdout
    assert [path.name for path in Path(out).iterdir() if path.name.startswith(".")] == []
