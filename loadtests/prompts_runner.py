"""A process of a load test that sends the prompts of an endpoint by itself, with a Job as JSON on stdin.

`python -m aimon.loadtests.prompts_runner`; it imports no Locust. Until its job comes it has done all that it can.
"""

# isort: skip_file
from __future__ import annotations

import gc

# What is imported stays: a tenth of the time would go into looking for garbage in it. The worker switches it on again.
gc.disable()

from aimon.loadtests import runner  # noqa: E402
from aimon.process_exit import leave  # noqa: E402

if __name__ == "__main__":
    leave(runner.run_job(runner.read_job()))
