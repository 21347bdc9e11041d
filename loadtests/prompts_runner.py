"""A process of a load test that sends the prompts of an endpoint by itself, with a Job as JSON on stdin.

`python -m aimon.loadtests.prompts_runner`; it imports no Locust. It makes its imports before its job arrives.
"""

# isort: skip_file
from __future__ import annotations

import gc

# Imported objects stay: searching them for garbage would take a tenth of the time. The worker turns it on again.
gc.disable()

from aimon.loadtests import runner  # noqa: E402
from aimon.process_exit import leave  # noqa: E402

if __name__ == "__main__":
    leave(runner.run_job(runner.read_job()))
