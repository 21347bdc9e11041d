"""Worker processes on this machine, started by their master. Needs gevent, and Locust's patches to wait for them."""

from __future__ import annotations

import os
import subprocess
from time import monotonic
from typing import Self

import msgspec

from aimon.loadtests.protocol.job import WORKER, Job
from aimon.loadtests.protocol.spawn import spawn

_GRACE, _PATIENCE = 2.0, 15.0
_UNABLE = 3  # exit code of a worker that could not write


class Processes:
    """Worker processes on this machine, which end with the `with` block.

    Args:
        job: of their master, which says how many, and what the configuration is.
        port: of their master, on this machine.
        token: of the master.

    Attributes:
        problems: after the block, what some of them could not write, for the user; details are on stderr.
    """

    def __init__(self, job: Job, port: int, token: str | None) -> None:
        self._count = job.processes
        self._job = Job(role=WORKER, port=port, configuration=job.configuration, parent=os.getpid(), token=token)
        self._children: list[subprocess.Popen[bytes]] = []
        self.problems: list[str] = []

    def __enter__(self) -> Self:
        try:
            for _ in range(self._count):
                # Their messages go to the master's stderr.
                child = spawn(self._job.program, stdout=subprocess.DEVNULL)
                self._children.append(child)
                assert child.stdin is not None  # noqa: S101 - asked for above
                child.stdin.write(msgspec.json.encode(self._job))
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
                # It was still starting up, and has not received the end of the run.
                child.terminate()
        for child in self._children:
            try:
                child.wait(_PATIENCE)
            except subprocess.TimeoutExpired:
                child.kill()
                child.wait()
        if unable := sum(child.returncode == _UNABLE for child in self._children):
            self.problems.append(f"{unable} of {self._count} workers could not write all of their results")
