"""A process of a load test that needs Locust: `python -m aimon.loadtests.locust_runner`, with a Job as JSON on stdin.

It is a master, a worker, or the only process of a scenario.

A program of its own, since Locust patches the standard library and has to be imported before anything that uses it.
"""

# isort: skip_file
from __future__ import annotations

import gc

# What is imported stays: a tenth of the time would go into looking for garbage in it.
gc.disable()

import locust  # noqa: E402, F401 - for its patches

from aimon.loadtests import runner  # noqa: E402
from aimon.loadtests.distributed.worker_process import serve  # noqa: E402
from aimon.loadtests.protocol.job import WORKER  # noqa: E402
from aimon.process_exit import leave  # noqa: E402


def main() -> int:
    """Runs the job, and returns the exit code."""
    job = runner.read_job()
    gc.enable()
    return serve(job) if job.role == WORKER else runner.run_job(job)


if __name__ == "__main__":
    leave(main())
