"""Worker processes on this machine, started by their master. Needs gevent, and Locust's patches to wait for them."""

from __future__ import annotations

import os
import subprocess
from time import monotonic
from typing import Self

import msgspec

from aimon.loadtests.protocol.job import WORKER, Job, spawn

_GRACE, _PATIENCE = 2.0, 15.0
_UNABLE = 3  # what a worker ends with that could not write


class Processes:
    """So many workers, which end with the block.

    Args:
        job: of their master, which says how many, and what the configuration is.
        port: of their master, on this machine.
        token: of the master.

    Attributes:
        problems: after the block, what some of them could not do, for people; they have said more on stderr.
    """

    def __init__(self, job: Job, port: int, token: str | None) -> None:
        self._count = job.processes
        worker = Job(role=WORKER, port=port, configuration=job.configuration, parent=os.getpid(), token=token)
        self._job = msgspec.json.encode(worker)
        self._children: list[subprocess.Popen[bytes]] = []
        self.problems: list[str] = []

    def __enter__(self) -> Self:
        try:
            for _ in range(self._count):
                # Their words come on stderr, with the master's own.
                child = spawn(stdout=subprocess.DEVNULL)
                self._children.append(child)
                assert child.stdin is not None  # noqa: S101 - asked for above
                child.stdin.write(self._job)
                child.stdin.close()
        except BaseException:
            self._end()
            raise
        return self

    def __exit__(self, *_: object) -> None:
        self._end()

    def gone(self) -> set[int]:
        """The process ids of those that have ended."""
        return {child.pid for child in self._children if child.poll() is not None}

    def _end(self) -> None:
        ends = monotonic() + _GRACE
        for child in self._children:
            try:
                child.wait(max(0.0, ends - monotonic()))
            except subprocess.TimeoutExpired:
                # One that was still starting up has not heard that the run is over.
                child.terminate()
        for child in self._children:
            try:
                child.wait(_PATIENCE)
            except subprocess.TimeoutExpired:
                child.kill()
                child.wait()
        if unable := sum(child.returncode == _UNABLE for child in self._children):
            self.problems.append(f"{unable} of {self._count} workers could not write all of their results")
