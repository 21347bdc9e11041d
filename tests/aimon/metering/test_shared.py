"""Counts of several processes: exact, whoever forks, ends or is killed."""

from __future__ import annotations

import os
import signal
from typing import TYPE_CHECKING

import pytest

from aimon.call.outcome import Outcome
from aimon.metering import default, shared
from aimon.metrics import definitions
from aimon.metrics.totals import Identity, Totals
from results import QWEN, a_result
from services import wait_for

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from aimon.metering.meter import Meter


def _child(work: Callable[[], None]) -> int:
    """Runs it in a forked process, which ends without any cleaning up; returns its exit status."""
    pid = os.fork()
    if not pid:
        try:
            work()
        finally:
            os._exit(0)
    return os.waitpid(pid, 0)[1]


def _count(meter: Meter, calls: int) -> None:
    for _ in range(calls):
        meter.submit(lambda: meter.record(a_result()))


@pytest.fixture
def meter(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Meter:
    """The meter of this process, which shares a directory with others."""
    monkeypatch.setattr(default, "_meter", None)
    default.use(default.read(directory=tmp_path / "calls", environ={}))
    return default.meter()


def _requests(meter: Meter) -> float:
    totals, _ = meter.snapshot()
    return sum(totals.counters.get(definitions.REQUESTS, {}).values())


def test_what_one_process_counts_is_what_a_file_gives_back(tmp_path: Path) -> None:
    """Counters, buckets and sums, declared and observed."""
    kept, plain = shared.SharedTotals(tmp_path), Totals()
    for totals in (kept, plain):
        totals.declare(QWEN, currency="CNY", application=True)
        for outcome in (Outcome.OK, Outcome.OK, Outcome.DNS, Outcome.CANCELLED):
            totals.observe(a_result(outcome))
    read, _ = shared.read(tmp_path)
    assert read.counters == plain.counters
    assert read.histograms == plain.histograms
    kept.close()


def test_forked_workers_count_exactly(meter: Meter) -> None:
    """Each from zero, those that have ended and the parent itself included; none twice."""
    _count(meter, 3)
    for calls in (5, 7):
        assert _child(lambda calls=calls: _count(meter, calls)) == 0  # type: ignore[misc]
    assert _requests(meter) == 15
    assert _requests(meter) == 15, "and again, from what was put together"
    assert _child(lambda: _count(meter, 1)) == 0
    assert _requests(meter) == 16
    assert len(list((meter.settings.directory or os.devnull).glob("*.calls"))) == 1  # type: ignore[union-attr]


def test_a_killed_worker_loses_nothing(meter: Meter) -> None:
    """SIGKILL between two calls."""

    def work() -> None:
        _count(meter, 4)
        os.kill(os.getpid(), signal.SIGKILL)

    assert _child(work) == signal.SIGKILL
    assert _requests(meter) == 4


def test_a_reader_that_was_killed_half_way_counts_nothing_twice(tmp_path: Path) -> None:
    """It had put a file's counts together with the others, and not removed it yet."""
    kept = shared.SharedTotals(tmp_path)
    kept.observe(a_result())
    kept.close()
    [path] = tmp_path.glob("*.calls")
    content = path.read_bytes()
    first, _ = shared.read(tmp_path)
    assert not path.exists()
    path.write_bytes(content)
    again, _ = shared.read(tmp_path)
    assert again.counters == first.counters
    assert not path.exists()


def test_a_file_grows(tmp_path: Path) -> None:
    """With a hundred models it is larger than at first."""
    kept, plain = shared.SharedTotals(tmp_path), Totals()
    for i in range(100):
        identity = Identity("chat", f"model-{i}", "custom", "local")
        kept.observe(a_result(identity=identity))
        plain.observe(a_result(identity=identity))
    read, _ = shared.read(tmp_path)
    assert read.counters == plain.counters
    kept.close()


def test_gauges_are_those_of_running_processes(meter: Meter) -> None:
    """Calls in flight of a process that was killed are over; limits are the last ones told."""
    identity = meter.identity("chat", "openai", "gpt-4o")
    meter.started(mine := object(), identity)
    pid = os.fork()
    if not pid:
        try:
            assert meter.identity("chat", "openai", "gpt-4o") == identity
            calls = [object(), object()]
            for call in calls:
                meter.started(call, identity)
            meter.submit(lambda: meter.answered(identity, [(b"x-ratelimit-remaining-requests", b"5")]))
            signal.pause()
        finally:
            os._exit(0)

    def shown(name: str) -> list[float]:
        _, gauges = meter.snapshot()
        return [gauge.value for gauge in gauges if gauge.name == name]

    try:
        wait_for(lambda: shown(definitions.IN_FLIGHT), lambda found: found == [3], what="calls of both")
        wait_for(lambda: shown(definitions.RATE_LIMIT_REMAINING), lambda found: found == [5], what="the limit")
        meter.submit(lambda: meter.answered(identity, [(b"x-ratelimit-remaining-requests", b"3")]))
        assert shown(definitions.RATE_LIMIT_REMAINING) == [3]
    finally:
        os.kill(pid, signal.SIGKILL)
        os.waitpid(pid, 0)
    assert shown(definitions.IN_FLIGHT) == [1]
    meter.landed(mine)
    assert shown(definitions.IN_FLIGHT) == [0]


@pytest.mark.parametrize("content", [b"", b"something else", b"AIMON 1\n\xff\xff\xff\xff", b"AIMON 1\n\x04\0\0\0[]"])
def test_a_file_that_is_none_is_no_count(tmp_path: Path, content: bytes) -> None:
    """Of a process that was killed while it made the file, or of another program."""
    (tmp_path / "x.calls").write_bytes(content)
    totals, _ = shared.read(tmp_path)
    assert totals.counters == {}


def test_a_directory_that_is_none_is_refused_at_the_start(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Not in the middle of a call."""
    (tmp_path / "calls").write_text("a file")
    monkeypatch.setattr(default, "_meter", None)
    with pytest.raises(FileExistsError):
        default.use(default.read(directory=tmp_path / "calls", environ={}))


def test_a_full_disk_breaks_no_call(meter: Meter, monkeypatch: pytest.MonkeyPatch) -> None:
    """What can't be written is a fault of the metering, which says so and goes on."""

    def full(*_: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(shared.NumberFile, "_map", full)
    _count(meter, 2)
    monkeypatch.undo()
    _count(meter, 1)
    assert _requests(meter) >= 1
