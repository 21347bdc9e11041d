"""A process of a load test: `python -m aimon.loadtests`, with a Job as JSON on stdin. Started by `aimon loadtest`.

A process of its own, since gevent's loop has it. Keys come from the environment and files that the configuration
names, as everywhere, and never through arguments or the plan.
"""

# ruff: noqa: PLC0415 - Locust patches the standard library, and wants to be first; who works alone does without it

from __future__ import annotations

import sys

import msgspec

from aimon.loadtests.protocol.job import MASTER, WORKER, Job


def main() -> int:
    """Does what the job says, and returns the exit code."""
    job = msgspec.json.decode(sys.stdin.buffer.read(), type=Job)
    if job.role in (MASTER, WORKER):
        import locust  # noqa: F401 - for its patches
    if job.role == WORKER:
        from aimon.loadtests.distributed.worker_process import serve

        return serve(job)
    from aimon.loadtests.runner import conduct

    return conduct(job)


if __name__ == "__main__":
    sys.exit(main())
