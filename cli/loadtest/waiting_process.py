"""The measuring process of a load test, which waits for its job.

`aimon loadtest` starts it as soon as it knows its options: what the process imports (gevent, numpy, Locust) takes as
long as all that the command itself does before there is a job, and this way they do it at the same time.
"""

from __future__ import annotations

import os
import subprocess
from contextlib import nullcontext
from typing import TYPE_CHECKING, Self

from aimon.cli.loadtest import scenarios
from aimon.loadtests.protocol.spawn import LOCUST, PROMPTS, spawn

if TYPE_CHECKING:
    from contextlib import AbstractContextManager

    from aimon.cli.loadtest.options import DistributionOptions, EndpointOptions, LoadOptions, RunOptions


class WaitingProcess:
    """Starts when it is made, and ends with the block: at once if it has no job, else when that is done.

    Attributes:
        program: that it runs, of `spawn`.
        child: its process. stdin takes the job, stdout and stderr are pipes.
        records: what it writes to the descriptor `progress`.
        progress: the number of that descriptor in the process.
    """

    def __init__(self, program: str) -> None:
        self.program = program
        read, self.progress = os.pipe()
        try:
            self.child = spawn(
                program,
                pass_fds=(self.progress,),
                # A terminal sends Ctrl-C to its whole process group; with a separate session it is forwarded once.
                start_new_session=True,
                stdout=subprocess.PIPE,
                stderr=subprocess.PIPE,
                # The pipes use UTF-8, independent of the locale.
                env={"PYTHONIOENCODING": "utf-8:backslashreplace"},
            )
        finally:
            os.close(self.progress)
        self.records = os.fdopen(read, "rb")

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """Waits for its end; ends it first if it has no job. May be called twice."""
        if self.child.stdin is not None and not self.child.stdin.closed:
            self.child.kill()
        self.records.close()
        with self.child:
            pass  # its pipes are closed, and its end is awaited


def started_ahead(
    where: EndpointOptions, given: LoadOptions, run: RunOptions, among: DistributionOptions
) -> AbstractContextManager[WaitingProcess | None]:
    """A process for what the options say; none for a dry run and for several runs.

    Where it is the file that names a scenario, the wrong one is started, and another one instead of it.
    """
    if run.dry_run or run.repeat is not None:
        return nullcontext()
    scenario, _ = scenarios.split(where.names or [], given.scenario)
    alone = scenario is None and given.processes is None and run.web is None and not among.master
    return WaitingProcess(PROMPTS if alone else LOCUST)
