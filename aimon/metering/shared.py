"""Counts of several processes, such as the workers of gunicorn: a file for each, added up when a scraper asks.

A file is a list of numbers with their names, mapped into memory: a count is written in place, by the process alone, and
is there for the others at once. It survives whatever kills the process. Each process holds a lock on its file for as
long as it lives; the counts of those that have ended are put together in one file, so that counters never fall.

    8 bytes   magic
    repeated  length of the name (u32, 0 ends the list), name (JSON, padded to 8 bytes), value (f64)

docs/decisions/0015-processes-count-in-files.md says why not prometheus_client's multiprocess mode.
"""

from __future__ import annotations

import contextlib
import fcntl
import json
import math
import mmap
import os
import secrets
import struct
import time
from bisect import bisect_left
from functools import partial
from typing import TYPE_CHECKING, Any, Final

from aimon import __version__
from aimon.metering.jobs import Jobs
from aimon.metering.meter import Meter, limit_gauges
from aimon.metrics import definitions
from aimon.metrics.totals import Gauges, HistogramSeries, Totals

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from aimon.metering.default import Settings
    from aimon.metrics.totals import Identity, Labels

    Name = tuple[Any, ...]

_MAGIC: Final = b"AIMON 1\n"
_LENGTH: Final = struct.Struct("<I")
_VALUE: Final = struct.Struct("<d")
_SUFFIX: Final = ".calls"
_ENDED: Final = "ended"
_LOCK: Final = "lock"
_FIRST_SIZE: Final = 64 << 10
# What a number is: a counter, a histogram's bucket, its sum, a gauge, when that was set; a file that is in `ended`.
_COUNTER, _BUCKET, _SUM, _GAUGE, _SET_AT, _INCLUDED = "chsgti"


class NumberFile:
    """The numbers of this process."""

    def __init__(self, directory: Path) -> None:
        directory.mkdir(parents=True, exist_ok=True)
        name = f"{os.getpid()}-{time.time_ns()}-{secrets.token_hex(4)}{_SUFFIX}"
        # A reader takes an unlocked file for one whose process has ended.
        with _locked(directory):
            self._file = os.open(directory / name, os.O_RDWR | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600)
            fcntl.flock(self._file, fcntl.LOCK_EX | fcntl.LOCK_NB)
            self._places: dict[Name, int] = {}
            self._end = len(_MAGIC)
            self._map(_FIRST_SIZE)
            self._memory[: len(_MAGIC)] = _MAGIC

    def set(self, name: Name, value: float) -> None:
        """Writes a number."""
        place = self._places.get(name)
        if place is None:
            self._add(name, value)
        else:
            _VALUE.pack_into(self._memory, place, value)

    def close(self) -> None:
        """Gives up the file, which belongs to the parent, in a child process."""
        self._memory.close()
        os.close(self._file)

    def _add(self, name: Name, value: float) -> None:
        written, place = _entry(name, self._end)
        end = place + _VALUE.size
        while end + _LENGTH.size > len(self._memory):
            outgrown = self._memory
            self._map(2 * len(outgrown))
            outgrown.close()
        # The length last: a reader takes 0 for the end of the list.
        begin = self._end + _LENGTH.size
        self._memory[begin : begin + len(written)] = written
        _VALUE.pack_into(self._memory, place, value)
        _LENGTH.pack_into(self._memory, self._end, len(written))
        self._places[name] = place
        self._end = end

    def _map(self, size: int) -> None:
        # With room on the disk for all of it: a write into a page without one would end the process.
        if hasattr(os, "posix_fallocate"):
            os.posix_fallocate(self._file, 0, size)
        else:
            os.ftruncate(self._file, size)
        self._memory = mmap.mmap(self._file, size)


class SharedTotals(Totals):
    """Totals that are written into a file as they change; the file is made with the first of them."""

    def __init__(self, directory: Path) -> None:
        super().__init__()
        self._directory = directory
        self._numbers: NumberFile | None = None

    @property
    def file(self) -> NumberFile:
        """The numbers of this process."""
        if self._numbers is None:
            self._numbers = NumberFile(self._directory)
        return self._numbers

    def close(self) -> None:
        """Gives up the file, in a child process."""
        if self._numbers is not None:
            self._numbers.close()

    def gauge(self, name: str, labels: Labels, value: float) -> None:
        """Sets a gauge of this process."""
        self.file.set((_GAUGE, name, labels), value)
        self.file.set((_SET_AT, name, labels), time.time())

    def _count(self, name: str, labels: Labels, amount: float) -> None:
        super()._count(name, labels, amount)
        self.file.set((_COUNTER, name, labels), self.counters[name][labels])

    def _observe(self, name: str, labels: Labels, value: float) -> None:
        super()._observe(name, labels, value)
        bounds, histogram = self.bounds(name, labels[0]), self.histograms[name][labels]
        i = bisect_left(bounds, value)
        bound = bounds[i] if i < len(bounds) else math.inf
        self.file.set((_BUCKET, name, labels, bound), histogram.counts[bound])
        self.file.set((_SUM, name, labels), histogram.sum)

    def _histogram(self, name: str, labels: Labels) -> HistogramSeries:
        known = labels in self.histograms.get(name, {})
        histogram = super()._histogram(name, labels)
        if not known:
            self.file.set((_SUM, name, labels), 0.0)
        return histogram


class SharedMeter(Meter):
    """Counts the calls of this process in a file, and shows those of all.

    A call is counted as soon as it ends, since a process that waited with it might be killed. Gauges may wait: those of
    a killed process are not shown.

    Args:
        settings: how; `directory` is where the files are.
        directory: the same.
    """

    may_wait = False
    totals: SharedTotals

    def __init__(self, settings: Settings, directory: Path) -> None:
        self._directory = directory
        super().__init__(settings)

    def _begin(self) -> None:
        self._shown: dict[Identity, int] = {}
        self._gauges_wait = False
        self._later = Jobs(lambda error: self.failed("result", error))
        super()._begin()

    def _new_totals(self) -> SharedTotals:
        return SharedTotals(self._directory)

    def forked(self) -> None:
        """Starts anew in a child process, with a file of its own."""
        self.totals.close()
        super().forked()

    def started(self, call: object, identity: Identity) -> None:
        """A call begins; the object stands for it until it has landed."""
        super().started(call, identity)
        self._gauges_later()

    def landed(self, call: object) -> None:
        """A call is over."""
        super().landed(call)
        self._gauges_later()

    def _gauges_later(self) -> None:
        if not self._gauges_wait:
            self._gauges_wait = True
            self._later.soon(partial(self.submit, self._write_gauges))

    def _write_gauges(self) -> None:
        self._gauges_wait = False  # first, so that what changes from here on is written by another job
        for identity, count in self._flying():
            if self._shown.get(identity) != count:
                self._shown[identity] = count
                self.totals.gauge(definitions.IN_FLIGHT, tuple(identity), count)
        for identity, limits in self._new_limits():
            for name, kind, value in limit_gauges(limits):
                self.totals.gauge(name, (*identity, kind), value)

    def _all(self) -> tuple[Totals, Gauges]:
        self._write_gauges()
        totals, gauges = read(self._directory)
        gauges.set(definitions.BUILD_INFO, 1, version=__version__)
        return totals, gauges


def read(directory: Path) -> tuple[Totals, Gauges]:
    """What all processes have counted that ever kept a file there; gauges are of those that run.

    Raises:
        OSError: the directory can't be read or written.
    """
    directory.mkdir(parents=True, exist_ok=True)
    with _locked(directory):
        ended = _numbers((directory / _ENDED).read_bytes()) if (directory / _ENDED).exists() else {}
        running: list[dict[Name, float]] = []
        over: list[Path] = []
        for path in sorted(directory.glob(f"*{_SUFFIX}")):
            if (_INCLUDED, path.name) in ended:
                path.unlink()  # what put it into `ended` was killed before it could
            elif _has_ended(path):
                _add_up(ended, _numbers(path.read_bytes()))
                over.append(path)
            else:
                running.append(_numbers(path.read_bytes()))
        if over:
            _replace(directory / _ENDED, ended, over)
    every: dict[Name, float] = {}
    for numbers in (ended, *running):
        _add_up(every, numbers)
    return _totals(every), _gauges(running)


def _has_ended(path: Path) -> bool:
    """Whether no process holds the file's lock any more."""
    with path.open("rb") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_SH | fcntl.LOCK_NB)
        except BlockingIOError:
            return False
    return True


def _replace(path: Path, ended: dict[Name, float], over: list[Path]) -> None:
    """Writes the counts of ended processes, and removes their own files."""
    kept = {name: value for name, value in ended.items() if name[0] in (_COUNTER, _BUCKET, _SUM)}
    kept |= {(_INCLUDED, each.name): 1.0 for each in over}
    content = bytearray(_MAGIC)
    for name, value in kept.items():
        written, _ = _entry(name, len(content))
        content += _LENGTH.pack(len(written)) + written + _VALUE.pack(value)
    written_first = path.with_suffix(".new")
    written_first.write_bytes(content)
    written_first.replace(path)
    for each in over:
        each.unlink()


def _entry(name: Name, begin: int) -> tuple[bytes, int]:
    """A name as it stands in a file from `begin` on, padded, and where its value is."""
    written = json.dumps(name).encode()
    written += b" " * (-(begin + _LENGTH.size + len(written)) % _VALUE.size)
    return written, begin + _LENGTH.size + len(written)


def _numbers(content: bytes) -> dict[Name, float]:
    """The numbers of a file; none of one that is something else."""
    found: dict[Name, float] = {}
    if not content.startswith(_MAGIC):
        return found
    place = len(_MAGIC)
    while place + _LENGTH.size <= len(content):
        (length,) = _LENGTH.unpack_from(content, place)
        end = place + _LENGTH.size + length
        if not length or end + _VALUE.size > len(content):
            break
        found[_hashable(json.loads(content[place + _LENGTH.size : end]))] = _VALUE.unpack_from(content, end)[0]
        place = end + _VALUE.size
    return found


def _hashable(name: list[Any]) -> Name:
    return tuple(tuple(part) if isinstance(part, list) else part for part in name)


def _add_up(every: dict[Name, float], numbers: dict[Name, float]) -> None:
    for name, value in numbers.items():
        if name[0] in (_COUNTER, _BUCKET, _SUM):
            every[name] = every.get(name, 0.0) + value


def _totals(numbers: dict[Name, float]) -> Totals:
    totals = Totals()
    for name, value in numbers.items():
        kind, family, labels = name[:3]
        if kind == _COUNTER:
            totals.counters.setdefault(family, {})[labels] = value
            continue
        histogram = totals.histograms.setdefault(family, {}).setdefault(labels, HistogramSeries())
        if kind == _SUM:
            histogram.sum = value
        else:
            histogram.counts[name[3]] = value
    return totals


def _gauges(running: list[dict[Name, float]]) -> Gauges:
    """Calls in flight are those of all processes; of limits, the last one that any of them was told."""
    flying: dict[Labels, float] = {}
    latest: dict[tuple[str, Labels], tuple[float, float]] = {}
    for numbers in running:
        for name, value in numbers.items():
            if name[0] != _GAUGE:
                continue
            _, family, labels = name
            if family == definitions.IN_FLIGHT:
                flying[labels] = flying.get(labels, 0.0) + value
            else:
                told = (numbers.get((_SET_AT, family, labels), 0.0), value)
                latest[family, labels] = max(latest.get((family, labels), told), told)
    gauges = Gauges()
    for labels, value in flying.items():
        _set(gauges, definitions.IN_FLIGHT, labels, value)
    for (family, labels), (_, value) in latest.items():
        _set(gauges, family, labels, value)
    return gauges


def _set(gauges: Gauges, name: str, labels: Labels, value: float) -> None:
    gauges.set(name, value, **dict(zip(definitions.family(name).labels, labels, strict=True)))


@contextlib.contextmanager
def _locked(directory: Path) -> Iterator[None]:
    """One process at a time reads the directory, or adds to it."""
    file = os.open(directory / _LOCK, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    try:
        fcntl.flock(file, fcntl.LOCK_EX)
        yield
    finally:
        # In words, since a child that is forked meanwhile has the descriptor, too.
        fcntl.flock(file, fcntl.LOCK_UN)
        os.close(file)
