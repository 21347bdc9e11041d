"""Entry point of a load test's processes: `python -m aimon.loadtests`, with a Job as JSON on stdin.

Started by `aimon loadtest`; separate from it because of gevent's loop. API keys come from the environment and the files
that the configuration names, never from arguments or the plan.
"""

# ruff: noqa: PLC0415 - Locust must patch the standard library first; a run in one process does not need it

from __future__ import annotations

import sys

import msgspec

from aimon.loadtests.protocol.job import MASTER, WORKER, Job


def main() -> int:
    """Executes the job and returns the exit code."""
    job = msgspec.json.decode(sys.stdin.buffer.read(), type=Job)
    if job.role in (MASTER, WORKER):
        import locust  # noqa: F401 - applies its patches
    if job.role == WORKER:
        from aimon.loadtests.distributed.worker_process import serve

        return serve(job)
    from aimon.loadtests.runner import run_job

    return run_job(job)


if __name__ == "__main__":
    sys.exit(main())
